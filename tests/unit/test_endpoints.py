"""The endpoint facts: one place computes each address, with a base path and behind the proxy."""

import json
import sys
from typing import Any

import pytest

from tests.support.commands import REPOSITORY, must_run

PROXY = {"reverse_proxy_password": "no-secret", "reverse_proxy_apps": True}
PATH = {"jaeger_query_base_path": "/tools/jaeger"}
HOSTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "open": {"jaeger_query_http_server_host_port": "0.0.0.0:16686"},
    "path": PATH,
    "open_path": {**PATH, "jaeger_query_http_server_host_port": "0.0.0.0:16686"},
    "proxy": {"reverse_proxy_password": "no-secret"},
    "proxy_path": {**PROXY, **PATH, "reverse_proxy_https_host_port": "0.0.0.0:8443"},
    "apps": {**PROXY, "without_jaeger": True},
    "menu": {"jaeger_query_ui_config": {"menu": [{"label": "Report", "url": "/report/"}]}},
    "monitor": {"jaeger_query_ui_config": {"monitor": {"menuEnabled": True}, "linkPatterns": [1]}},
}
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: otel_lab.tracing.jaeger, tasks_from: endpoints}
      when: without_jaeger is undefined
    - ansible.builtin.include_role: {name: otel_lab.tracing.car_app, tasks_from: endpoints}
    - ansible.builtin.include_role: {name: otel_lab.tracing.reverse_proxy, tasks_from: endpoints}
    - ansible.builtin.set_fact:
        facts:
          jaeger: "{{ jaeger_endpoint | default({}) }}"
          apps: "{{ car_app_endpoints }}"
          proxy: "{{ reverse_proxy_endpoint | default({}) }}"
    - ansible.builtin.copy:
        content: "{{ ansible_play_hosts | map('extract', hostvars, 'facts') | to_json }}"
        dest: "{{ playbook_dir }}/facts.json"
        mode: "0644"
      run_once: true
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """The endpoint facts of each of HOSTS; what the proxy publishes is as it publishes it."""
    folder = tmp_path_factory.mktemp("endpoints")
    (folder / "playbook.yml").write_text(PLAYBOOK)
    (folder / "collections").symlink_to(REPOSITORY / "collections")
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"hosts": HOSTS, "vars": {**local, "ansible_host": "10.0.0.2"}}}
    (folder / "inventory.json").write_text(json.dumps(inventory))
    must_run("ansible-playbook", "-i", folder / "inventory.json", folder / "playbook.yml")
    facts = {}
    for host, found in zip(HOSTS, json.loads((folder / "facts.json").read_text()), strict=True):
        endpoints = [found["jaeger"], *found["apps"], *found["proxy"].get("pages", [])]
        facts[host] = {"proxy": found["proxy"], **{e["name"]: e for e in endpoints if e}}
    return facts


@pytest.mark.parametrize(
    ("host", "url", "outside_url"),
    [
        ("plain", "http://127.0.0.1:16686", "http://127.0.0.1:16686"),
        ("open", "http://127.0.0.1:16686", "http://10.0.0.2:16686"),
        ("path", "http://127.0.0.1:16686/tools/jaeger", "http://127.0.0.1:16686/tools/jaeger"),
        ("open_path", "http://127.0.0.1:16686/tools/jaeger", "http://10.0.0.2:16686/tools/jaeger"),
        ("proxy", "http://127.0.0.1:16686", "https://10.0.0.2"),
        ("proxy_path", "http://127.0.0.1:16686/tools/jaeger", "https://10.0.0.2:8443/tools/jaeger"),
    ],
)
def test_jaeger_has_the_addresses_of_its_listener_base_path_and_proxy(
    facts, host, url, outside_url
):
    jaeger = facts[host]["jaeger-ui"]
    assert (jaeger["url"], jaeger["outside_url"]) == (url, outside_url)


@pytest.mark.parametrize("host", HOSTS)
def test_jaegers_base_path_is_always_a_flag(facts, host):
    """Without it, its environment variable would set it."""
    if jaeger := facts[host].get("jaeger-ui"):
        path = HOSTS[host].get("jaeger_query_base_path", "/")
        assert f"--query.base-path={path}" in jaeger["listen_flags"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("proxy", "http://127.0.0.1:8082"),
        ("proxy_path", "https://10.0.0.2:8443/car-manual"),
        ("apps", "https://10.0.0.2/car-manual"),
    ],
)
def test_the_apps_have_the_proxys_address_where_it_publishes_them(facts, host, url):
    manual = facts[host]["car-manual"]
    assert (manual["outside_url"], manual["page"]) == (url, "/cars")
    assert manual["url"] == "http://127.0.0.1:8082"


@pytest.mark.parametrize(
    ("host", "page"),
    [
        ("proxy", "https://10.0.0.2/"),
        ("proxy_path", "https://10.0.0.2:8443/tools/jaeger/"),
        ("apps", "https://10.0.0.2/car-manual/cars"),
    ],
)
def test_the_proxys_page_is_the_first_that_it_publishes(facts, host, page):
    proxy = facts[host]["proxy"]
    assert proxy["outside_url"] + proxy["page"] == page


def test_without_a_password_there_is_no_proxy(facts):
    assert facts["plain"]["proxy"] == {}


def test_jaegers_page_offers_neither_archive_nor_monitor(facts):
    hidden = {"archiveEnabled": False, "monitor": {"menuEnabled": False}}
    assert facts["plain"]["jaeger-ui"]["ui_config"] == hidden


def test_an_entry_is_added_to_jaegers_menu(facts):
    config = facts["menu"]["jaeger-ui"]["ui_config"]
    labels = [entry["label"] for entry in config["menu"]]
    assert labels == ["About Jaeger", "Report"]
    about = [item["label"] for item in config["menu"][0]["items"]]
    assert about[0] == "Website / Docs"
    assert about[-1] == "Jaeger v1.57.0"
    assert config["archiveEnabled"] is False


def test_a_setting_of_the_page_replaces_the_roles(facts):
    config = facts["monitor"]["jaeger-ui"]["ui_config"]
    shown = {"archiveEnabled": False, "monitor": {"menuEnabled": True}, "linkPatterns": [1]}
    assert config == shown
