"""`make lab`: what it prints and applies, and that a second host does not disturb it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import assert_no_change, must_run, run, wait_for
from tests.support.contract import CREATE_HOSTS, DESTROY_HOSTS, ENDPOINTS


def test_it_ends_with_the_state_and_address_of_every_service(made):
    lab, output = made
    for name in ENDPOINTS:
        assert f"{name} {lab.url(name)} is active, answers" in output
    assert "Next: make verify" in output


def test_a_second_run_changes_nothing(lab):
    assert_no_change(lab.must_make("lab"))


def test_it_applies_a_setting_of_its_file(lab):
    file = lab.clone / "lab/settings.yml"
    before = file.read_text()
    file.write_text(
        before.replace("lab_settings:\n", "lab_settings:\n  car_app_sleep_seconds: 0\n")
    )
    try:
        lab.must_make("lab")
        assert "CAR_APP_SLEEP_SECONDS=0 " in lab.ssh("systemctl show -P Environment car-manual")
    finally:
        file.write_text(before)
        lab.must_make("lab")


def test_make_shell_opens_a_shell_on_the_host(lab):
    shell = run("make", "--no-print-directory", "shell", cwd=lab.clone, stdin="hostname\n")
    assert shell.returncode == 0, shell.stdout
    assert "lab" in shell.stdout.splitlines()


@pytest.fixture
def agent(tmp_path, monkeypatch) -> Iterator[None]:
    """An agent with more keys than an SSH server lets a client try."""
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as process:
        wait_for(socket.exists)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        for number in range(7):
            key = tmp_path / f"key{number}"
            must_run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
            must_run("ssh-add", "-q", key)
        yield
        process.terminate()


@pytest.mark.usefixtures("agent")
def test_the_keys_of_the_users_agent_are_not_tried(lab):
    # Ansible would go on with a connection that is open.
    run("ssh", "-F", lab.ssh_config, "-O", "exit", lab.name)
    lab.must_make("status")
    lab.must_make("shell")


def test_two_hosts_do_not_disturb_each_other(lab, second_host):
    # A service of the same name: it must neither be seen nor stopped from the other host.
    second_host.ssh("systemd-run --unit=car-manual sleep infinity")
    lab.ssh("systemctl restart car-manual")
    assert "Input/output error" not in lab.ssh("systemctl status car-manual --no-pager 2>&1")
    assert second_host.ssh("systemctl is-active car-manual") == "active\n"
    lab.must_make("status")


# Its argument is a process with the neighbour's network.
NEIGHBOUR = """
    ip link add to-neighbour type veth peer name lan netns "$1"
    ip address add 198.51.100.1/30 dev to-neighbour
    ip link set to-neighbour up
    nsenter --net --target="$1" ip address add 198.51.100.2/30 dev lan
    nsenter --net --target="$1" ip link set lan up
    nsenter --net --target="$1" ip route add default via 198.51.100.1
"""


@pytest.fixture
def neighbour() -> Iterator[tuple[str, ...]]:
    """The start of a command line on a machine whose packets this one forwards."""
    own = Path("/proc/self/ns/net").readlink()
    with subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) as process:
        try:
            wait_for(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != own)
            must_run("sh", "-ec", NEIGHBOUR, "sh", str(process.pid))
            yield "nsenter", "--net", f"--target={process.pid}"
        finally:
            process.terminate()


def test_a_neighbour_that_routes_through_this_machine_does_not_reach_the_host(lab, neighbour):
    def status_of_curl(address: str) -> int:
        return run(*neighbour, "curl", "--silent", "--max-time", "3", address).returncode

    must_run("curl", "--silent", "--fail", lab.url("jaeger-ui"))
    refused, timed_out = 7, 28
    gateway = lab.variables()["lab_gateway"]
    assert status_of_curl(f"http://{gateway}:9") == refused
    assert status_of_curl(lab.url("jaeger-ui")) == timed_out


def test_a_machine_whose_nspawn_was_killed_is_destroyed_all_the_same(second_host):
    machine = second_host.variables()["lab_machine"]
    must_run("kill", "-KILL", (second_host.folder / "lab/nspawn.pid").read_text().strip())
    second_host.must_play_here(DESTROY_HOSTS)
    assert machine not in must_run("ip", "-oneline", "link")
    second_host.must_play_here(CREATE_HOSTS)
