"""What the caller's shell and account set for other programs changes nothing in the lab."""

import urllib.request
from collections.abc import Iterator
from typing import Any

import yaml

from compare_traces import read_trace
from send_requests import send
from tests.support.commands import REPOSITORY, must_run

DEAD_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")


def test_requests_to_the_lab_use_no_proxy(http_server, monkeypatch):
    for name, value in DEAD_PROXY.items():
        monkeypatch.setenv(name, value)
    # Read once by a process otherwise.
    monkeypatch.setattr(urllib.request, "_opener", None)
    http_server.answers = {
        "/cars": (200, b"[]"),
        "/api/traces/1": (200, b'{"data": [{"traceID": "1"}]}'),
    }
    assert send({"url": f"{http_server.url}/cars"}, 5)["status"] == 200
    assert read_trace(http_server.url, "1") == {"traceID": "1"}


def tasks_of(content: Any) -> Iterator[dict[str, Any]]:
    """Yield each task in what was read from a file of tasks or plays."""
    if isinstance(content, list):
        for item in content:
            yield from tasks_of(item)
    elif isinstance(content, dict):
        yield content
        for value in content.values():
            yield from tasks_of(value)


def test_every_request_of_a_playbook_says_whether_it_uses_a_proxy():
    listing = must_run("git", "ls-files", "*.yml").splitlines()
    requests = {
        (name, arguments.get("url")): arguments
        for name in listing
        if name.startswith(("lab/", "molecule/", "playbooks/", "roles/", "site.yml"))
        for task in tasks_of(list(yaml.safe_load_all((REPOSITORY / name).read_text())))
        for module in ("ansible.builtin.uri", "ansible.builtin.get_url")
        if isinstance(arguments := task.get(module), dict)
    }
    assert len(requests) > 5
    assert [place for place, arguments in requests.items() if "use_proxy" not in arguments] == []
