"""Traces of an exercise's requests, written by hand, as Jaeger's API returns them."""

from dataclasses import replace
from itertools import count
from typing import Any

from course.traces import MODES, Exemplar, Lab, Trace, build_lab

SLEEP = 0.5
QUERY_FAILED = "sqlalchemy.exc.OperationalError"

Tree = dict[str, Any]
# By the case and the mode of a request: the status of its answer, and the root of its trace.
Recorded = dict[tuple[str, str], tuple[int, Tree | None]]


def tags(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def span(
    name: str,
    *children: Tree,
    kind: str = "internal",
    service: str = "server_programmatic",
    status: str = "",
    start: float = 0,
    lasts: float = 0.001,
    events: tuple[tuple[float, dict[str, Any]], ...] = (),
    **attributes: Any,
) -> Tree:
    """Return a span with its children; times are in seconds since the start of the trace."""
    return {
        **{"name": name, "kind": kind, "service": service, "status": status, "start": start},
        **{"lasts": lasts, "events": events, "attributes": attributes, "children": children},
    }


def exception(type_: str = QUERY_FAILED) -> tuple[tuple[float, dict[str, Any]], ...]:
    """Return the events of a span with an exception."""
    message = "database is locked\n[SQL: SELECT cars.id]"
    event = {"event": "exception", "exception.type": type_, "exception.message": message}
    return ((0.001, event),)


def jaeger_trace(*roots: Tree, trace_id: str = "t1", parent: str = "caller") -> dict[str, Any]:
    """Return a trace as in Jaeger's API; `parent` is the roots' parent, empty for none."""
    trace: dict[str, Any] = {"traceID": trace_id, "spans": [], "processes": {}}
    ids = count(1)

    def add(tree: Tree, above: str) -> None:
        span_id = f"s{next(ids)}"
        trace["processes"][f"p{span_id}"] = {"serviceName": tree["service"], "tags": []}
        status = {"otel.status_code": tree["status"]} if tree["status"] else {}
        trace["spans"].append(
            {
                "spanID": span_id,
                "processID": f"p{span_id}",
                "operationName": tree["name"],
                "references": [{"refType": "CHILD_OF", "spanID": above}] if above else [],
                "startTime": round(tree["start"] * 1e6),
                "duration": round(tree["lasts"] * 1e6),
                "tags": tags({"span.kind": tree["kind"], **status, **tree["attributes"]}),
                "logs": [
                    {"timestamp": round(time * 1e6), "fields": tags(fields)}
                    for time, fields in tree["events"]
                ],
            }
        )
        for child in tree["children"]:
            add(child, span_id)

    for root in roots:
        add(root, parent)
    return trace


def sent(recorded: Recorded, jaeger_url: str = "http://jaeger") -> dict[str, Any]:
    """Return what playbooks/send_exercise.yml writes of these requests."""
    responses = [
        {
            **{"case": case, "mode": mode, "status": status, "error": ""},
            **{"trace_id": f"{case}-{mode}", "span_id": "caller"},
            **{"url": f"http://{mode}/{case}", "seconds": root["lasts"] if root else 0},
        }
        for (case, mode), (status, root) in recorded.items()
    ]
    return {
        **{"jaeger_url": jaeger_url, "jaeger_has_pages": True, "responses": responses},
        **{"sleep_seconds": SLEEP, "checksums": [], "journal": [], "prometheus_url": ""},
    }


def lab_of(recorded: Recorded) -> Lab:
    """Return what the lab recorded of these requests."""
    traces = [jaeger_trace(root) if root else None for _, root in recorded.values()]
    return build_lab(sent(recorded), traces)


def cars(*own: Tree, automatic: tuple[Tree, ...] = ()) -> Recorded:
    """Return the requests for the cars, with spans of one's own below the server span."""
    roots = {
        "manual": span("server_request", kind="server", service="server_manual", lasts=1),
        "programmatic": span("GET /cars", *libraries(), *own, kind="server", lasts=1),
        "automatic": span(
            "GET /cars", *libraries(), *automatic, kind="server", service="server_automatic"
        ),
    }
    return {("cars", mode): (200, roots[mode]) for mode in MODES}


def libraries(status: str = "", connect: float = 0.001) -> tuple[Tree, Tree]:
    """Return what the instrumentation of SQLAlchemy records, with the seconds to connect."""
    query = span("SELECT cars.db", kind="client", status=status)
    return span("connect", kind="client", lasts=connect), query


def functions(
    *,
    one: dict[str, Any] | None = None,
    two: dict[str, Any] | None = None,
) -> Tree:
    """Return the spans of the two functions, with other arguments of `span`."""
    below = span("some_func_two", **{"start": SLEEP, "lasts": SLEEP, **(two or {})})
    return span("some_func_one", below, **{"lasts": 2 * SLEEP, **(one or {})})


def timed(connect: float = 0, lasts: dict[str, float] | None = None) -> Recorded:
    """Return the requests for the cars, in which connecting takes time.

    `lasts` has the length of a mode's server span, if it is not that of its parts.
    """
    manual: Tree = {"service": "server_manual"}
    below = span("some_func_two", lasts=SLEEP, **manual)
    one = span("some_func_one", below, lasts=2 * SLEEP, **manual)
    children = {
        "manual": ("server_request", (one,)),
        "programmatic": ("GET /cars", libraries(connect=connect)),
        "automatic": ("GET /cars", libraries(connect=connect)),
    }
    recorded: Recorded = {}
    for mode, (name, parts) in children.items():
        length = (lasts or {}).get(mode, 2 * SLEEP + connect)
        root = span(name, *parts, kind="server", service=f"server_{mode}", lasts=length)
        recorded["cars", mode] = 200, root
    return recorded


def waited(recorded: Recorded, mode: str, seconds: float) -> Lab:
    """Return what the lab recorded, with another time that the caller waited for a mode."""
    lab = lab_of(recorded)
    recordings = [replace(r, seconds=seconds) if r.mode == mode else r for r in lab.recordings]
    return replace(lab, recordings=recordings)


# The spans of both functions in `measured`.
ONE_SPAN, TWO_SPAN = "s4", "s5"
HISTOGRAM = "some_func_two_duration_seconds_bucket"


def measured(
    value: float = SLEEP, span_id: str = TWO_SPAN, bound: float = 0.75, series: str = HISTOGRAM
) -> Lab:
    """Return what the lab recorded of the ninth exercise: a series with an exemplar."""
    exemplar = Exemplar(series, value, bound, "cars-programmatic", span_id)
    return replace(lab_of(cars(functions())), series=[series], exemplars=[exemplar])


def of_service(tree: Tree, service: str) -> Tree:
    """Return a span and its descendants as those of another service."""
    children = tuple(of_service(child, service) for child in tree["children"])
    return {**tree, "service": service, "children": children}


def fourth(*below: Tree, service: str = "server_mixed", beside: tuple[Tree, ...] = ()) -> Lab:
    """Return what the lab recorded of the eleventh exercise.

    `below` are the spans below the server span, and `beside` are those that continue the request's
    trace too.
    """
    root = span("GET /cars", *below, kind="server", lasts=1)
    recorded: Recorded = {("cars", "automatic"): (200, None)}
    trace = jaeger_trace(*(of_service(tree, service) for tree in (root, *beside)))
    return build_lab(sent(recorded), [trace])


TRACE_ID = "00f7651916cd43dd8448eb211c80319c"
# The spans of the manual mode in `timed`.
SERVER_ID, TWO_ID = "s1", "s3"


def line(text: str, trace_id: str = TRACE_ID, span_id: str = SERVER_ID) -> str:
    """Return a log line as the manual mode writes it."""
    return f"INFO [trace_id={trace_id} span_id={span_id}] {text}"


def logged(found: str, *others: str) -> Lab:
    """Return what the lab recorded of the tenth exercise: its log lines, and gunicorn's."""
    lab = lab_of(timed())
    recordings = [replace(r, trace_id=TRACE_ID) for r in lab.recordings]
    access = f'127.0.0.1 "GET /cars HTTP/1.1" 200 1.0s traceparent=00-{TRACE_ID}-{SERVER_ID}-01'
    return replace(lab, recordings=recordings, journal=[found, *others, access])


def failures(answered: int, *own: Tree, **server: Any) -> Recorded:
    """Return the requests of the third exercise, with the programmatic mode's server span."""
    manual: Tree = {"kind": "server", "service": "server_manual", "status": "ERROR"}
    failed = {
        "manual": (500, span("server_request", events=exception(), **manual)),
        "programmatic": (
            answered,
            span(
                "GET /cars",
                *libraries("ERROR"),
                *own,
                **{"kind": "server", "status": "ERROR", **server},
            ),
        ),
        "automatic": (500, span("GET /cars", kind="server", service="server_automatic")),
    }
    return {**cars(), **{("database_error", mode): failed[mode] for mode in MODES}}


def chain(*called: Tree, beside: tuple[Tree, ...] = ()) -> Recorded:
    """Return the request through all modes.

    `called` is what is below the programmatic server span, and `beside` has the same parent.
    """
    programmatic = span("GET /chain", *called, kind="server")
    ask_next = span("ask_next", programmatic, *beside, kind="client", service="server_manual")
    return {
        ("chain", "manual"): (200, span("chain", ask_next, kind="server", service="server_manual"))
    }


LAST = span("GET /chain", kind="server", service="server_automatic")
WHOLE = chain(span("GET", LAST, kind="client"))["chain", "manual"][1]


def baggage(chain_: Recorded, **attributes: Any) -> Recorded:
    """Return the requests of the fifth exercise, with the last server span of the second one."""
    last = span("GET /chain", kind="server", service="server_automatic", **attributes)
    return {**chain_, ("baggage", "automatic"): (200, last)}


def sampling(
    new: list[Tree],
    sampled: Tree | None = WHOLE,
    unsampled: Tree | None = None,
    status: int = 200,
) -> tuple[dict[str, Any], list[Trace | None], list[Trace]]:
    """Return what build_lab takes of the sixth exercise's requests.

    `new` are the roots of the traces that the lab began for 400 requests, all answered with
    `status`.
    """
    known: Recorded = {
        ("sampled", "manual"): (200, sampled),
        ("unsampled", "manual"): (200, unsampled),
    }
    data = sent(known)
    response = {"case": "new", "mode": "manual", "status": status, "error": "", "seconds": 0}
    url = "http://manual/chain?check=1"
    data["responses"] += [{**response, "trace_id": "", "span_id": "", "url": url}] * 400
    traces = [jaeger_trace(root) if root else None for root in (sampled, unsampled)]
    found = [jaeger_trace(r, trace_id=f"n{i}", parent="") for i, r in enumerate(new)]
    return data, traces, found
