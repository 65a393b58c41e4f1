"""`make verify`: it passes on a good lab, and fails on each fault with its reason."""

import pytest

from tests.support.commands import assert_failed
from tests.support.contract import CARS, MODULE
from tests.support.lab import drop_in, edited, stopped


@pytest.fixture(scope="module")
def verified(lab) -> str:
    """The output of `make verify`, which has to succeed."""
    return lab.must_make("verify")


def test_it_passes(verified):
    assert "failed=0" in verified


# verify locks the database for a request to each mode.
@pytest.mark.parametrize("unit", CARS)
def test_a_failed_query_leaves_its_traceback_in_the_journal(lab, verified, unit):
    journal = lab.journal(unit)
    assert "Traceback (most recent call last)" in journal
    assert "sqlite3.OperationalError: database is locked" in journal


MANUAL, PROGRAMMATIC = MODULE.format("manual"), MODULE.format("programmatic")
AUTOMATIC = "/etc/systemd/system/car-automatic.service"
# Each fault: how it is made, and words of the message that it must end with.
FAULTS = {
    "a service is stopped": (
        (stopped, "car-manual.socket"),
        '"car-manual.service": "inactive"',
    ),
    "a socket is not declared": (
        (
            drop_in,
            "car-manual",
            'ExecStartPost=/bin/sh -c "python3 -m http.server --bind 127.0.0.1 9999 &"',
        ),
        "127.0.0.1:9999",
    ),
    "a span is missing": (
        (edited, "car-manual", "/current_span(.some_func_two/d", MANUAL),
        "- server_manual: some_func_two",
    ),
    "a span is too many": (
        (
            edited,
            "car-automatic",
            "s/instrumentations sqlite3,psycopg/instrumentations none/",
            AUTOMATIC,
        ),
        "+ server_automatic: SELECT",
    ),
    "an attribute is another": (
        (edited, "car-manual", "s/span.set_attribute(.*/pass/", MANUAL),
        "http.status_code",
    ),
    "the next service is not called": (
        (drop_in, "car-programmatic", "Environment=CAR_APP_NEXT_URL="),
        "- server_automatic: GET /chain [server]",
    ),
    "the trace's ids are not sent by hand": (
        (edited, "car-manual", "s/inject(call.headers)/pass/", MANUAL),
        "- server_programmatic: GET /chain [server]",
    ),
    "the trace's ids are not sent by a library": (
        (edited, "car-programmatic", "/^URLLibInstrumentor/d", PROGRAMMATIC),
        "- server_programmatic: GET [client]",
    ),
    "a service sends nothing": (
        (drop_in, "car-programmatic", "Environment=OTEL_SDK_DISABLED=true"),
        "+ (no trace)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_fails_when(lab, fault):
    (make_fault, *arguments), message = FAULTS[fault]
    with make_fault(lab, *arguments):
        verified = lab.make("verify")
    assert_failed(verified, message)
