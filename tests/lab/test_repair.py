"""A run repairs the host: files that were changed, and restarts that an earlier run missed."""

from tests.support.commands import assert_same
from tests.support.contract import CAR_APP
from tests.support.state import host_state

CHANGES = [
    "chmod 0666 /etc/systemd/system/car-manual.socket",
    "chown jaeger /etc/systemd/system/jaeger.service",
    "echo '# Mine.' >> /etc/systemd/system/car-automatic.service",
    "echo > /etc/car-app/environment; chmod 0644 /etc/car-app/environment",
    "usermod --shell /bin/sh car-app",
    "rm /var/lib/car-app/cars.db",
    "systemctl disable --now --quiet car-manual.service",
    "systemctl stop car-programmatic.service",
]


def test_a_run_restores_what_was_changed(lab, host_states):
    _, expected = host_states
    for change in CHANGES:
        before = host_state(lab)
        lab.ssh(change)
        assert host_state(lab) != before, f"not noticed: {change}"
    lab.must_play("site.yml")
    assert_same(host_state(lab), expected, "states of the host")


def test_a_run_restarts_a_service_whose_restart_an_interrupted_run_missed(lab):
    # The service runs with another unit than the one that is, and should be, installed.
    unit = "/etc/systemd/system/car-manual.service"
    lab.ssh(
        f"sed -i.orig s/OTLP_TIMEOUT=35/OTLP_TIMEOUT=36/ {unit} && systemctl daemon-reload"
        f" && systemctl restart car-manual && cp {unit}.orig {unit} && rm {unit}.orig"
    )
    lab.must_play(CAR_APP)
    environment = lab.ssh(f"tr '\\0' '\\n' < /proc/{lab.main_process('car-manual')}/environ")
    assert "OTLP_TIMEOUT=35" in environment


def test_a_run_restarts_services_that_are_older_than_their_settings(lab):
    # As an interrupted run leaves the file: with the right content, but not yet in use.
    lab.ssh("touch /etc/car-app/environment")
    started = "systemctl show car-manual --property=ExecMainStartTimestampMonotonic"
    before = lab.ssh(started)
    lab.must_play(CAR_APP)
    assert lab.ssh(started) != before
