"""The app by itself: its database, its three servers and its locked list of packages."""

import difflib
import json
import os
import re
import subprocess

import pytest

from tests.support.commands import REPOSITORY

APP = REPOSITORY / "app"
BIN = REPOSITORY / ".venv-app/bin"
MODES = ["manual", "programmatic", "automatic"]


@pytest.fixture(scope="module", autouse=True)
def _app_environment():
    assert BIN.exists(), "make .venv-app/.complete installs the app's packages"


@pytest.fixture
def start(tmp_path):
    """Return a function that starts the app's Python in app/, on a database of the test's own."""
    # No span is made, so none waits at the end for a Jaeger that is not there.
    settings = {
        "CAR_APP_DATABASE_URL": f"sqlite:///{tmp_path}/cars.db",
        "OTEL_SDK_DISABLED": "true",
    }

    def start(*arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [BIN / "python", *arguments],
            cwd=APP,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run(start):
    """Return a function that runs the app's Python to its end and returns what it printed."""

    def run(*arguments: str) -> str:
        process = start(*arguments)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        return stdout

    return run


def test_importing_db_does_not_create_the_database(run, tmp_path):
    run("-c", "import db")
    assert not list(tmp_path.iterdir())


def test_second_run_of_db_changes_nothing(run, tmp_path):
    assert run("db.py").startswith("Created 5 cars in ")
    first = (tmp_path / "cars.db").read_bytes()
    assert run("db.py").startswith("Nothing to do")
    assert (tmp_path / "cars.db").read_bytes() == first


def test_cars_are_created_once_by_many_at_the_same_time(run):
    code = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import db
together = Barrier(8)
with ThreadPoolExecutor(8) as pool:
    for round in range(10):
        print(sum(pool.map(lambda _: (together.wait(), db.create_cars())[1], range(8))))
        db.Base.metadata.drop_all(db.engine)
"""
    assert run("-c", code) == "1\n" * 10


def test_interrupted_run_of_db_leaves_no_half_of_it(start, run):
    killed = start(
        "-c",
        "import os, db\n"
        "from sqlalchemy import event\n"
        "event.listen(db.engine, 'commit', lambda connection: os.kill(os.getpid(), 9))\n"
        "db.create_cars()",
    )
    assert killed.wait(timeout=60) == -9
    assert run("db.py").startswith("Created 5 cars in ")


@pytest.mark.parametrize("mode", MODES)
def test_server_answers_with_every_car(run, mode):
    run("db.py")
    code = f"import server_{mode} as s; print(s.app.test_client().get('/cars').text)"
    cars = json.loads(run("-c", code))
    assert [car["id"] for car in cars] == [1, 2, 3, 4, 5]
    assert all(car.keys() == {"id", "brand", "color", "body"} for car in cars)


@pytest.mark.parametrize("mode", MODES)
def test_the_chain_of_a_server_by_itself_has_one_link(run, mode):
    code = f"import server_{mode} as s; print(s.app.test_client().get('/chain').text)"
    assert json.loads(run("-c", code)) == [f"server_{mode}"]


@pytest.mark.parametrize("mode", MODES)
def test_failed_query_gives_its_connection_back(run, mode):
    # There is no table yet. The traceback keeps the handler's session alive while they are counted.
    code = f"""
import db, server_{mode} as server
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
taken = []
event.listen(db.engine, "checkout", lambda *_: taken.append(1))
event.listen(db.engine, "checkin", lambda *_: taken.pop())
try:
    with server.app.test_request_context("/cars"):
        server.server_request()
except OperationalError as error:
    print(len(taken))
"""
    assert run("-c", code) == "0\n"


@pytest.mark.parametrize("mode", ["manual", "programmatic"])
def test_tracing_adds_lines_to_the_untraced_server_and_changes_none(mode):
    untraced, traced = (
        [line.strip() for line in (APP / f"server_{name}.py").read_text().splitlines()[1:]]
        for name in ("automatic", mode)
    )
    differences = difflib.ndiff(untraced, traced)
    changed = [line for line in differences if line.startswith("- ")]
    assert all(re.match(r"- from flask import ", line) for line in changed), changed


def test_automatic_server_imports_no_telemetry():
    assert not re.search(
        r"^(from|import) opentelemetry", (APP / "server_automatic.py").read_text(), re.M
    )


def test_lock_pins_what_bootstrap_selects():
    selected = subprocess.run(
        [BIN / "opentelemetry-bootstrap", "-a", "requirements"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert selected
    assert set(selected) <= set(re.findall(r"^\S+==\S+", lock(), re.MULTILINE))


def test_lock_has_a_hash_for_every_package_and_holds_for_every_host():
    requirements = re.findall(
        r"^[^\s#].*(?:\n    --hash=sha256:\w{64}(?: \\)?)*", lock(), re.MULTILINE
    )
    assert requirements
    for requirement in requirements:
        # A marker (;) would make the list another one on another host.
        assert re.match(r"[\w.-]+==[\w.]+ \\\n    --hash=", requirement), requirement


def lock() -> str:
    return (APP / "requirements.txt").read_text()
