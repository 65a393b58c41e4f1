"""Prepares and checks the exercises of docs/course, for the Makefile.

python -m course prepare 1     create the working copy, or check the files of the one that is there
python -m course settings 1    print the settings of the playbooks that deploy and check it
python -m course check 1       check the traces of the requests that were sent

With --student=3, the working copy and the host are those of a student of a class.
"""

import argparse
import json
import secrets
import sys
import time
from http.client import HTTPException
from typing import Any

from course.checks import Result, evaluate
from course.classroom import Classroom
from course.exercises import EXERCISES, Exercise
from course.students_page import write_page
from course.traces import BegunTrace, Lab, Recording, Span, read_lab
from course.working_copy import Refused, WorkingCopy
from report.traces import trace_url
from report.waterfall import own_attributes

# Seconds to wait for the first spans, for more of them, which a service sends twice a second, and
# for metrics, which it sends every 5 seconds.
FIRST_SPANS = 15
MORE_SPANS = 3
MORE_METRICS = 10
# The titles of cases whose names say too little, as functions of the app have them too.
CASES = {"database_error": "the failing query"}


def exercise_number(text: str) -> int:
    """Return the number of an exercise. Raises Refused."""
    if text.isdecimal() and int(text) in EXERCISES:
        return int(text)
    known = "\n".join(f"  {number}  {e.title}" for number, e in EXERCISES.items())
    said = f"There is no exercise {text}." if text else "Name an exercise."
    raise Refused(
        f"{said} Nothing was changed. Run make exercise EXERCISE=1, or another one of\n{known}"
    )


def check_lab(copy: WorkingCopy, number: int) -> None:
    """Check that the lab has the systems that an exercise reads. Raises Refused."""
    if "prometheus" in EXERCISES[number].reads and not copy.lab_has("prometheus"):
        raise Refused(
            f"Exercise {number} reads metrics from Prometheus, which this lab does not have. "
            "Nothing was changed. Add it with make lab BACKENDS=prometheus, and run this again."
        )


def prepare(copy: WorkingCopy, number: int) -> str:
    """Create the working copy if it is not there, and check its files; return what was done."""
    if copy.belongs_to(number):
        copy.check_files()
        return f"Deploying {copy.name}/app, your working copy of exercise {number} ..."
    copy.create(number)
    return f"Created {copy.name}/app, your working copy of exercise {number}. Deploying it ..."


def settings(copy: WorkingCopy, number: int) -> dict[str, Any]:
    """Return the settings of playbooks/car_app.yml and playbooks/send_exercise.yml."""
    if not copy.belongs_to(number):
        raise Refused(
            f"There is no working copy of exercise {number} yet. Nothing was sent. Create it: "
            f"{copy.command('exercise', number)}"
        )
    module = EXERCISES[number].module
    return {
        "car_app_source": str(copy.app),
        **({"car_app_automatic_module": module} if f"{module}.py" in copy.modules() else {}),
        "exercise_cases": EXERCISES[number].cases,
        "exercise_file": str(copy.sent_file),
        "exercise_mark": f"check={secrets.token_hex(8)}",
        "exercise_reads": EXERCISES[number].reads,
    }


def wait_for_results(exercise: Exercise, sent: dict[str, Any]) -> tuple[Lab, list[Result]]:
    """Read the traces until all is right, or until no more spans arrive.

    Raises OSError or ValueError if Jaeger or Prometheus cannot be read.
    """
    more = MORE_METRICS if sent["prometheus_url"] else MORE_SPANS
    deadline = time.monotonic() + FIRST_SPANS
    before = 0
    while True:
        lab = read_lab(sent)
        results = [evaluate(check, lab) for check in exercise.checks]
        is_settled = lab.arrived == before > 0
        if is_settled and all(result.state == "right" for result in results):
            return lab, results
        if lab.arrived != before:
            deadline = time.monotonic() + more
            before = lab.arrived
        if time.monotonic() > deadline:
            return lab, results
        time.sleep(0.25)


def outline_event(span: Span, event: dict[str, Any]) -> str:
    """Return an event's name, its time since the start of its span, and its exception."""
    text = f"event {event.get('event', '')} at {(event['timestamp'] - span.start) / 1e6:.3f} s"
    if "exception.type" not in event:
        return text
    # The first line, as SQLAlchemy adds the query and a link in others.
    message = str(event.get("exception.message", "")).partition("\n")[0]
    return f"{text}: {event['exception.type']}: {message}"


def outline(span: Span, depth: int = 0) -> list[str]:
    """Return a line for a span, its events and its descendants.

    Only internal spans have attributes there, without what Jaeger and the SDK add.
    """
    indent = "  " * depth
    failed = span.status == "error"
    lines = [f"{indent}{span}  {span.duration / 1e6:.3f} s{', error' if failed else ''}"]
    attributes = own_attributes(span.attributes, span.resource) if span.kind == "internal" else {}
    if failed:
        attributes.pop("error", None)  # Jaeger's.
    lines += [f"{indent}    attribute {key}: {value!r}" for key, value in attributes.items()]
    lines += [f"{indent}    {outline_event(span, event)}" for event in span.events]
    for child in span.children:
        lines += outline(child, depth + 1)
    return lines


def describe(title: str, trace: Recording | BegunTrace, sent: dict[str, Any]) -> list[str]:
    """Return the lines that show a trace, with its address."""
    spans = [f"  {line}" for root in trace.roots for line in outline(root)]
    return [
        f"{title}: {trace_url(sent['jaeger_url'], trace.trace_id, sent['jaeger_has_pages'])}",
        *(spans or ["  (no spans have arrived)"]),
    ]


def check(copy: WorkingCopy, number: int) -> tuple[str, int, int]:
    """Check an exercise; return the text to print, and how many things are right, of how many.

    Raises Refused.
    """
    sent = json.loads(copy.sent_file.read_text(encoding="utf-8"))
    if differing := copy.differing(sent["checksums"]):
        raise Refused(
            f"The lab does not run {' and '.join(differing)} of {copy.name}/app as it is now. "
            f"Nothing was checked. Deploy it first: {copy.command('exercise', number)}"
        )
    exercise = EXERCISES[number]
    try:
        lab, results = wait_for_results(exercise, sent)
    except (OSError, HTTPException, ValueError) as error:
        prometheus = f" or Prometheus at {sent['prometheus_url']}" if sent["prometheus_url"] else ""
        raise Refused(
            f"Jaeger at {sent['jaeger_url']}{prometheus} cannot be read: {error}. Nothing was "
            "checked. make status shows what runs."
        ) from error
    lines = [f"Exercise {number}: {exercise.title} (docs/course/{exercise.page}.md)", ""]
    for result in results:
        lines.append(f"{result.state:<6} {result.title}")
        lines += [f"       {line}" for line in result.text.splitlines()]
    for case, mode in exercise.shown:
        title = f"The trace of {CASES.get(case, case)} of car-{mode}"
        lines += ["", *describe(title, lab.recording(case, mode), sent)]
    if lab.journal:
        lines += ["", "The journal of car-manual:", *(f"  {line}" for line in lab.journal)]
    for service, trace in lab.begun.items():
        lines += ["", *describe(f"The trace that {service} began", trace, sent)]
    right = sum(result.state == "right" for result in results)
    step = next_step(copy, number, right == len(results))
    lines += ["", f"{right} of {len(results)} are right. {step}"]
    return "\n".join(lines), right, len(results)


def next_step(copy: WorkingCopy, number: int, is_done: bool) -> str:
    if is_done:
        return f"Exercise {number} is done; its page has questions."
    return (
        f"Change the files in {copy.name}/app, deploy them with "
        f"{copy.command('exercise', number)}, and check again."
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m course", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["prepare", "settings", "check"])
    parser.add_argument("exercise", help="the exercise's number")
    parser.add_argument("--student", type=int, help="the student's number in a class")
    arguments = parser.parse_args()
    student = Classroom().student(arguments.student) if arguments.student else None
    copy = student.copy if student else WorkingCopy()
    try:
        number = exercise_number(arguments.exercise)
        check_lab(copy, number)
        if arguments.action == "prepare":
            print(prepare(copy, number))
            if student:
                write_page(Classroom())
        elif arguments.action == "settings":
            print(json.dumps(settings(copy, number)))
        else:
            text, right, count = check(copy, number)
            print(text)
            if student:
                student.record(number, right, count)
                write_page(Classroom())
            return 0 if right == count else 1
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
