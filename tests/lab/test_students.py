"""A class of two on one machine: each student has a lab, which no command of the other changes."""

import re
import shutil
from collections.abc import Iterator

import pytest

from course.classroom import Classroom
from course.exercises import PROGRAMMATIC
from tests.support import contract
from tests.support.commands import assert_failed, assert_no_change, must_run
from tests.support.course_answers import ANSWERS
from tests.support.lab import Lab
from tests.support.machine import assert_restored, machine_state
from tests.support.page_words import PageWords

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def students(clone) -> Iterator[list[Lab]]:
    """The labs of two students; whatever they changed on this machine is gone at the end."""
    before = machine_state()
    Lab(clone).must_make("lab", "STUDENTS=1")
    # The second one comes later.
    output = Lab(clone).must_make("lab", "STUDENTS=2")
    classroom = Classroom(clone)
    assert f"The page of the class: {classroom.page.as_uri()}" in output
    # The inventory of all hosts, and the SSH configuration, are in one folder.
    labs = [Lab(clone, ".students", f"student-{number}") for number in (1, 2)]
    variables = [lab.variables() for lab in labs]
    marks = [each[f"lab_{name}"] for each in variables for name in ("machine", "gateway")]
    yield labs
    labs[0].must_make("destroy")
    assert_restored(before, machine_state(), marks)
    assert not classroom.folder.exists()
    assert not classroom.page.exists()
    for copy in clone.glob(".exercise-student-*"):
        shutil.rmtree(copy)


def states(lab: Lab, number: int) -> str:
    """Return what the page says of a student's exercises."""
    page = PageWords(Classroom(lab.clone).page.read_text(), "en").text
    row = re.search(rf"student-{number}\n(.*?)\n\n", page, re.DOTALL)
    assert row, page
    return row[1]


def test_a_class(students):
    one, two = students
    assert_failed(one.make("lab", "STUDENTS=1"), "STUDENTS is 1", "Nothing was changed.")

    # Each student's command is for the own host.
    before = two.main_process("car-programmatic")
    one.must_make("exercise", "EXERCISE=1", "STUDENT=1")
    copy = Classroom(one.clone).student(1).copy
    module = copy.app / PROGRAMMATIC
    text = module.read_text()
    for edit in ANSWERS[1][-1].edits:
        text = edit.apply(text)
    module.write_text(text)
    one.must_make("exercise", "EXERCISE=1", "STUDENT=1")
    assert two.main_process("car-programmatic") == before
    two.must_make("exercise", "EXERCISE=1", "STUDENT=2")
    assert "begun, not checked" in states(two, 2)
    checked = one.must_make("check", "EXERCISE=1", "STUDENT=1")
    assert "Exercise 1 is done" in checked
    # The Jaeger that is built from its module has no pages.
    assert f"{one.jaeger}/api/traces/" in checked
    output = two.make("students").stdout
    assert "student-1: exercise 1: done\n" in output
    assert "student-2: exercise 1: 2 of 8 are right\n" in output
    assert "done, " in states(one, 1)
    assert "2 of 8, " in states(two, 2)

    # A second run changes nothing, also where a student's own code runs.
    assert_no_change(one.must_make("lab", "STUDENTS=2"))
    one.must_make("check", "EXERCISE=1", "STUDENT=1")

    # The traces of one are not in the Jaeger of the other.
    trace_id = re.search(r"/api/traces/(\w+)", checked)[1]
    assert one.has_trace(trace_id)
    assert not two.has_trace(trace_id)
    for target in "status", "report":
        output = two.must_make(target, "STUDENT=2")
        assert two.address in output
        assert one.address not in output
    shell = must_run("make", "shell", "STUDENT=2", cwd=two.clone, stdin="hostname\n")
    assert "student-2" in shell.splitlines()

    # A host that is made new has the lab's own code and no results, and the work is kept.
    other = two.main_process("jaeger")
    output = one.must_make("reset", "STUDENT=1")
    aside = re.search(r"put aside: (\S+)", output)[1]
    assert (one.clone / aside / "app" / PROGRAMMATIC).read_text() == text
    assert "done" not in states(one, 1)
    assert "2 of 8, " in states(two, 2)
    assert not one.has_trace(trace_id)
    running = one.ssh(f"cat {contract.MODULE.format('programmatic')}")
    assert running == (one.clone / "app" / PROGRAMMATIC).read_text()
    assert two.main_process("jaeger") == other
    one.must_make("verify", "STUDENT=1")
