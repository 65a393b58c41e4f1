"""The reverse proxy: a run reports what stops nginx, and teardown removes its site."""

import re

import pytest

from tests.support import contract
from tests.support.commands import assert_same, must_run, unfold, wait_for
from tests.support.lab import Lab, failure_output

PASSWORD = {"reverse_proxy_password": "no-secret"}
PATHS = "/etc/nginx/conf.d/otel-lab.conf", "/etc/nginx/otel-lab", "/var/www/otel-lab"


@pytest.fixture(scope="module")
def proxy(second_host) -> Lab:
    """A new host with the proxy, whose nginx was masked at the first run."""
    inventory = second_host.inventory
    text = inventory.read_text()
    # Behind the proxy Jaeger stays on loopback, which no other setting may undo.
    opened = "    jaeger_query_http_server_host_port: 0.0.0.0:16686\n"
    assert opened in text
    inventory.write_text(text.replace(opened, ""))
    second_host.ssh("systemctl mask nginx")
    return second_host


def status_without_password(lab: Lab) -> str:
    """Return the status of a page of the proxy, 000 if nothing answers."""
    address = f"https://{lab.address}/api/services"
    return must_run(
        "sh", "-c", f"curl --insecure --silent -o /dev/null -w '%{{http_code}}' {address} || true"
    )


def test_an_nginx_that_does_not_start_is_reported(proxy):
    output = failure_output(
        proxy.play("site.yml", **PASSWORD),
        "nginx did not start, or did not ask for the password at https://",
    )
    assert "no-secret" not in output


def test_the_next_run_completes_it(proxy):
    proxy.ssh("systemctl unmask nginx")
    proxy.must_play("site.yml", **PASSWORD)
    assert status_without_password(proxy) == "401"


def test_what_is_behind_the_proxy_has_its_address(proxy, tmp_path):
    """In status and report, but for the published page, whose links stay at its own address."""
    url = f"https://{proxy.address}"
    status = unfold(proxy.must_play(contract.STATUS, **PASSWORD))
    assert f"jaeger-ui {url}/ is active, answers" in status
    assert f"car-manual {proxy.url('car-manual')} is active, answers" in status
    page = tmp_path / "report.html"
    proxy.must_play(contract.REPORT, **PASSWORD, report_file=page)
    link = r'href="([^"]*?)/(?:api/)?traces?/[0-9a-f]{32}"'
    assert set(re.findall(link, page.read_text())) == {url}
    assert set(re.findall(link, proxy.ssh("cat /var/www/otel-lab/index.html"))) == {""}


def test_an_invalid_configuration_is_reported_and_nginx_goes_on(proxy):
    proxy.ssh("echo 'no directive;' > /etc/nginx/conf.d/broken.conf")
    try:
        ran = proxy.play(contract.REVERSE_PROXY, **PASSWORD, reverse_proxy_user="reader")
    finally:
        proxy.ssh("rm /etc/nginx/conf.d/broken.conf")
    failure_output(
        ran,
        '" failed: ',
        'unknown directive "no"',
        "nginx still runs with its previous configuration.",
    )
    assert status_without_password(proxy) == "401"


def test_teardown_removes_the_site_also_after_nginx_refused_to_reload(proxy):
    assert_same(proxy.ssh(f"ls -d {' '.join(PATHS)}").split(), PATHS, "files of the proxy")
    proxy.ssh("echo 'no directive;' > /etc/nginx/conf.d/broken.conf")
    failure_output(proxy.play(contract.TEARDOWN, **PASSWORD), "nginx.service failed")
    proxy.ssh("rm /etc/nginx/conf.d/broken.conf")
    proxy.must_play(contract.TEARDOWN, **PASSWORD)
    left = proxy.ssh(f"ls -d {' '.join(PATHS)} 2>/dev/null || true").split()
    assert_same(left, [], "files of the proxy")
    assert proxy.host.service("nginx").is_running
    wait_for(lambda: status_without_password(proxy) == "000")
