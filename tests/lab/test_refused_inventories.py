"""Inventories that ask for what a host cannot be: a run refuses each before any change."""

import copy
from collections.abc import Callable

import pytest
import yaml

from tests.support import contract
from tests.support.commands import assert_no_change
from tests.support.lab import Lab, assert_unchanged, failure_output


@pytest.fixture
def lab_with(lab, tmp_path) -> Callable[..., Lab]:
    """A function that returns the lab with other inventory groups, each with one host."""

    def lab_with(**groups: str) -> Lab:
        inventory = yaml.safe_load(lab.inventory.read_text())
        inventory |= {group: {"hosts": {host: None}} for group, host in groups.items()}
        changed = copy.copy(lab)
        changed.inventory = tmp_path / "inventory.yml"
        changed.inventory.write_text(yaml.safe_dump(inventory))
        return changed

    return lab_with


def test_a_host_with_another_prometheus_is_refused(lab, lab_with, record_result):
    """A host of the group `prometheus` runs or ran another Prometheus
    The run stops before any change, names what it found and how to go on"""
    data = "/var/lib/prometheus/metrics2/wal"
    lab.ssh(f"mkdir -p {data}")
    try:
        with assert_unchanged(lab):
            ran = lab_with(prometheus="lab", otel_collector="lab").play("playbooks/prometheus.yml")
        failure_output(
            ran,
            f"lab has another Prometheus, which is left alone: {data}. Nothing was changed. "
            "To use it, remove the host from the group prometheus",
        )
        assert_no_change(ran.stdout)
    finally:
        lab.ssh("rm -r /var/lib/prometheus")
    record_result("its data, left alone")


@pytest.mark.parametrize(
    ("playbook", "groups", "message"),
    [
        (
            contract.OTEL_COLLECTOR,
            {"jaeger": "back", "otel_collector": "lab"},
            "otel_collector_jaeger_endpoint is http://127.0.0.1:14317, which is lab itself, but "
            "the group jaeger has only back. Nothing was changed.",
        ),
        (
            contract.CAR_APP,
            {"jaeger": "back"},
            "car_app_otlp_endpoint is http://127.0.0.1:4317, which is lab itself, but what takes "
            "its traces runs on back. Nothing was changed.",
        ),
    ],
    ids=["otel_collector", "car_app"],
)
def test_a_loopback_address_of_another_host_is_refused(lab, lab_with, playbook, groups, message):
    # Those of the collector are Jaeger's on this host.
    ports = {
        "otel_collector_otlp_grpc_host_port": "127.0.0.1:24317",
        "otel_collector_otlp_http_host_port": "127.0.0.1:24318",
    }
    with assert_unchanged(lab):
        ran = lab_with(**groups).play(playbook, **ports)
    failure_output(ran, message)
    assert_no_change(ran.stdout)
