"""Runs that are killed, doubled or taken back: the next one ends as if nothing had been."""

import os
import shlex
import signal
import subprocess
from contextlib import suppress

import pytest
from conftest import REPOSITORY, Lab, wait_for

# No file's time and no random name; the contents by their sums.
LIST_ALL = (
    "find /etc /opt /usr/local /var/lib/car-app /var/lib/jaeger -xdev"
    r" \( -name '.partial.*' -o -name '*.pyc' \) -prune -o -printf '%p %y %m %u:%g %l\n'"
    " 2>/dev/null | sort; find /opt /usr/local /etc/systemd /etc/car-app -xdev"
    " -name '.partial.*' -prune -o -type f ! -name '*.pyc' ! -path '*.dist-info/*'"
    " -print0 | sort -z | xargs -0r sha256sum;"
    " getent passwd jaeger car-app || true;"
    " systemctl is-active jaeger car-manual car-automatic || true"
)


def state(lab: Lab) -> set[str]:
    """A line for each thing on the host that a run could leave otherwise."""
    return set(lab.ssh(LIST_ALL).splitlines())


@pytest.fixture(scope="module")
def undisturbed(lab) -> tuple[set[str], set[str]]:
    """The host without the lab, and with it."""
    lab.must_play("playbooks/teardown.yml")
    try:
        without = state(lab)
    finally:
        lab.must_play("site.yml")
    return without, state(lab)


def test_teardown_leaves_nothing_but_what_is_not_the_labs(lab, undisturbed, measured):
    """playbooks/teardown.yml, with programs of a stranger in /usr/local/bin
    Files, users, units and folders are as before the lab; the stranger's programs stay"""
    without, _ = undisturbed
    strangers = "/usr/local/bin/jaeger-agent", "/usr/local/bin/stranger"
    for path in strangers:
        lab.ssh(f"cp /bin/true {path}")
    lab.must_play("playbooks/teardown.yml")
    for path in strangers:
        lab.ssh(f"cmp /bin/true {path} && rm {path}")
    assert state(lab) ^ without == set()
    # By name too, as what teardown forgets is also in what it left before.
    named = "\\( -name '*jaeger*' -o -name 'car-*' -o -name 'car_*' -o -name example-hotrod \\)"
    left = lab.ssh(f"find / -xdev {named} -not -path '/proc/*' -not -path '/var/log/*'")
    assert left == ""
    assert lab.ssh("getent passwd jaeger car-app || getent group jaeger car-app || true") == ""
    assert lab.ssh("systemctl list-units --all --no-legend 'car-*' 'jaeger*'") == ""
    measured(f"{len(without)} lines of the host's state are the same")
    lab.must_play("site.yml")


def test_teardown_keeps_data_that_is_asked_for(lab, undisturbed, measured):
    """playbooks/teardown.yml with car_app_keep_data
    The database stays, and the next site.yml uses it"""
    before = lab.ssh("stat --format='%i %U' /var/lib/car-app/cars.db")
    lab.must_play("playbooks/teardown.yml", "-e", '{"car_app_keep_data": true}')
    assert lab.ssh("stat --format='%i %U' /var/lib/car-app/cars.db") == before
    assert "changed=" in lab.must_play("site.yml")
    assert lab.ssh("stat --format='%i %U' /var/lib/car-app/cars.db") == before
    measured("the same file, of the same user")


# What stands half-done where a run is killed.
KILLED = {
    "a release of Jaeger is under way": "Unpack the programs",
    "Jaeger's unit is there, and does not run": "Start them",
    "Jaeger runs, and packages are under way": "Copy the packages",
    "the packages are there, and no code": "Copy the modules",
    "the app's units are there, and no database": "Make the tables",
}


@pytest.mark.parametrize("where", KILLED)
def test_a_killed_run_is_made_whole_by_the_next(lab, undisturbed, measured, where):
    """A first site.yml is killed (SIGKILL)
    The next one ends well, and the host is as if nothing had been"""
    _, expected = undisturbed
    lab.must_play("playbooks/teardown.yml")
    run = start(lab)
    # A task is named before it begins, so all before it are whole.
    assert any(line.startswith("TASK [") and KILLED[where] in line for line in run.stdout)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    lab.must_play("site.yml")
    assert state(lab) ^ expected == set()
    measured(f"{where}: no difference")


CHANGES = [
    "chmod 0666 /etc/systemd/system/car-manual.socket",
    "chown jaeger /etc/systemd/system/jaeger.service",
    "echo '# Mine.' >> /etc/systemd/system/car-automatic.service",
    "echo > /etc/car-app/environment; chmod 0644 /etc/car-app/environment",
    "usermod --shell /bin/sh car-app",
    "rm /var/lib/car-app/cars.db",
    "systemctl disable --now --quiet car-manual.service",
]


def test_a_run_gives_back_what_was_changed(lab, undisturbed):
    _, expected = undisturbed
    for change in CHANGES:
        before = state(lab)
        lab.ssh(change)
        assert state(lab) != before, change
    lab.must_play("site.yml")
    assert state(lab) ^ expected == set()


@pytest.mark.parametrize("command", ["tar --extract", "uv/uv.* pip install"])
def test_a_run_that_ends_amid_a_command_is_made_whole_by_the_next(
    lab, undisturbed, measured, command
):
    """Connections and commands of a first site.yml end, as when a host loses its power
    The next one ends well, and the host is as if nothing had been"""
    _, expected = undisturbed
    lab.must_play("playbooks/teardown.yml")
    run = start(lab)
    with pytest.raises(AssertionError):  # This connection ends too.
        lab.ssh(
            f"timeout 120 sh -c 'until pgrep --full \"^{command}\"; do sleep 0.1; done'"
            " && systemctl kill --signal=KILL ssh || echo not seen"
        )
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert wait_for(lambda: answers(lab))
    lab.must_play("site.yml")
    assert state(lab) ^ expected == set()
    measured(f"amid `{command}`: no difference")


def test_two_runs_at_once_both_end_well(lab, undisturbed, measured):
    """Two runs of site.yml begin on one host at once
    Both end well, and the host is as after one"""
    _, expected = undisturbed
    lab.must_play("playbooks/teardown.yml")
    runs = [start(lab), start(lab)]
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(said)
    assert state(lab) ^ expected == set()
    measured("no difference")


def test_a_run_waits_for_another_one_that_installs_the_programs(lab, undisturbed):
    _, expected = undisturbed
    lab.ssh("rm /usr/local/bin/jaeger-agent; systemd-run --unit=other flock /opt/jaeger sleep 120")
    run = start(lab)
    try:
        waits = wait_for(lambda: "install" in lab.ssh("pgrep -a flock | grep -v sleep || true"))
        assert waits, "it does not wait"
        assert lab.ssh("find /usr/local/bin -name jaeger-agent") == ""
    finally:
        lab.ssh("systemctl stop other")
        said = run.communicate()[0]
    assert run.returncode == 0, said
    assert state(lab) ^ expected == set()


# The module's function, by eight at once that all found no user.
MAKE_USER = """
import subprocess, sys, types
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
sys.modules |= dict.fromkeys(
    ["ansible", "ansible.module_utils", "ansible.module_utils.basic"],
    types.SimpleNamespace(AnsibleModule=None),
)
exec(%r, names := {"__name__": "install_service"})
together = Barrier(8)
class Module:
    check_mode = False
    def run_command(self, command, check_rc=False):
        ran = subprocess.run(command, capture_output=True, text=True, check=check_rc)
        if command[0] == "getent":
            together.wait()
        return ran.returncode, ran.stdout, ran.stderr
with ThreadPoolExecutor(8) as pool:
    list(pool.map(names["make_user"], [Module()] * 8, ["someone"] * 8))
"""


def test_runs_that_make_a_user_at_once_make_it_once(lab):
    make = MAKE_USER % (REPOSITORY / "plugins/modules/install_service.py").read_text()
    lab.ssh("systemd-sysusers --inline 'u someone -'")
    one = lab.ssh("id someone && userdel someone")
    at_once = f"trap 'userdel someone' EXIT; python3 -c {shlex.quote(make)}; id someone"
    assert lab.ssh(at_once) == one


def answers(lab: Lab) -> bool:
    with suppress(AssertionError):
        return lab.ssh("echo here") == "here\n"
    return False


def start(lab: Lab) -> subprocess.Popen:
    """Start site.yml, in a process group of its own."""
    return subprocess.Popen(
        [lab.clone / ".venv/bin/ansible-playbook", f"--inventory={lab.inventory}", "site.yml"],
        cwd=lab.clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
