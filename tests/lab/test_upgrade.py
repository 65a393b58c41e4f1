"""Upgrades: another jaeger_version runs another Jaeger, upwards and downwards; so does new code."""

import platform
import re
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from architectures import GO_ARCHITECTURES
from tests.support import contract
from tests.support.commands import REPOSITORY, wait_for
from tests.support.contract import CARS, JAEGER, MIRROR_SOURCE, VERIFY, VERSION
from tests.support.lab import Lab, build_mirror, playbook_with
from tests.support.release import gateway
from tests.support.server import serving

LATER = "1.62.0"  # The last one that takes the same flags and has the same programs.


@pytest.fixture(scope="module")
def later(lab, tmp_path_factory) -> Iterator[dict[str, str]]:
    """The settings by which a playbook installs a later Jaeger, which is served meanwhile."""
    source = tmp_path_factory.mktemp("mirror")
    modules = Path(__file__).with_name("upgrade")
    for file in (
        REPOSITORY / MIRROR_SOURCE / "requirements.txt",
        modules / "go.mod",
        modules / "go.sum",
    ):
        shutil.copy(file, source)
    mirror, _ = build_mirror(
        mirror_source=source, mirror_architectures=[GO_ARCHITECTURES[platform.machine()]]
    )
    handler = partial(SimpleHTTPRequestHandler, directory=mirror / "download")
    server = ThreadingHTTPServer((gateway(lab), 0), handler)
    with serving(server):
        yield {
            "jaeger_version": LATER,
            "jaeger_release_url": f"http://{gateway(lab)}:{server.server_port}/v{LATER}",
            "jaeger_signing_key": str(mirror / "signing-key.asc"),
        }


def running_version(lab: Lab) -> str:
    """Return the version of the program that runs, which need not be the installed one."""
    output = lab.ssh(f"/proc/{lab.main_process('jaeger')}/exe version")
    return re.search(r'"gitVersion":"v([^"]+)"', output)[1]


def new_traces(lab: Lab) -> list[str]:
    """Return the ids of a new trace of each mode, once Jaeger has them."""
    ids = [lab.send(unit)["trace_id"] for unit in CARS]
    wait_for(lambda: all(lab.has_trace(trace_id) for trace_id in ids))
    return ids


def test_new_code_runs_and_the_code_before_it_stays(lab, tmp_path, record_result):
    """The app gets new code, and the former one again
    What is installed last is what answers; the former code stays beside it"""
    shutil.copytree(REPOSITORY / "app", tmp_path / "app")
    module = tmp_path / "app/server_manual.py"
    module.write_text(module.read_text().replace('app.get("/cars")', 'app.get("/all-cars")'))
    before = set(lab.ssh("ls -d /opt/car-app/code-*").split())
    with playbook_with(lab, contract.CAR_APP, car_app_source=tmp_path / "app"):
        assert lab.send("car-manual", "/all-cars")["status"] == 200
        assert before < set(lab.ssh("ls -d /opt/car-app/code-*").split())
    assert lab.send("car-manual")["status"] == 200
    record_result("both answered")


def test_a_later_version_runs_and_the_earlier_one_again(lab, later, record_result):
    """jaeger_version is a later one, and the former one again
    That program runs, the traces are as expected, and the former release stays beside it"""
    with playbook_with(lab, JAEGER, **later):
        assert running_version(lab) == LATER
        lab.must_play(VERIFY, **later)
        releases = lab.ssh("ls /opt/jaeger").split()
        assert [name.split("-")[1] for name in releases] == [VERSION, LATER]
    assert running_version(lab) == VERSION
    lab.must_play(VERIFY)
    record_result(f"{VERSION}, {LATER}, {VERSION}")


def test_traces_on_disk_are_read_by_a_later_version(lab, later, record_result):
    """Jaeger is upgraded with its traces on disk, and downgraded
    The later version reads the traces of the earlier one, which runs again after it"""
    disk = {"jaeger_span_storage_type": "badger"}
    with playbook_with(lab, JAEGER, **disk):
        before = new_traces(lab)
        lab.must_play(JAEGER, **disk, **later)
        assert running_version(lab) == LATER
        wait_for(lambda: all(lab.has_trace(trace_id) for trace_id in before))
        new_traces(lab)
        lab.must_play(JAEGER, **disk)
        assert running_version(lab) == VERSION
        new_traces(lab)
        record_result(f"{len(before)} of {len(before)} traces of {VERSION} read by {LATER}")
    lab.ssh("rm -r /var/lib/jaeger")
