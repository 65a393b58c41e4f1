"""A role's settings outside of their ranges and patterns."""

import pytest

from setting_errors import setting_errors

MEMORY = {"name": "jaeger_memory_max", "min": 256}
SLEEP = {"name": "car_app_sleep_seconds", "min": 0, "max": 10, "unit": "seconds"}
DURATION = {"name": "retention", "pattern": r"^[0-9]+[hd]$", "wanted": "a duration such as 7d"}


@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        (MEMORY, 255, "256 or more"),
        (MEMORY, "-1", "256 or more"),
        (SLEEP, -0.1, "from 0 to 10 seconds"),
        (SLEEP, "10.5", "from 0 to 10 seconds"),
        (DURATION, "7", "a duration such as 7d"),
        (DURATION, 7, "a duration such as 7d"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(setting, value, wanted):
    error = f"{setting['name']} is {value}, but must be {wanted}. Nothing was changed."
    assert setting_errors([setting], [value]) == [error]


@pytest.mark.parametrize(
    ("setting", "value"),
    [(MEMORY, 256), (MEMORY, "1024"), (SLEEP, 0), (SLEEP, "0.5"), (SLEEP, 10), (DURATION, "7d")],
)
def test_a_value_within_its_range_or_of_its_pattern_is_right(setting, value):
    assert setting_errors([setting], [value]) == []


def test_every_wrong_setting_is_named():
    errors = setting_errors([MEMORY, SLEEP, DURATION], [1, 5, "later"])
    assert [error.split()[0] for error in errors] == ["jaeger_memory_max", "retention"]


def test_no_setting_has_no_error():
    assert setting_errors([], []) == []
