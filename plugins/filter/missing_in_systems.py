"""Filter that names the traces which the other systems lack."""

from collections import Counter
from collections.abc import Callable
from typing import Any


def span_ids(spans: list[dict[str, Any]], name: str) -> set[str]:
    return {span[name] for span in spans}


def missing_in_systems(
    requests: list[dict[str, Any]],
    zipkin: list[dict[str, Any]],
    exemplars: list[str] | None,
    elasticsearch: list[dict[str, Any]],
) -> list[str]:
    """Return what each system lacks of the traces of some requests, in a line per trace.

    `requests` are responses of send_requests. `zipkin` are the results of ansible.builtin.uri in a
    loop over those that read the traces in Jaeger, or skipped. `exemplars` are the ids of the
    traces in Prometheus, None if there is no Prometheus. `elasticsearch` are the results of
    ansible.builtin.uri in a loop over those that read the traces' lines in the journal, or skipped.
    """
    lines = []
    for result in zipkin:
        if result.get("skipped"):
            continue
        request = result["item"]["item"]
        expected = span_ids(result["item"]["json"]["data"][0]["spans"], "spanID")
        found = span_ids(result.get("json") or [], "id")
        if found != expected:
            lines.append(
                f"Zipkin has {len(found & expected)} of the {len(expected)} spans of trace "
                f"{request['trace_id']} ({request['title']})"
            )
    if exemplars is not None:
        lines += [
            f"Prometheus has no exemplar of trace {request['trace_id']} ({request['title']})"
            for request in requests
            if request["trace_id"] not in exemplars
        ]
    for result in elasticsearch:
        if result.get("skipped"):
            continue
        request = result["item"]["item"]
        logged = Counter(result["item"]["stdout_lines"])
        hits = (result.get("json") or {}).get("hits", {}).get("hits", [])
        arrived = Counter(hit["_source"]["message"] for hit in hits)
        if not logged:
            lines.append(
                f"The journal has no log line of trace {request['trace_id']} ({request['title']})"
            )
        elif arrived != logged:
            others = (arrived - logged).total()
            lines.append(
                f"Elasticsearch has {(arrived & logged).total()} of the {logged.total()} log "
                f"lines of trace {request['trace_id']} ({request['title']})"
                + (f" and {others} that the journal does not have" if others else "")
            )
    return lines


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"missing_in_systems": missing_in_systems}
