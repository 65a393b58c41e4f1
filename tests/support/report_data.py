"""A made-up lab, as playbooks/report.yml describes a real one to the report."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from report.model import Report

FLASK = "opentelemetry.instrumentation.flask"
SQLALCHEMY = "opentelemetry.instrumentation.sqlalchemy"
URLLIB = "opentelemetry.instrumentation.urllib"
QUERY = {"db.system": "sqlite", "db.statement": "SELECT cars.id \nFROM cars"}
SECOND = 1_000_000
CHAIN_MODES = ["manual", "manual", "programmatic", "programmatic", "automatic"]  # Per span.
APP = Path(__file__).parents[2] / "app"

Node = dict[str, Any]
SPAN_IDS = count(0xA0)


def span(
    name: str,
    kind: str,
    scope: str,
    start: int,
    duration: int,
    children: list[Node] | None = None,
    attributes: dict[str, str] | None = None,
    service: str = "",
) -> Node:
    """Return a node as `span_tree` does, but without a parent, and perhaps without a service.

    Times are in microseconds.
    """
    process = {"host.name": "lab", "otel.library.name": scope}
    if scope.startswith("opentelemetry."):
        process["otel.library.version"] = "0.66b1"
    return {
        "parent": "",
        "service": service,
        "resource": process,
        "name": name,
        "kind": kind,
        "scope": scope,
        "status": "unset",
        "exceptions": [],
        "warnings": [],
        "span_id": f"{next(SPAN_IDS):016x}",
        "attributes": {**process, "span.kind": kind, **(attributes or {})},
        "start": 1_795_501_968_000_000 + start,
        "duration": duration,
        "children": children or [],
    }


def inherit(node: Node, service: str) -> Node:
    """Return a copy of a node in which it and its descendants all name their service."""
    service = node["service"] or service
    children = [inherit(child, service) for child in node["children"]]
    return {**node, "service": service, "children": children}


def library_root() -> Node:
    return span(
        *("GET /cars", "server", FLASK, 0, SECOND),
        [
            span("connect", "client", SQLALCHEMY, 900, 300, attributes={"db.system": "sqlite"}),
            span("SELECT cars.db", "client", SQLALCHEMY, 1300, 200, attributes=QUERY),
        ],
        {"http.method": "GET", "http.target": "/cars", "http.route": "/cars"},
    )


def manual_root() -> Node:
    two = span("some_func_two", "internal", "server_manual", 502_000, 498_000)
    one = span("some_func_one", "internal", "server_manual", 1500, 998_500, [two])
    attributes = {"http.method": "GET", "http.target": "/cars"}
    return span("server_request", "server", "server_manual", 0, SECOND, [one], attributes)


def failed(root: Node) -> Node:
    """Return the root of a request whose query failed."""
    return {**root, "status": "error", "exceptions": ["sqlalchemy.exc.OperationalError"]}


def library_failure() -> Node:
    query = span("SELECT cars.db", "client", SQLALCHEMY, 1300, 5 * SECOND, attributes=QUERY)
    attributes = {"http.method": "GET", "http.status_code": "500"}
    children = [{**query, "status": "error"}]
    length = 5 * SECOND + 5000
    return failed(span("GET /cars", "server", FLASK, 0, length, children, attributes))


def manual_failure() -> Node:
    attributes = {"http.method": "GET"}
    length = 5 * SECOND + 4000
    return failed(
        span("server_request", "server", "server_manual", 0, length, attributes=attributes)
    )


def chain_root() -> Node:
    last = span("GET /chain", "server", FLASK, 6000, 1000, service="server_automatic")
    call = span("GET", "client", URLLIB, 4000, 3500, [last])
    middle = span("GET /chain", "server", FLASK, 3000, 5000, [call], service="server_programmatic")
    ask = span("ask_next", "client", "server_manual", 1000, 8000, [middle])
    path = {"http.target": "/chain"}
    return span("chain", "server", "server_manual", 0, 10_000, [ask], path)


@dataclass
class MadeUpMode:
    """A mode; tests change it to see what the report makes of it."""

    key: str
    root: Node
    failure: Node
    module: str
    unit: str


class MadeUpLab:
    """A lab in which everything that the report can claim of a lab holds."""

    def __init__(self) -> None:
        unit = "[Service]\nExecStart={}/bin/gunicorn server_{}:app\n"
        instrument = "/e/bin/opentelemetry-instrument \\\n    --traces_exporter otlp \\\n    /e"
        roots = {
            "manual": manual_root(),
            "programmatic": library_root(),
            "automatic": library_root(),
        }
        roots["automatic"]["resource"]["telemetry.auto.version"] = "0.66b1"
        self.modes = [
            MadeUpMode(
                key,
                root,
                manual_failure() if key == "manual" else library_failure(),
                (APP / f"server_{key}.py").read_text(),
                unit.format(instrument if key == "automatic" else "/e", key),
            )
            for key, root in roots.items()
        ]
        self.manual, self.programmatic, self.automatic = self.modes
        self.chain_roots = [chain_root()]
        self.jaeger_has_pages = False
        self.warns = True
        zipkin, prometheus = "http://10.0.0.2:9411", "http://10.0.0.2:9090"
        elasticsearch = "http://10.0.0.2:9200/otel-lab-logs-*/_search?q=trace.id"
        self.other_systems: list[dict[str, Any]] = [
            {
                "name": "Zipkin",
                "urls": [f"{zipkin}/zipkin/traces/{trace_id}" for trace_id in self.trace_ids[:3]],
                "spans": [3, 3, 3],
            },
            {
                "name": "Prometheus",
                "urls": [f"{prometheus}/consoles/cars.html#{id_}" for id_ in self.trace_ids[:3]],
                "spans": [],
            },
            {
                "name": "Elasticsearch",
                "urls": [f"{elasticsearch}:{trace_id}" for trace_id in self.trace_ids[:3]],
                "spans": [],
                "log_lines": [2, 1, 2],
            },
        ]
        self.costs: dict[str, Any] | None = {
            "date": "2026-11-24",
            "machine": {"cpu": "Example", "cores": 2},
            "modes": {
                "untraced": {**cost(0), "spans": 0},
                **{key: cost(extra) for key, extra in zip(roots, (140, 340, 400), strict=True)},
            },
        }

    @property
    def chain(self) -> Node:
        return self.chain_roots[0]

    @property
    def trace_ids(self) -> list[str]:
        return [f"{i:032x}" for i in range(1, 2 * len(self.modes) + 2)]

    def data(self) -> dict[str, Any]:
        """Return the input of the report."""
        trees = [[inherit(mode.root, f"server_{mode.key}")] for mode in self.modes]
        trees += [[inherit(mode.failure, f"server_{mode.key}")] for mode in self.modes]
        trees.append([inherit(root, "server_manual") for root in self.chain_roots])
        cases = ["cars"] * len(self.modes) + ["database_error"] * len(self.modes) + ["chain"]
        modes = [*(mode.key for mode in [*self.modes, *self.modes]), None]
        responses = []
        for trace_id, tree, case, mode in zip(self.trace_ids, trees, cases, modes, strict=True):
            caller = trace_id[16:]
            response = {"trace_id": trace_id, "span_id": caller, "case": case, "mode": mode}
            responses.append(response)
            tree[0]["parent"] = tree[0]["parent"] or caller
            if tree[0]["parent"] == caller and self.warns:
                tree[0]["warnings"] = [f"invalid parent span IDs={caller}"]
        log = [
            f"INFO [trace_id={trace_id} span_id={tree[0]['span_id']}] Found 5 cars"
            for trace_id, tree in zip(self.trace_ids, trees, strict=True)
        ]
        return {
            "jaeger_url": "http://10.0.0.2:16686",
            "jaeger_has_pages": self.jaeger_has_pages,
            "costs": self.costs,
            "other_systems": [
                {key: value[: len(self.modes)] for key, value in system.items() if key != "name"}
                | {"name": system["name"]}
                for system in self.other_systems
            ],
            "responses": responses,
            "span_trees": trees,
            "log": log,
            "units": [mode.unit for mode in self.modes],
            "modules": [mode.module for mode in self.modes],
        }

    def report(self) -> Report:
        return Report.from_json(self.data())


def cost(extra_us: float) -> dict[str, float]:
    return {
        "cpu_us": 226 + extra_us,
        "extra_us": extra_us,
        "spans": 3,
        "extra_us_per_span": extra_us / 3,
    }
