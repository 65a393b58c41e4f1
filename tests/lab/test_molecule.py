"""The roles' scenarios, each on machines of its own. They often wait, so several run at once.

`-k '[proxy]'` runs a single one.
"""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.support.commands import REPOSITORY

SCENARIOS = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))

# Run by `make test-nightly` only.
NIGHTLY = {"backends", "cluster", "container", "stream"}
# With more of them on two cores, services would not start in time.
CONCURRENT = 4


def run_scenario(scenario: str, log: Path) -> int:
    """Run a scenario with its output in a file, and return its status."""
    command = ["molecule", "test", "--scenario-name", scenario]
    with log.open("w") as output:
        return subprocess.run(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ).returncode


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory) -> Iterator[dict[str, tuple[Future[int], Path]]]:
    """The return code and the output file of each scenario that a test needs."""
    tests = [item.name for item in request.session.items]
    logs = tmp_path_factory.mktemp("molecule")
    wanted = [name for name in SCENARIOS if any(f"[{name}]" in test for test in tests)]
    with ThreadPoolExecutor(CONCURRENT) as pool:
        yield {name: (pool.submit(run_scenario, name, logs / name), logs / name) for name in wanted}


def failed_tasks(log: str) -> str:
    """Return the tasks of a log in which a host failed, and the log's end."""
    tasks = re.split(r"^(?=[\s│]*(?:TASK|PLAY) )", log, flags=re.MULTILINE)
    failed = [task for task in tasks if re.search(r"^[\s│]*(fatal|failed): \[", task, re.MULTILINE)]
    return "\n".join([*failed, "[...]", *log.splitlines()[-20:]])


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(name, marks=[pytest.mark.long] * (name in NIGHTLY)) for name in SCENARIOS],
)
def test_scenario(runs, scenario):
    running, path = runs[scenario]
    returncode = running.result()
    # Without the colours.
    log = re.sub(r"\x1b\[[0-9;]*m", "", path.read_text())
    assert returncode == 0, f"{failed_tasks(log)}\nthe whole log: {path}"
    # A playbook that is not found is only recorded as missing.
    assert "missing=0" in log, f"expected missing=0 in {path}, which ends:\n{failed_tasks(log)}"


@pytest.mark.parametrize("scenario", ["exposed"])
def test_the_verbose_log_shows_no_password(runs, scenario):
    running, path = runs[scenario]
    running.result()
    # Without Molecule's colours and line breaks.
    log = re.sub(r"\x1b\[[0-9;]*m|│|\s", "", path.read_text())
    settings = yaml.safe_load((REPOSITORY / f"molecule/{scenario}/vars/lab.yml").read_text())
    assert "reverse_proxy:Hashthepassword]" in log
    assert "stdoutandstderrcensoredduetonolog" in log, "the log is not verbose"
    # The part of it that no format writes in another way.
    assert settings["lab_settings"]["reverse_proxy_password"].split()[0] not in log
    assert not re.search(r"\$6\$[./0-9A-Za-z]+\$", log)
