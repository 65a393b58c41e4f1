"""The page of a class: each student's host, and how far its exercises are, in every language."""

import fcntl
import getpass
import os
from datetime import datetime
from pathlib import Path

from course import REPOSITORY
from course.classroom import Classroom, Student
from course.exercises import EXERCISES, Exercise
from course.texts import WORDS
from loopback import server_name, tunnel
from report.render import TEMPLATES, create_environment, to_html
from report.texts import Text

TIME = "%Y-%m-%d %H:%M".replace("-", "\N{NON-BREAKING HYPHEN}")


def exercise_title(exercise: Exercise) -> Text:
    """Return the title of an exercise, in Russian that of its page."""
    page = REPOSITORY / f"docs/course/{exercise.page}.ru.md"
    heading = page.read_text(encoding="utf-8").splitlines()[0]
    return Text(exercise.title, heading.partition(". ")[2])


def exercise_state(student: Student, number: int) -> tuple[str, Text]:
    """Return the state of a student's exercise, a name for CSS, and the words for it."""
    result = student.results().get(number)
    if result is None:
        state = "begun" if student.copy.number() == number else "open"
        return state, WORDS[state]
    state = "done" if result.is_done else "partial"
    time = datetime.fromisoformat(result.time).strftime(TIME)
    return state, WORDS[state].format(right=result.right, count=result.count, time=time)


def render_page(classroom: Classroom, written: datetime, server: str) -> str:
    """Return the page. `server` is what follows `ssh` on a learner's computer.

    Students whose hosts are not complete are left out.
    """
    students = [student for student in classroom.students() if student.inventory.exists()]
    environment = create_environment(to_html, Path(__file__).with_name("templates"), TEMPLATES)
    return environment.get_template("students.html.j2").render(
        words=WORDS,
        written=written,
        written_text=written.strftime(TIME),
        titles={number: exercise_title(exercise) for number, exercise in EXERCISES.items()},
        students=students,
        state=exercise_state,
        shell=lambda student: f"ssh -F {classroom.folder}/ssh_config {student.name}",
        tunnel=lambda student: tunnel(list(student.urls().values()), server),
    )


def write_page(classroom: Classroom) -> None:
    """Write the page. Checks of several students may do so at the same time."""
    server = server_name(os.environ["SSH_CONNECTION"]) if "SSH_CONNECTION" in os.environ else ""
    with (classroom.folder / "page.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = f"{getpass.getuser()}@{server or '<server>'}"
        page = render_page(classroom, datetime.now().astimezone(), target)
        partial = classroom.page.with_suffix(".partial")
        partial.write_text(page, encoding="utf-8")
        partial.replace(classroom.page)
