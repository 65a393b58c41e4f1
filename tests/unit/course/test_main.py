"""python -m course ACTION EXERCISE, on a clone and a Jaeger that a test makes up."""

import hashlib
import json
import re
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

import course.__main__ as program
from course.exercises import EXERCISES
from course.students_page import exercise_title
from tests.support.commands import REPOSITORY, copy_repository, run
from tests.support.course_traces import (
    HISTOGRAM,
    LAST,
    QUERY_FAILED,
    TRACE_ID,
    TWO_SPAN,
    WHOLE,
    cars,
    chain,
    exception,
    failures,
    functions,
    jaeger_trace,
    sampling,
    sent,
    span,
    timed,
)


@pytest.fixture(autouse=True)
def _program_uses_the_clone(copy, monkeypatch):
    monkeypatch.setattr(program, "WorkingCopy", lambda: copy)
    monkeypatch.setattr(program, "FIRST_SPANS", 0.1)
    monkeypatch.setattr(program, "MORE_SPANS", 0.1)
    monkeypatch.setattr(program, "MORE_METRICS", 0.1)
    monkeypatch.setattr(program, "INTERVAL", 0.02)


@pytest.fixture
def course(monkeypatch, capsys):
    """A function that runs the program; returns its status and what it printed."""

    def course(*arguments):
        monkeypatch.setattr(sys, "argv", ["course", *arguments])
        status = program.main()
        return status, "".join(capsys.readouterr())

    return course


@pytest.fixture
def jaeger(copy, http_server):
    """A function that writes what was sent of requests, whose traces Jaeger then has."""

    def serve(recorded, others=()):
        data = sent(recorded, http_server.url)
        data["checksums"] = [
            f"{hashlib.sha256(module).hexdigest()}  {name}"
            for name, module in copy.modules().items()
        ]
        copy.sent_file.write_text(json.dumps(data))
        for response, (_, root) in zip(data["responses"], recorded.values(), strict=True):
            if root:
                body = json.dumps(
                    {"data": [jaeger_trace(root, trace_id=response["trace_id"])]}
                ).encode()
                http_server.answers[f"/api/traces/{response['trace_id']}"] = (200, body)
        query = "service=server_automatic&limit=20&start=0&end=1000"
        found = json.dumps({"data": list(others)}).encode()
        http_server.answers[f"/api/traces?{query}"] = (200, found)
        return http_server.url

    return serve


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("", "Name an exercise."),
        ("99", "There is no exercise 99."),
        ("one", "There is no exercise one."),
        ("²", "There is no exercise ²."),
    ],
)
@pytest.mark.parametrize("action", ["prepare", "settings", "check"])
def test_an_unknown_exercise_is_refused_with_those_that_there_are(
    copy, course, action, number, message
):
    status, output = course(action, number)
    assert status == 1
    assert output.startswith(f"{message} Nothing was changed.")
    for known, exercise in EXERCISES.items():
        assert f"  {known}  {exercise.title}\n" in output
    assert not copy.folder.exists()


def test_it_is_created_once_and_kept_then(copy, course):
    assert course("prepare", "1") == (
        0,
        "Created .exercise/app, your working copy of exercise 1. Deploying it ...\n",
    )
    (copy.app / "db.py").write_text("changed = True\n")
    assert course("prepare", "1") == (
        0,
        "Deploying .exercise/app, your working copy of exercise 1 ...\n",
    )
    assert (copy.app / "db.py").read_text() == "changed = True\n"


def test_the_settings_name_the_working_copy_and_the_requests(copy, course):
    course("prepare", "3")
    status, output = course("settings", "3")
    assert status == 0
    printed = json.loads(output)
    assert printed == {
        "car_app_source": str(copy.app),
        "exercise_cases": ["cars", "database_error"],
        "exercise_file": str(copy.folder / "sent.json"),
        "exercise_mark": printed["exercise_mark"],
        "exercise_reads": [],
    }


def test_the_fourth_mode_runs_once_its_module_is_there(copy, course):
    course("prepare", "11")
    assert "car_app_automatic_module" not in json.loads(course("settings", "11")[1])
    (copy.app / "server_mixed.py").touch()
    assert json.loads(course("settings", "11")[1])["car_app_automatic_module"] == "server_mixed"


def test_every_check_has_a_mark_of_its_own(course):
    course("prepare", "6")
    marks = {json.loads(course("settings", "6")[1])["exercise_mark"] for _ in range(2)}
    assert len(marks) == 2
    assert all(re.fullmatch("check=[0-9a-f]{16}", mark) for mark in marks)


def test_a_check_without_a_working_copy_names_the_command_that_creates_it(copy, course):
    status, output = course("settings", "1")
    assert status == 1
    assert output.endswith("Create it: make exercise EXERCISE=1\n")
    assert not copy.folder.exists()


def test_the_solution_is_right_and_its_trace_is_shown(course, jaeger):
    course("prepare", "1")
    url = jaeger(cars(functions()))
    status, output = course("check", "1")
    assert status == 0, output
    assert output.startswith(
        "Exercise 1: Your own spans (docs/course/1-your-own-spans.md)\n\nright"
    )
    assert "8 of 8 are right. Exercise 1 is done" in output
    assert f"{url}/trace/cars-programmatic\n  server_programmatic: GET /cars [server]" in output
    assert "\n    server_programmatic: some_func_one [internal]  1.000 s\n" in output


def test_log_lines_that_were_read_are_shown(copy, course, jaeger):
    course("prepare", "10")
    jaeger(timed())
    data = json.loads(copy.sent_file.read_text())
    data["responses"] = [{**data["responses"][0], "trace_id": TRACE_ID}]
    copy.sent_file.write_text(json.dumps({**data, "journal": ["INFO Found 5 cars"]}))
    status, output = course("check", "10")
    assert status == 1
    assert "\nThe journal of car-manual:\n  INFO Found 5 cars\n" in output


def test_what_is_missing_is_named_and_the_status_is_1(course, jaeger):
    course("prepare", "1")
    jaeger(cars())
    status, output = course("check", "1")
    assert status == 1
    assert "wrong  some_func_one has a span\n       No span of this name" in output
    assert "later  some_func_one is a child of GET /cars\n" in output
    assert "2 of 8 are right. Change the files in .exercise/app" in output


def test_a_check_in_russian_is_in_russian_but_for_names(course, jaeger):
    assert course("--language=ru", "prepare", "2") == (
        0,
        "Создана .exercise/app, ваша рабочая копия упражнения 2. Идёт развёртывание ...\n",
    )
    event = ((0.25, {"event": "sleep.over"}),)
    own = {"sleep.seconds": "0.5", "status": "ERROR"}
    url = jaeger(cars(functions(one={"events": event}, two=own)))
    status, output = course("--language=ru", "check", "2")
    assert status == 1
    expected = Path(__file__).with_name("check.ru.txt").read_text(encoding="utf-8")
    assert output == expected.replace("{url}", url)


def test_refusals_and_what_is_next_are_in_russian_too(copy, course):
    for known, exercise in EXERCISES.items():
        title = exercise_title(exercise).ru
        assert f"  {known}  {title}\n" in course("--language=ru", "check", "99")[1]
    assert course("--language=ru", "next", "1")[1].endswith(
        "затем: make check EXERCISE=1 COURSE_LANGUAGE=ru\n"
    )
    copy.create(1)
    (copy.app / "db.py").write_text("x = (\n")
    status, output = course("--language=ru", "prepare", "1")
    assert status == 1
    assert ".exercise/app/db.py, строка 1: '(' was never closed\n  x = (\n" in output
    assert "Ничего не развёрнуто" in output


@pytest.mark.parametrize("action", ["prepare", "settings", "check"])
@pytest.mark.parametrize("language", ["de", ""])
def test_another_language_is_refused(copy, course, action, language):
    status, output = course(f"--language={language}", action, "1")
    assert status == 1
    assert output.startswith(f"COURSE_LANGUAGE is {language}, but must be en or ru. Nothing was ")
    assert not copy.folder.exists()


def test_a_trace_that_another_service_began_is_found(course, jaeger):
    course("prepare", "4")
    begun, other = (
        jaeger_trace(LAST, trace_id="begun", parent=""),
        jaeger_trace(LAST, trace_id="other"),
    )
    url = jaeger(chain(), others=[other, begun])
    status, output = course("check", "4")
    assert status == 1
    assert "server_automatic began trace begun of its own" in output
    assert (
        f"\nThe trace that server_automatic began: {url}/trace/begun\n"
        "  server_automatic: GET /chain [server]  0.001 s\n" in output
    )


def test_the_trace_that_is_printed_has_what_jaegers_page_would_show(course, jaeger):
    course("prepare", "2")
    event = ((0.75, {"event": "sleep.over"}),)
    own = {"sleep.seconds": 0.5, "span.kind": "internal", "otel.library.name": "own"}
    jaeger(cars(functions(one={"start": 0.25, "events": event}, two=own)))
    output = course("check", "2")[1]
    assert "[internal]  1.000 s\n        event sleep.over at 0.500 s\n" in output
    assert "[internal]  0.500 s\n          attribute sleep.seconds: 0.5\n\n" in output


def test_an_exception_is_printed_with_its_type_and_message(course, jaeger):
    course("prepare", "3")
    url = jaeger(failures(503, span("own", status="ERROR", error=True), events=exception()))
    output = course("check", "3")[1]
    assert f"The trace of the failing query of car-programmatic: {url}/trace/" in output
    assert f"event exception at 0.001 s: {QUERY_FAILED}: database is locked\n" in output
    assert "[SQL:" not in output
    assert "attribute error" not in output


def test_without_pages_a_trace_has_the_address_of_its_data(copy, course, jaeger):
    course("prepare", "1")
    url = jaeger(cars(functions()))
    data = json.loads(copy.sent_file.read_text())
    copy.sent_file.write_text(json.dumps({**data, "jaeger_has_pages": False}))
    output = course("check", "1")[1]
    assert f"The trace of cars of car-programmatic: {url}/api/traces/cars-programmatic\n" in output


def test_a_chain_that_is_one_trace_is_right(course, jaeger):
    course("prepare", "4")
    jaeger(chain(span("GET", LAST, kind="client")))
    status, output = course("check", "4")
    assert status == 0, output


def test_traces_whose_ids_are_unknown_are_found_by_their_path(copy, course, jaeger, http_server):
    course("prepare", "6")
    data, _, found = sampling([WHOLE] * 40)
    jaeger({("sampled", "manual"): (200, WHOLE), ("unsampled", "manual"): (200, None)})
    sent_file = json.loads(copy.sent_file.read_text())
    copy.sent_file.write_text(json.dumps({**sent_file, "responses": data["responses"]}))
    tags = json.dumps({"http.target": "/chain?check=1"})
    query = urlencode({"service": "server_manual", "limit": 401, "tags": tags})
    http_server.answers[f"/api/traces?{query}"] = (200, json.dumps({"data": found}).encode())
    status, output = course("check", "6")
    assert status == 0, output


@pytest.fixture
def prometheus(copy):
    """The inventory of a lab with Prometheus."""
    copy.inventory.parent.mkdir()
    copy.inventory.write_text("prometheus:\n  hosts:\n    lab:\n")


def read_metrics_from(copy, url):
    """Let the check find Prometheus at an address."""
    data = json.loads(copy.sent_file.read_text())
    copy.sent_file.write_text(json.dumps({**data, "prometheus_url": url}))


@pytest.mark.parametrize("action", ["prepare", "settings", "check"])
def test_an_exercise_with_metrics_is_refused_without_prometheus(copy, course, action):
    copy.inventory.parent.mkdir()
    copy.inventory.write_text("jaeger:\n  hosts:\n    lab:\n")
    status, output = course(action, "9")
    assert status == 1
    assert "which this lab does not have. Nothing was changed." in output
    assert "make lab BACKENDS=prometheus" in output
    assert not copy.folder.exists()


@pytest.mark.usefixtures("prometheus")
def test_a_metric_and_its_exemplar_are_read_from_prometheus(copy, course, jaeger, http_server):
    course("prepare", "9")
    recorded = cars(functions())
    recorded["cars", "programmatic"][1]["attributes"] = {"service.instance.id": "i1"}
    url = jaeger(recorded)
    read_metrics_from(copy, url)
    own = '{instance=~"i1"}'
    series = {"data": {"result": [{"metric": {"__name__": HISTOGRAM}}]}}
    labels = {"trace_id": "cars-programmatic", "span_id": TWO_SPAN}
    found = {
        "seriesLabels": {"__name__": HISTOGRAM, "le": "0.75"},
        "exemplars": [{"labels": labels, "value": "0.5"}],
    }
    for name, answer, parameters in [
        ("query", series, {"query": f"count by (__name__) ({own})"}),
        ("query_exemplars", {"data": [found]}, {"query": own, "start": 0, "end": 9999999999}),
    ]:
        path = f"/api/v1/{name}?{urlencode(parameters)}"
        http_server.answers[path] = (200, json.dumps(answer).encode())
    status, output = course("check", "9")
    assert status == 0, output


@pytest.mark.usefixtures("prometheus")
def test_a_prometheus_that_does_not_answer_is_named(copy, course, jaeger):
    course("prepare", "9")
    recorded = cars(functions())
    recorded["cars", "programmatic"][1]["attributes"] = {"service.instance.id": "i1"}
    url = jaeger(recorded)
    read_metrics_from(copy, f"{url}/prometheus")
    status, output = course("check", "9")
    assert status == 1
    assert f"or Prometheus at {url}/prometheus cannot be read: HTTP Error 404" in output


def test_spans_that_do_not_arrive_are_named_so(course, jaeger):
    course("prepare", "1")
    jaeger(dict.fromkeys(cars(), (200, None)))
    status, output = course("check", "1")
    assert status == 1
    assert "No span of this request has arrived" in output
    assert "(no spans have arrived)" in output


@pytest.mark.usefixtures("prometheus")
def test_spans_that_do_not_arrive_are_no_fault_of_prometheus(copy, course, jaeger):
    course("prepare", "9")
    url = jaeger(dict.fromkeys(cars(), (200, None)))
    read_metrics_from(copy, url)
    status, output = course("check", "9")
    assert status == 1
    assert "(no spans have arrived)" in output


def test_code_that_was_not_deployed_is_not_checked(copy, course, jaeger):
    course("prepare", "1")
    jaeger(cars(functions()))
    (copy.app / "db.py").write_text("changed = True\n")
    status, output = course("check", "1")
    assert status == 1
    assert "The lab does not run db.py of .exercise/app as it is now" in output
    assert "make exercise EXERCISE=1" in output


def test_a_jaeger_that_does_not_answer_is_named(course, jaeger, http_server):
    course("prepare", "1")
    url = jaeger(cars(functions()))
    http_server.answers = dict.fromkeys(http_server.answers, (500, b""))
    status, output = course("check", "1")
    assert status == 1
    assert f"Jaeger at {url} cannot be read" in output
    assert "Nothing was checked." in output


@pytest.fixture
def clone(tmp_path):
    """A copy of the repository, which has an environment and the inventory of a lab."""
    clone = copy_repository(tmp_path / "repository")
    (clone / ".venv").symlink_to(REPOSITORY / ".venv")
    (clone / ".lab").mkdir()
    (clone / ".lab/inventory.yml").touch()
    return clone


@pytest.mark.parametrize("target", ["exercise", "check"])
def test_make_lets_ansible_show_no_task_that_went_well(clone, target):
    show = "printenv ANSIBLE_DISPLAY_OK_HOSTS ANSIBLE_DISPLAY_SKIPPED_HOSTS"
    run("make", "exercise", "EXERCISE=1", "on_lab=true", cwd=clone)
    ran = run("make", target, "EXERCISE=1", f"on_lab=sh -c '{show}; exit 1'", cwd=clone)
    assert ran.returncode != 0
    assert "\nfalse\nfalse\n" in f"\n{ran.stdout}"


@pytest.mark.parametrize("target", ["exercise", "check"])
def test_make_refuses_an_unknown_exercise(clone, target):
    ran = run("make", target, "EXERCISE=99", "on_lab=false", cwd=clone)
    assert ran.returncode != 0
    assert "There is no exercise 99." in ran.stdout
    assert not (clone / ".exercise").exists()


def test_the_language_is_that_of_makes_command_line_alone(clone):
    make = "make", "check", "EXERCISE=99", "on_lab=false"
    assert "Упражнения 99 нет." in run(*make, "COURSE_LANGUAGE=ru", cwd=clone).stdout
    other = run(*make, cwd=clone, env={"COURSE_LANGUAGE": "ru"})
    assert "There is no exercise 99." in other.stdout


def test_a_students_check_is_recorded_and_shown_on_the_page_of_the_class(
    classroom, add_student, course, jaeger, monkeypatch, copy
):
    student = add_student(3)
    student.copy.source = copy.source
    monkeypatch.setattr(classroom, "student", lambda number: student)
    monkeypatch.setattr(program, "Classroom", lambda: classroom)
    copy.folder, copy.app, copy.sent_file = (
        student.copy.folder,
        student.copy.app,
        student.copy.sent_file,
    )
    status, output = course("--student=3", "prepare", "1")
    assert output.startswith("Created .exercise-student-3/app, your working copy of exercise 1.")
    jaeger(cars())
    status, output = course("--student=3", "check", "1")
    assert status == 1
    assert (
        "Change the files in .exercise-student-3/app, deploy them with "
        "make exercise EXERCISE=1 STUDENT=3, and check again." in output
    )
    assert (student.results()[1].right, student.results()[1].count) == (2, 8)
    assert "2 of 8" in classroom.page.read_text()
    jaeger(cars(functions()))
    assert course("--student=3", "check", "1")[0] == 0
    assert student.results()[1].is_done
