"""The roles' scenarios, each on machines of its own. They mostly wait, so they run at once.

`-k '[proxy]'` runs a single one.
"""

import re
import subprocess

import pytest
import yaml

from tests.support.commands import REPOSITORY

SCENARIOS = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The processes and the output files of the scenarios that tests need, by name."""
    tests = [item.name for item in request.session.items]
    logs = tmp_path_factory.mktemp("molecule")
    runs = {}
    for scenario in SCENARIOS:
        if not any(f"[{scenario}]" in test for test in tests):
            continue
        with (logs / scenario).open("w") as log:
            process = subprocess.Popen(
                ["molecule", "test", "--scenario-name", scenario],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        runs[scenario] = process, logs / scenario
    yield runs
    for process, _ in runs.values():
        process.wait()


def failed_tasks(log: str) -> str:
    """Return the tasks of a log in which a host failed, and the log's end."""
    tasks = re.split(r"^(?=[\s│]*(?:TASK|PLAY) )", log, flags=re.MULTILINE)
    failed = [task for task in tasks if re.search(r"^[\s│]*(fatal|failed): \[", task, re.MULTILINE)]
    return "\n".join([*failed, "[...]", *log.splitlines()[-20:]])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(runs, scenario):
    process, path = runs[scenario]
    process.wait()
    # Without the colours.
    log = re.sub(r"\x1b\[[0-9;]*m", "", path.read_text())
    assert process.returncode == 0, f"{failed_tasks(log)}\nthe whole log: {path}"
    # A playbook that is not found is only recorded as missing.
    assert "missing=0" in log, f"expected missing=0 in {path}, which ends:\n{failed_tasks(log)}"


@pytest.mark.parametrize("scenario", ["exposed"])
def test_the_verbose_log_shows_no_password(runs, scenario):
    process, path = runs[scenario]
    process.wait()
    # Without Molecule's colours and line breaks.
    log = re.sub(r"\x1b\[[0-9;]*m|│|\s", "", path.read_text())
    settings = yaml.safe_load((REPOSITORY / f"molecule/{scenario}/vars/lab.yml").read_text())
    assert "reverse_proxy:Hashthepassword]" in log
    assert "stdoutandstderrcensoredduetonolog" in log, "the log is not verbose"
    # The part of it that no format writes in another way.
    assert settings["lab_settings"]["reverse_proxy_password"].split()[0] not in log
    assert not re.search(r"\$6\$[./0-9A-Za-z]+\$", log)
