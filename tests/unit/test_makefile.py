"""The Makefile's commands on a machine where they cannot work: they say what to do instead."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.commands import REPOSITORY, assert_failed, copy_repository, must_run, run, script


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository, which takes its environment for complete."""
    clone = copy_repository(tmp_path_factory.mktemp("clone"))
    (clone / ".venv").mkdir()
    (clone / ".venv/.complete").touch()
    return clone


def stand_ins(folder: Path, **programs: str) -> dict[str, str]:
    """Return the environment in which programs, each a line of sh, take the place of others."""
    for name, line in programs.items():
        script(folder / name, line)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def as_root(tmp_path):
    """The environment in which make takes its user for root on a Debian-like Linux."""
    return stand_ins(tmp_path, uname="echo Linux", id="echo 0", **{"apt-get": "echo"})


@pytest.mark.parametrize(("program", "answer"), [("uname", "Darwin"), ("id", "1000")])
def test_make_lab_names_the_other_ways_to_run_it(clone, tmp_path, program, answer):
    environment = stand_ins(tmp_path, **{program: f"echo {answer}"})
    before = sorted(clone.iterdir())
    lab = run("make", "lab", cwd=clone, env=environment)
    output = assert_failed(lab, "make lab needs root on a Debian-like Linux. Nothing was changed.")
    for way in "make local", "vagrant up", "ansible-playbook -i <inventory> site.yml":
        assert way in output
    assert sorted(clone.iterdir()) == before


@pytest.mark.parametrize(
    "target", ["status", "verify", "traffic", "report", "exercise", "check", "shell"]
)
def test_a_command_without_a_lab_names_the_one_that_creates_it(clone, target):
    assert_failed(run("make", target, cwd=clone), "make lab`")
    of_student = run("make", target, "STUDENT=3", cwd=clone)
    assert_failed(of_student, "There is no host of student 3", "make lab STUDENTS=")


@pytest.mark.parametrize("target", ["students", "reset STUDENT=3"])
def test_a_command_for_a_class_names_the_one_that_creates_it(clone, as_root, target):
    assert_failed(run("make", *target.split(), cwd=clone, env=as_root), "make lab STUDENTS=")


@pytest.mark.parametrize("target", ["lab", "destroy"])
def test_a_command_for_all_hosts_refuses_a_student(clone, as_root, target):
    ran = run("make", target, "STUDENT=3", cwd=clone, env=as_root)
    refusal = f"STUDENT is 3, but make {target} is for all hosts. Nothing was changed."
    assert_failed(ran, refusal, "make reset STUDENT=3")


@pytest.mark.parametrize("students", ["0", "abc", "1000"])
def test_a_wrong_number_of_students_changes_nothing(clone, as_root, students):
    before = sorted(clone.iterdir())
    lab = run("make", "lab", f"STUDENTS={students}", cwd=clone, env=as_root)
    assert_failed(lab, f"STUDENTS is {students}, but must be", "Nothing was changed.")
    assert sorted(clone.iterdir()) == before


def test_make_lab_passes_the_names_of_several_systems(clone, as_root):
    lab = run("make", "lab", "BACKENDS=kibana prometheus", cwd=clone, env=as_root)
    assert_failed(lab, 'BACKENDS is "kibana prometheus", but may name', "Nothing was changed.")


@pytest.fixture
def two_labs(clone):
    """The clone, with a lab of two hosts and a class, both of which other users can read."""
    for folder, hosts in (".lab", ("jaeger-1", "app-1")), (".students", ("student-3",)):
        (clone / folder).mkdir()
        entries = "".join(f"Host {host} 10.0.0.2\n    User lab\n" for host in hosts)
        (clone / folder / "ssh_config").write_text(f"# Comment.\n{entries}Host *\n")
        (clone / folder / "inventory.yml").touch()
    (clone / ".students/student-3").mkdir()
    (clone / ".students/student-3/inventory.yml").touch()
    yield clone
    shutil.rmtree(clone / ".lab")
    shutil.rmtree(clone / ".students")


@pytest.mark.parametrize(
    ("variable", "arguments"),
    [
        ("", "-F .lab/ssh_config jaeger-1"),
        ("HOST=app-1", "-F .lab/ssh_config app-1"),
        ("STUDENT=3", "-F .students/ssh_config student-3"),
    ],
)
def test_make_shell_opens_a_shell_on_the_host_that_is_meant(
    two_labs, tmp_path, variable, arguments
):
    environment = stand_ins(tmp_path, ssh='echo "$*"')
    make = "make", "--no-print-directory", "shell", *variable.split()
    assert must_run(*make, cwd=two_labs, env=environment) == f"{arguments}\n"


def test_roots_programs_are_found_where_su_kept_the_users_path(two_labs, tmp_path):
    stand_ins(tmp_path, ssh='echo "$PATH"')
    make = "make", "--no-print-directory", "shell"
    path = must_run(*make, cwd=two_labs, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert path.endswith(":/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\n")


@pytest.mark.parametrize(
    ("target", "folder", "advice"),
    [
        ("report STUDENT=3", ".students", "sudo make report STUDENT=3"),
        ("students", ".students", "sudo make students"),
        ("destroy", ".students", "sudo make destroy"),
    ],
)
def test_a_lab_that_the_user_cannot_read_is_named(two_labs, tmp_path, target, folder, advice):
    environment = stand_ins(tmp_path, find=f'[ "$1" != {folder} ]')
    refused = run("make", *target.split(), cwd=two_labs, env=environment)
    assert_failed(refused, f"The lab in {two_labs}/{folder} belongs to", advice)


def test_help_lists_every_documented_target():
    makefile = (REPOSITORY / "Makefile").read_text()
    documented = re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE)
    printed = must_run("make", "--no-print-directory", "help")
    listed = [line.split()[1] for line in printed.splitlines()]
    assert listed == documented
    assert {"lab", "status", "test", "test-unit", "test-vagrant", "reliability"} <= set(listed)


def test_an_environment_that_is_a_link_is_replaced_and_its_target_kept(tmp_path):
    clone = copy_repository(tmp_path / "clone")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/kept").touch()
    (clone / ".venv").symlink_to(tmp_path / "other")
    # No package is installed, because pip cannot read the list.
    (clone / "requirements.txt").write_text("=")
    assert run("make", ".venv/.complete", cwd=clone).returncode != 0
    assert (tmp_path / "other/kept").exists()
    assert not (clone / ".venv").is_symlink()


def test_running_the_lab_needs_the_same_versions_as_its_development():
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (REPOSITORY / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") < pins("requirements-dev.txt")
