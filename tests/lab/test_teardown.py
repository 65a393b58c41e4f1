"""Teardown: it removes what is the lab's, keeps what is not, and keeps data where asked to."""

from collections.abc import Iterator

import pytest

from tests.support.commands import assert_same, changes
from tests.support.contract import TEARDOWN
from tests.support.lab import Lab
from tests.support.state import host_state


@pytest.fixture(scope="class")
def torn_down(lab, host_states) -> Iterator[Lab]:
    """The host after teardown, which kept programs of somebody else; the end installs the lab."""
    others = "/usr/local/bin/jaeger-agent", "/usr/local/bin/other"
    for path in others:
        lab.ssh(f"cp /bin/true {path}")
    # Units that run without their files are removed too.
    units = "car-automatic.socket car-automatic.service"
    lab.ssh(f"cd /etc/systemd/system; rm {units}; systemctl daemon-reload")
    assert "[WARNING]" not in lab.must_play(TEARDOWN)
    for path in others:
        lab.ssh(f"cmp /bin/true {path} && rm {path}")
    yield lab
    lab.must_play("site.yml")
    assert_same(host_state(lab), host_states[1], "states of the host")


def test_it_keeps_data_where_asked_to(lab, host_states, record_result):
    """playbooks/teardown.yml with car_app_keep_data
    The database stays, and the next site.yml uses it"""
    database = "stat --format='%i %U' /var/lib/car-app/cars.db"
    before = lab.ssh(database)
    lab.must_play(TEARDOWN, car_app_keep_data=True)
    assert lab.ssh(database) == before
    assert max(changes(lab.must_play("site.yml"))) > 0
    assert lab.ssh(database) == before
    record_result("the same file, of the same user")


class TestWithoutTheLab:
    def test_it_leaves_only_what_is_not_the_labs(self, torn_down, host_states, record_result):
        """playbooks/teardown.yml, with programs of somebody else in /usr/local/bin
        Files, users, units and folders are as before the lab; the other programs stay"""
        without, _ = host_states
        assert_same(host_state(torn_down), without, "states of the host")
        # By name too, as what teardown forgets is also in the state that it left before.
        named = "-name '*jaeger*' -o -name 'car[-_]*' -o -name example-hotrod -o -name '*otel-lab*'"
        elsewhere = "-not -path '/proc/*' -not -path '/var/log/*'"
        assert torn_down.ssh(rf"find / -xdev \( {named} \) {elsewhere}") == ""
        users = "getent passwd jaeger car-app || getent group jaeger car-app || true"
        assert torn_down.ssh(users) == ""
        assert torn_down.ssh("systemctl list-units --all --no-legend 'car-*' 'jaeger*'") == ""
        record_result(f"{len(without)} lines of the host's state are the same")

    def test_a_dry_run_on_a_host_without_the_lab_changes_nothing(self, torn_down, host_states):
        without, _ = host_states
        output = torn_down.must_play("site.yml", "--check")
        assert_same(host_state(torn_down), without, "states of the host")
        assert max(changes(output)) > 0
