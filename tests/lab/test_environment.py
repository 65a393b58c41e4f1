"""Variables in the environment of systemd's manager, which services inherit, change nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import contract
from tests.support.commands import assert_same, wait_for
from tests.support.environment_names import app_names, jaeger_names, unset_names
from tests.support.lab import Lab, drop_in

SERVICES = " ".join(contract.UNITS)
SETTINGS = "/etc/systemd/system.conf.d/test.conf"


@contextmanager
def manager_environment(lab: Lab, **variables: str) -> Iterator[None]:
    """Run the units with variables that all services of the host inherit."""
    values = " ".join(f'"{name}={value}"' for name, value in variables.items())
    lab.ssh(
        f"mkdir -p /etc/systemd/system.conf.d && printf '%s\\n' '[Manager]' "
        f"'DefaultEnvironment={values}' > {SETTINGS} && systemctl daemon-reexec"
    )
    try:
        lab.ssh(f"systemctl restart {SERVICES}")
        yield
    finally:
        lab.ssh("rm -r /etc/systemd/system.conf.d && systemctl daemon-reexec")
        lab.ssh(f"systemctl restart {SERVICES}")


def assert_traced(lab: Lab) -> None:
    """Check that a request through all modes is answered and its trace has every service."""
    response = lab.send("car-manual", "/chain")
    assert response["status"] == 200, response
    wait_for(lambda: lab.has_trace(response["trace_id"]))


@pytest.mark.parametrize(
    "variables",
    [
        {"http_proxy": "http://proxy.example.org:3128", "grpc_proxy": "http://127.0.0.1:9"},
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9", "OTEL_PROPAGATORS": "b3"},
        {"GUNICORN_CMD_ARGS": "--workers=0 --bind=127.0.0.1:9", "SCRIPT_NAME": "/elsewhere"},
        {"PYTHONPATH": "/nonexistent", "PYTHONOPTIMIZE": "2", "PYTHONHOME": "/nonexistent"},
        {"COLLECTOR_OTLP_ENABLED": "false", "QUERY_BASE_PATH": "/elsewhere"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_services_do_not_inherit_what_the_whole_host_sets(lab, record_setup, variables):
    """`DefaultEnvironment=` of systemd's manager sets variables that the programs would read
    The services restart, and a request passes through all modes"""
    with manager_environment(lab, **variables):
        assert_traced(lab)
    record_setup(f"{', '.join(variables)}: its trace is in Jaeger")


def test_no_variable_that_a_program_reads_is_inherited(lab):
    site_packages = (
        lab.folder
        / "lab/root"
        / lab.ssh("echo /opt/car-app/environment-*/lib/python*/site-packages")
        .strip()
        .removeprefix("/")
    )
    jaeger = "jaeger-all-in-one help; jaeger-all-in-one env"
    usage = lab.ssh(f"SPAN_STORAGE_TYPE=memory; export SPAN_STORAGE_TYPE; {jaeger}")
    usage += lab.ssh(f"SPAN_STORAGE_TYPE=badger; export SPAN_STORAGE_TYPE; {jaeger}")
    read = {"jaeger": jaeger_names(usage) | unset_names("jaeger")}
    read |= dict.fromkeys(contract.CARS, app_names(site_packages) | unset_names("car_app"))
    names = sorted(set().union(*read.values()))
    with manager_environment(lab, **dict.fromkeys(names, "of-the-host")):
        for unit in contract.UNITS:
            process = lab.main_process(unit)
            environment = lab.ssh(f"tr '\\0' '\\n' < /proc/{process}/environ").splitlines()
            found = {line.split("=")[0] for line in environment if line.endswith("=of-the-host")}
            # Another program's names are of no use to this one.
            assert_same(found & read[unit], set(), f"inherited variables of {unit}")
        assert_traced(lab)


def test_a_drop_in_sets_what_the_services_do_not_inherit(lab):
    with drop_in(lab, "car-manual", "Environment=OTEL_SDK_DISABLED=true"):
        response = lab.send("car-manual")
        assert response["status"] == 200
        environment = lab.ssh(f"tr '\\0' '\\n' < /proc/{lab.main_process('car-manual')}/environ")
    assert "OTEL_SDK_DISABLED=true" in environment.splitlines()
