"""The collector and the systems behind it: what it accepted is not lost, whatever fails."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from compare_traces import DIRECT
from tests.support import contract
from tests.support.commands import assert_no_change, unfold, wait_for
from tests.support.contract import CARS, ELASTICSEARCH, OTEL_COLLECTOR
from tests.support.elasticsearch import Guard, call, difference, lines_of, lines_per_trace, now
from tests.support.lab import (
    Lab,
    assert_only_in_files,
    failure_output,
    other_process,
    playbook_with,
)
from tests.support.load import (
    failed,
    flood,
    load,
    lost,
    peak_memory,
    results,
    wait_for_more,
)
from tests.support.readme import CONTINUE_TRACE, FIND_LINES
from tests.support.refusals import refusals
from tests.support.server import serving
from tests.support.vendors import KEYS, PATHS, Vendors, temporalities
from tests.support.vendors import SETTINGS as VENDOR_SETTINGS

PROGRAM = "/usr/local/bin/otelcol-contrib"
SYSTEMS = ["jaeger", "otel-lab-prometheus", "zipkin", "elasticsearch"]
# Of the last hour, because a counter that was not written for five minutes is no longer seen.
SERVER_SPANS = (
    'sum(max_over_time(traces_span_metrics_calls_total{span_kind="SPAN_KIND_SERVER"}[1h]))'
)


def in_zipkin(lab: Lab, trace_id: str) -> bool:
    """Return whether Zipkin has the trace, so that the collector accepted it."""
    try:
        with DIRECT.open(f"http://{lab.address}:9411/api/v2/trace/{trace_id}", timeout=10) as got:
            return len(json.load(got)) > 0
    except OSError:
        return False


def all_in_zipkin(lab: Lab, responses: list[dict]) -> bool:
    """Return whether Zipkin has the traces of all these requests."""
    with ThreadPoolExecutor(8) as pool:
        return all(pool.map(lambda response: in_zipkin(lab, response["trace_id"]), responses))


def counted_requests(lab: Lab) -> int:
    """Return how many server spans Prometheus has counted, 0 if none."""
    url = f"http://{lab.address}:9090/api/v1/query?query={quote(SERVER_SPANS)}"
    with DIRECT.open(url, timeout=10) as got:
        samples = json.load(got)["data"]["result"]
    return int(samples[0]["value"][1]) if samples else 0


@contextmanager
def collector_goes_on(lab: Lab) -> Iterator[None]:
    """Check that nothing within restarts the collector."""
    process = lab.main_process("otelcol-contrib")
    yield
    assert lab.main_process("otelcol-contrib") == process, "the collector was restarted"


def test_a_second_run_changes_nothing(backends):
    assert_no_change(backends.must_make("lab", "BACKENDS=all"))


def test_status_lists_each_system(backends):
    output = backends.must_play(contract.STATUS)
    for name in "otel-collector", "prometheus-ui", "zipkin-ui", "elasticsearch":
        assert f"{name} http://" in output


def test_monitor_has_the_metrics_of_every_service(backends):
    for unit in CARS:
        assert backends.send(unit)["status"] == 200
    services = "&".join(f"service=server_{unit.removeprefix('car-')}" for unit in CARS)
    period = f"endTs={time.time():.0f}000&lookback=600000&step=5000&ratePer=600000"

    def rates() -> list[float]:
        with DIRECT.open(f"{backends.jaeger}/api/metrics/calls?{services}&{period}") as got:
            metrics = json.load(got)["metrics"]
        points = [point for metric in metrics for point in metric["metricPoints"]]
        values = [point["gaugeValue"]["doubleValue"] for point in points]
        return values if len(metrics) == len(CARS) else []

    assert any(wait_for(rates, 60))


def test_a_console_shows_every_service_and_leads_to_its_traces(backends):
    with DIRECT.open(f"http://{backends.address}:9090/consoles/cars.html", timeout=10) as page:
        text = page.read().decode()
    for unit in CARS:
        assert f"<td>server_{unit.removeprefix('car-')}</td>" in text
    assert "/api/v1/query_exemplars" in text


def test_a_trace_that_was_accepted_survives_a_killed_collector(backends, record_result):
    """The collector is killed (SIGKILL) while Jaeger is away
    Every trace that it had accepted is in Jaeger afterwards"""
    backends.ssh("systemctl stop jaeger")
    try:
        sent = [backends.send(unit) for unit in CARS * 10]
        for response in sent:
            wait_for(lambda trace_id=response["trace_id"]: in_zipkin(backends, trace_id))
        backends.ssh("systemctl kill --signal=KILL otelcol-contrib")
    finally:
        backends.ssh("systemctl start jaeger")
    assert lost(backends, sent) == []
    record_result(f"{len(sent)} traces, none lost")


@pytest.fixture
def outage(request) -> int:
    """The seconds that an outage lasts."""
    return 600 if request.config.getoption("--long") else 60


def test_an_outage_of_every_system_loses_nothing_and_fails_no_request(
    backends, outage, record_result
):
    """Jaeger, Prometheus, Zipkin and Elasticsearch are stopped at 20 requests a second
    No request fails; afterwards Jaeger and Zipkin have every trace, Prometheus counts every
    request, and Elasticsearch has its log lines; meanwhile `make status` names each system"""
    # In memory, Jaeger itself would lose what it had.
    with playbook_with(backends, contract.JAEGER, jaeger_span_storage_type="badger"):
        counted = counted_requests(backends)
        with load(backends) as sent:
            wait_for_more(sent)
            backends.ssh(f"systemctl stop {' '.join(SYSTEMS)}")
            stopped = time.monotonic()
            status = backends.make("status")
            # The fault itself is a time.
            time.sleep(outage)
            backends.ssh(f"systemctl start {' '.join(SYSTEMS)}")
            wait_for_more(sent)
        responses = results(sent)
        assert failed(responses) == {}
        assert lost(backends, responses) == []
        # Zipkin's own memory ended with it.
        later = [response for response in responses if response["at"] > stopped]
        wait_for(lambda: all_in_zipkin(backends, later), 300)
        wait_for(lambda: counted_requests(backends) - counted >= len(responses), 60)
        # The app's own line, and that of its access log.
        expected = {response["trace_id"]: 2 for response in responses}
        wait_for(lambda: expected.items() <= lines_per_trace(backends).items(), 300)
    for name in "jaeger-ui", "prometheus-ui", "zipkin-ui", "elasticsearch":
        assert f"{name} does not answer at" in unfold(status.stdout)
    lines = backends.journal("otelcol-contrib")
    for address in "127.0.0.1:14317", "127.0.0.1:9411":
        assert f"{address}: connect: connection refused" in lines
    record_result(f"{outage} s, {len(responses)} requests, none lost")


@pytest.mark.long
def test_a_flood_of_spans_stays_within_each_memory_limit(backends, record_result):
    """600 000 spans are sent to the collector as fast as it takes them
    It and the systems stay within their limits, none is restarted, and no request fails"""
    units = ["otelcol-contrib", *SYSTEMS]
    processes = [backends.main_process(unit) for unit in units]
    with load(backends, 5) as sent:
        wait_for_more(sent, 10)
        flood(backends)
        wait_for_more(sent, 10)
    assert failed(results(sent)) == {}
    assert [backends.main_process(unit) for unit in units] == processes
    peaks = {unit: f"{peak_memory(backends, unit)} MiB" for unit in units}
    record_result(", ".join(f"{unit} {peak}" for unit, peak in peaks.items()))


def test_a_full_disk_under_the_queue_loses_nothing_that_was_accepted(backends, record_result):
    """The disk of the collector's queue is full while Jaeger is away
    The app answers, the collector says so, and what it accepted before arrives"""
    folder = "/var/lib/otelcol-contrib"
    mount = f"mount -t tmpfs -o size=2M,mode=0700,uid=$(id -u otelcol-contrib) none {folder}"
    backends.ssh(f"systemctl stop otelcol-contrib jaeger; {mount}; systemctl start otelcol-contrib")
    try:
        early = [backends.send(unit) for unit in CARS]
        for response in early:
            wait_for(lambda trace_id=response["trace_id"]: in_zipkin(backends, trace_id))
        backends.ssh(f"dd if=/dev/zero of={folder}/fill bs=64k 2>/dev/null || true")
        with load(backends) as sent:
            wait_for(lambda: "no space left" in backends.journal("otelcol-contrib"), 120)
        assert failed(results(sent)) == {}
        backends.ssh(f"rm {folder}/fill; systemctl start jaeger")
        assert lost(backends, early) == []
        response = backends.send("car-manual")
        wait_for(lambda: backends.has_trace(response["trace_id"]), 60)
    finally:
        backends.ssh(f"systemctl stop otelcol-contrib; umount {folder}")
        backends.ssh("systemctl start jaeger otelcol-contrib")
    record_result(f"{len(sent)} requests meanwhile, none failed; all accepted traces arrived")


def test_a_broken_queue_is_named_with_its_remedy(backends, record_result):
    """The file of a queue is overwritten while the collector is stopped
    The run names the queue and what to do, which then helps"""
    folder = "/var/lib/otelcol-contrib"
    backends.ssh(
        f"systemctl stop otelcol-contrib; cp -a {folder} {folder}.whole;"
        f" for file in {folder}/exporter_*; do"
        " dd if=/dev/urandom of=$file bs=4k count=4 conv=notrunc status=none; done"
    )
    try:
        ran = backends.play(OTEL_COLLECTOR, otel_collector_ready_timeout=15)
        failure_output(
            ran,
            "otelcol-contrib.service did not start, because a queue on its disk is broken:",
            f"Move its folder away (mv {folder} {folder}.old); what waits in it is lost.",
        )
        backends.ssh(f"mv {folder} {folder}.old")
        backends.must_play(OTEL_COLLECTOR)
    finally:
        backends.ssh(
            f"systemctl stop otelcol-contrib; rm -rf {folder} {folder}.old;"
            f" mv {folder}.whole {folder}; systemctl start otelcol-contrib"
        )
    record_result("named; the remedy helps")


SETTINGS = {
    "otel_collector_version=1.0.0": "otel_collector_version is 1.0.0, but must be the three "
    "numbers of a release of the collector",
    "otel_collector_queue_max=1": "otel_collector_queue_max is 1, but must be 16 or more.",
    "otel_collector_jaeger_endpoint=localhost": "otel_collector_jaeger_endpoint is localhost, "
    "but must be a URL with scheme and port",
    '{"otel_collector_jaeger_endpoint": ["http://10.0.0.1:4317", "http://jaeger:4317"]}': "several "
    "addresses must be IP addresses; or give a single URL with a name that leads to all of them.",
    "otel_collector_logs_endpoint=http://127.0.0.1": "otel_collector_logs_endpoint is "
    "http://127.0.0.1, but must be a URL with a path",
    '{"otel_collector_datadog_api_key": "a\\n"}': "otel_collector_datadog_api_key (not shown) has "
    "characters other than letters, digits",
    "otel_collector_splunk_endpoint=http://example.org": "otel_collector_splunk_endpoint is "
    "http://example.org, but must be an https URL",
    '{"otel_collector_backends": ["prometheus"]}': 'otel_collector_backends is ["prometheus"], '
    "so no system would get the traces.",
    '{"otel_collector_tail_sampling_policies": [{"name": "a", "type": "none"}]}': "The collector's "
    "new configuration was not installed; the running one was left unchanged. otelcol-contrib "
    "0.161.0 refused it:",
    "prometheus_memory_max=1": "prometheus_memory_max is 1, but must be 128 or more.",
    "prometheus_retention=7": "prometheus_retention is 7, but must be a duration such as 7d",
    "prometheus_jaeger_url=lab": "prometheus_jaeger_url is lab, but must be a URL such as",
    "zipkin_version=3": "zipkin_version is 3, but",
    "zipkin_memory_max_spans=0": "zipkin_memory_max_spans is 0, but must be",
    "elasticsearch_url=http://lab:secret@es:9200": "elasticsearch_url is http://es:9200, but must "
    "be a URL without a user",
    "elasticsearch_url=http://127.0.0.1:9201": "finds no Elasticsearch 7.8 or later at "
    "elasticsearch_url (http://127.0.0.1:9201):",
    "elasticsearch_url=http://127.0.0.1:9411": "(http://127.0.0.1:9411): something else answered.",
    "elasticsearch_user=lab": "elasticsearch_user is lab, and elasticsearch_password (not shown) "
    "is empty; set both or neither",
    "elasticsearch_user=a:b elasticsearch_password=c": "elasticsearch_user is a:b, but must be a "
    "name without colons and spaces, such as otel-lab.",
    "elasticsearch_url=http://es:9200 elasticsearch_user=lab elasticsearch_password=secret": "with "
    "elasticsearch_password it must be an https URL",
}


PLAYBOOKS = {
    name: f"playbooks/{name}.yml"
    for name in ("otel_collector", "prometheus", "zipkin", "elasticsearch")
}


@pytest.fixture(scope="module")
def refused(backends) -> dict[str, str]:
    """What is said of each setting."""
    with collector_goes_on(backends):
        return refusals(backends, PLAYBOOKS, SETTINGS)


@pytest.mark.parametrize(("setting", "message"), SETTINGS.items(), ids=SETTINGS)
def test_a_wrong_setting_is_refused_and_the_collector_goes_on(refused, setting, message):
    assert message in refused[setting]


def test_a_bad_download_leaves_the_running_version(backends):
    url = "http://127.0.0.1:1"
    settings = {"otel_collector_version": "0.162.0", "otel_collector_release_url": url}
    with collector_goes_on(backends):
        ran = backends.play(OTEL_COLLECTOR, **settings)
    failure_output(
        ran,
        "The OpenTelemetry Collector 0.162.0 was not installed; the running version was left "
        "unchanged.",
        f"Check that otel_collector_release_url ({url}) serves otelcol-contrib_0.162.0_linux_",
    )


def test_tail_sampling_keeps_what_a_policy_wants_and_counts_the_rest(backends):
    errors = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    policies = {"otel_collector_tail_sampling_policies": [errors]}
    wait = {"otel_collector_tail_sampling_decision_wait": 1}
    # Its proof is kept too.
    with playbook_with(backends, "site.yml", **policies, **wait):
        normal = backends.send("car-manual")
        # The last service of the chain does not answer, which is an error in each one before it.
        backends.ssh("systemctl stop car-automatic.socket car-automatic")
        failing = backends.send("car-manual", "/chain")
        backends.ssh("systemctl start car-automatic.socket car-automatic")
        assert failing["status"] == 500
        wait_for(lambda: backends.has_trace(failing["trace_id"]), 60)
        assert not backends.has_trace(normal["trace_id"])

        def exemplars() -> bool:
            query = "query=traces_span_metrics_duration_milliseconds_bucket&start=0&end=9999999999"
            url = f"http://{backends.address}:9090/api/v1/query_exemplars?{query}"
            with DIRECT.open(url, timeout=10) as got:
                return normal["trace_id"] in got.read().decode()

        wait_for(exemplars, 60)


def test_each_mode_sends_its_log_lines_where_something_takes_them(backends):
    receiver = (
        "{receivers: {otlp: {protocols: {http: {endpoint: 127.0.0.1:5318}}}}, "
        "exporters: {debug: {verbosity: detailed}}, service: {telemetry: {metrics: {level: none}}, "
        "pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}}"
    )
    url = "http://127.0.0.1:5318/v1/logs"
    with (
        other_process(backends, f"{PROGRAM} '--config=yaml:{receiver}'", "log-receiver"),
        playbook_with(backends, "site.yml", otel_collector_logs_endpoint=url),
    ):
        for unit in CARS:
            trace_id = backends.send(unit)["trace_id"]
            wait_for(lambda line=f"Trace ID: {trace_id}": line in backends.journal("log-receiver"))


def assert_only_a_credential(lab: Lab, secret: str, unit: str, name: str) -> None:
    """Check that a secret is in the unit's credential `name`, and nowhere else on the host."""
    files = [f"/etc/{unit}/credentials/{name}", f"/run/credentials/{unit}.service/{name}"]
    assert_only_in_files(lab, secret, files, [unit])


@pytest.fixture(scope="class")
def vendors() -> Iterator[Vendors]:
    """The stand-in."""
    server = Vendors()
    with serving(server):
        yield server


@pytest.fixture(scope="class")
def output(backends, vendors) -> Iterator[str]:
    """What the playbook says that sets the keys, as much as it can say."""
    vendors.open(backends)
    try:
        yield backends.must_play("site.yml", "-vvv", "--diff", **VENDOR_SETTINGS)
    finally:
        vendors.close()
        backends.must_play("site.yml")
    assert backends.ssh("ls /etc/otelcol-contrib/credentials") == ""


@pytest.fixture
def enabled(backends, vendors, output) -> Iterator[Vendors]:
    """The stand-in, to which the collector sends, and where a test may change something."""
    vendors.status, vendors.keys = 0, dict(KEYS)
    vendors.received.clear()
    with collector_goes_on(backends):
        yield vendors


class TestVendors:
    """Datadog, New Relic and Splunk, for which a stand-in answers."""

    def test_each_vendor_gets_each_signal_with_its_key(self, backends, enabled):
        for unit in CARS:
            response = backends.send(unit)
            trace_id = bytes.fromhex(response["trace_id"])
            service = f"server_{unit.removeprefix('car-')}".encode()
            for name, paths in PATHS.items():
                for signal in paths:
                    # A metric has no trace id but in its exemplars.
                    sought = service if signal == "metrics" else trace_id
                    wait_for(
                        lambda name=name, signal=signal, sought=sought: any(
                            sought in body for body in enabled.bodies(name, signal)
                        ),
                        60,
                    )
        delta = {name: temporalities(enabled.bodies(name, "metrics")) for name in PATHS}
        assert delta == {"datadog": {1}, "new_relic": {1}, "splunk": {2}}

    def test_a_key_is_only_in_files_that_others_cannot_read(self, backends, output):
        for name, key in KEYS.items():
            assert key not in output
            assert_only_a_credential(backends, key, "otelcol-contrib", name)

    def test_a_wrong_key_is_named_and_costs_the_others_nothing(self, backends, enabled):
        enabled.keys["datadog"] = "another"
        ran = backends.play(contract.VERIFY, "--tags=traces", **VENDOR_SETTINGS)
        failure_output(
            ran,
            "Datadog refused the key with HTTP status 401, and the data were dropped. Correct "
            "otel_collector_datadog_api_key (not shown), or otel_collector_datadog_endpoint",
        )
        assert "Splunk refused" not in ran.stdout
        assert enabled.bodies("splunk", "traces")

    @pytest.mark.parametrize("fault", ["429", "away"])
    def test_data_wait_for_a_vendor_and_reach_the_others(self, backends, enabled, fault):
        if fault == "away":
            enabled.close()
        else:
            enabled.status = 429
        sent = [backends.send(unit) for unit in CARS]
        assert failed(sent) == {}
        assert lost(backends, sent) == []
        reason = {"429": "HTTP Status Code 429", "away": "5318: connect: connection refused"}[fault]

        def named() -> bool:
            lines = backends.journal("otelcol-contrib").splitlines()[-200:]
            waiting = [line for line in lines if reason in line and "Will retry" in line]
            return all(any(f"otlp_http/{name}" in line for line in waiting) for name in KEYS)

        wait_for(named)
        if fault == "away":
            enabled.open(backends)
        else:
            enabled.status = 0
        for response in sent:
            trace_id = bytes.fromhex(response["trace_id"])
            for name in KEYS:
                wait_for(
                    lambda name=name, trace_id=trace_id: any(
                        trace_id in body for body in enabled.bodies(name, "traces")
                    )
                )


@pytest.fixture
def since(backends) -> Iterator[int]:
    """The time on the host; what is logged from then on must be in Elasticsearch, once."""
    since = now(backends)
    yield since
    try:
        wait_for(lambda: difference(backends, since) == "", 120)
    except TimeoutError as error:
        raise AssertionError(difference(backends, since)) from error


class TestElasticsearch:
    """The log lines: whatever fails, each is in Elasticsearch once."""

    def test_the_lines_of_each_mode_are_found_by_trace_id(self, backends, since):
        for unit in CARS:
            response = backends.send(unit)
            trace_id = response["trace_id"]
            wait_for(lambda trace_id=trace_id: len(lines_of(backends, trace_id)) == 2)
            own, access = sorted(lines_of(backends, trace_id), key=lambda line: "span" not in line)
            assert "Found 5 cars" in own["message"]
            assert f"span_id={own['span']['id']}" in own["message"]
            assert access["message"].endswith(
                f" traceparent=00-{trace_id}-{response['span_id']}-01"
            )
            for line in own, access:
                assert line["trace"] == {"id": trace_id}
                assert line["service"] == {"name": f"server_{unit.removeprefix('car-')}"}
                assert line["host"] == {"name": backends.ssh("hostname").strip()}
                assert str(line["process"]["pid"]) in backends.workers(unit)
                assert line["log"] == {"level": "info"}

    def test_readmes_command_finds_the_lines_of_readmes_trace(self, backends, since):
        backends.ssh(CONTINUE_TRACE)
        wait_for(lambda: "Found 5 cars" in backends.ssh(FIND_LINES))

    def test_a_traceback_is_there_line_by_line(self, backends, since):
        backends.ssh("mv /var/lib/car-app/cars.db /var/lib/car-app/away")
        try:
            responses = [backends.send(unit) for unit in CARS]
        finally:
            backends.ssh("mv /var/lib/car-app/away /var/lib/car-app/cars.db")
        assert [response["status"] for response in responses] == [500] * len(CARS)
        for response in responses:
            wait_for(lambda trace_id=response["trace_id"]: lines_of(backends, trace_id))
            levels = {line["log"]["level"] for line in lines_of(backends, response["trace_id"])}
            assert "error" in levels

    def test_killed_programs_lose_and_repeat_no_line(self, backends, since, record_result):
        """rsyslogd, or the program that sends, is killed (SIGKILL) at 20 requests a second
        Every log line is in Elasticsearch, once"""
        with load(backends) as sent:
            for who in "main", "control", "all", "main", "control":
                wait_for_more(sent, 20)
                process = backends.main_process("otel-lab-rsyslog")
                if who == "control":
                    backends.ssh(f"pkill -KILL --parent {process}")
                else:
                    backends.ssh(f"systemctl kill --signal=KILL --kill-who={who} otel-lab-rsyslog")
        assert failed(results(sent)) == {}
        record_result(f"{len(sent)} requests, every line once")

    def test_a_killed_elasticsearch_loses_no_line(self, backends, since, record_result):
        """Elasticsearch is killed (SIGKILL) at 20 requests a second
        No request fails, every log line is there once"""
        with load(backends) as sent:
            wait_for_more(sent)
            backends.ssh("systemctl kill --signal=KILL elasticsearch")
            wait_for(lambda: "cannot be reached" in backends.journal("otel-lab-rsyslog"))
            wait_for(lambda: lines_per_trace(backends), 120)
            wait_for_more(sent)
        assert failed(results(sent)) == {}
        record_result(f"{len(sent)} requests, every line once")

    def test_a_read_only_index_is_named_and_loses_no_line(self, backends, since, record_result):
        """The index is read-only, as an administrator sets it
        The app answers, `make verify` and `make status` say so, and the lines come later"""
        settings = "otel-lab-logs-*/_settings"
        backends.send("car-manual")
        call(backends, "PUT", settings, {"index.blocks.write": True})
        try:
            assert failed([backends.send(unit) for unit in CARS * 3]) == {}
            message = (
                f"Elasticsearch at http://{backends.address}:9200 takes no log lines: HTTP status "
                "403, cluster_block_exception: index [otel-lab-logs-"
            )
            verify = backends.play(contract.VERIFY, "--tags=services")
            failure_output(verify, message, "Remove the block from the index's settings.")
            assert message in unfold(backends.make("status").stdout)
        finally:
            call(backends, "PUT", settings, {"index.blocks.write": None})
        wait_for(lambda: difference(backends, since) == "", 60)
        assert backends.ssh("ls /run/otel-lab-rsyslog") == ""
        record_result("named; every line arrived")

    def test_a_stopped_rsyslog_is_named(self, backends, since):
        backends.ssh("systemctl stop otel-lab-rsyslog")
        try:
            status = unfold(backends.make("status").stdout)
        finally:
            backends.ssh("systemctl start otel-lab-rsyslog")
        reason = "otel-lab-rsyslog.service is inactive on lab, so that no log lines go to"
        assert reason in status
        assert "Start it: systemctl start otel-lab-rsyslog.service" in status

    def test_a_full_disk_is_named_and_loses_no_line(self, backends, since, record_result):
        """Elasticsearch's disk is fuller than its flood-stage watermark
        The app answers, the unit's journal says so, and the lines come later"""
        watermark = "cluster.routing.allocation.disk.watermark"
        names = [f"{watermark}.{name}" for name in ("low", "high", "flood_stage")]
        interval = {"cluster.info.update.interval": "10s"}
        full = {"transient": dict.fromkeys(names, "1%") | interval}
        backends.send("car-manual")
        call(backends, "PUT", "_cluster/settings", full)
        try:
            with load(backends, 5) as sent:
                reason = "disk usage exceeded flood-stage watermark"
                wait_for(lambda: reason in backends.journal("otel-lab-rsyslog"), 60)
                wait_for_more(sent, 10)
            assert failed(results(sent)) == {}
            assert reason in backends.ssh("cat /run/otel-lab-rsyslog/problem")
        finally:
            usual = {"transient": dict.fromkeys([*names, *interval])}
            call(backends, "PUT", "_cluster/settings", usual)
            block = {"index.blocks.read_only_allow_delete": None}
            call(backends, "PUT", "otel-lab-logs-*/_settings", block)
        record_result(f"{len(sent)} requests meanwhile, none failed; every line arrived")

    def test_a_line_that_the_mapping_refuses_is_told_and_stops_no_other(
        self, backends, record_result
    ):
        """The index has another mapping, which refuses some lines for good
        The unit's journal names each of them, and the others arrive"""
        call(backends, "DELETE", "otel-lab-logs-*")
        day = backends.ssh("date --utc +%Y.%m.%d").strip()
        wrong = {"mappings": {"properties": {"span": {"properties": {"id": {"type": "long"}}}}}}
        call(backends, "PUT", f"otel-lab-logs-{day}", wrong)
        try:
            for unit in CARS:
                trace_id = backends.send(unit)["trace_id"]
                # That of the access log, which has no span.
                wait_for(lambda trace_id=trace_id: lines_of(backends, trace_id))
                told = wait_for(
                    lambda trace_id=trace_id: [
                        line
                        for line in backends.journal("otel-lab-rsyslog").splitlines()
                        if trace_id in line
                    ]
                )
                assert len(told) == 1
                assert "cannot take a log line, which stays in the journal only" in told[0]
                assert f"Correct the mapping of otel-lab-logs-{day}." in told[0]
                assert len(lines_of(backends, trace_id)) == 1
        finally:
            call(backends, "DELETE", "otel-lab-logs-*")
        record_result("each named, the others there")

    def test_a_changed_index_template_is_restored_and_additions_stay(self, backends):
        path = "_index_template/otel-lab-logs"
        [found] = call(backends, "GET", path)["index_templates"]
        template = found["index_template"]
        template["template"]["mappings"]["properties"]["trace"]["properties"]["id"] = {
            "type": "text"
        }
        template["template"]["mappings"]["properties"]["note"] = {"type": "text"}
        call(backends, "PUT", path, template)
        backends.must_play(ELASTICSEARCH)
        [found] = call(backends, "GET", path)["index_templates"]
        properties = found["index_template"]["template"]["mappings"]["properties"]
        assert properties["trace"]["properties"]["id"] == {"type": "keyword"}
        assert properties["note"] == {"type": "text"}
        assert_no_change(backends.must_play("lab/elasticsearch.yml"))
        assert_no_change(backends.must_play(ELASTICSEARCH))

    def test_the_password_is_only_in_files_that_others_cannot_read(self, backends, since):
        guard = Guard(backends)
        with serving(guard):
            guard.open(backends)
            try:
                wrong = guard.settings | {"elasticsearch_password": "another"}
                failure_output(
                    backends.play(ELASTICSEARCH, **wrong),
                    "it refused elasticsearch_user and elasticsearch_password (not shown). Nothing",
                )
                output = backends.must_play(ELASTICSEARCH, "-vvv", "--diff", **guard.settings)
                assert guard.password not in output
                backends.must_play(contract.VERIFY, **guard.settings)
                assert_only_a_credential(backends, guard.password, "otel-lab-rsyslog", "password")
                guard.password = "changed"
                backends.send("car-manual")
                reason = "HTTP status 401, security_exception"
                wait_for(lambda: reason in backends.journal("otel-lab-rsyslog"))
            finally:
                guard.close()
                backends.must_play(ELASTICSEARCH)
        assert backends.ssh("ls /etc/otel-lab-rsyslog/credentials") == ""

    def test_a_host_with_an_rsyslog_of_its_own_keeps_it(self, backends, since):
        backends.ssh("systemctl enable --quiet --now rsyslog; rm -r /etc/otel-lab-rsyslog")
        process = backends.main_process("rsyslog")
        try:
            backends.must_play(ELASTICSEARCH)
            assert backends.ssh("systemctl is-enabled rsyslog").strip() == "enabled"
            assert backends.main_process("rsyslog") == process != "0"
            backends.send("car-manual")
        finally:
            backends.ssh(
                "systemctl disable --quiet --now rsyslog; systemctl stop syslog.socket rsyslog"
            )

    def test_the_packages_own_rsyslog_does_not_run(self, backends):
        assert backends.ssh("systemctl is-enabled rsyslog || true").strip() == "disabled"
        states = backends.ssh("systemctl is-active rsyslog syslog.socket || true").split()
        assert states == ["inactive", "inactive"]


def test_teardown_and_a_dry_run_leave_nothing_of_the_other_systems(backends):
    backends.must_play(contract.TEARDOWN)
    backends.must_play("site.yml", "--check")
    left = backends.ssh(
        "ls -d /opt/zipkin /opt/otelcol-contrib /etc/otelcol-contrib /etc/prometheus/otel-lab"
        " /var/lib/otelcol-contrib /var/lib/otel-lab-prometheus /usr/local/bin/otelcol-contrib"
        " /etc/otel-lab-rsyslog /var/lib/otel-lab-rsyslog /run/otel-lab-rsyslog"
        " /usr/local/lib/* /etc/systemd/system/*.service.d /etc/systemd/system/zipkin.service"
        " /etc/systemd/system/otel-lab-prometheus.service 2>/dev/null || true;"
        " getent passwd zipkin otelcol-contrib otel-lab-prometheus otel-lab-rsyslog || true"
    )
    # The lab's own Elasticsearch is not the roles'.
    own = "/usr/local/lib/elasticsearch", "/etc/systemd/system/elasticsearch.service.d"
    assert all("python" in line or line in own for line in left.split()), left
