"""The hosts of a scenario of molecule/, with the lab on them, and what a fault cost there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.support import contract
from tests.support.commands import must_run, run
from tests.support.lab import Lab
from tests.support.load import lost

# Spans of a request for /cars, whatever the mode is; see expected_traces.yml. One that was sent
# again may be there twice.
SPANS = 3


def definition(scenario: str) -> str:
    """Return the path of a scenario's hosts and settings, in a clone."""
    return f"molecule/{scenario}/vars/lab.yml"


def destroy(clone: Path, scenario: str) -> None:
    """Remove the machines of a scenario, which a killed run may have left in a clone."""
    if (clone / f".{scenario}").exists():
        run(
            clone / ".venv/bin/ansible-playbook",
            contract.DESTROY_HOSTS,
            f"--extra-vars=@{definition(scenario)}",
            cwd=clone,
            env={"OTEL_LAB_DIRECTORY": str(clone / f".{scenario}")},
        )
        shutil.rmtree(clone / f".{scenario}")


@contextmanager
def hosts(clone: Path, scenario: str, *engines: str) -> Iterator[dict[str, Lab]]:
    """Create a scenario's hosts, with playbooks that start its engines, and install the lab.

    Yields the hosts by name.
    """
    names = [
        each["name"]
        for each in yaml.safe_load((clone / definition(scenario)).read_text())["lab_hosts"]
    ]
    labs = {name: Lab(clone, f".{scenario}", name) for name in names}
    destroy(clone, scenario)
    first = labs[names[0]]
    first.folder.mkdir()
    must_run("make", ".venv/.complete", cwd=clone)
    try:
        first.must_play_here(contract.CREATE_HOSTS, f"--extra-vars=@{definition(scenario)}")
        for playbook in engines:
            first.must_play(playbook)
        first.must_play("site.yml")
        yield labs
    finally:
        destroy(clone, scenario)


def incomplete(query: Lab, responses: list[dict], seconds: float = 60) -> list[dict]:
    """Return the answered requests of which spans do not come to a host's Jaeger query."""
    return lost(query, responses, seconds, lambda trace_id: query.spans_of(trace_id) >= SPANS)


def missing_spans(query: Lab, responses: list[dict], seconds: float = 60) -> int:
    """Return how many spans of the answered requests do not come to a host's Jaeger query."""
    return sum(
        SPANS - query.spans_of(response["trace_id"])
        for response in incomplete(query, responses, seconds)
    )


def summary(responses: list[dict], missing: int) -> str:
    """Return the result for docs/reliability.md."""
    return f"{len(responses)} requests, {missing or 'none'} of {SPANS * len(responses)} spans lost"
