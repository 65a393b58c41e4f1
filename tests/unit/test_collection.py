"""The collection: what its archive holds, and what its files say of it."""

import re
import tarfile
import tomllib

import yaml

from tests.support.commands import REPOSITORY, assert_same, copy_repository, must_run
from tests.support.contract import MIRROR_SOURCE, VERSION

INTERNAL_ROLE = "nspawn_host"  # Of the lab, as are its filters.


def test_the_archive_holds_the_roles_the_plugins_and_the_app_only(tmp_path):
    clone = copy_repository(tmp_path / "clone")
    # As README's commands leave them.
    for name in "app/cars.db", "report.html", "report.md", "report-student-3.html", "students.html":
        (clone / name).touch()
    must_run("ansible-galaxy", "collection", "build", "--output-path", tmp_path, cwd=clone)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        held = [member.name for member in archive if member.isfile() or member.issym()]
    folders = (
        "app",
        "meta",
        "plugins",
        "roles",
        f":!roles/{INTERNAL_ROLE}",
        ":!*/machine_network.py",
        ":!*/missing_programs.py",
    )
    listing = must_run("git", "ls-files", "--cached", "--others", "--exclude-standard", *folders)
    documents = {"LICENSE", "CHANGELOG.md", "MANIFEST.json", "FILES.json"}
    expected = {name for name in listing.splitlines() if (REPOSITORY / name).exists()}
    assert_same(held, expected | documents, "files of the archive")


def test_the_version_is_the_same_wherever_it_stands():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    collection = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    newest = re.search(r"^## ([0-9.]+)", changelog, re.MULTILINE)[1]
    assert project["version"] == collection["version"] == newest


def test_the_readme_lists_the_roles_of_the_collection():
    readme = (REPOSITORY / "roles/README.md").read_text()
    listed = re.findall(r"\]\((\w+)/README\.md\)", readme)
    roles = {path.parent.name for path in REPOSITORY.glob("roles/*/tasks")}
    assert_same(listed, roles - {INTERNAL_ROLE}, "roles")


def test_the_mirror_builds_the_version_that_the_role_installs():
    role = yaml.safe_load((REPOSITORY / "roles/jaeger/defaults/main.yml").read_text())
    modules = (REPOSITORY / MIRROR_SOURCE / "go.mod").read_text()
    mirrored = re.search(r"github\.com/jaegertracing/jaeger v(\S+)", modules)[1]
    assert role["jaeger_version"] == mirrored == VERSION
