"""First runs that are killed: the next one ends as if nothing had been."""

import os
import signal
from contextlib import suppress

import pytest

from tests.support.commands import assert_same, wait_for
from tests.support.contract import TEARDOWN
from tests.support.lab import Lab
from tests.support.state import host_state, kill_at_task, start_run

# What is incomplete, and the task at which the run is killed.
KILL_POINTS = {
    "Jaeger's release is being unpacked": "Unpack the release atomically",
    "Jaeger's unit is installed, but does not run": "Enable and start the units",
    "Jaeger runs, and packages are being copied": "Copy the packages",
    "the packages are installed, but no code": "Remove the folder for the packages",
    "the app's units are installed, but no database": "Create the tables",
}


def test_killed_runs_are_completed_by_the_next(lab, host_states, record_result):
    """A first site.yml is killed (SIGKILL), each next one at a later point, five in all
    The last one succeeds, and the host is as if nothing had been"""
    lab.must_play(TEARDOWN)
    for task in KILL_POINTS.values():
        kill_at_task(start_run(lab), task)
    lab.must_play("site.yml")
    assert_same(host_state(lab), host_states[1], "states of the host")
    record_result(f"killed when {'; '.join(KILL_POINTS)}: no difference")


def answers(lab: Lab) -> bool:
    with suppress(AssertionError):
        return lab.ssh("echo here") == "here\n"
    return False


def test_runs_that_end_within_a_command_are_completed_by_the_next(lab, host_states, record_result):
    """Connections and commands of a first site.yml end, as in a power cut, later the next one's
    The last one succeeds, and the host is as if nothing had been"""
    commands = "tar --extract", "uv/program .* pip install"
    lab.must_play(TEARDOWN)
    for command in commands:
        run = start_run(lab)
        # This connection ends too.
        with pytest.raises(AssertionError, match=r"failed:\n(?!not seen)"):
            lab.ssh(
                f"timeout 120 sh -c 'until pgrep --full \"^{command}\"; do sleep 0.1; done'"
                " && systemctl kill --signal=KILL ssh || { echo not seen; exit 1; }"
            )
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        wait_for(lambda: answers(lab))
    lab.must_play("site.yml")
    assert_same(host_state(lab), host_states[1], "states of the host")
    record_result(f"ended within `{'` and `'.join(commands)}`: no difference")
