"""Jaeger as a container: the switch from the program and back, restarts, images, removal."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import assert_no_change, assert_same, must_run, wait_for
from tests.support.contract import CARS, JAEGER, TEARDOWN, VERIFY, VERSION
from tests.support.lab import Lab, assert_unchanged, failure_output
from tests.support.load import failed, load, lost, results, wait_for_more
from tests.support.registry import Registry
from tests.support.release import gateway
from tests.support.server import serving
from tests.support.state import host_state, kill_at_task, start_run

pytestmark = pytest.mark.long

DISK = {"jaeger_span_storage_type": "badger"}
CONTAINER = {"jaeger_install": "container", "jaeger_container_image_source": "release"}
IMAGE = f"localhost/jaegertracing/all-in-one:{VERSION}"


def state(lab: Lab) -> set[str]:
    """Return the host's state with its containers and images, but without Badger's files."""
    podman = lab.ssh(
        "if command -v podman >/dev/null; then podman ps --all --external --format '{{.Names}}';"
        " podman images --all --format '{{.Repository}}:{{.Tag}}'; fi"
    )
    files = {line for line in host_state(lab) if not line.startswith("/var/lib/jaeger/")}
    return files | {f"podman: {line}" for line in podman.splitlines()}


def jaeger_process(lab: Lab) -> str:
    """Return the id of Jaeger's process in the container, "0" if there is none."""
    return lab.ssh("podman container inspect --format '{{.State.Pid}}' jaeger || echo 0").strip()


def stop_seconds(lab: Lab) -> float:
    """Return how long the unit's last stop took."""
    names = "ActiveExitTimestampMonotonic,InactiveEnterTimestampMonotonic"
    shown = lab.ssh(f"systemctl show --property={names} jaeger")
    begun, ended = (int(line.partition("=")[2]) for line in sorted(shown.splitlines()))
    return (ended - begun) / 1e6


def wait_until_it_answers(lab: Lab) -> None:
    wait_for(lambda: lab.status("jaeger-ui") == 200)


@pytest.fixture(scope="module")
def podman(lab) -> Lab:
    """The lab with podman, a package that stays on the host, but without a container."""
    lab.must_play(JAEGER, **CONTAINER)
    lab.must_play(JAEGER)
    return lab


@pytest.fixture(scope="module")
def container(podman) -> Iterator[Lab]:
    """The lab with Jaeger as a container and its traces on disk."""
    podman.must_play(JAEGER, **CONTAINER, **DISK)
    yield podman
    podman.must_play(JAEGER)
    podman.ssh("rm -rf /var/lib/jaeger")


def send_all(lab: Lab) -> list[dict[str, Any]]:
    """Send a request to each mode; return the responses once Jaeger has their traces."""
    responses = [lab.send(unit) for unit in CARS]
    assert lost(lab, responses, 10) == []
    return responses


def test_the_switch_to_a_container_and_back_keeps_the_traces(podman, record_setup):
    """Jaeger is a program with its traces on disk
    `jaeger_install: container`, and `binary` again"""
    podman.must_play(JAEGER, **DISK)
    try:
        before = state(podman)
        sent = send_all(podman)
        podman.must_play(JAEGER, **CONTAINER, **DISK)
        assert lost(podman, sent, 10) == []
        sent += send_all(podman)
        podman.must_play(VERIFY, **CONTAINER, **DISK)
        assert_no_change(podman.must_play("site.yml", **CONTAINER, **DISK))
        assert podman.ssh("ls /usr/local/bin") == ""
        podman.must_play(JAEGER, **DISK)
        assert lost(podman, sent, 10) == []
        assert_same(state(podman), before, "states of the host")
        podman.must_play(VERIFY, **DISK)
        assert podman.ssh("find /var/lib/jaeger ! -user jaeger -o ! -group jaeger") == ""
        record_setup(f"{len(sent)} traces, none lost; nothing of the container is left")
    finally:
        podman.must_play(JAEGER)
        podman.ssh("rm -rf /var/lib/jaeger")


def test_a_first_run_with_check_changes_nothing(podman):
    before = state(podman)
    podman.must_play("site.yml", "--check", **CONTAINER)
    assert_same(state(podman), before, "states of the host")


FAULTS = {
    "Jaeger": lambda lab: lab.ssh(f"kill -KILL {jaeger_process(lab)}"),
    "conmon": lambda lab: lab.ssh(f"kill -KILL {lab.main_process('jaeger')}"),
    "the whole unit": lambda lab: lab.ssh("systemctl kill --signal=KILL jaeger"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_killed_container_is_back_within_five_seconds(container, record_result, fault):
    """Jaeger in a container, or what runs it, is killed (SIGKILL) at 20 requests a second
    It answers again within 5 s, no request fails, and every trace that could be read can be"""
    sent_before = send_all(container)
    with load(container) as sent:
        wait_for_more(sent)
        first = container.main_process("jaeger")
        killed = time.monotonic()
        FAULTS[fault](container)
        wait_for(lambda: container.main_process("jaeger") not in ("0", first))
        wait_until_it_answers(container)
        seconds = time.monotonic() - killed
        wait_for_more(sent)
    assert seconds < 5
    assert failed(results(sent)) == {}
    assert lost(container, sent_before, 10) == []
    assert container.ssh("podman ps --all --external --format '{{.Names}}'") == "jaeger\n"
    record_result(f"{fault}: back after {seconds:.1f} s")


@pytest.mark.parametrize("command", ["stop", "rm --force"])
def test_systemd_starts_a_container_again_that_podman_ended(container, command):
    first = container.main_process("jaeger")
    container.ssh(f"podman {command} jaeger")
    wait_for(lambda: container.main_process("jaeger") not in ("0", first))
    wait_until_it_answers(container)


def test_the_container_stops_within_two_seconds(container, record_result):
    """The unit of the container is stopped, and started again, at 20 requests a second
    It takes less than 2 s, and no trace is lost"""
    took = []
    with load(container) as sent:
        for _ in range(3):
            wait_for_more(sent)
            container.ssh("systemctl stop jaeger")
            took.append(stop_seconds(container))
            left = container.ssh("podman ps --all --external --noheading")
            container.ssh("systemctl start jaeger")
            assert left == ""
        wait_for_more(sent)
    assert max(took) < 2
    assert "status=" not in container.ssh("journalctl --unit=jaeger --since=-10s --output=cat")
    assert lost(container, results(sent)) == []
    record_result(f"{max(took):.1f} s at most; {len(sent)} requests, none lost")


def test_the_container_reads_the_files_that_flags_name(container):
    container.ssh("mkdir /opt/strategies && echo '{}' > /opt/strategies/sampling.json")
    settings = {
        "jaeger_container_read_paths": ["/opt/strategies"],
        "jaeger_extra_args": ["--sampling.strategies-file=/opt/strategies/sampling.json"],
        "jaeger_query_base_path": "/jaeger",
        "jaeger_query_ui_config": {"menu": [{"label": "Report", "url": "/report/"}]},
    }
    try:
        container.must_play(JAEGER, **CONTAINER, **DISK, **settings)
        container.must_play(VERIFY, **CONTAINER, **DISK, **settings)
    finally:
        container.must_play(JAEGER, **CONTAINER, **DISK)
        container.ssh("rm -r /opt/strategies")


def save(lab: Lab, image: str, path: Path, options: str = "--quiet") -> Path:
    """Save an image of the host to an archive on this machine; return its path."""
    lab.ssh(f"podman save {options} --output /tmp/image.tar {image}; chmod 0644 /tmp/image.tar")
    must_run("scp", "-q", "-F", lab.ssh_config, f"{lab.name}:/tmp/image.tar", path, cwd=lab.clone)
    lab.ssh("rm /tmp/image.tar")
    return path


@pytest.fixture(scope="module")
def archive(container, tmp_path_factory) -> Path:
    """An archive on this machine of the image that the host has."""
    return save(container, IMAGE, tmp_path_factory.mktemp("image") / "all-in-one.tar")


def from_archive(archive: Path) -> dict[str, Any]:
    return CONTAINER | {
        "jaeger_container_image_source": "archive",
        "jaeger_container_archive": archive,
    }


def test_an_image_from_an_archive_runs(container, archive, record_setup):
    """The image is an archive on the controller
    `jaeger_container_image_source: archive`"""
    settings = from_archive(archive)
    try:
        # Without the image, and without the release.
        container.must_play(JAEGER, **DISK)
        container.must_play(JAEGER, **settings, **DISK)
        container.must_play(VERIFY, **settings, **DISK)
        assert_no_change(container.must_play(JAEGER, **settings, **DISK))
        assert container.ssh("podman images --all --format '{{.Repository}}'").split() == [
            IMAGE.partition(":")[0]
        ]
        assert container.ssh("ls /opt /usr/local/lib/jaeger /usr/local/bin").split() == [
            *("/opt:", "car-app", "/usr/local/bin:", "/usr/local/lib/jaeger:", "images"),
            "wait_for_http.py",
        ]
        record_setup("runs; a second run changes nothing")
    finally:
        container.must_play(JAEGER, **CONTAINER, **DISK)


def test_another_image_in_the_archive_replaces_the_former_one(container, archive, tmp_path):
    # The same program, with another label and so another id.
    name = f"localhost/other:{VERSION}"
    container.ssh(
        f"mkdir /tmp/empty; echo 'FROM {IMAGE}'"
        f" | podman build --quiet --label=other=yes --tag={name} --file=- /tmp/empty"
    )
    other = save(container, name, tmp_path / "other.tar")
    container.ssh(f"podman rmi {name}; rmdir /tmp/empty")
    try:
        container.must_play(JAEGER, **from_archive(archive), **DISK)
        process = jaeger_process(container)
        container.must_play(JAEGER, **from_archive(other), **DISK)
        assert jaeger_process(container) != process
        label = '{{ index .Config.Labels "other" }}'
        assert container.ssh(f"podman container inspect --format '{label}' jaeger") == "yes\n"
        # No image without a name is left either.
        assert container.ssh("podman images --all --quiet | wc -l") == "1\n"
        assert_no_change(container.must_play(JAEGER, **from_archive(other), **DISK))
    finally:
        container.must_play(JAEGER, **CONTAINER, **DISK)


def test_an_image_from_a_registry_runs(container, tmp_path, record_setup):
    """The image is in a stand-in for a registry, as none can be reached
    `jaeger_container_image_source: registry`"""
    archive = save(container, IMAGE, tmp_path / "image.tar", "--quiet --format=oci-archive")
    registry = Registry(gateway(container), archive, "jaegertracing/all-in-one", VERSION)
    settings = {"jaeger_install": "container", "jaeger_container_image": registry.name, **DISK}
    # Without TLS.
    insecure = f'[[registry]]\nlocation = "{registry.name.partition("/")[0]}"\ninsecure = true'
    file = "/etc/containers/registries.conf.d/test.conf"
    container.ssh(f"echo '{insecure}' > {file}")
    try:
        with serving(registry):
            container.must_play(JAEGER, **settings)
            container.must_play(VERIFY, **settings)
        # Without the registry.
        assert_no_change(container.must_play(JAEGER, **settings))
        container.ssh("systemctl restart jaeger")
        names = container.ssh("podman images --all --format '{{.Repository}}'").split()
        assert names == [registry.name]
        record_setup("runs; then the registry is no longer needed")
    finally:
        container.ssh(f"rm {file}")
        container.must_play(JAEGER, **CONTAINER, **DISK)


def test_an_image_that_the_registry_lacks_leaves_what_ran_before(container):
    before = jaeger_process(container)
    name = f"{gateway(container)}:1/jaegertracing/all-in-one"
    settings = {"jaeger_install": "container", "jaeger_container_image": name, **DISK}
    ran = container.play(JAEGER, **settings)
    failure_output(
        ran,
        f"The image {name}:{VERSION} was not added; what ran before was left unchanged. "
        '"Pull the image" failed:',
        f"Check that the registry serves {name}:{VERSION} to this host",
    )
    assert jaeger_process(container) == before
    container.must_play(JAEGER, **CONTAINER, **DISK)


REFUSED = {
    "jaeger_install=docker": "value of jaeger_install must be one of: binary, container",
    "jaeger_container_image_source=file": "value of jaeger_container_image_source must be one of",
    "jaeger_container_image=jaegertracing/all-in-one": "jaeger_container_image is "
    "jaegertracing/all-in-one, but must be an image's name with its registry and without a tag",
    "jaeger_container_image=docker.io/jaegertracing/all-in-one:1.57.0": "jaeger_container_image is",
    "jaeger_container_image_source=archive": "jaeger_container_archive is , but must be the path",
    "jaeger_container_image_source=archive jaeger_container_archive=/etc/hostname": "but must be "
    "the path on the controller of an image archive, as podman save writes it. Nothing was changed",
    '{"jaeger_container_read_paths": ["opt"]}': "jaeger_container_read_paths is",
}


@pytest.mark.parametrize(("setting", "message"), REFUSED.items(), ids=REFUSED)
def test_a_wrong_setting_is_refused_before_any_change(podman, setting, message):
    with assert_unchanged(podman):
        ran = podman.play(JAEGER, "-e", json.dumps(CONTAINER), "-e", setting)
    failure_output(ran, message)
    assert_no_change(ran.stdout)


def test_an_archive_of_another_version_is_refused(container, archive):
    with assert_unchanged(container):
        ran = container.play(JAEGER, **from_archive(archive), **DISK, jaeger_version="1.56.0")
    failure_output(ran, f"with {VERSION}, but jaeger_version is 1.56.0. Nothing was changed.")


def test_a_container_of_somebody_else_is_refused(podman):
    podman.must_play(JAEGER, **CONTAINER)
    podman.must_play(JAEGER)
    # Of the same name, from an image of the same program; it is not even started.
    release = "/opt/jaeger/jaeger-*"
    podman.ssh(
        f"cp {release}/jaeger-all-in-one /tmp; printf 'FROM scratch\\nCOPY jaeger-all-in-one /\\n'"
        " | podman build --quiet --tag localhost/other:1 --file - /tmp"
        "; podman create --name jaeger localhost/other:1 /jaeger-all-in-one"
    )
    try:
        with assert_unchanged(podman):
            ran = podman.play(JAEGER, **CONTAINER)
        failure_output(ran, "already has a container jaeger, which is not that of jaeger.service.")
        assert_no_change(ran.stdout)
        # Neither does the program's own run remove it.
        podman.must_play(JAEGER)
        assert podman.ssh("podman ps --all --format '{{.Names}}'") == "jaeger\n"
    finally:
        podman.ssh("podman rm jaeger; podman rmi localhost/other:1; rm /tmp/jaeger-all-in-one")


KILL_POINTS = {
    "the image is being built": "Build the image from the release",
    "the unit is installed, but does not run": "Enable and start the units",
    "the container runs beside the former programs": "Remove images that are no longer used",
}


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_killed_run_is_completed_by_the_next(podman, record_result, point):
    """The run that replaces Jaeger's program by a container is killed (SIGKILL)
    The next one succeeds, and the one after that leaves nothing of the container"""
    # Other tests leave the container.
    podman.must_play(JAEGER)
    before = state(podman)
    kill_at_task(start_run(podman, **CONTAINER), KILL_POINTS[point])
    try:
        podman.must_play(JAEGER, **CONTAINER)
        podman.must_play(VERIFY, **CONTAINER)
        assert_no_change(podman.must_play(JAEGER, **CONTAINER))
    finally:
        podman.must_play(JAEGER)
    assert_same(state(podman), before, "states of the host")
    record_result(f"{point}: no difference")


def test_teardown_removes_the_container(podman, record_result):
    """playbooks/teardown.yml, with Jaeger as a container
    Files, users, units, containers and images are as before the lab; podman stays"""
    podman.must_play(TEARDOWN)
    without = state(podman)
    try:
        podman.must_play("site.yml", **CONTAINER, **DISK)
        podman.must_play(TEARDOWN, **CONTAINER)
        assert_same(state(podman), without, "states of the host")
        assert podman.ssh("systemctl list-units --all --no-legend 'jaeger*'") == ""
        assert podman.ssh("podman volume ls --quiet; podman network ls --quiet") == "podman\n"
        record_result(f"{len(without)} lines of the host's state are the same")
    finally:
        podman.must_play("site.yml")


def test_the_program_runs_again_after_podman_was_removed(podman, record_setup):
    """podman is purged while Jaeger runs as a container
    `site.yml` with `jaeger_install: binary`"""
    podman.must_play(JAEGER, **CONTAINER)
    podman.ssh("DEBIAN_FRONTEND=noninteractive apt-get purge --quiet=2 podman >/dev/null")
    podman.must_play("site.yml")
    podman.must_play(VERIFY)
    assert podman.ssh("find /usr/local/lib/jaeger -name images; pgrep conmon || true") == ""
    assert_no_change(podman.must_play("site.yml"))
    record_setup("Jaeger runs, and no process or record of the container is left")
