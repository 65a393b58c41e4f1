"""Runs whose services do not start: they fail, name the reason, and the next one repairs it."""

import pytest

from tests.support import contract
from tests.support.lab import Lab, assert_unchanged, failure_output


@pytest.fixture
def repaired(lab) -> Lab:
    """The lab, repaired at the end by a run without the faulty settings."""
    yield lab
    lab.must_play("site.yml")
    lab.must_make("status")


CAUSES = {
    "flag": ("--no-such-flag", "a setting is wrong: unknown flag: --no-such-flag."),
    "file": (
        "--sampling.strategies-file=/nonexistent.json",
        "a file is missing: Failed to create sampling strategy store:",
    ),
}


@pytest.mark.parametrize("case", CAUSES)
def test_the_cause_of_a_failed_start_comes_first(repaired, record_setup, case):
    """Jaeger gets an argument with which it does not start
    `site.yml` runs"""
    argument, cause = CAUSES[case]
    output = failure_output(
        repaired.play(contract.JAEGER, jaeger_extra_args=[argument], jaeger_ready_timeout=5),
        f"jaeger.service did not start, because {cause}",
        "Not every unit started and answered in time:",
    )
    assert output.index("did not start, because") < output.index("Not every unit")
    record_setup(f"`{argument}`: {cause.rstrip(':.')}")


def test_a_socket_that_cannot_listen_is_named_first(repaired):
    # Of an address that no host has (RFC 5737).
    failure_output(
        repaired.play(contract.CAR_APP, car_app_manual_bind="203.0.113.7:8082"),
        "car-manual.socket did not start, because the host does not have the address: "
        "car-manual.socket: Failed to create listening socket (203.0.113.7:8082)",
        "Not every unit started and answered in time:",
    )


def test_a_database_that_does_not_answer(repaired):
    before = {unit: repaired.main_process(unit) for unit in contract.CARS}
    url = "postgresql+psycopg://me:phrase@127.0.0.1:1/cars"
    output = failure_output(
        repaired.play(contract.CAR_APP, car_app_database_url=url),
        "The tables were not created in the database of car_app_database_url (not shown), "
        "and no service was restarted:",
        "onnection refused",
    )
    assert "phrase" not in output
    assert {unit: repaired.main_process(unit) for unit in contract.CARS} == before


def test_a_postgresql_that_does_not_start(lab):
    # Configured, but not installed.
    lab.ssh("install -D /dev/null /etc/postgresql/15/main/postgresql.conf")
    try:
        with assert_unchanged(lab):
            ran = lab.play(contract.CAR_APP, car_app_postgresql=True)
    finally:
        lab.ssh("rm -r /etc/postgresql")
    failure_output(ran, "The database was not created; the services were left unchanged.")
