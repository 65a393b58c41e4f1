"""A run repairs the host: files that were changed, and restarts that an earlier run missed."""

import pytest

from tests.support.commands import assert_no_change, assert_same, unfold
from tests.support.contract import CAR_APP, CARS, VERIFY
from tests.support.lab import drop_in
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
    "chmod 0700 /etc/jaeger /opt/car-app /usr/local/lib/jaeger",
    "chmod 0777 /etc/systemd/system/jaeger.service.d",
    "chown car-app /opt/jaeger /opt/jaeger/jaeger-*; chmod 0777 /etc/car-app /opt/car-app/code-*",
    "ln --symbolic --force /dev/null /etc/systemd/system/jaeger.service; systemctl daemon-reload",
    "ln --symbolic --force /dev/null /etc/systemd/system/car-manual.service.d/hardening.conf",
    "rm /etc/systemd/system/car-programmatic.socket; systemctl daemon-reload",
    "rm -r /opt/car-app/environment-*/lib/python*/site-packages/flask",
    "printf '#!/bin/sh\\n' > /usr/local/bin/jaeger-query",
    "rm /opt/jaeger/jaeger-*/jaeger-collector",
]


def test_a_run_restores_what_was_changed(lab, host_states, record_setup):
    """Folders, files, units, programs and packages were changed or deleted by hand
    `site.yml` runs"""
    _, expected = host_states
    before = host_state(lab)
    for change in CHANGES:
        lab.ssh(change)
        after = host_state(lab)
        assert after != before, f"not noticed: {change}"
        before = after
    lab.must_play("site.yml")
    assert_same(host_state(lab), expected, "states of the host")
    assert [lab.status(unit) for unit in CARS] == [200] * len(CARS)
    assert_no_change(lab.must_play("site.yml"))
    record_setup(f"{len(CHANGES)} changes, none left")


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


CHANGES_OF_THE_STATE = {
    "database with another owner": "chown root:root /var/lib/car-app/cars.db",
    "unreadable database": "chmod 0000 /var/lib/car-app/cars.db",
    "database that others may write": "chmod 0666 /var/lib/car-app/cars.db",
}


@pytest.mark.parametrize("change", CHANGES_OF_THE_STATE)
def test_a_run_gives_the_database_back_to_its_user(lab, record_setup, change):
    """The database file has another owner or mode
    `site.yml` runs"""
    lab.ssh(CHANGES_OF_THE_STATE[change])
    lab.must_play(CAR_APP)
    file = lab.ssh("stat --format=%U:%G:%a /var/lib/car-app/cars.db").strip().split(":")
    assert file[:2] == ["car-app", "car-app"]
    assert file[2] in {"600", "644"}
    assert [lab.status(unit) for unit in CARS] == [200] * len(CARS)
    record_setup(f"{change}: the modes answer")


@pytest.mark.parametrize("removed", ["user", "group"])
def test_a_run_creates_a_removed_user_anew(lab, record_setup, removed):
    """The services' user or its group was removed, and another user took its id
    `site.yml` runs"""
    uid, gid = lab.ssh("id -u car-app; id -g car-app").split()
    remove = "userdel --force car-app" if removed == "user" else "groupdel --force car-app"
    lab.ssh(f"{remove}; systemd-sysusers --inline 'u other {uid}' 'g other {gid}' || true")
    try:
        lab.must_play(CAR_APP)
        assert lab.ssh("stat --format=%U:%G /var/lib/car-app/cars.db") == "car-app:car-app\n"
        for unit in CARS:
            owner = lab.ssh(f"ps -o user=,group= -p {lab.main_process(unit)}").split()
            assert owner == ["car-app", "car-app"]
            assert lab.status(unit) == 200
    finally:
        # The former ids, which the host's state is compared by.
        lab.ssh(
            "for name in other car-app; do userdel --force $name || true;"
            " groupdel --force $name || true; done;"
            f" groupadd --system --gid {gid} car-app; useradd --system --no-user-group --uid {uid}"
            " --gid car-app --home-dir /nonexistent --shell /usr/sbin/nologin car-app;"
            f" chown -R car-app:car-app /var/lib/car-app; systemctl restart {' '.join(CARS)}"
        )
    record_setup(f"{removed} removed: the services run as the new one, with the data of the former")


def test_a_drop_in_of_somebody_else_is_reported_and_kept(lab, record_setup):
    """A unit has a drop-in that is not the lab's
    `site.yml` runs"""
    with drop_in(lab, "car-manual", "Nice=1"):
        output = unfold(lab.must_play(CAR_APP))
        kept = lab.ssh("cat /run/systemd/system/car-manual.service.d/test.conf")
    path = "/run/systemd/system/car-manual.service.d/test.conf"
    assert f"{path} changes a unit of the lab, but is not the lab's." in output
    assert "Nice=1" in kept
    record_setup("a warning names it, and it stays")


def test_a_first_run_under_a_restrictive_umask(second_host, host_states, record_setup):
    """`Defaults umask=0077` in /etc/sudoers.d of a new host
    `site.yml` runs"""
    second_host.ssh("echo 'Defaults umask=0077' > /etc/sudoers.d/umask")
    second_host.must_play("site.yml")
    second_host.must_play(VERIFY)

    def modes(state: set[str]) -> set[str]:
        return {" ".join(line.split()[:3]) for line in state if line.startswith(("/etc", "/opt"))}

    lab = {"jaeger", "car-app", "car-", "environment-", "code-"}
    expected = {line for line in modes(host_states[1]) if any(name in line for name in lab)}
    assert_same(modes(host_state(second_host)) & expected, expected, "modes of the lab's files")
    record_setup("the traces are as expected, and each file has the mode that it has elsewhere")
