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


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_killed_run_is_completed_by_the_next(lab, host_states, record_result, point):
    """A first site.yml is killed (SIGKILL)
    The next one succeeds, and the host is as if nothing had been"""
    lab.must_play(TEARDOWN)
    kill_at_task(start_run(lab), KILL_POINTS[point])
    lab.must_play("site.yml")
    assert_same(host_state(lab), host_states[1], "states of the host")
    record_result(f"{point}: no difference")


def answers(lab: Lab) -> bool:
    with suppress(AssertionError):
        return lab.ssh("echo here") == "here\n"
    return False


@pytest.mark.parametrize("command", ["tar --extract", "uv/program .* pip install"])
def test_a_run_that_ends_within_a_command_is_completed_by_the_next(
    lab, host_states, record_result, command
):
    """Connections and commands of a first site.yml end, as when a host loses its power
    The next one succeeds, and the host is as if nothing had been"""
    lab.must_play(TEARDOWN)
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
    record_result(f"within `{command}`: no difference")
