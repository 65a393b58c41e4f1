"""The module that installs a service's user and files, and finds the units that are not so."""

import os
from types import SimpleNamespace

import pytest

from install_service import stale_units

STARTED = "Thu 2026-01-01 12:00:00.250000 UTC"
BEFORE, AFTER = 1767268800, 1767268801  # Around it, in seconds since 1970.


@pytest.mark.parametrize(
    ("state", "unit_file", "program", "is_stale"),
    [
        (("active", "enabled", STARTED), BEFORE, BEFORE, False),
        (("activating", "enabled", STARTED), BEFORE, BEFORE, True),
        (("active", "disabled", STARTED), BEFORE, BEFORE, True),
        (("active", "enabled", STARTED), AFTER, BEFORE, True),
        (("active", "enabled", STARTED), BEFORE, AFTER, True),
        (("active", "enabled", STARTED), BEFORE, None, True),
        (("inactive", "", ""), None, BEFORE, True),
    ],
    ids=["fresh", "not up", "not at boot", "unit changed", "program changed", "no program", "new"],
)
def test_a_unit_is_stale_that_does_not_run_as_it_is_installed(
    tmp_path, state, unit_file, program, is_stale
):
    for name, time in {"unit": unit_file, "program": program}.items():
        if time:
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (time, time))
    names = "ActiveState", "UnitFileState", "InactiveExitTimestamp", "FragmentPath"
    values = *state, tmp_path / "unit" if unit_file else ""
    shown = "\n".join(f"{n}={v}" for n, v in zip(names, values, strict=True))
    module = SimpleNamespace(run_command=lambda *_, **__: (0, f"{shown}\n\n{shown}\n", ""))
    units = [{"unit": name, "files": [str(tmp_path / "program")]} for name in ("a", "b")]
    assert stale_units(module, units) == (["a", "b"] if is_stale else [])
