"""Grafana's dashboard: its data sources are the role's, and each panel becomes a request."""

import json
from typing import Any

import pytest

from grafana import dashboard_of
from tests.support.commands import REPOSITORY
from tests.support.grafana import (
    QUERIES,
    Period,
    Query,
    has_data,
    queries,
    rate_interval,
    services,
    substitute,
)

DASHBOARD = json.loads((REPOSITORY / "roles/grafana/files/cars.json").read_text())
PERIOD = Period(start=1000, end=1900, step=5)
VARIABLES = {"__rate_interval": "20s", "service": "server_manual", "trace_id": "ab12"}


def panel(source: str, **target: Any) -> dict[str, Any]:
    """Return a panel with one query to a data source of the lab."""
    datasource = {"type": source, "uid": f"otel-lab-{source}"}
    return {"title": "a panel", "targets": [{"datasource": datasource, **target}]}


def only(found: dict[str, Any]) -> Query:
    """Return the only request for a panel."""
    (query,) = queries(found, VARIABLES, PERIOD)
    return query


@pytest.mark.parametrize("shown", DASHBOARD["panels"], ids=lambda shown: shown["title"])
def test_each_panel_has_requests_and_its_own_data_source(shown):
    found = list(queries(shown, VARIABLES, PERIOD))
    assert found
    assert {query.source for query in found} == {shown["datasource"]["type"]}


def test_no_two_panels_overlap_or_have_the_same_id():
    panels = DASHBOARD["panels"]
    assert len({shown["id"] for shown in panels}) == len(panels)
    cells = [
        (x, y)
        for grid in (shown["gridPos"] for shown in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_the_dashboards_variables_are_those_that_it_uses():
    declared = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    text = json.dumps(DASHBOARD["panels"])
    assert declared == {name for name in ("service", "trace_id") if f"${name}" in text}
    assert substitute(text, VARIABLES)


def test_only_panels_whose_data_source_is_there_are_kept():
    kept = dashboard_of(DASHBOARD, ["otel-lab-jaeger"])
    assert kept["title"] == DASHBOARD["title"]
    assert {shown["datasource"]["type"] for shown in kept["panels"]} == {"jaeger"}
    uids = [f"otel-lab-{source}" for source in QUERIES]
    assert dashboard_of(DASHBOARD, uids) == DASHBOARD


def test_a_query_of_a_period_asks_prometheus_for_its_course():
    query = only(panel("prometheus", expr="rate(calls[$__rate_interval])"))
    times = {"start": 1000, "end": 1900, "step": 5}
    expected = {"query": "rate(calls[20s])", **times}
    assert query == Query("a panel", "prometheus", "/api/v1/query_range", expected)


def test_an_instant_query_asks_prometheus_for_the_end():
    query = only(panel("prometheus", expr="calls", instant=True))
    assert (query.path, query.parameters) == ("/api/v1/query", {"query": "calls", "time": 1900})


def test_exemplars_are_a_request_of_their_own():
    found = list(queries(panel("prometheus", expr="calls", exemplar=True), VARIABLES, PERIOD))
    assert [query.path for query in found] == ["/api/v1/query_range", "/api/v1/query_exemplars"]


def test_a_search_asks_jaeger_in_microseconds():
    query = only(panel("jaeger", queryType="search", service="$service", limit=20))
    assert query.path == "/api/traces"
    times = {"start": 1000 * 10**6, "end": 1900 * 10**6, "lookback": "custom"}
    assert query.parameters == {"service": "server_manual", "limit": 20, **times}


def test_a_trace_is_asked_for_by_its_id():
    assert only(panel("jaeger", query="$trace_id")).path == "/api/traces/ab12"


def test_log_lines_are_asked_for_with_a_query_string():
    metrics = [{"id": "1", "type": "logs", "settings": {"limit": "7"}}]
    target = {"query": 'trace.id:"$trace_id"', "timeField": "@timestamp", "metrics": metrics}
    body = only(panel("elasticsearch", **target)).body
    assert body["size"] == 7
    times, text = body["query"]["bool"]["filter"]
    assert times["range"]["@timestamp"]["gte"] == 1000 * 1000
    assert text["query_string"]["query"] == 'trace.id:"ab12"'


def test_what_nobody_could_answer_is_refused():
    with pytest.raises(ValueError, match="unknown data source"):
        only(panel("loki", expr="calls"))
    other = {"title": "a panel", "targets": [{"datasource": {"type": "jaeger", "uid": "another"}}]}
    with pytest.raises(ValueError, match="unknown data source"):
        only(other)
    with pytest.raises(ValueError, match="has no query"):
        only({"title": "a panel", "targets": []})
    with pytest.raises(ValueError, match=r"nobody sets \$mode"):
        only(panel("prometheus", expr='calls{mode="${mode}"}'))


def test_the_rate_interval_has_four_values_at_least():
    assert rate_interval(5, 5) == 20
    assert rate_interval(60, 5) == 65


def test_data_are_numbers_traces_or_lines():
    query = Query("a panel", "prometheus", "/api/v1/query_range")
    series = [
        {"metric": {"service_name": "a"}, "values": [[1, "NaN"]]},
        {"metric": {"service_name": "b"}, "values": [[1, "NaN"], [2, "0"]]},
    ]
    assert services(query, {"data": {"result": series}}) == {"b"}
    assert not has_data(query, {"data": {"result": series[:1]}})
    instant = {"data": {"result": [{"metric": {"service_name": "a"}, "value": [1, "3"]}]}}
    assert has_data(query, instant)
    exemplars = Query("a panel", "prometheus", "/api/v1/query_exemplars")
    empty = {"seriesLabels": {"service_name": "a"}, "exemplars": []}
    assert not has_data(exemplars, {"data": [empty]})
    assert not has_data(Query("a panel", "jaeger", "/api/traces"), {"data": []})
    lines = Query("a panel", "elasticsearch", "/_search")
    assert not has_data(lines, {"hits": {"total": {"value": 0}}})
    assert has_data(lines, {"hits": {"total": {"value": 1}}})
