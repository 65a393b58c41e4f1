"""Teardown: it removes what is the lab's, keeps what is not, and keeps data where asked to."""

from tests.support.commands import assert_same, changes
from tests.support.contract import TEARDOWN
from tests.support.state import host_state


def test_it_leaves_only_what_is_not_the_labs(lab, host_states, record_result):
    """playbooks/teardown.yml, with programs of somebody else in /usr/local/bin
    Files, users, units and folders are as before the lab; the other programs stay"""
    without, _ = host_states
    others = "/usr/local/bin/jaeger-agent", "/usr/local/bin/other"
    for path in others:
        lab.ssh(f"cp /bin/true {path}")
    lab.must_play(TEARDOWN)
    for path in others:
        lab.ssh(f"cmp /bin/true {path} && rm {path}")
    assert_same(host_state(lab), without, "states of the host")
    # By name too, as what teardown forgets is also in the state that it left before.
    names = (
        r"\( -name '*jaeger*' -o -name 'car[-_]*' -o -name example-hotrod -o -name '*otel-lab*' \)"
    )
    assert lab.ssh(f"find / -xdev {names} -not -path '/proc/*' -not -path '/var/log/*'") == ""
    assert lab.ssh("getent passwd jaeger car-app || getent group jaeger car-app || true") == ""
    assert lab.ssh("systemctl list-units --all --no-legend 'car-*' 'jaeger*'") == ""
    record_result(f"{len(without)} lines of the host's state are the same")
    lab.must_play("site.yml")


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


def test_a_dry_run_on_a_host_without_the_lab_changes_nothing(lab, host_states):
    without, expected = host_states
    lab.must_play(TEARDOWN)
    try:
        output = lab.must_play("site.yml", "--check")
        assert_same(host_state(lab), without, "states of the host")
        assert max(changes(output)) > 0
    finally:
        lab.must_play("site.yml")
    assert_same(host_state(lab), expected, "states of the host")
