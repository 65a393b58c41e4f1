"""Settings: each reaches what it is for, and what a dry run with another one tells."""

import re
import shlex
from collections.abc import Iterator

import pytest

from compare_traces import DIRECT
from tests.support import contract
from tests.support.commands import changes, unfold
from tests.support.contract import CARS
from tests.support.lab import Lab, assert_unchanged, failure_output, playbook_with

# Signs that a shell or systemd would read in another way.
HEADER = r"""X-Note: it's a "quote", 100%h, $HOME, ${HOME}, \d and ;"""


def arguments(lab: Lab, unit: str) -> list[str]:
    """Return the command line of a unit's main process."""
    return lab.ssh(f"cat /proc/{lab.main_process(unit)}/cmdline").split("\0")[:-1]


def environment(lab: Lab, unit: str) -> set[str]:
    """Return the lines of the environment of a unit's main process."""
    return set(lab.ssh(f"cat /proc/{lab.main_process(unit)}/environ").split("\0"))


def page_of_jaeger(lab: Lab, path: str = "/") -> str:
    with DIRECT.open(lab.jaeger + path, timeout=10) as page:
        return page.read().decode()


@pytest.fixture(scope="class")
def other_jaeger(lab) -> Iterator[None]:
    """Jaeger with other settings, and with pages that are on the host; the end resets them."""
    pages = "/opt/jaeger-ui"
    page = "<title>Jaeger UI</title><script>const JAEGER_CONFIG = DEFAULT_CONFIG;</script>"
    lab.ssh(f"mkdir {pages} && echo {shlex.quote(page)} > {pages}/index.html")
    with playbook_with(
        lab,
        contract.JAEGER,
        jaeger_span_storage_type="badger",
        jaeger_badger_span_store_ttl="36h",
        jaeger_memory_max=512,
        jaeger_extra_args=[
            f"--query.additional-headers={HEADER}",
            "--query.max-clock-skew-adjustment=3s",
            f"--query.static-files={pages}",
        ],
    ):
        yield
    lab.ssh(f"rm -r /var/lib/jaeger {pages}")
    assert "--memory.max-traces=20000" in arguments(lab, "jaeger")


@pytest.mark.usefixtures("other_jaeger")
class TestJaeger:
    def test_settings_reach_its_process(self, lab):
        found = arguments(lab, "jaeger")
        assert f"--query.additional-headers={HEADER}" in found
        assert "--query.max-clock-skew-adjustment=3s" in found
        assert "--badger.span-store-ttl=36h" in found
        assert "--collector.queue-size=20000" in found
        limits = lab.ssh("systemctl show jaeger --property=MemoryMax,Environment")
        assert f"MemoryMax={512 << 20}" in limits
        assert "SPAN_STORAGE_TYPE=badger" in limits

    def test_its_pages_may_come_from_files_on_the_host(self, lab):
        assert "JAEGER_CONFIG = {" in page_of_jaeger(lab, "/trace/1")
        status = unfold(lab.must_play(contract.STATUS))
        assert f"Jaeger {contract.VERSION} has its pages: open {lab.jaeger}/ first" in status


def test_jaegers_page_offers_neither_archive_nor_monitor(lab):
    """The memory store archives into itself, and there are no metrics to monitor."""
    hidden = '{"archiveEnabled":false,"monitor":{"menuEnabled":false}}'
    assert f"JAEGER_CONFIG = {hidden};" in page_of_jaeger(lab)


def test_a_jaeger_on_loopback_may_reach_a_prometheus_elsewhere(lab):
    closed = {"jaeger_query_http_server_host_port": "127.0.0.1:16686"}
    dry_run = contract.JAEGER, "--check", "--diff"
    assert "+IPAddressDeny=any" in lab.must_play(*dry_run, **closed)
    elsewhere = {"jaeger_prometheus_url": "http://10.0.0.9:9090"}
    assert "IPAddressDeny" not in lab.must_play(*dry_run, **closed, **elsewhere)


def test_a_dry_run_with_the_collector_added_succeeds(lab, tmp_path):
    """Jaeger still has the collector's ports then."""
    (tmp_path / "more.json").write_text('{"otel_collector": {"hosts": {"lab": null}}}')
    with assert_unchanged(lab):
        output = lab.must_play("site.yml", "--check", f"--inventory={tmp_path}/more.json")
    assert max(changes(output)) > 0


def test_every_part_follows_jaegers_base_path(lab, tmp_path):
    path = {"jaeger_query_base_path": "/tools/jaeger"}
    url = f"{lab.jaeger}/tools/jaeger"
    with playbook_with(lab, contract.JAEGER, **path):
        assert '<base href="/tools/jaeger/"' in page_of_jaeger(lab, "/tools/jaeger/")
        assert f"jaeger-ui {url}/ is active, answers" in unfold(
            lab.must_play(contract.STATUS, **path)
        )
        lab.must_play(contract.VERIFY, "--tags=traces", **path)
        lab.must_play(contract.REPORT, **path, report_file=tmp_path / "report.html")
        elsewhere = lab.play(contract.STATUS)
    links = re.findall(
        r'href="(http[^"]+?)/(?:api/)?traces?/', (tmp_path / "report.html").read_text()
    )
    assert set(links) == {url}
    # Jaeger answers there too, but not with its API.
    failure_output(elsewhere, f"jaeger-ui does not answer at {lab.jaeger}/api/traces: ")


@pytest.fixture(scope="class")
def other_app(lab) -> Iterator[None]:
    """The app with other settings; the end resets them."""
    with playbook_with(
        lab,
        contract.CAR_APP,
        car_app_span_queue_size=4096,
        car_app_sleep_seconds=0.25,
        car_app_automatic_configuration="environment",
    ):
        yield
    assert "--traces_exporter" in lab.ssh("systemctl cat car-automatic")


@pytest.mark.usefixtures("other_app")
class TestTheApp:
    @pytest.mark.parametrize("unit", CARS)
    def test_settings_reach_each_mode(self, lab, unit):
        found = environment(lab, unit)
        assert {"OTEL_BSP_MAX_QUEUE_SIZE=4096", "CAR_APP_SLEEP_SECONDS=0.25"} <= found

    def test_the_automatic_mode_configured_by_the_environment_sends_the_same_traces(self, lab):
        assert "--traces_exporter" not in lab.ssh("systemctl cat car-automatic")
        lab.must_make("verify")


def test_cars_that_cannot_reach_jaeger_run_and_warn(lab, record_result):
    """car_app_otlp_endpoint names a port where nobody listens
    The services run and answer, and the run ends with a warning that no trace will arrive"""
    url = "http://127.0.0.1:4399"
    try:
        output = lab.must_play(contract.CAR_APP, car_app_otlp_endpoint=url)
        assert (
            f"WARNING: the services run, but lab does not reach car_app_otlp_endpoint ({url}), "
            "so their traces are lost. Start Jaeger there"
        ) in unfold(output)
        assert [lab.send(unit, timeout=10)["status"] for unit in CARS] == [200] * len(CARS)
    finally:
        again = lab.must_play(contract.CAR_APP)
    assert "WARNING" not in again
    record_result("one warning, three answers")


def test_a_dry_run_tells_what_it_would_change_changes_nothing_and_shows_no_secret(lab):
    secret = "postgresql+psycopg://me:no-secret@db.example.org/cars"
    lab.ssh("usermod --shell /bin/sh car-app")
    try:
        with assert_unchanged(lab):
            output = lab.must_play(
                contract.CAR_APP,
                "--check",
                "--diff",
                car_app_database_url=secret,
                car_app_sleep_seconds=0.25,
            )
        assert lab.host.user("car-app").shell == "/bin/sh"
    finally:
        lab.must_play(contract.CAR_APP)
    assert max(changes(output)) > 0
    assert "+Environment=CAR_APP_SLEEP_SECONDS=0.25" in output
    assert "no-secret" not in output
    assert lab.host.user("car-app").shell.endswith("/nologin")
