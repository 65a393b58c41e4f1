"""The hosts of a class: what is refused before they are created, and what is known of them."""

import json
import shutil
import subprocess
import sys

import pytest

from course import classroom as module
from course import students as program
from course.classroom import (
    DISK,
    MAX_STUDENTS,
    MEMORY,
    MEMORY_OF_ANSIBLE,
    plan,
    settings,
    student_count,
)
from course.working_copy import Refused

ENOUGH = 10**6


@pytest.fixture
def run(classroom, monkeypatch, capsys):
    """A function that runs `python -m course.students`; returns its status and its output."""
    monkeypatch.setattr(program, "Classroom", lambda: classroom)
    monkeypatch.setattr(program, "available_memory", lambda: 8 * MEMORY)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["students", *arguments])
        status = program.main()
        return status, "".join(capsys.readouterr())

    return run


@pytest.fixture
def make(monkeypatch):
    """What make was called with; `make.prints` is its output, `make.effect` what it does."""

    class Make:
        def __init__(self):
            self.calls, self.prints, self.effect = [], "", lambda arguments: None

        def __call__(self, command, **_):
            self.calls.append(command)
            self.effect(command)
            return subprocess.CompletedProcess(command, 1, self.prints)

    made = Make()
    monkeypatch.setattr(module.subprocess, "run", made)
    return made


@pytest.mark.parametrize("text", ["", "0", "-1", "abc", "1000", "08", "2.5", "²", str(51)])
def test_a_wrong_number_of_students_is_refused_with_a_right_one(classroom, run, text):
    status, output = run("plan", "--", text)
    assert status == 1
    assert output == (
        f"STUDENTS is {text}, but must be a number from 1 to {MAX_STUDENTS}. Nothing was changed. "
        "Run, for example: make lab STUDENTS=8\n"
    )
    assert not classroom.folder.exists()


def test_fewer_than_there_are_is_refused(classroom, add_student):
    for number in 1, 3:
        add_student(number)
    with pytest.raises(Refused, match=r"already the hosts of 3 students.*make lab STUDENTS=3"):
        student_count("2", classroom)
    assert student_count("3", classroom) == 3


def test_other_systems_are_refused(run):
    assert run("plan", "1", "prometheus")[0] == 0
    status, output = run("plan", "1", "zipkin")
    assert status == 1
    assert "BACKENDS is zipkin" in output


def test_too_little_memory_is_refused_with_what_there_is_enough_for(classroom):
    memory = 4 * MEMORY + MEMORY_OF_ANSIBLE
    assert "Creating 4 hosts: about " in plan(4, classroom, memory, ENOUGH)
    with pytest.raises(Refused, match=rf"of memory.* {memory} are available.*make lab STUDENTS=4"):
        plan(5, classroom, memory, ENOUGH)
    with pytest.raises(Refused, match="Take a larger machine"):
        plan(1, classroom, MEMORY, ENOUGH)


def test_too_little_disk_space_is_refused_with_what_there_is_enough_for(classroom):
    with pytest.raises(Refused, match=r"of disk space.*Nothing was changed.*make lab STUDENTS=2"):
        plan(3, classroom, ENOUGH, 3 * DISK - 1)


def test_only_new_hosts_need_something(classroom, add_student):
    for number in 1, 2, 3:
        add_student(number)
    shutil.rmtree(classroom.student(2).folder / "root")
    memory = 2 * MEMORY + MEMORY_OF_ANSIBLE
    assert "Creating 2 hosts: " in plan(4, classroom, memory, 2 * DISK)
    assert "Creating 1 host: " in plan(3, classroom, memory, 2 * DISK)
    with pytest.raises(Refused, match="make lab STUDENTS=4"):
        plan(5, classroom, memory, ENOUGH)
    (classroom.student(2).folder / "root").mkdir()
    assert "are there already" in plan(3, classroom, 0, 0)


def test_each_student_has_a_host_in_every_group(classroom, run):
    status, output = run("settings", "12")
    assert status == 0
    printed = json.loads(output)
    assert [host["name"] for host in printed["lab_hosts"]] == [
        f"student-{number}" for number in range(1, 13)
    ]
    assert {"jaeger", "car_app"} < set(printed["lab_hosts"][11]["groups"])
    assert printed["lab_directory"] == str(classroom.folder)


def test_without_a_number_the_settings_are_those_of_all_hosts(classroom, add_student, run):
    for number in 2, 10:
        add_student(number)
    assert json.loads(run("settings")[1]) == settings(10, classroom)


def test_an_exercise_finds_the_systems_of_the_students_own_host(add_student):
    copy = add_student(3).copy
    assert copy.lab_has("prometheus")
    assert not copy.lab_has("zipkin")


def test_the_addresses_are_those_that_the_inventory_opens(add_student):
    assert add_student(3).urls() == {
        "Jaeger": "http://10.0.0.3:16686/",
        "car-manual": "http://10.0.0.3:8082/cars",
        "Prometheus": "http://10.0.0.3:9090/",
    }


def test_the_last_result_of_each_exercise_is_kept(add_student):
    student = add_student(1)
    assert student.results() == {}
    student.record(1, 2, 8)
    student.record(1, 8, 8)
    student.record(2, 0, 6)
    results = student.results()
    assert {number: (r.right, r.count, r.is_done) for number, r in results.items()} == {
        1: (8, 8, True),
        2: (0, 6, False),
    }


def begin(student, number):
    """Begin an exercise, of which only the number counts here."""
    student.copy.folder.mkdir()
    student.copy.number_file.write_text(f"{number}\n")


def test_every_student_that_has_begun_is_checked(classroom, add_student, make, run):
    one, two, _ = (add_student(number) for number in (1, 2, 3))
    begin(one, 1)
    begin(two, 4)
    one.record(1, 3, 8)

    def check(command):
        if "STUDENT=1" in command:
            one.record(1, 8, 8)
        else:
            two.record(4, 2, 4)

    make.effect = check
    status, output = run("check")
    assert status == 0, output
    assert output.splitlines() == [
        "student-1: exercise 1: done",
        "student-2: exercise 4: 2 of 4 are right",
        "student-3: no exercise was begun",
        f"The page of the class: {classroom.page.as_uri()}",
    ]
    calls = sorted(call[-2:] for call in make.calls)
    assert calls == [["EXERCISE=1", "STUDENT=1"], ["EXERCISE=4", "STUDENT=2"]]


def test_what_could_not_be_checked_is_named_and_its_result_kept(add_student, make, run):
    student = add_student(1)
    begin(student, 1)
    student.record(1, 3, 8)
    before = student.results()
    make.prints = "student-1 is unreachable\n"
    status, output = run("check")
    assert status == 1
    assert "student-1: exercise 1 was not checked. student-1 is unreachable\n" in output
    assert student.results() == before


def test_a_working_copy_is_put_aside_and_kept(classroom, add_student, run):
    student = add_student(1)
    assert run("set-aside", "1") == (0, "")
    begin(student, 1)
    status, output = run("set-aside", "1")
    assert status == 0
    [aside] = classroom.clone.glob(".exercise-student-1-*")
    assert output == f"A working copy was put aside: {aside.name}\n"
    assert (aside / "number").read_text() == "1\n"
    assert not student.copy.folder.exists()


def test_all_working_copies_are_put_aside(add_student, run):
    students = [add_student(number) for number in (1, 2, 3)]
    for student in students[:2]:
        begin(student, 1)
    assert run("set-aside")[1].count("A working copy was put aside") == 2
    assert not any(student.copy.folder.exists() for student in students)


def test_hosts_on_which_an_exercise_was_begun_are_not_fresh(add_student, run):
    one, two, ten = (add_student(number) for number in (1, 2, 10))
    begin(two, 1)
    inventories = "-i .students/student-1/inventory.yml -i .students/student-10/inventory.yml"
    assert run("fresh") == (0, f"{inventories}\n")
    for student in one, ten:
        begin(student, 4)
    assert run("fresh") == (0, "\n")
