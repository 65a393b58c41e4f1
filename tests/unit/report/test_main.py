"""python -m report FILE LANGUAGE < data.json"""

import json
import subprocess
import sys

import pytest

from tests.support.report_data import APP


def run_report(*arguments, data):
    return subprocess.run(
        [sys.executable, "-m", "report", *arguments],
        cwd=APP.parent,
        input=data if isinstance(data, str) else json.dumps(data),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "# One request, traced three ways"), ("ru", "# Один запрос — три способа трассировки")],
)
def test_a_page_and_markdown_are_written(lab_data, tmp_path, language, title):
    ran = run_report(tmp_path / "page.html", language, data=lab_data.data())
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "page.md").read_text().startswith(f"{title}\n")


@pytest.mark.parametrize(
    "key",
    [
        "jaeger_url",
        "jaeger_has_pages",
        "costs",
        "responses",
        "span_trees",
        "log",
        "units",
        "modules",
    ],
)
def test_a_missing_key_is_named(lab_data, tmp_path, key):
    data = lab_data.data()
    del data[key]
    ran = run_report(tmp_path / "page.html", "en", data=data)
    assert ran.returncode == 1
    assert ran.stderr == f"The input has no key '{key}'. No report was written.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_key_of_a_span_is_named(lab_data, tmp_path):
    data = lab_data.data()
    del data["span_trees"][0][0]["children"][0]["scope"]
    ran = run_report(tmp_path / "page.html", "en", data=data)
    assert ran.stderr == "The input has no key 'scope'. No report was written.\n"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("span_trees", "span_trees has 6 entries, but must have 7"),
        ("units", "units has 2 entries, but must have 3"),
        ("modules", "modules has 2 entries, but must have 3"),
    ],
)
def test_lists_that_do_not_fit_together_are_refused(lab_data, tmp_path, key, message):
    data = lab_data.data()
    data[key].pop()
    ran = run_report(tmp_path / "page.html", "en", data=data)
    assert ran.returncode == 1
    assert ran.stderr == f"The input is invalid: {message}. No report was written.\n"


def test_an_unknown_language_is_refused(lab_data, tmp_path):
    ran = run_report(tmp_path / "page.html", "de", data=lab_data.data())
    assert ran.returncode == 2
    assert "invalid choice: 'de'" in ran.stderr
