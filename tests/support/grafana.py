"""The dashboard of Grafana, without Grafana: the requests by which it asks for its panels' data.

https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Period:
    """What the dashboard shows, in seconds since 1970, with a value every `step` seconds."""

    start: int
    end: int
    step: int


@dataclass(frozen=True)
class Query:
    """A request to a data source for a panel; `path` is added to the source's URL."""

    panel: str
    source: str
    path: str
    parameters: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None


def rate_interval(step: int, interval: int) -> int:
    """Return the seconds of $__rate_interval, for metrics that are written each `interval` s."""
    return max(step + interval, 4 * interval)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with the values of its variables. Raises ValueError if one has none."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in variables:
            raise ValueError(f"nobody sets ${found[1]} in {text}")
        return variables[found[1]]

    return re.sub(r"\$\{?(\w+)\}?", value, text)


def prometheus_query(panel: str, target: dict[str, Any], period: Period) -> Query:
    if target.get("instant"):
        parameters = {"query": target["expr"], "time": period.end}
        return Query(panel, "prometheus", "/api/v1/query", parameters)
    times = {"start": period.start, "end": period.end}
    path = "/api/v1/query_range"
    return Query(panel, "prometheus", path, {"query": target["expr"], **times, "step": period.step})


def jaeger_query(panel: str, target: dict[str, Any], period: Period) -> Query:
    if target.get("queryType") != "search":
        return Query(panel, "jaeger", f"/api/traces/{target['query']}")
    times = {"start": period.start * 10**6, "end": period.end * 10**6, "lookback": "custom"}
    parameters = {"service": target["service"], "limit": target["limit"], **times}
    return Query(panel, "jaeger", "/api/traces", parameters)


def elasticsearch_query(panel: str, target: dict[str, Any], period: Period) -> Query:
    times = {"gte": period.start * 1000, "lte": period.end * 1000, "format": "epoch_millis"}
    filters = [
        {"range": {target["timeField"]: times}},
        {"query_string": {"analyze_wildcard": True, "query": target["query"]}},
    ]
    body = {
        "size": int(target["metrics"][0]["settings"]["limit"]),
        "query": {"bool": {"filter": filters}},
        "sort": [{target["timeField"]: {"order": "desc", "unmapped_type": "boolean"}}],
    }
    return Query(panel, "elasticsearch", "/otel-lab-logs-*/_search", body=body)


QUERIES = {
    "prometheus": prometheus_query,
    "jaeger": jaeger_query,
    "elasticsearch": elasticsearch_query,
}


def queries(panel: dict[str, Any], variables: Mapping[str, str], period: Period) -> Iterator[Query]:
    """Yield the requests for a panel: one for each query, and one for its exemplars.

    Raises ValueError if it has none, if a data source has no entry in QUERIES, or is not what its
    name says, or if a variable has no value.
    """
    if not panel.get("targets"):
        raise ValueError(f"the panel {panel['title']} has no query")
    for target in panel["targets"]:
        source = target["datasource"]
        if source["type"] not in QUERIES or source["uid"] != f"otel-lab-{source['type']}":
            raise ValueError(f"the panel {panel['title']} has the unknown data source {source}")
        # As text, so that a variable may be anywhere in it.
        filled = json.loads(substitute(json.dumps(target), variables))
        yield QUERIES[source["type"]](panel["title"], filled, period)
        if filled.get("exemplar"):
            times = {"start": period.start, "end": period.end}
            parameters = {"query": filled["expr"], **times}
            yield Query(panel["title"], "prometheus", "/api/v1/query_exemplars", parameters)


def services(query: Query, answer: dict[str, Any]) -> set[str]:
    """Return the services of which an answer of Prometheus has numbers."""
    if query.path == "/api/v1/query_exemplars":
        return {
            series["seriesLabels"]["service_name"]
            for series in answer["data"]
            if series["exemplars"]
        }
    return {
        series["metric"]["service_name"]
        for series in answer["data"]["result"]
        if any(
            not math.isnan(float(number)) for _, number in series.get("values") or [series["value"]]
        )
    }


def has_data(query: Query, answer: dict[str, Any]) -> bool:
    """Return whether an answer has something to show."""
    if query.source == "prometheus":
        return services(query, answer) != set()
    if query.source == "jaeger":
        return bool(answer.get("data"))
    return answer["hits"]["total"]["value"] > 0
