"""The roles' scenarios, each on machines of its own. They mostly wait, so all run at once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
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


def test_the_log_of_all_that_ansible_can_tell_shows_no_password(runs):
    process, log = runs["exposed"]
    process.wait()
    # Molecule paints and folds it.
    output = re.sub(r"\x1b\[[0-9;]*m|│|\s", "", log.read_text())
    settings = yaml.safe_load((REPOSITORY / "molecule/exposed/vars/lab.yml").read_text())
    assert "TASK[reverse_proxy:Hashthepassword]" in output
    assert "stdoutandstderrcensoredduetonolog" in output, "the log is not verbose"
    # As far as no format writes it in another way.
    assert settings["lab_settings"]["reverse_proxy_password"].split()[0] not in output
    assert not re.search(r"\$6\$[./0-9A-Za-z]+\$", output)
