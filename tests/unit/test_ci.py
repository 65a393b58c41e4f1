"""The CI workflow runs what `.ci/run` runs, on pinned actions and with least permissions."""

import re
import shlex
import subprocess

import yaml

from tests.support.commands import REPOSITORY

WORKFLOW = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


def recipe(target: str) -> set[str]:
    """Return the commands that make would run for a target, without those that install tools."""
    dry_run = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.complete", target],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = dry_run.stdout.replace("\\\n", " ").splitlines()
    return {command for command in commands if re.match(r"(pre-commit|pytest)\b", command)}


def made(script: str) -> set[str]:
    """Return the commands that a script's calls of make run."""
    calls = re.findall(r"^(?:exec )?make (.+)$", script, re.MULTILINE)
    return {command for call in calls for target in call.split() for command in recipe(target)}


def workflow_commands() -> set[str]:
    """Return what the jobs run, with make's targets replaced by their commands."""
    script = "\n".join(step.get("run", "") for step in STEPS)
    return made(script) | {line.removeprefix(".venv/bin/") for line in script.splitlines()}


def test_the_workflow_runs_every_command_of_ci_run():
    expected = made((REPOSITORY / ".ci/run").read_text())
    lab_tests = {command for command in expected if command.startswith("pytest tests/lab ")}
    assert "pre-commit run --all-files" in expected
    assert any(command.startswith("pytest tests/unit ") for command in expected)
    assert len(lab_tests) == 1
    # Two jobs divide the lab tests; the next test tells that none is left out.
    missing = expected - lab_tests - workflow_commands()
    assert not missing, f"not in ci.yml: {missing}"


def test_the_workflow_runs_every_test_file():
    words = [word for line in workflow_commands() if "pytest" in line for word in shlex.split(line)]
    paths = {word for word in words if word.startswith("tests/")}
    ignored = {word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")}
    assert ignored <= paths, "ignored by one job and run by none"
    files = [path.relative_to(REPOSITORY) for path in REPOSITORY.glob("tests/**/test_*.py")]
    missed = [str(file) for file in files if not any(file.is_relative_to(path) for path in paths)]
    assert not missed, "in no job of ci.yml"


def test_the_matrix_lists_the_scenarios():
    scenarios = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))
    assert JOBS["scenario"]["strategy"]["matrix"]["scenario"] == scenarios


def test_actions_are_pinned_to_a_commit():
    actions = [step["uses"] for step in STEPS if "uses" in step]
    assert actions
    assert [action for action in actions if not re.search(r"@[0-9a-f]{40}$", action)] == []


def test_jobs_can_only_read_and_end_in_time():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for name, job in JOBS.items():
        assert "permissions" not in job, name
        assert "timeout-minutes" in job, name


def test_jobs_and_steps_have_keys_that_github_knows():
    for name, job in JOBS.items():
        assert job.keys() - {"container", "strategy"} == {"runs-on", "timeout-minutes", "steps"}, (
            name
        )
    for step in STEPS:
        assert step.keys() in ({"name", "run"}, {"name", "uses", "with"}), step
