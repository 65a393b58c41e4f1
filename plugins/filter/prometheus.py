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
    """Return the services of which a counter is higher in an answer than in an earlier one.

    Both are the JSON of /api/v1/query for a counter by `service_name` and collector, as each start
    of the collector begins its own. One that was not there yet counts as 0.
    """

    def counters(answer: dict[str, Any]) -> dict[tuple, float]:
        results = answer["data"]["result"]
        return {
            tuple(sorted(result["metric"].items())): float(result["value"][1]) for result in results
        }

    before = counters(earlier)
    grown = [labels for labels, count in counters(answer).items() if count > before.get(labels, 0)]
    return sorted({dict(labels)["service_name"] for labels in grown})


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"exemplar_trace_ids": exemplar_trace_ids, "counted_services": counted_services}
