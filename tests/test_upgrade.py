"""Another jaeger_version runs another Jaeger, upwards and downwards."""

import ipaddress
import json
import platform
import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import CARS, ENDPOINTS, REPOSITORY, Lab, build_mirror, has_trace, wait_for

from send_requests import send

LATER = "1.62.0"  # The last one that takes the same flags and has the same programs.


@pytest.fixture(scope="module")
def later(lab, tmp_path_factory) -> Iterator[list[str]]:
    """The arguments by which a playbook installs a later Jaeger, which is served meanwhile."""
    source = tmp_path_factory.mktemp("mirror")
    for path in "mirror/requirements.txt", "tests/upgrade/go.mod", "tests/upgrade/go.sum":
        shutil.copy(REPOSITORY / path, source)
    settings = (REPOSITORY / "mirror/vars.yml").read_text().replace("1.57.0", LATER)
    (source / "vars.yml").write_text(re.sub(r"^__mirror_source:.*\n", "", settings, flags=re.M))
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    extra = {"__mirror_source": str(source), "mirror_architectures": [architecture]}
    mirror, _ = build_mirror("-e", f"@{source}/vars.yml", "-e", json.dumps(extra))

    handler = partial(SimpleHTTPRequestHandler, directory=mirror / "download")
    gateway = str(ipaddress.ip_address(lab.address) - 1)
    with ThreadingHTTPServer((gateway, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chosen = {
            "jaeger_version": LATER,
            "jaeger_release_url": f"http://{gateway}:{server.server_port}/v{LATER}",
            "jaeger_signing_key": str(mirror / "signing-key.asc"),
        }
        yield ["-e", json.dumps(chosen)]
        server.shutdown()


def running_version(lab: Lab) -> str:
    """What the program that runs, not the one that is installed, says of itself."""
    said = lab.ssh("/proc/$(systemctl show --value --property=MainPID jaeger)/exe version")
    return re.search(r'"gitVersion":"v([^"]+)"', said)[1]


def test_new_code_runs_and_the_code_before_it_stays(lab, tmp_path, measured):
    """The app gets new code, and the former one again
    What is installed last is what answers; the former code stays beside it"""
    shutil.copytree(REPOSITORY / "app", tmp_path / "app")
    module = tmp_path / "app/server_manual.py"
    module.write_text(module.read_text().replace('app.get("/cars")', 'app.get("/all-cars")'))
    address = ENDPOINTS["car-manual"].format(lab.address)
    before = lab.ssh("ls -d /opt/car-app/code-*").split()
    lab.must_play("playbooks/cars.yml", "-e", f"car_app_source={tmp_path}/app")
    try:
        assert send({"url": address.replace("/cars", "/all-cars")}, 10)["status"] == 200
        assert set(before) < set(lab.ssh("ls -d /opt/car-app/code-*").split())
    finally:
        lab.must_play("playbooks/cars.yml")
    assert send({"url": address}, 10)["status"] == 200
    measured("both answered")


def traces(lab: Lab) -> list[str]:
    """The ids of a new trace of each mode, which Jaeger has."""
    ids = [send({"url": ENDPOINTS[unit].format(lab.address)}, 10)["trace_id"] for unit in CARS]
    assert wait_for(lambda: all(has_trace(lab, trace_id) for trace_id in ids))
    return ids


def test_a_later_version_runs_and_the_earlier_one_again(lab, later, measured):
    """jaeger_version is a later one, and the former one again
    That program runs, the traces are as expected, and the former release stays beside it"""
    lab.must_play("playbooks/jaeger.yml", *later)
    try:
        assert running_version(lab) == LATER
        lab.must_play("playbooks/verify.yml", *later)
        kept = lab.ssh("ls /opt/jaeger").split()
        assert [name.split("-")[1] for name in kept] == ["1.57.0", LATER]
    finally:
        lab.must_play("playbooks/jaeger.yml")
    assert running_version(lab) == "1.57.0"
    lab.must_play("playbooks/verify.yml")
    measured(f"1.57.0, {LATER}, 1.57.0")


def test_traces_on_disk_are_read_by_a_later_version(lab, later, measured):
    """Jaeger is upgraded with its traces on disk, and downgraded
    The later version reads the traces of the earlier one, which runs again after it"""
    disk = ["-e", "jaeger_span_storage_type=badger"]
    lab.must_play("playbooks/jaeger.yml", *disk)
    try:
        before = traces(lab)
        lab.must_play("playbooks/jaeger.yml", *disk, *later)
        assert running_version(lab) == LATER
        assert wait_for(lambda: all(has_trace(lab, trace_id) for trace_id in before))
        traces(lab)
        lab.must_play("playbooks/jaeger.yml", *disk)
        assert running_version(lab) == "1.57.0"
        traces(lab)
        measured(f"{len(before)} of {len(before)} traces of 1.57.0 read by {LATER}")
    finally:
        lab.must_play("playbooks/jaeger.yml")
        lab.ssh("rm -r /var/lib/jaeger")
