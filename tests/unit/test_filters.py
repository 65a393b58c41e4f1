"""The other filters and the lookup: formats, requests, machines and the cache."""

from collections import Counter
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from architectures import go_architecture
from cache_directory import cache_directory
from formats import dearmor, systemd_argument, systemd_environment_value
from machine_network import machine_network
from missing_programs import missing_programs
from status_lines import away_lines, first_step, status_lines
from tests.support.commands import REPOSITORY, script
from trace_requests import chain_request, exercise_requests, report_requests, trace_requests


def test_architectures_have_the_names_of_the_releases():
    assert [go_architecture(name) for name in ("x86_64", "aarch64")] == ["amd64", "arm64"]
    assert go_architecture("riscv64") == ""


def test_an_argument_of_a_unit_is_quoted():
    assert systemd_argument("--path=a b") == '"--path=a b"'
    assert systemd_argument('50% of $HOME "x" \\') == '"50%% of $$HOME \\"x\\" \\\\"'


def test_a_value_in_an_environment_file_is_quoted():
    assert systemd_environment_value('a"b\\c%$') == '"a\\"b\\\\c%$"'


ARMORED = """-----BEGIN PGP PUBLIC KEY BLOCK-----
{headers}
mDMEZ
QUJD
{end}-----END PGP PUBLIC KEY BLOCK-----
"""


@pytest.mark.parametrize("headers", ["", "Version: GnuPG v2\nComment: x\n"])
@pytest.mark.parametrize("end", ["", "=abcd\n"])
def test_a_key_without_its_armor_is_its_body(headers, end):
    assert dearmor(ARMORED.format(headers=headers, end=end)) == "mDMEZ\nQUJD"


def test_anything_else_is_no_armored_key():
    assert dearmor("127.0.0.1 localhost\n") == ""
    assert dearmor(ARMORED.format(headers="", end="").replace("PUBLIC", "PRIVATE")) == ""


def test_programs_that_the_path_lacks_are_missing(tmp_path, monkeypatch):
    script(tmp_path / "there")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_programs(["there", "elsewhere"]) == ["elsewhere"]


def test_a_machine_has_a_network_that_follows_from_its_folder():
    machines = [machine_network(f"/srv/{number}") for number in range(100)]
    assert machines[0] == machine_network("/srv/0")
    assert len({machine["machine"] for machine in machines}) == 100
    for machine in machines:
        network = IPv4Network(f"{machine['network']}/30")
        assert network.subnet_of(IPv4Network("10.192.0.0/11"))
        hosts = [str(host) for host in network.hosts()]
        assert hosts == [machine["gateway"], machine["address"]]
        # "ve-" and this are the name of a network interface.
        assert len(machine["machine"]) <= 12


ENDPOINTS = [
    {"name": "car-manual", "mode": "manual", "url": "http://127.0.0.1:8082", "page": "/cars"},
    {"name": "car-automatic", "mode": "automatic", "url": "http://127.0.0.1:8084", "page": "/cars"},
]


def test_each_case_of_each_mode_is_requested_and_compared():
    path = REPOSITORY / "playbooks/vars/expected_traces.yml"
    expected = yaml.safe_load(path.read_text())["expected_traces"]
    requests = trace_requests(ENDPOINTS, expected, "server")
    cases = [(r["service"], r["case"]) for r in requests]
    assert cases == [
        *(("server_manual", case) for case in expected["manual"]),
        *(("server_automatic", case) for case in expected["automatic"]),
    ]
    wrong_method = next(r for r in requests if r["case"] == "wrong_method")
    assert wrong_method == {
        "title": "car-manual wrong_method",
        "case": "wrong_method",
        "service": "server_manual",
        "url": "http://127.0.0.1:8082/cars",
        "method": "POST",
        "expected_status": 405,
        "expected": None,
        "resource": {"host.name": "server"},
    }


def test_the_report_requests_each_mode_and_the_chain():
    requests = report_requests(ENDPOINTS)
    first, second = "http://127.0.0.1:8082", "http://127.0.0.1:8084"
    assert [(r["case"], r.get("mode"), r["url"]) for r in requests] == [
        ("cars", "manual", f"{first}/cars"),
        ("cars", "automatic", f"{second}/cars"),
        ("database_error", "manual", f"{first}/cars"),
        ("database_error", "automatic", f"{second}/cars"),
        ("chain", None, f"{first}/chain"),
    ]


def test_an_exercise_has_the_requests_of_its_cases_only():
    report = report_requests(ENDPOINTS)
    cars = [request for request in report if request["case"] == "cars"]
    assert exercise_requests(ENDPOINTS, ["cars"], "mark") == cars
    assert exercise_requests(ENDPOINTS, ["baggage"], "mark") == [
        {
            "title": "car-automatic",
            "mode": "automatic",
            "case": "baggage",
            "url": "http://127.0.0.1:8084/chain",
            "headers": {"baggage": "client.name=course"},
        }
    ]


def test_requests_for_sampling_differ_in_what_their_caller_decided():
    requests = exercise_requests(ENDPOINTS, ["sampled", "unsampled", "new"], "mark")
    kinds = Counter((r["case"], r.get("caller"), r["mode"], r["url"]) for r in requests)
    url = "http://127.0.0.1:8082/chain"
    assert kinds == {
        ("sampled", None, "manual", url): 20,
        ("unsampled", "unsampled", "manual", url): 20,
        ("new", "none", "manual", f"{url}?mark"): 400,
    }


def test_the_trace_of_the_chain_has_spans_of_every_mode():
    assert chain_request(ENDPOINTS) == {
        "title": "car-manual",
        "url": "http://127.0.0.1:8082/chain",
        "services": ["server_manual", "server_automatic"],
    }


def test_a_status_line_has_name_address_state_and_answer():
    endpoint = {
        "name": "jaeger-ui",
        "outside_url": "http://10.0.0.2:16686",
        "page": "/",
        "probe_status": 200,
    }
    results = [{"status": 200, "item": endpoint}, {"status": -1, "item": endpoint}]
    assert status_lines(results, ["active", "failed"]) == [
        "jaeger-ui http://10.0.0.2:16686/ is active, answers",
        "jaeger-ui http://10.0.0.2:16686/ is failed, does not answer",
    ]


def test_each_endpoint_that_is_away_has_a_line_with_the_reason_and_its_journal():
    def result(name: str, status: int, msg: str) -> dict:
        endpoint = {"name": name, "unit": f"{name}.service", "probe_status": 200}
        return {"item": endpoint, "status": status, "msg": msg, "url": f"http://{name}/"}

    refused = "Request failed: Connection refused"
    results = [
        result("jaeger", 200, "OK"),
        result("zipkin", -1, refused),
        result("prometheus", 503, "Status code was 503"),
    ]
    assert away_lines(results) == [
        f"zipkin does not answer at http://zipkin/: {refused}. Its journal may show why: "
        "journalctl --unit=zipkin.service",
        "prometheus does not answer at http://prometheus/: Status code was 503. Its journal may "
        "show why: journalctl --unit=prometheus.service",
    ]


JAEGER_PAGE = {"version": "1.57.0", "outside_url": "http://10.0.0.2:16686/jaeger", "page": "/"}


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        ("", []),
        (
            "<title>Jaeger UI</title>",
            [
                "Jaeger 1.57.0 has its pages: open http://10.0.0.2:16686/jaeger/ first, "
                "choose a service, Find Traces."
            ],
        ),
        (
            "<h1>placeholder for the Jaeger UI home page</h1>",
            [
                "Jaeger 1.57.0 was built from its Go module and has an API, but no pages: start "
                "with the report (make report, or playbooks/report.yml)."
            ],
        ),
    ],
)
def test_the_first_step_depends_on_whether_jaeger_has_pages(page, lines):
    assert first_step(page, JAEGER_PAGE) == lines


def test_a_host_without_jaeger_has_no_first_step():
    assert first_step("", {}) == []


@pytest.mark.parametrize("xdg_cache_home", ["", "/srv/cache"])
def test_the_cache_is_in_the_users_cache_folder(monkeypatch, xdg_cache_home):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", xdg_cache_home)
    assert cache_directory() == Path(xdg_cache_home or "/home/me/.cache", "otel-lab")
