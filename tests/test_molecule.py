"""The roles' scenarios, each on machines of its own. They mostly wait, so all run at once."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

SCENARIOS = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Start all the scenarios; by name, the process and the file that its output goes to."""
    logs = tmp_path_factory.mktemp("molecule")
    runs = {}
    for scenario in SCENARIOS:
        with (logs / scenario).open("w") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("molecule"), "test", "--scenario-name", scenario],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        runs[scenario] = process, logs / scenario
    yield runs
    for process, _ in runs.values():
        process.wait()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_molecule(runs, scenario):
    process, log = runs[scenario]
    process.wait()
    output = log.read_text()
    assert process.returncode == 0, output
    # A playbook that is not found is only recorded as missing.
    assert "missing=0" in output, output
