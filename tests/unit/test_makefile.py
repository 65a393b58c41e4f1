"""The Makefile's commands on a machine where they cannot work: they say what to do instead."""

import os
import re

import pytest

from tests.support.commands import REPOSITORY, assert_failed, copy_repository, must_run, run


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository, which takes its environment for complete."""
    clone = copy_repository(tmp_path_factory.mktemp("clone"))
    (clone / ".venv").mkdir()
    (clone / ".venv/.complete").touch()
    return clone


@pytest.fixture
def as_root(tmp_path):
    """The environment in which make takes its user for root on a Debian-like Linux."""
    for program, answer in ("uname", "Linux"), ("id", "0"), ("apt-get", ""):
        (tmp_path / program).write_text(f"#!/bin/sh\necho {answer}\n")
        (tmp_path / program).chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.mark.parametrize(("program", "answer"), [("uname", "Darwin"), ("id", "1000")])
def test_make_lab_names_the_other_ways_to_run_it(clone, tmp_path, program, answer):
    (tmp_path / program).write_text(f"#!/bin/sh\necho {answer}\n")
    (tmp_path / program).chmod(0o755)
    before = sorted(clone.iterdir())
    lab = run("make", "lab", cwd=clone, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    output = assert_failed(lab, "Nothing was changed.")
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
