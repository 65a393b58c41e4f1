"""Fixtures and hooks of all tests; what the tests call is in tests/support."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support import scenario
from tests.support.commands import REPOSITORY, copy_repository, run
from tests.support.lab import build_mirror
from tests.support.reliability import RELIABILITY, SETUPS, Table

TABLES = pytest.StashKey[dict[str, Table]]()


def pytest_addoption(parser):
    parser.addoption("--tables", help="write the results that the tests record into this folder")
    parser.addoption(
        "--long", action="store_true", help="run long tests too, with outages of 10 minutes, not 1"
    )
    parser.addoption("--pictures", help="take the report's pictures and put them into this folder")


def pytest_configure(config):
    config.stash[TABLES] = {"reliability.md": Table(RELIABILITY), "setups.md": Table(SETUPS)}
    # Ansible and Molecule look for programs beside them, also where no environment is activated.
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def pytest_collection_modifyitems(config, items):
    for item in items:
        if {"record_result", "record_setup"} & set(item.fixturenames):
            item.add_marker("measured")
    if not config.getoption("--long"):
        short = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=[item for item in items if item not in short])
        items[:] = short


def pytest_sessionfinish(session):
    if folder := session.config.getoption("--tables"):
        for name, table in session.config.stash[TABLES].items():
            table.write(Path(folder) / name)


@pytest.fixture
def record_result(request):
    """A function that records the test's result (text) in its row of docs/reliability.md."""
    return request.config.stash[TABLES]["reliability.md"].recorder(request.function)


@pytest.fixture
def record_setup(request):
    """A function that records the test's result (text) in its row of docs/setups.md."""
    return request.config.stash[TABLES]["setups.md"].recorder(request.function)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror's folder, with both architectures built."""
    return build_mirror()[0]


@pytest.fixture(scope="session")
def clone(worker_id) -> Path:
    """A copy of the repository with nothing but what git tracks, for each process of pytest."""
    clone = REPOSITORY / ".test" / worker_id / "otel-lab"
    # A killed run leaves its machines too.
    for folder in ".lab", ".second", ".jaeger-1", ".jaeger-2", ".students":
        if (clone / folder).exists():
            run("make", "destroy", cwd=clone, env={"OTEL_LAB_DIRECTORY": str(clone / folder)})
    for name in "cluster", "stream":
        scenario.destroy(clone, name)
    shutil.rmtree(clone, ignore_errors=True)
    return copy_repository(clone)
