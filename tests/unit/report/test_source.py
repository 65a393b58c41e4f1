"""The code in the report is the difference that telemetry makes."""

from report.source import compare
from tests.support.report_data import APP


def test_a_diff_turns_each_module_into_the_one_without_telemetry(lab_data):
    baseline = (APP / "server_automatic.py").read_text().splitlines()
    changes = lab_data.report().changes
    for change in changes:
        module = change.mode.module.splitlines()
        lines = [line for hunk in change.diff.hunks for line in hunk]
        for line in lines:
            source = baseline if line.sign == "-" else module
            assert source[line.number - 1] == line.text
        # Undone; the docstrings, which are the first lines, are ignored.
        rest = list(module)
        for line in reversed(lines):
            if line.sign == "+":
                del rest[line.number - 1]
        removed = [line.text for line in lines if line.sign == "-"]
        # Lines that are only indented count as the same.
        before, after = ([line.strip() for line in x] for x in (baseline[1:], rest[1:] + removed))
        assert sorted(after) == sorted(before)
    assert [change.diff.added > 0 for change in changes] == [True, True, False]


def test_the_module_that_the_unit_runs_is_named(lab_data):
    lab_data.automatic.unit = lab_data.automatic.unit.replace("server_automatic", "server_mixed")
    assert lab_data.report().changes[2].mode.file == "server_mixed.py"


def test_only_the_units_own_lines_are_given(lab_data):
    for mode in lab_data.modes:
        mode.unit += "Environment=OTEL_COMMON=1\nEnvironment=PATH=/bin\n"
    starts = [change.unit_lines for change in lab_data.report().changes]
    assert starts == [
        ["ExecStart=/e/bin/gunicorn server_manual:app"],
        ["ExecStart=/e/bin/gunicorn server_programmatic:app"],
        [
            "ExecStart=/e/bin/opentelemetry-instrument \\\n    --traces_exporter otlp \\\n"
            "    /e/bin/gunicorn server_automatic:app"
        ],
    ]


def test_indentation_and_comments_are_not_counted():
    diff = compare("a = 1\n", "# Why.\nif b:\n    a = 1\n")
    assert (diff.added, diff.removed) == (1, 0)


def test_docstrings_and_blank_lines_are_not_counted():
    diff = compare('"""One."""\na = 1\nb = 2\n', '"""Other,\nlonger."""\na = 1\n\n\nc = 3\n')
    assert (diff.added, diff.removed) == (1, 1)
    lines = [(line.sign, line.number, line.text) for hunk in diff.hunks for line in hunk]
    assert lines == [
        *[(" ", 3, "a = 1"), ("-", 3, "b = 2")],
        *[("+", 4, ""), ("+", 5, ""), ("+", 6, "c = 3")],
    ]
