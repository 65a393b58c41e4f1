"""The working copy of an exercise: its starting point, and what is refused to keep the work."""

import hashlib
import os

import pytest

from course.exercises import EXERCISES
from course.working_copy import Refused, WorkingCopy
from tests.support.commands import must_run
from tests.support.course_answers import ANSWERS


def app_files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("number", EXERCISES)
def test_it_begins_with_the_starting_point_and_leaves_the_app_unchanged(copy, number):
    before = app_files(copy.source)
    copy.create(number)
    assert copy.belongs_to(number)
    changed = {name for name, text in app_files(copy.app).items() if text != before[name]}
    assert changed == {edit.file for edit in EXERCISES[number].start}
    assert app_files(copy.source) == before
    copy.check_files()


def test_git_ignores_it_and_one_that_was_moved_away(copy):
    copy.create(1)
    copy.folder.rename(f"{copy.folder}-1")
    copy.create(2)
    must_run("git", "init", "--quiet", cwd=copy.source.parent)
    status = "git", "status", "--porcelain", "--untracked-files=all"
    assert ".exercise" not in must_run(*status, cwd=copy.source.parent)


def test_a_database_beside_the_app_is_not_copied(copy):
    (copy.source / "cars.db").touch()
    copy.create(1)
    assert not (copy.app / "cars.db").exists()


def test_what_a_killed_run_left_is_replaced(copy):
    (copy.folder.with_name(".exercise.partial") / "app").mkdir(parents=True)
    copy.create(1)
    assert copy.belongs_to(1)
    assert not copy.folder.with_name(".exercise.partial").exists()


def test_the_work_on_another_exercise_is_kept(copy):
    copy.create(1)
    (copy.app / "db.py").write_text("changed")
    with pytest.raises(Refused, match=r"your work on exercise 1, which was left unchanged") as got:
        copy.belongs_to(2)
    assert "  mv .exercise .exercise-1\n" in str(got.value)
    assert "  rm -r .exercise\nThen run make exercise EXERCISE=2. To go back" in str(got.value)
    assert (copy.app / "db.py").read_text() == "changed"


def test_a_folder_of_somebody_else_is_kept(copy):
    copy.folder.mkdir()
    with pytest.raises(Refused, match=r"has something else, which was left unchanged"):
        copy.belongs_to(1)


def test_a_syntax_error_is_refused_with_its_line(copy):
    copy.create(1)
    module = copy.app / "server_programmatic.py"
    module.write_text(module.read_text() + "x = (\n")
    with pytest.raises(Refused) as refused:
        copy.check_files()
    line = len(module.read_text().splitlines())
    assert f".exercise/app/server_programmatic.py, line {line}: '(' was never closed" in str(
        refused.value
    )
    assert "Nothing was deployed" in str(refused.value)


@pytest.mark.parametrize("content", [b"x = '\xff'\n", b"\0"])
def test_a_module_that_is_no_text_is_refused(copy, content):
    copy.create(1)
    (copy.app / "db.py").write_bytes(content)
    with pytest.raises(Refused, match=r"\.exercise/app/db\.py"):
        copy.check_files()


@pytest.mark.parametrize("name", ["db.py", "gunicorn.conf.py", "requirements.txt"])
def test_a_missing_file_is_named(copy, name):
    copy.create(1)
    (copy.app / name).unlink()
    with pytest.raises(Refused, match=rf"lacks {name}\. Nothing was deployed"):
        copy.check_files()


def test_modules_that_the_host_has_not_are_found(copy):
    copy.create(1)
    modules = sorted(copy.app.glob("*.py"))
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}" for p in modules]
    assert copy.differing(lines) == []
    assert copy.differing(lines[1:]) == [modules[0].name]
    modules[1].write_text("changed")
    assert copy.differing(lines) == [modules[1].name]


def test_the_callers_umask_changes_no_mode(copy):
    mask = os.umask(0o077)
    try:
        copy.create(1)
    finally:
        os.umask(mask)
    modes = {path.name: path.stat().st_mode for path in copy.source.iterdir()}
    assert {path.name: path.stat().st_mode for path in copy.app.iterdir()} == modes


@pytest.mark.parametrize(
    ("number", "answer"), [(n, answer) for n, found in ANSWERS.items() for answer in found], ids=str
)
def test_an_answer_of_the_tests_applies_and_can_be_parsed(copy, number, answer):
    copy.create(number)
    for edit in answer.edits:
        file = copy.app / edit.file
        file.write_text(edit.apply(file.read_text() if file.exists() else ""))
    copy.check_files()


def test_every_exercise_has_a_starting_point_two_wrong_answers_and_a_solution():
    assert ANSWERS.keys() == EXERCISES.keys()
    for answers in ANSWERS.values():
        assert answers[0].edits == ()
        assert [bool(answer.hint) for answer in answers[-2:]] == [True, False]
        assert len(answers) >= 4


def test_a_students_copy_has_a_folder_of_its_own(copy):
    student = WorkingCopy(copy.source.parent, student=3)
    copy.create(1)
    student.create(2)
    assert (copy.number(), student.number()) == (1, 2)
    with pytest.raises(Refused, match=r"  mv \.exercise-student-3 \.exercise-student-3-2\n"):
        student.belongs_to(1)
    assert student.command("check", 2) == "make check EXERCISE=2 STUDENT=3"
    assert copy.command("check", 1) == "make check EXERCISE=1"


@pytest.mark.parametrize("content", ["", "one\n"])
def test_no_exercise_was_begun_in_a_folder_of_somebody_else(copy, content):
    assert copy.number() is None
    copy.folder.mkdir()
    copy.number_file.write_text(content)
    assert copy.number() is None
