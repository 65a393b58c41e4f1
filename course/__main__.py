"""Prepares and checks the exercises of docs/course, for the Makefile.

python -m course prepare 1     create the working copy, or check the files of the one that is there
python -m course settings 1    print the settings of the playbooks that deploy and check it
python -m course check 1       check the traces of the requests that were sent
python -m course next 1        print what comes after the working copy was deployed

With --student=3, the working copy and the host are those of a student of a class. With
--language=ru, all that a learner reads is in Russian.
"""

import argparse
import json
import secrets
import sys
import time
from http.client import HTTPException
from typing import Any

from course.checks import Result, evaluate, seconds
from course.classroom import Classroom
from course.exercises import EXERCISES, Exercise
from course.students_page import exercise_title, write_page
from course.texts import get_text, join_lines
from course.traces import BegunTrace, Lab, Recording, Span, read_lab
from course.working_copy import Refused, WorkingCopy
from report.formatting import text_list
from report.texts import LANGUAGES, Text
from report.traces import trace_url
from report.waterfall import own_attributes

# Seconds to wait for the first spans, for more of them, which a service sends twice a second, and
# for metrics, which it sends every 5 seconds; and between two readings.
FIRST_SPANS = 15
MORE_SPANS = 3
MORE_METRICS = 10
INTERVAL = 0.25
# The titles of cases whose names say too little, as functions of the app have them too.
CASES = {"database_error": get_text("check.failing_query")}

STATES = {
    "right": get_text("check.right"),
    "wrong": get_text("check.wrong"),
    "later": get_text("check.later"),
}


def exercise_number(text: str) -> int:
    """Return the number of an exercise. Raises Refused."""
    if text.isdecimal() and int(text) in EXERCISES:
        return int(text)
    fault = get_text("refused.unknown", number=text) if text else get_text("refused.none")
    known = [
        get_text("refused.known", number=number, title=exercise_title(exercise))
        for number, exercise in EXERCISES.items()
    ]
    raise Refused(get_text("refused.exercise", fault=fault, known=join_lines(known)))


def refuse_language(language: str) -> None:
    """Refuse a language that the check's texts do not have. Raises Refused."""
    if language not in LANGUAGES:
        raise Refused(
            f"COURSE_LANGUAGE is {language}, but must be {' or '.join(LANGUAGES)}. Nothing was "
            "changed. Run, for example: make check EXERCISE=1 COURSE_LANGUAGE=ru"
        )


def check_lab(copy: WorkingCopy, number: int) -> None:
    """Check that the lab has the systems that an exercise reads. Raises Refused."""
    if "prometheus" in EXERCISES[number].reads and not copy.lab_has("prometheus"):
        raise Refused(get_text("refused.no_prometheus", number=number))


def prepare(copy: WorkingCopy, number: int) -> Text:
    """Create the working copy if it is not there, and check its files; return what was done."""
    if copy.belongs_to(number):
        copy.check_files()
        return get_text("prepare.present", copy=copy.name, number=number)
    copy.create(number)
    return get_text("prepare.created", copy=copy.name, number=number)


def settings(copy: WorkingCopy, number: int) -> dict[str, Any]:
    """Return the settings of playbooks/car_app.yml and playbooks/send_exercise.yml."""
    if not copy.belongs_to(number):
        command = copy.command("exercise", number)
        raise Refused(get_text("refused.no_copy", number=number, command=command))
    module = EXERCISES[number].module
    return {
        "car_app_source": str(copy.app),
        **({"car_app_automatic_module": module} if f"{module}.py" in copy.modules() else {}),
        "exercise_cases": EXERCISES[number].cases,
        "exercise_file": str(copy.sent_file),
        "exercise_mark": f"check={secrets.token_hex(8)}",
        "exercise_reads": EXERCISES[number].reads,
    }


def wait_for_results(
    exercise: Exercise, sent: dict[str, Any], language: str
) -> tuple[Lab, list[Result]]:
    """Read the traces until all is right, or until no more spans arrive.

    Raises OSError or ValueError if Jaeger or Prometheus cannot be read.
    """
    more = MORE_METRICS if sent["prometheus_url"] else MORE_SPANS
    deadline = time.monotonic() + FIRST_SPANS
    before = 0
    while True:
        lab = read_lab(sent)
        results = [evaluate(check, lab, language) for check in exercise.checks]
        is_settled = lab.arrived == before > 0
        if is_settled and all(result.state == "right" for result in results):
            return lab, results
        if lab.arrived != before:
            deadline = time.monotonic() + more
            before = lab.arrived
        if time.monotonic() > deadline:
            return lab, results
        time.sleep(INTERVAL)


def outline_event(span: Span, event: dict[str, Any], language: str) -> str:
    """Return an event's name, its time since the start of its span, and its exception."""
    time = seconds(event["timestamp"] - span.start)
    text = get_text("check.event", event=event.get("event", ""), time=time).in_language(language)
    if "exception.type" not in event:
        return text
    # The first line, as SQLAlchemy adds the query and a link in others.
    message = str(event.get("exception.message", "")).partition("\n")[0]
    return f"{text}: {event['exception.type']}: {message}"


def outline(span: Span, language: str, depth: int = 0) -> list[str]:
    """Return a line for a span, its events and its descendants.

    Only internal spans have attributes there, without what Jaeger and the SDK add.
    """
    indent = "  " * depth
    failed = span.status == "error"
    error = f", {get_text('check.error').in_language(language)}" if failed else ""
    lines = [f"{indent}{span}  {seconds(span.duration).in_language(language)}{error}"]
    attributes = own_attributes(span.attributes, span.resource) if span.kind == "internal" else {}
    if failed:
        attributes.pop("error", None)  # Jaeger's.
    title = get_text("check.attribute").in_language(language)
    lines += [f"{indent}    {title} {key}: {value!r}" for key, value in attributes.items()]
    lines += [f"{indent}    {outline_event(span, event, language)}" for event in span.events]
    for child in span.children:
        lines += outline(child, language, depth + 1)
    return lines


def describe(
    title: Text, trace: Recording | BegunTrace, sent: dict[str, Any], language: str
) -> list[str]:
    """Return the lines that show a trace, with its address."""
    spans = [line for root in trace.roots for line in outline(root, language)]
    url = trace_url(sent["jaeger_url"], trace.trace_id, sent["jaeger_has_pages"])
    return [
        f"{title.in_language(language)}: {url}",
        *(f"  {line}" for line in spans or [get_text("check.no_spans").in_language(language)]),
    ]


def check(copy: WorkingCopy, number: int, language: str) -> tuple[str, int, int]:
    """Check an exercise; return the text to print, and how many things are right, of how many.

    Raises Refused.
    """
    sent = json.loads(copy.sent_file.read_text(encoding="utf-8"))
    if differing := copy.differing(sent["checksums"]):
        raise Refused(
            get_text(
                "refused.not_deployed",
                files=text_list(differing),
                copy=copy.name,
                command=copy.command("exercise", number),
            )
        )
    exercise = EXERCISES[number]
    try:
        lab, results = wait_for_results(exercise, sent, language)
    except (OSError, HTTPException, ValueError) as error:
        systems = get_text("refused.jaeger", url=sent["jaeger_url"])
        if url := sent["prometheus_url"]:
            systems = get_text("refused.or_prometheus", jaeger=systems, url=url)
        raise Refused(get_text("refused.unreadable", systems=systems, error=error)) from error
    heading = get_text(
        "check.title", number=number, title=exercise_title(exercise), page=exercise.page
    )
    lines = [heading.in_language(language), "", *describe_results(results, language)]
    for case, mode in exercise.shown:
        title = get_text("check.trace", case=CASES.get(case, case), mode=mode)
        lines += ["", *describe(title, lab.recording(case, mode), sent, language)]
    if lab.journal:
        journal = get_text("check.journal").in_language(language)
        lines += ["", journal, *(f"  {line}" for line in lab.journal)]
    for service, trace in lab.begun.items():
        title = get_text("check.begun_trace", service=service)
        lines += ["", *describe(title, trace, sent, language)]
    right = sum(result.state == "right" for result in results)
    step = next_step(copy, number, right == len(results))
    count = get_text("check.count", right=right, count=len(results), step=step)
    lines += ["", count.in_language(language)]
    return "\n".join(lines), right, len(results)


def describe_results(results: list[Result], language: str) -> list[str]:
    """Return the lines that show what became of each check."""
    states = {state: STATES[state].in_language(language) for state in STATES}
    width = 1 + max(len(state) for state in states.values())
    lines = []
    for result in results:
        lines.append(f"{states[result.state]:<{width}} {result.title}")
        lines += [f"{'':<{width}} {line}" for line in result.text.splitlines()]
    return lines


def next_step(copy: WorkingCopy, number: int, is_done: bool) -> Text:
    if is_done:
        return get_text("check.done", number=number)
    return get_text("check.next", copy=copy.name, command=copy.command("exercise", number))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m course", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["prepare", "settings", "check", "next"])
    parser.add_argument("exercise", help="the exercise's number")
    parser.add_argument("--student", type=int, help="the student's number in a class")
    parser.add_argument("--language", default="en", help="of what is printed: en or ru")
    arguments = parser.parse_args()
    student = Classroom().student(arguments.student) if arguments.student else None
    copy = student.copy if student else WorkingCopy()
    try:
        refuse_language(arguments.language)
        number = exercise_number(arguments.exercise)
        check_lab(copy, number)
        if arguments.action == "prepare":
            print(prepare(copy, number).in_language(arguments.language))
            if student:
                write_page(Classroom())
        elif arguments.action == "settings":
            print(json.dumps(settings(copy, number)))
        elif arguments.action == "next":
            command = copy.command("check", number)
            print(get_text("prepare.deployed", command=command).in_language(arguments.language))
        else:
            text, right, count = check(copy, number, arguments.language)
            print(text)
            if student:
                student.record(number, right, count)
                write_page(Classroom())
            return 0 if right == count else 1
    except Refused as reason:
        print(reason.in_language(arguments.language), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
