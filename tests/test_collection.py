"""The roles as a collection: what its archive holds, and a host that gets them by full names."""

import os
import re
import tarfile
import tomllib
import urllib.request
from pathlib import Path

import pytest
import yaml
from conftest import ENDPOINTS, REPOSITORY, Lab, changes, run

README = (REPOSITORY / "README.md").read_text()
COMMANDS = re.findall(r"^ansible-galaxy .+", README, re.M)
PLAYBOOK = re.search(r"^```yaml\n(.*?otel_lab\.tracing.*?)^```", README, re.M | re.S)[1]


class User:
    """Someone with nothing but the archive: in an empty folder, where no role has a short name."""

    def __init__(self, host: Lab, folder: Path):
        self.host = host
        self.folder = folder
        self.tools = {
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "PATH": f"{host.clone}/.venv/bin:{os.environ['PATH']}",
        }
        (folder / "tracing.yml").write_text("tracing: {children: {jaeger: }}\n")

    def must_play(self, playbook: str) -> str:
        """Run a playbook, given as text, against the host; return its output."""
        (self.folder / "play.yml").write_text(playbook)
        inventories = f"--inventory={self.host.inventory}", "--inventory=tracing.yml"
        played = run("ansible-playbook", *inventories, "play.yml", cwd=self.folder, **self.tools)
        assert played.returncode == 0, played.stdout
        return played.stdout


@pytest.fixture(scope="module")
def user(neighbour, tmp_path_factory) -> User:
    """A user who has run README's commands, and has a new host."""
    user = User(neighbour, tmp_path_factory.mktemp("user"))
    # As another of README's commands leaves it.
    (neighbour.clone / "app/cars.db").touch()
    for command in COMMANDS:
        done = run(*command.split(), cwd=neighbour.clone, **user.tools)
        assert done.returncode == 0, done.stdout
    return user


def test_the_archive_holds_the_roles_and_their_app_and_nothing_of_the_lab(user):
    with tarfile.open(next(user.host.clone.glob("*.tar.gz"))) as archive:
        held = {member.name for member in archive if member.isfile()}
    folders = "app", "meta", "plugins", "roles", ":!roles/common/library", ":!roles/nspawn_host"
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *folders)
    documents = {"LICENSE", "CHANGELOG.md", "MANIFEST.json", "FILES.json"}
    assert held == {*files.stdout.splitlines(), *documents}


def test_the_playbook_of_readme_gives_a_fresh_host_a_running_jaeger(user):
    assert len(PLAYBOOK.splitlines()) == 5
    user.must_play(PLAYBOOK)
    with urllib.request.urlopen(ENDPOINTS["jaeger-ui"].format(user.host.address)) as answer:
        assert answer.status == 200
    assert changes(user.must_play(PLAYBOOK)) == [0]


def test_the_collections_roles_do_to_a_host_what_the_labs_own_do(user):
    roles = "".join(
        f"    - role: otel_lab.tracing.{name}\n" for name in ["car_app", "reverse_proxy"]
    )
    user.must_play(PLAYBOOK + roles)
    assert set(changes(user.host.must_play("site.yml"))) == {0}


def test_a_version_is_told_alike_wherever_it_stands():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    collection = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())
    newest = re.search(r"^## ([0-9.]+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.M)[1]
    assert project["version"] == collection["version"] == newest


def test_the_collections_readme_lists_the_roles_that_are_in_it():
    listed = re.findall(r"\]\((\w+)/README\.md\)", (REPOSITORY / "roles/README.md").read_text())
    roles = {path.parent.name for path in REPOSITORY.glob("roles/*/tasks")}
    assert set(listed) == roles - {"nspawn_host"}
