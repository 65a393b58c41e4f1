"""Hosts for the tests, and the journal of a failed test's host."""

from collections.abc import Iterator

import pytest

from send_requests import send
from tests.support import contract
from tests.support.commands import exclusive, run
from tests.support.lab import Lab, made_with
from tests.support.machine import assert_restored, machine_state
from tests.support.state import host_state
from tests.support.terminal import Terminal


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add the services' journal to the report of a failed test that has a lab."""
    report = yield
    lab = item.funcargs.get("lab") or item.funcargs.get("second_host")
    if report.failed and report.when == "call" and lab:
        units = [f"--unit={unit}" for unit in contract.UNITS]
        journal = "sudo", "journalctl", "--no-pager", "--lines=60", *units
        read = run("ssh", "-F", lab.ssh_config, lab.name, *journal)
        report.sections.append(("journal", read.stdout))
    return report


@pytest.fixture(scope="session")
def made(clone) -> Iterator[tuple[Lab, str]]:
    """The lab of README's first command, and its output; whatever it changed is gone at the end."""
    before = machine_state()
    lab = Lab(clone)
    output = lab.must_make("lab")
    machine, gateway = (lab.variables()[f"lab_{name}"] for name in ("machine", "gateway"))
    marks = [machine, machine.replace("-", "_"), gateway]
    yield lab, output
    lab.must_make("destroy")
    assert_restored(before, machine_state(), marks)
    assert not (clone / ".lab").exists() or not list((clone / ".lab").iterdir())


@pytest.fixture(scope="session")
def lab(made) -> Lab:
    """The lab that `make lab` makes."""
    return made[0]


@pytest.fixture(scope="module")
def backends(lab) -> Iterator[Lab]:
    """The lab with the collector and every system behind it; the end recreates the default lab."""
    with made_with(lab, "all"):
        yield lab


@pytest.fixture(scope="module")
def second_host(lab) -> Iterator[Lab]:
    """Another new host on this machine, with nothing of the lab on it."""
    second = Lab(lab.clone, ".second")
    second.folder.mkdir(exist_ok=True)
    try:
        second.must_play_here(contract.CREATE_HOSTS)
        yield second
    finally:
        second.must_play_here(contract.DESTROY_HOSTS)


@pytest.fixture(scope="module")
def disk(lab) -> Iterator[Lab]:
    """The lab with Jaeger's traces on disk."""
    lab.must_play(contract.JAEGER, jaeger_span_storage_type="badger")
    yield lab
    lab.must_play(contract.JAEGER)
    lab.ssh("rm -r /var/lib/jaeger")


@pytest.fixture(scope="module")
def jaeger_alone(clone, mirror) -> Iterator[str]:
    """Jaeger without a host, by README's command; the address of its query API."""
    url = "http://127.0.0.1:16686"
    with exclusive("ports"):
        local = Terminal(clone, "make local PROGRAMS=jaeger")
        # It may have to build Jaeger.
        local.read_until(lambda: send({"url": url}, 5)["status"] == 200, 900)
        yield url
        local.sendintr()
        local.exit_code()


@pytest.fixture(scope="session")
def host_states(lab) -> tuple[set[str], set[str]]:
    """The state of the host without the lab, and with it."""
    lab.must_play(contract.TEARDOWN)
    try:
        without = host_state(lab)
    finally:
        lab.must_play("site.yml")
    return without, host_state(lab)
