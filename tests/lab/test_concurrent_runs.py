"""Runs at the same time on one host: both succeed, and the host is as after one."""

import shlex

from tests.support.commands import REPOSITORY, assert_same, failures
from tests.support.contract import TEARDOWN
from tests.support.state import host_state, start_run


def test_two_runs_at_once_both_succeed(lab, host_states, record_result):
    """Two runs of site.yml start on one host at once
    Both succeed, and the host is as after one"""
    lab.must_play(TEARDOWN)
    runs = [start_run(lab), start_run(lab)]
    outputs = [run.communicate()[0] for run in runs]
    # Alone, because two long outputs would hide them.
    reasons = [
        failures(out) or out for run, out in zip(runs, outputs, strict=True) if run.returncode
    ]
    assert [run.returncode for run in runs] == [0, 0], reasons
    assert_same(host_state(lab), host_states[1], "states of the host")
    record_result("no difference")


# The module's function, called by eight threads at once that all found no user.
CREATE_USER = """
import subprocess, sys, types
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
sys.modules |= dict.fromkeys(
    ["ansible", "ansible.module_utils", "ansible.module_utils.basic"],
    types.SimpleNamespace(AnsibleModule=None),
)
exec(%r, names := {"__name__": "systemd_unit_files"})
together = Barrier(8)
class Module:
    check_mode = False
    def run_command(self, command, check_rc=False):
        ran = subprocess.run(command, capture_output=True, text=True, check=check_rc)
        if command[0] == "getent":
            together.wait()
        return ran.returncode, ran.stdout, ran.stderr
with ThreadPoolExecutor(8) as pool:
    list(pool.map(names["ensure_user"], [Module()] * 8, ["someone"] * 8))
"""


def test_runs_that_create_a_user_at_once_create_it_once(lab):
    create = CREATE_USER % (REPOSITORY / "plugins/modules/systemd_unit_files.py").read_text()
    lab.ssh("systemd-sysusers --inline 'u someone -'")
    one = lab.ssh("id someone && userdel someone")
    at_once = f"trap 'userdel someone' EXIT; python3 -c {shlex.quote(create)}; id someone"
    assert lab.ssh(at_once) == one
