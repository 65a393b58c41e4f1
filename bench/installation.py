"""How long site.yml takes: on a new host, with nothing to do, and on four hosts."""

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jinja2
import yaml

from bench.builds import ARCHITECTURE, COLLECTOR, collector
from bench.hosts import GROUPS, PORTS, copy, new_hosts, run_script
from bench.measure import Comparison, Rounds, interleave, seconds
from compare_traces import read_trace
from send_requests import send
from tests.support.commands import REPOSITORY, must_run, wait_for
from tests.support.lab import Lab

COMPARISONS = [
    Comparison("P1", "first `site.yml` on a new host ÷ the teaching text's steps", 0.70, "s"),
    Comparison("P2", "second `site.yml`, four services ÷ second run of a role for one", 1.0, "s"),
    Comparison("P6", "first `site.yml` on four new hosts ÷ on one, same controller", 1.8, "s"),
]


def site(lab: Lab) -> None:
    """Run site.yml as on a controller that has downloaded nothing yet."""
    with tempfile.TemporaryDirectory() as empty:
        caches = {"XDG_CACHE_HOME": empty, "PIP_CACHE_DIR": f"{empty}/pip"}
        must_run(*lab.command("site.yml"), env=caches)


def read_traces(lab: Lab) -> None:
    """Send a request to each mode of a host as soon as it answers, and wait for the traces."""

    def response(port: int) -> dict[str, Any] | None:
        sent = send({"url": f"http://{lab.address}:{port}/cars"}, 10)
        return sent if sent["status"] == 200 else None

    def read(port: int) -> None:
        trace_id = wait_for(lambda: response(port), 120)["trace_id"]
        wait_for(lambda: read_trace(lab.jaeger, trace_id), 120)

    with ThreadPoolExecutor() as pool:
        list(pool.map(read, PORTS.values()))


def archive_url(lab: Lab) -> str:
    """Return the address from which site.yml downloads Jaeger."""
    defaults = yaml.safe_load((REPOSITORY / "roles/jaeger/defaults/main.yml").read_text())
    inventory = f"--inventory={lab.inventory}"
    host = json.loads(must_run("ansible-inventory", inventory, "--host", lab.name))
    settings = defaults | host
    folder = jinja2.Template(settings["jaeger_release_url"]).render(settings)
    return f"{folder}/jaeger-{settings['jaeger_version']}-linux-{ARCHITECTURE}.tar.gz"


def first_run(rounds: int) -> dict[str, Rounds]:
    """Compare a first site.yml, which ends with a trace, with the teaching text's steps."""

    def ours() -> float:
        with new_hosts(lab=GROUPS) as [lab]:
            return seconds(lambda: site(lab))

    def manual_steps() -> float:
        with new_hosts(lab=GROUPS) as [lab]:
            # What the steps take for granted is not measured.
            lab.ssh("apt-get update; apt-get install --yes curl python3-venv")
            for module in (REPOSITORY / "app").glob("*.py"):
                copy(lab, module, f"/root/app/{module.name}")
            url = archive_url(lab)
            return seconds(
                lambda: run_script(lab, "manual_steps.sh", url), lambda: read_traces(lab)
            )

    return {"P1": interleave("P1", rounds, ours, manual_steps)}


def second_run(rounds: int) -> dict[str, Rounds]:
    """Compare a second site.yml, four services, with the second run of a role for one."""
    archive = collector()
    with new_hosts(lab=GROUPS, collector=[]) as [lab, other]:
        copy(other, archive, "/root/otelcol.tar.gz")
        url = "file:///root/otelcol.tar.gz"

        def ours() -> float:
            return seconds(lambda: lab.must_play("site.yml"))

        def baseline() -> float:
            playbook = str(COLLECTOR / "install.yml")
            return seconds(lambda: other.must_play(playbook, otel_collector_binary_url=url))

        # The first runs are not measured.
        ours(), baseline()
        return {"P2": interleave("P2", rounds, ours, baseline)}


def four_hosts(rounds: int) -> dict[str, Rounds]:
    """Compare a first site.yml on four hosts with one on one host."""

    def on(*names: str) -> float:
        with new_hosts(**dict.fromkeys(names, GROUPS)) as labs:
            return seconds(lambda: site(labs[0]))

    return {"P6": interleave("P6", rounds, lambda: on(*"abcd"), lambda: on("a"))}
