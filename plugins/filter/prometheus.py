"""Filters that read the answers of Prometheus.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from collections.abc import Callable
from typing import Any


def exemplar_trace_ids(answer: dict[str, Any]) -> list[str]:
    """Return the ids of the traces to which the exemplars in an answer of Prometheus lead.

    `answer` is the JSON of /api/v1/query_exemplars.
    """
    labels = [exemplar["labels"] for series in answer["data"] for exemplar in series["exemplars"]]
    return sorted({each["trace_id"] for each in labels if "trace_id" in each})


def counted_services(answer: dict[str, Any], earlier: dict[str, Any]) -> list[str]:
    """Return the services whose counter has another value in an answer than in an earlier one.

    Both are the JSON of /api/v1/query for a counter by `service_name`. One that was not there
    yet counts as 0. A lower value is that of a counter which began anew with the collector.
    """

    def counters(answer: dict[str, Any]) -> dict[str, float]:
        results = answer["data"]["result"]
        return {result["metric"]["service_name"]: float(result["value"][1]) for result in results}

    before = counters(earlier)
    return [name for name, count in counters(answer).items() if count != before.get(name, 0)]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"exemplar_trace_ids": exemplar_trace_ids, "counted_services": counted_services}
