"""What site.yml takes: on a fresh host, with nothing to do, and on four hosts."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import jinja2
import yaml

from bench.measure import interleave, seconds
from compare_traces import read_trace
from send_requests import send

REPOSITORY = Path(__file__).parent.parent
COLLECTOR = REPOSITORY / "bench/collector"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-lab"
CARS = {"manual": 8082, "programmatic": 8083, "automatic": 8084}


def run(*command: str | Path, **options) -> str:
    """Run a command; return what it printed. Raises RuntimeError, with that, if it fails."""
    options = {"stdin": subprocess.DEVNULL, **options}
    ran = subprocess.run(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if ran.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{ran.stdout}")
    return ran.stdout


def play(playbook: str | Path, *arguments: str, **environment: str) -> str:
    """Run a playbook as a user would; return what it printed."""
    ansible = Path(sys.executable).with_name("ansible-playbook")
    return run(ansible, playbook, *arguments, env={**os.environ, **environment})


class Hosts:
    """Fresh machines, by name with the groups of each, for as long as the `with` lasts."""

    def __init__(self, **groups: list[str]):
        self.machines = [{"name": n, "suite": "bookworm", "groups": g} for n, g in groups.items()]

    def __enter__(self):
        (REPOSITORY / ".bench").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=REPOSITORY / ".bench"))
        self.inventory = f"--inventory={self.folder}/inventory.yml"
        try:
            self._play("playbooks/lab.yml")
        except BaseException:
            self.__exit__()
            raise
        inventory = yaml.safe_load((self.folder / "inventory.yml").read_text())["all"]
        self.hosts = inventory["hosts"]
        self.settings = inventory["vars"]
        return self

    def __exit__(self, *_):
        self._play("playbooks/destroy.yml")
        shutil.rmtree(self.folder)

    def _play(self, playbook: str):
        machines = json.dumps({"lab_hosts": self.machines})
        play(playbook, "--extra-vars", machines, OTEL_LAB_DIRECTORY=str(self.folder))

    def address(self, name: str) -> str:
        """The machine's IPv4 address."""
        return self.hosts[name]["ansible_host"]

    def release_url(self, name: str) -> str:
        """The folder of Jaeger's release as site.yml has it: the mirror's, or the project's."""
        role = yaml.safe_load((REPOSITORY / "roles/jaeger/defaults/main.yml").read_text())
        settings = role | self.settings | self.hosts[name]
        return jinja2.Template(settings["jaeger_release_url"]).render(settings)

    def ssh(self, name: str, command: str, source: IO) -> str:
        """Run a command on a machine, with `source` as its input; return what it printed."""
        key = f"{self.folder}/{name}/id_ed25519"
        known = f"UserKnownHostsFile={self.folder}/known_hosts"
        return run(
            "ssh", "-i", key, "-o", known, f"lab@{self.address(name)}", command, stdin=source
        )

    def shell(self, name: str, script: str) -> str:
        """Run a shell script on a machine, as root; return what it printed."""
        with tempfile.TemporaryFile() as source:
            source.write(script.encode())
            source.seek(0)
            return self.ssh(name, "sudo -i bash -eu", source)


def site(hosts: Hosts) -> str:
    """Run site.yml on a controller that never ran it: nothing of what it downloads is there yet."""
    with tempfile.TemporaryDirectory() as empty:
        caches = {"car_app_wheels_cache": empty, "jaeger_download_cache": empty}
        settings = "--extra-vars", json.dumps(caches)
        return play("site.yml", hosts.inventory, *settings, PIP_CACHE_DIR=f"{empty}/pip")


def until(condition, limit: float = 120):
    """Poll until `condition()` is true, and return that; TimeoutError after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("The traces did not come.")
        time.sleep(0.05)
    return value


def read_traces(address: str) -> None:
    """Send a request to each mode of a host, once it answers, and read the traces from Jaeger."""

    def trace(port: int) -> None:
        request = {"url": f"http://{address}:{port}/cars"}
        answer = until(lambda: (sent := send(request, 10))["status"] == 200 and sent)
        until(lambda: read_trace(f"http://{address}:16686", answer["trace_id"]))

    with ThreadPoolExecutor() as pool:
        list(pool.map(trace, CARS.values()))


def cold(rounds: int) -> list[dict]:
    """A first site.yml against the teaching text's steps in a script, to three readable traces."""

    def ours() -> float:
        with Hosts(lab=["jaeger", "cars"]) as hosts:
            return seconds(lambda: (site(hosts), read_traces(hosts.address("lab"))))

    def typed() -> float:
        with Hosts(lab=["jaeger", "cars"]) as hosts:
            # Not counted: what the steps take for granted.
            hosts.shell("lab", "apt-get update; apt-get install --yes curl python3-venv")
            app = "".join(
                f"cat > app/{path.name} <<'END'\n{path.read_text()}END\n"
                for path in sorted((REPOSITORY / "app").glob("*.py"))
            )
            steps = (REPOSITORY / "bench/teaching_steps.sh").read_text()
            script = f"url={hosts.release_url('lab')}\nmkdir app\n{app}{steps}"
            return seconds(lambda: (hosts.shell("lab", script), read_traces(hosts.address("lab"))))

    return [
        {
            "id": "P1",
            "what": "first `site.yml` on a fresh host ÷ the teaching text's steps in a script",
            "better": "lower",
            "reach": 0.70,
            "unit": "s",
            "rounds": interleave("P1", rounds, ours, typed),
            "note": "Until a trace of each mode can be read. Nothing is cached for either: the "
            "controller has no wheels, no archive and no cache of pip's, and the script's pip "
            "downloads on its host, where venv and curl were installed before. The archive comes "
            "from one server. The script verifies nothing, makes no user and no unit; its servers "
            "are Flask's own, and send spans every 5 s, as the SDK does by default.",
        }
    ]


def build_collector() -> Path:
    """Build a collector by OpenTelemetry's builder; return its folder, the collection beside it.

    It stands in the cache under a key of all that it is made from, whole or not at all.
    """
    inputs = [COLLECTOR / name for name in ("build", "builder.yaml", "requirements.txt")]
    inputs.append(REPOSITORY / "mirror/requirements.txt")
    key = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:12]
    folder = CACHE / f"bench-{key}"
    if not folder.exists():
        print("Building a collector, once (about 3 minutes) ...", flush=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as partial:
            run(COLLECTOR / "build", sys.executable, partial)
            Path(partial).rename(folder)
            Path(partial).mkdir()
    return folder


def idle(rounds: int) -> list[dict]:
    """A second site.yml, four services, against the second run of a role for one."""
    folder = build_collector()
    with Hosts(ours=["jaeger", "cars"], theirs=[]) as hosts:
        with (folder / "otelcol.tar.gz").open("rb") as archive:
            hosts.ssh("theirs", "sudo tee /root/otelcol.tar.gz > /dev/null", archive)

        def ours() -> float:
            return seconds(lambda: play("site.yml", hosts.inventory))

        def theirs() -> float:
            url = json.dumps({"otel_collector_binary_url": "file:///root/otelcol.tar.gz"})
            arguments = COLLECTOR / "site.yml", hosts.inventory, "--extra-vars", url
            collections = str(folder / "collections")
            return seconds(lambda: play(*arguments, ANSIBLE_COLLECTIONS_PATH=collections))

        # Not counted: their first runs.
        ours(), theirs()
        pairs = interleave("P2", rounds, ours, theirs)
    return [
        {
            "id": "P2",
            "what": "second `site.yml`, four services ÷ second run of "
            "`grafana.grafana.opentelemetry_collector`, one service",
            "better": "lower",
            "reach": 1.0,
            "unit": "s",
            "rounds": pairs,
            "note": "Nothing is to be done in either run. The role comes from PyPI's `ansible` and "
            "runs as its documentation shows, by the same ansible-core, on an equal host.",
        }
    ]


def four(rounds: int) -> list[dict]:
    """A first site.yml on four hosts against one on one."""

    def on(*names: str) -> float:
        with Hosts(**{name: ["jaeger", "cars"] for name in names}) as hosts:
            return seconds(lambda: site(hosts))

    pairs = interleave("P6", rounds, lambda: on("a", "b", "c", "d"), lambda: on("a"))
    return [
        {
            "id": "P6",
            "what": "first `site.yml` on four fresh hosts ÷ on one, same controller",
            "better": "lower",
            "reach": 1.8,
            "unit": "s",
            "rounds": pairs,
            "note": "The hosts are machines of the controller and share its processors with it, "
            "which four servers would not. Nothing is cached on the controller in either run.",
        }
    ]


BENCHMARKS = {"P1": cold, "P2": idle, "P6": four}
