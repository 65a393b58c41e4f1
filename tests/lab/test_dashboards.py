"""The files for Grafana and Kibana: their queries go to the real systems.

A stand-in for Grafana's package shows what the role does on a host; Grafana itself was never run.
"""

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request

import pytest
import yaml

from compare_traces import DIRECT
from tests.support import contract, grafana_package
from tests.support.commands import REPOSITORY, assert_no_change, run, unfold, wait_for
from tests.support.contract import CARS
from tests.support.grafana import Period, Query, has_data, queries, rate_interval, services
from tests.support.lab import Lab, assert_unchanged, failure_output, playbook_with
from tests.support.load import load


def create(lab: Lab, backends: str) -> CompletedProcess[str]:
    """Run the first step of `make lab BACKENDS=...`, which writes the inventory."""
    playbook = lab.clone / ".venv/bin/ansible-playbook", contract.CREATE_HOSTS
    return run(*playbook, "--extra-vars", f"lab_backends='{backends}'", cwd=lab.clone)


def with_group(lab: Lab, folder: Path, group: str, host: str) -> Lab:
    """Return the lab with an inventory in which a group has one host."""
    inventory = yaml.safe_load(lab.inventory.read_text())
    other = copy.copy(lab)
    other.inventory = folder / "inventory.yml"
    other.inventory.write_text(yaml.safe_dump({**inventory, group: {"hosts": {host: None}}}))
    return other


def ask(url: str, query: Query) -> dict[str, Any]:
    """Send a query to the data source at a URL, as Grafana does; return its answer."""
    body = json.dumps(query.body).encode() if query.body else None
    parameters = f"?{urlencode(query.parameters)}" if query.parameters else ""
    request = Request(url + query.path + parameters, body, {"Content-Type": "application/json"})
    with DIRECT.open(request, timeout=10) as got:
        return json.load(got)


# Nine minutes, with a lab of every system once more.
pytestmark = pytest.mark.long

GRAFANA = "playbooks/grafana.yml"
SOURCES_FILE = "/etc/grafana/provisioning/datasources/otel-lab.yaml"
PROVIDERS_FILE = "/etc/grafana/provisioning/dashboards/otel-lab.yaml"
DASHBOARD_FILE = "/etc/grafana/otel-lab/cars.json"
DROP_IN = "/etc/systemd/system/grafana-server.service.d/otel-lab.conf"
REMOVE_GRAFANA = """
- hosts: grafana
  become: true
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: otel_lab.tracing.grafana, tasks_from: remove}
"""
DASHBOARD = json.loads((REPOSITORY / "roles/grafana/files/cars.json").read_text())


@pytest.fixture(scope="class")
def source(backends, tmp_path_factory) -> Iterator[Lab]:
    """The lab, whose package source has a stand-in for Grafana; BACKENDS=all then includes it."""
    inventory = backends.inventory.read_text()
    grafana_package.add_source(backends, grafana_package.build(tmp_path_factory.mktemp("grafana")))
    assert create(backends, "all").returncode == 0
    yield backends
    grafana_package.purge(backends)
    backends.inventory.write_text(inventory)


@pytest.fixture(scope="class")
def grafana(source) -> Lab:
    """The lab with the stand-in and the role's files."""
    source.must_play(GRAFANA)
    return source


@pytest.fixture(scope="class")
def remove_grafana(backends) -> str:
    """The playbook that removes only Grafana's files."""
    path: Path = backends.clone / "remove_grafana.yml"
    path.write_text(REMOVE_GRAFANA)
    return path.name


@pytest.fixture(scope="class")
def trace_id(backends) -> Iterator[str]:
    """The id of the trace of a request through all modes, with requests to each mode since."""
    trace_id = backends.send("car-manual", "/chain")["trace_id"]
    with load(backends, 3):
        yield trace_id


class TestGrafana:
    """A stand-in for its package; its queries go to the real systems."""

    def test_all_leaves_out_what_no_package_source_has(self, backends):
        assert "Grafana is left out, because the host has none" in unfold(
            create(backends, "all").stdout
        )
        assert "grafana" not in yaml.safe_load(backends.inventory.read_text())
        named = create(backends, "grafana")
        assert named.returncode != 0
        assert 'BACKENDS is "grafana", but the host has no Grafana' in unfold(named.stdout)

    def test_a_host_without_grafana_and_package_is_refused(self, backends, tmp_path):
        other = with_group(backends, tmp_path, "grafana", "lab")
        with assert_unchanged(backends):
            ran = other.play(GRAFANA)
        failure_output(
            ran,
            "lab has no Grafana (no unit grafana-server.service), and its package source has no "
            "package grafana",
            "Nothing was changed.",
        )
        assert_no_change(ran.stdout)

    def test_a_dry_run_on_a_host_without_it_changes_nothing(self, source):
        with assert_unchanged(source):
            source.must_play(GRAFANA, "--check")

    def test_a_package_that_cannot_be_downloaded_leaves_nothing(self, source):
        package = f"{grafana_package.FOLDER}/grafana.deb"
        source.ssh(f"mv {package} {package}.away")
        try:
            with assert_unchanged(source):
                ran = source.play(GRAFANA)
        finally:
            source.ssh(f"mv {package}.away {package}")
        failure_output(ran, "Grafana was not installed; the lab's other services were left")

    def test_root_writes_the_files_and_only_grafana_reads_them(self, grafana):
        folder = Path(DASHBOARD_FILE).parent
        paths = f"{folder} {DASHBOARD_FILE} {SOURCES_FILE} {PROVIDERS_FILE}"
        found = grafana.ssh(f"stat --format='%a %U:%G' {paths}").splitlines()
        assert found == ["750 root:grafana", *["640 root:grafana"] * 3]

    def test_it_listens_only_where_it_is_told(self, grafana):
        with playbook_with(grafana, GRAFANA, grafana_host_port="127.0.0.1:3001"):
            listening = grafana.ssh("ss --no-header --listening --tcp --numeric --processes")
            assert "127.0.0.1:3001 " in listening
            assert ":3000 " not in listening
        assert grafana.host.service("grafana-server").is_enabled

    def test_a_second_run_changes_nothing(self, grafana):
        process = grafana.main_process("grafana-server")
        assert_no_change(grafana.must_play(GRAFANA))
        assert_no_change(grafana.must_play(GRAFANA, "--check"))
        assert grafana.main_process("grafana-server") == process

    def test_a_file_that_a_killed_run_left_unread_restarts_it(self, grafana):
        process = grafana.main_process("grafana-server")
        grafana.ssh(f"touch {DASHBOARD_FILE}")
        grafana.must_play(GRAFANA)
        assert grafana.main_process("grafana-server") != process

    def test_a_file_that_somebody_changed_is_restored(self, grafana):
        before = grafana.ssh(f"cat {DASHBOARD_FILE}")
        grafana.ssh(f"rm -r {Path(DASHBOARD_FILE).parent}; chmod a+w {SOURCES_FILE}")
        grafana.must_play(GRAFANA)
        assert grafana.ssh(f"cat {DASHBOARD_FILE}") == before
        assert grafana.ssh(f"stat --format=%a {SOURCES_FILE}") == "640\n"

    def test_a_password_is_only_in_the_file_that_others_cannot_read(self, grafana):
        secret = {"grafana_elasticsearch_user": "reader", "grafana_elasticsearch_password": "a$b-1"}
        url = {"grafana_elasticsearch_url": "http://127.0.0.1:9200"}
        output = grafana.must_play(GRAFANA, "-vvv", "--diff", **secret, **url)
        try:
            sources = yaml.safe_load(grafana.ssh(f"cat {SOURCES_FILE}"))["datasources"]
            (logs,) = [each for each in sources if each["type"] == "elasticsearch"]
            # Grafana reads two dollar signs as one.
            assert logs["secureJsonData"] == {"basicAuthPassword": "a$$b-1"}
            assert grafana.ssh(f"stat --format=%a {SOURCES_FILE}") == "640\n"
        finally:
            output += grafana.must_play(GRAFANA, "--diff")
        # As --extra-vars, it is in the command that -vvv does not show.
        assert "a$b-1" not in output
        assert "a$$b-1" not in output

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"grafana_jaeger_url": "lab"}, 'grafana_jaeger_url is "lab", but must be a URL'),
            ({"grafana_zipkin_url": "lab"}, "grafana_zipkin_url is lab, but must be a URL"),
            ({"grafana_ready_timeout": 0}, "grafana_ready_timeout is 0, but must be 1 or more."),
            ({"grafana_host_port": "lab"}, "grafana_host_port is lab, but must be an IP address"),
            (
                {
                    "grafana_elasticsearch_url": "http://logs.example.org:9200",
                    "grafana_elasticsearch_user": "reader",
                    "grafana_elasticsearch_password": "no-secret",
                },
                "but a user needs grafana_elasticsearch_password (not shown) and an https URL",
            ),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
    )
    def test_a_wrong_setting_is_refused(self, grafana, settings, message):
        with assert_unchanged(grafana):
            ran = grafana.play(GRAFANA, **settings)
        output = failure_output(ran, message, "Nothing was changed.")
        assert "no-secret" not in output

    def test_a_run_that_leaves_out_a_system_is_refused(self, grafana, tmp_path):
        other = with_group(grafana, tmp_path, "zipkin", "elsewhere")
        with assert_unchanged(grafana):
            ran = other.play(GRAFANA, "--limit=lab")
        failure_output(ran, "This run leaves out elsewhere of the group zipkin", "Nothing was")

    def test_status_and_verify_know_it(self, grafana):
        status = unfold(grafana.must_play(contract.STATUS, "--skip-tags=traces"))
        assert f"grafana http://{grafana.address}:3000/d/otel-lab-cars is active, answers" in status
        grafana.must_play(contract.VERIFY, "--tags=services")
        grafana.ssh("systemctl stop grafana-server")
        try:
            ran = grafana.play(contract.VERIFY, "--tags=services")
            failure_output(ran, 'found {"grafana-server.service": "inactive"}')
        finally:
            grafana.must_play(GRAFANA)

    @pytest.mark.parametrize("title", [panel["title"] for panel in DASHBOARD["panels"]])
    def test_each_query_of_a_panel_has_data(self, grafana, trace_id, title):
        panels = json.loads(grafana.ssh(f"cat {DASHBOARD_FILE}"))["panels"]
        sources = yaml.safe_load(grafana.ssh(f"cat {SOURCES_FILE}"))["datasources"]
        urls = {each["type"]: each["url"].replace("127.0.0.1", grafana.address) for each in sources}
        interval = next(each for each in sources if each["type"] == "prometheus")["jsonData"]
        seconds = int(interval["timeInterval"].removesuffix("s"))
        (panel,) = [each for each in panels if each["title"] == title]
        modes = {f"server_{unit.removeprefix('car-')}" for unit in CARS}
        for mode in modes if "$service" in json.dumps(panel) else [""]:
            variables = {
                "__rate_interval": f"{rate_interval(seconds, seconds)}s",
                "service": mode,
                "trace_id": trace_id,
            }

            def answered(variables=variables) -> bool:
                now = int(time.time())
                period = Period(start=now - 900, end=now, step=seconds)
                answers = [
                    (query, ask(urls[query.source], query))
                    for query in queries(panel, variables, period)
                ]
                return all(
                    services(*answer) == modes if "by mode" in title else has_data(*answer)
                    for answer in answers
                )

            wait_for(answered, 120)

    def test_another_grafana_keeps_its_settings(self, grafana, remove_grafana):
        grafana.ssh(f"rm {DROP_IN}; systemctl daemon-reload; systemctl restart grafana-server")
        grafana.must_play(GRAFANA)
        assert not grafana.host.file(DROP_IN).exists
        grafana.must_play(remove_grafana)
        assert grafana.host.service("grafana-server").is_running
        assert grafana.host.service("grafana-server").is_enabled
        assert grafana.ssh("find /etc/grafana -name '*otel-lab*'") == ""

    def test_teardown_removes_files_and_data_sources(self, source, remove_grafana, tmp_path):
        grafana_package.purge(source)
        grafana_package.add_source(source, grafana_package.build(tmp_path))
        source.must_play(GRAFANA)
        source.must_play(remove_grafana)
        assert not source.host.service("grafana-server").is_running
        assert not source.host.service("grafana-server").is_enabled
        left = "/etc/grafana /etc/systemd/system -name '*otel-lab*' -path '*grafana*'"
        assert source.ssh(f"find {left}") == ""
        lines = source.journal("grafana-server").splitlines()
        read = [json.loads(line) for line in lines if SOURCES_FILE in line][-1]
        removed = yaml.safe_load(read[SOURCES_FILE])["deleteDatasources"]
        names = ["Prometheus", "Jaeger", "Zipkin", "Elasticsearch"]
        assert [each["name"] for each in removed] == [f"otel-lab {name}" for name in names]
        assert_no_change(source.must_play(remove_grafana))


KIBANA = REPOSITORY / "roles/elasticsearch/files/kibana.ndjson"


class TestKibana:
    """The data view and the saved search of Kibana, against the lab's Elasticsearch."""

    def test_each_field_that_they_name_is_in_the_index(self, backends, trace_id):
        url = f"http://{backends.address}:9200"
        objects = [json.loads(line)["attributes"] for line in KIBANA.read_text().splitlines()]
        view, search = objects
        names = [view["timeFieldName"], *search["columns"], *(name for name, _ in search["sort"])]
        path = f"/{view['title']}/_field_caps"
        query = Query("the data view", "elasticsearch", path, {"fields": ",".join(names)})
        # The answer has the objects around the fields too.
        wait_for(lambda: set(ask(url, query)["fields"]) >= set(names), 60)
        assert set(ask(url, query)["fields"][view["timeFieldName"]]) == {"date"}

    def test_the_saved_search_finds_lines(self, backends, trace_id):
        url = f"http://{backends.address}:9200"
        view, search = [json.loads(line)["attributes"] for line in KIBANA.read_text().splitlines()]
        saved = json.loads(search["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]
        assert saved["language"] == "lucene"
        body = {"query": {"query_string": {"query": saved["query"]}}}
        query = Query("the saved search", "elasticsearch", f"/{view['title']}/_search", body=body)
        wait_for(lambda: has_data(query, ask(url, query)), 60)
