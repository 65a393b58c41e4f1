"""What the roles refuse before they change a host."""

import json
import re
import sys

import pytest

from tests.support.commands import REPOSITORY, run

# Of each role, a setting below its minimum, and that minimum.
MINIMUMS = {
    "jaeger": ("jaeger_memory_max_traces", 0, 1),
    "car_app": ("car_app_span_queue_size", 127, 128),
    "otel_collector": ("otel_collector_queue_max", 15, 16),
    "prometheus": ("prometheus_memory_max", 127, 128),
    "zipkin": ("zipkin_memory_max_spans", 0, 1),
    "grafana": ("grafana_ready_timeout", 0, 1),
}
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: otel_lab.tracing.{{ inventory_hostname }}
        tasks_from: preflight
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> str:
    """The output of the roles' preflights, each on a host of its name, with its setting."""
    folder = tmp_path_factory.mktemp("preflight")
    (folder / "playbook.yml").write_text(PLAYBOOK)
    (folder / "collections").symlink_to(REPOSITORY / "collections")
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {role: {name: value, **local} for role, (name, value, _) in MINIMUMS.items()}
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    ran = run("ansible-playbook", "-i", folder / "inventory.json", folder / "playbook.yml")
    return re.sub(r"\s+", " ", ran.stdout)


@pytest.mark.parametrize("role", MINIMUMS)
def test_a_number_below_its_minimum_is_refused(output, role):
    name, value, minimum = MINIMUMS[role]
    assert f"{name} is {value}, but must be {minimum} or more. Nothing was changed." in output
