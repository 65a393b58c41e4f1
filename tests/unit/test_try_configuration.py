"""The script that tries a configuration of the collector, with another program in its place."""

import subprocess

import pytest

from tests.support.commands import REPOSITORY, script

SCRIPT = REPOSITORY / "roles/otel_collector/files/try_configuration.sh"
READY = """
trap 'exit 0' TERM
echo "$@" > arguments
cat "${1#--config=}" > seen
cat $CREDENTIALS_DIRECTORY/datadog $CREDENTIALS_DIRECTORY/splunk > keys
echo Everything is ready
sleep 9 & wait
"""


@pytest.fixture
def try_configuration(tmp_path, monkeypatch):
    """A function that runs the script with a program of some shell commands."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def run(commands: str, seconds: int = 30) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "program"
        script(program, commands)
        return subprocess.run(
            ["sh", SCRIPT, program, str(seconds), "datadog splunk"],
            input="receivers: {}\n",
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
        )

    return run


def test_a_program_that_becomes_ready_has_read_the_configuration(try_configuration, tmp_path):
    ran = try_configuration(READY)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "seen").read_text() == "receivers: {}\n"
    assert (tmp_path / "keys").read_text() == "none\nnone\n"
    # Of the running collector it takes neither an address nor a folder.
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.count("endpoint: 127.0.0.1:0") == 3
    assert arguments.count(f"directory: {tmp_path}/tmp.") == 2
    assert list(tmp_path.glob("tmp.*")) == []


def test_a_program_that_does_not_handle_the_signal_yet_has_accepted_the_configuration(
    try_configuration,
):
    ran = try_configuration("echo Everything is ready; exec sleep 60")
    assert (ran.returncode, ran.stdout) == (0, "")


def test_a_program_that_refuses_the_configuration_gives_its_reason(try_configuration):
    ran = try_configuration(
        "echo '2026	info	starting'; echo '2026	warn	no network'; "
        "echo 'Error: no such exporter'; exit 1"
    )
    assert (ran.returncode, ran.stderr) == (1, "Error: no such exporter\n")


def test_a_program_that_is_not_ready_in_time_is_ended_and_its_log_printed(try_configuration):
    ran = try_configuration("echo '2026	info	waiting for a lock'; exec sleep 60", seconds=1)
    assert ran.returncode == 1
    assert ran.stderr == (
        "It was not ready within 1 s (otel_collector_ready_timeout). Its log:\n"
        "2026	info	waiting for a lock\n"
    )
