"""The services on the host: their programs, users and files, their logs and what they expose."""

import re

import pytest

from architectures import GO_ARCHITECTURES
from compare_traces import read_trace
from tests.support import contract
from tests.support.commands import assert_same, wait_for
from tests.support.contract import CARS, UNITS
from tests.support.lab import playbook_with, stopped


@pytest.fixture(scope="module")
def host(lab):
    return lab.host


def test_the_programs_are_those_of_the_release(lab, mirror, host):
    sums = contract.release_archive(mirror, GO_ARCHITECTURES[lab.ssh("uname -m").strip()])
    lines = sums.with_name(sums.name.replace("tar.gz", "sha256sum.txt")).read_text().splitlines()
    expected = {line.rpartition("/")[2]: line.split()[0] for line in lines}
    found = {name: host.file(f"/usr/local/bin/{name}").sha256sum for name in expected}
    assert found == expected
    version = lab.ssh("/usr/local/bin/jaeger-all-in-one version")
    assert f'"gitVersion":"v{contract.VERSION}"' in version


def test_only_root_can_write_what_the_services_run(lab, host):
    loose = lab.ssh(
        "find /usr/local/bin /opt/jaeger /opt/car-app /etc/systemd/system/jaeger.service*"
        " /etc/systemd/system/car-* /usr/local/lib/jaeger /usr/local/lib/car-app ! -type l"
        r" \( ! -user root -o ! -group root -o -perm /022 \)"
    )
    assert loose == ""
    assert host.file("/usr/local/bin/jaeger-all-in-one").mode == 0o755


def test_packages_have_bytecode_that_names_their_place(lab):
    python = lab.ssh("ls /opt/car-app/environment-*/bin/python").strip()
    packages = lab.ssh("ls -d /opt/car-app/environment-*/lib/python3*/site-packages").strip()
    show = "import flask; print(flask.Flask.__init__.__code__.co_filename)"
    output = lab.ssh(f"{python} -v -c '{show}' 2>&1")
    assert f"\n{packages}/flask/app.py\n" in output
    assert f"code object from '{packages}/flask/__pycache__/app.cpython-" in output
    compiled = re.findall(rf"# code object from '?({packages}/\S+\.py)'?\n", output)
    assert compiled == [], "these had no bytecode and were compiled"


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_has_its_user_starts_at_boot_and_restarts_by_itself(host, unit):
    service = host.service(unit)
    assert service.is_running
    assert service.is_enabled
    properties = service.systemd_properties
    assert properties["User"] == ("jaeger" if unit == "jaeger" else "car-app")
    assert properties["Restart"] == "always"
    assert unit == "jaeger" or "jaeger.service" in properties["After"].split()
    assert host.user(properties["User"]).shell.endswith("/nologin")


def test_only_root_reads_the_databases_url(lab, host):
    settings = host.file("/etc/car-app/environment")
    assert (settings.mode, settings.user) == (0o600, "root")
    assert "CAR_APP_DATABASE_URL" not in lab.ssh("systemctl cat 'car-*' --no-pager")


@pytest.mark.parametrize("unit", CARS)
def test_a_log_line_leads_to_its_trace(lab, unit):
    response = lab.send(unit)
    journal = lab.ssh(f"journalctl --no-pager --output=cat --unit={unit} --grep=trace_id=")
    ids = re.findall(r"trace_id=(\w+) span_id=(\w+).* Found 5 cars$", journal, re.MULTILINE)
    span_id = dict(ids).get(response["trace_id"])
    assert span_id, journal
    wait_for(lambda: lab.has_trace(response["trace_id"]))
    server = [
        span["spanID"]
        for span in read_trace(lab.jaeger, response["trace_id"])["spans"]
        if span["references"][0]["spanID"] == response["span_id"]
    ]
    assert server == [span_id]


def test_the_cars_answer_without_jaeger(lab):
    with stopped(lab, "jaeger"):
        assert {unit: lab.status(unit) for unit in CARS} == dict.fromkeys(CARS, 200)


LOOPBACK = {
    "jaeger_query_http_server_host_port": "127.0.0.1:16686",
    "car_app_manual_bind": "127.0.0.1:8082",
    "car_app_programmatic_bind": "127.0.0.1:8083",
    "car_app_automatic_bind": "127.0.0.1:8084",
}


# What stays open of systemd-analyze's list: the internet sockets and the host's network, which are
# the services' purpose; the host's root, of which nothing is writable; and reading the clock's
# device, which ProtectClock= itself allows.
def test_services_on_loopback_have_an_exposure_of_at_most_one(lab):
    with playbook_with(lab, "site.yml", **LOOPBACK):
        table = lab.ssh("systemd-analyze security --no-pager")
        lab.must_play(contract.VERIFY, **LOOPBACK)
    exposure = dict(re.findall(r"^(jaeger|car-\w+)\.service +([\d.]+)", table, re.MULTILINE))
    assert_same(exposure, UNITS, "services that systemd-analyze lists")
    assert {unit: value for unit, value in exposure.items() if float(value) > 1.0} == {}
