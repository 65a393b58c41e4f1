"""The templates of the roles, the lab and the playbooks."""

import pytest
import yaml
from jinja2 import Environment

from tests.support.commands import REPOSITORY

TEMPLATES = sorted(
    path
    for folder in ("roles/*", "lab", "playbooks")
    for path in REPOSITORY.glob(f"{folder}/templates/*.j2")
)


# A later Jinja refuses what it warns of now.
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_syntax_error(path):
    Environment().parse(path.read_text())


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_ipv6_listener_of_the_collector_is_text(protocol):
    """Without quotes, YAML reads a list."""
    name = f"otel_collector_otlp_{protocol}_host_port"
    template = (REPOSITORY / "roles/otel_collector/templates/config.yaml.j2").read_text()
    line = next(line for line in template.splitlines() if name in line)
    rendered = Environment().from_string(line).render({name: "[::]:4317"})
    assert yaml.safe_load(rendered) == {"endpoint": "[::]:4317"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_adds_to_another_is_in_a_block(path):
    """Of a template that extends another, Jinja drops everything else without a word."""
    text = path.read_text()
    if not text.startswith("{% extends"):
        return
    depth = 0
    for line in text.splitlines():
        begins = "{% block " in line
        depth += begins - line.count("{% endblock %}")
        inside = depth > 0 or begins or "{% endblock %}" in line
        assert inside or line.startswith(("{% extends", "{% set ", "{#")), line
