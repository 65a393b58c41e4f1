"""The roles' scenarios, each on a machine of its own."""

import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, run

SCENARIOS = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_molecule(scenario):
    molecule = Path(sys.executable).with_name("molecule")
    tested = run(molecule, "test", "--scenario-name", scenario)
    assert tested.returncode == 0, tested.stdout
    # A playbook that is not found is only recorded as missing.
    assert "missing=0  failed=0" in tested.stdout, tested.stdout
