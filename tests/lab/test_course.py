"""The course on a real lab: each exercise's starting point, wrong answers and solution."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from course.checks import FOURTH
from course.exercises import EXERCISES, PROGRAMMATIC
from tests.support import contract
from tests.support.commands import assert_failed
from tests.support.course_answers import ANSWERS, Answer
from tests.support.lab import Lab, made_with

pytestmark = pytest.mark.long

METRICS = [number for number, exercise in EXERCISES.items() if "prometheus" in exercise.reads]


@pytest.fixture
def copy(lab) -> Iterator[Path]:
    """The folder of the working copy, which is not there yet; the end restores the lab's code."""
    folder = lab.clone / ".exercise"
    yield folder / "app"
    shutil.rmtree(folder, ignore_errors=True)
    lab.must_play(contract.CAR_APP)


def exercise(lab: Lab, number: int) -> str:
    return lab.must_make("exercise", f"EXERCISE={number}")


def give(lab: Lab, copy: Path, number: int, answer: Answer, start: dict[str, str]) -> None:
    """Write an answer into the working copy, whose starting point is `start`, and deploy it."""
    files = dict(start)
    for edit in answer.edits:
        files[edit.file] = edit.apply(files.get(edit.file, ""))
    for name, text in files.items():
        (copy / name).write_text(text)
    exercise(lab, number)


def try_answers(lab: Lab, copy: Path, number: int) -> None:
    """Check that each wrong answer gets its hint, and that the solution passes."""
    exercise(lab, number)
    start = {path.name: path.read_text() for path in copy.glob("*.py")}
    *wrong, solution = ANSWERS[number]
    for answer in wrong:
        give(lab, copy, number, answer, start)
        checked = lab.make("check", f"EXERCISE={number}")
        output = assert_failed(checked, answer.hint)
        assert re.search(rf"{lab.jaeger}/(trace|api/traces)/[0-9a-f]{{32}}", output), output
    give(lab, copy, number, solution, start)
    output = lab.must_make("check", f"EXERCISE={number}")
    assert f"Exercise {number} is done" in output
    output = lab.must_make("check", f"EXERCISE={number}", "COURSE_LANGUAGE=ru")
    assert f"Упражнение {number} выполнено" in output


@pytest.mark.parametrize("number", sorted(EXERCISES.keys() - METRICS))
def test_wrong_answers_get_their_hints_and_the_solution_passes(lab, copy, number):
    try_answers(lab, copy, number)


@pytest.mark.parametrize("number", METRICS)
def test_an_exercise_with_metrics_needs_prometheus(lab, copy, number):
    refused = lab.make("exercise", f"EXERCISE={number}")
    assert_failed(refused, "Nothing was changed.", "make lab BACKENDS=prometheus")
    with made_with(lab, "prometheus"):
        try_answers(lab, copy, number)


def test_the_apps_of_the_repository_and_of_other_exercises_are_kept(lab, copy):
    before = {path.name: path.read_bytes() for path in (lab.clone / "app").iterdir()}
    exercise(lab, 1)
    (copy / "db.py").write_text((copy / "db.py").read_text() + "\n# My work\n")
    refused = lab.make("exercise", "EXERCISE=2")
    assert_failed(refused, "your work on exercise 1, which was left unchanged", "rm -r .exercise")
    assert (copy / "db.py").read_text().endswith("# My work\n")
    assert {path.name: path.read_bytes() for path in (lab.clone / "app").iterdir()} == before


def test_a_syntax_error_leaves_the_lab_as_it_is(lab, copy):
    exercise(lab, 1)
    process = lab.main_process("car-programmatic")
    module = copy / PROGRAMMATIC
    text = module.read_text()
    module.write_text(text + "x = (\n")
    assert_failed(lab.make("exercise", "EXERCISE=1"), PROGRAMMATIC, "'(' was never closed")
    assert lab.main_process("car-programmatic") == process
    assert_failed(lab.make("check", "EXERCISE=1"), f"The lab does not run {PROGRAMMATIC}")
    module.write_text(text)
    exercise(lab, 1)
    assert lab.main_process("car-programmatic") == process


def test_an_error_that_only_a_start_shows_is_named_and_can_be_repaired(lab, copy):
    exercise(lab, 1)
    module = copy / PROGRAMMATIC
    text = module.read_text()
    module.write_text(text.replace("app = Flask(__name__)", "app = Flusk(__name__)"))
    failed = lab.make("exercise", "EXERCISE=1")
    cause = "its code raised an exception: NameError: name 'Flusk' is not defined."
    output = assert_failed(failed, f"car-programmatic.service did not start, because {cause}")
    assert "ok: [" not in output
    module.write_text(text)
    exercise(lab, 1)
    assert lab.status("car-programmatic") == 200


def test_the_labs_own_code_comes_back_with_make_lab(lab, copy):
    exercise(lab, 11)
    give(lab, copy, 11, ANSWERS[11][-1], {})
    lab.must_make("check", "EXERCISE=11")
    lab.must_make("lab")
    assert_failed(lab.make("check", "EXERCISE=11"), f"The lab does not run {FOURTH}.py")
    lab.must_play(contract.VERIFY)
