"""Faults of the database: an error that leads to its cause, and ends with its repair."""

import pytest

from tests.support.commands import wait_for
from tests.support.contract import CARS

DATABASE = "/var/lib/car-app/cars.db"
FAULTS = {
    "missing": f"mv {DATABASE} {DATABASE}.kept",
    "unreadable": f"chmod 0000 {DATABASE}",
    "corrupt": f"cp --preserve {DATABASE} {DATABASE}.kept; printf 'no database' > {DATABASE}",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_database_is_an_error_until_its_repair(lab, record_result, fault):
    """The database is missing, unreadable or corrupt
    Each mode answers 500 with an error span and a log line that leads to it; after the repair
    the next request succeeds"""
    lab.ssh(FAULTS[fault])
    try:
        lab.ssh(f"systemctl restart {' '.join(CARS)}")
        responses = [lab.send(unit) for unit in CARS]
    finally:
        kept = f"{DATABASE}.kept"
        lab.ssh(f"chmod 0600 {DATABASE}; test ! -e {kept} || mv {kept} {DATABASE}")
    assert [response["status"] for response in responses] == [500] * len(CARS)
    for unit, response in zip(CARS, responses, strict=True):
        wait_for(lambda: lab.root_status(response["trace_id"]) == "error")  # noqa: B023
        error = f"'trace_id={response['trace_id']} .*Exception on /cars'"
        lab.ssh(f"journalctl --no-pager --unit={unit} --grep={error}")
    assert [lab.status(unit) for unit in CARS] == [200] * len(CARS)
    record_result(
        f"{fault}: 500, an error span and a log line with its trace id in each mode, then 200"
    )
