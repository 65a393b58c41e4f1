"""The lab's Elasticsearch: what it has of the journal, and one with a password."""

import base64
import json
from collections import Counter
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from compare_traces import DIRECT
from tests.support.contract import CARS
from tests.support.lab import Lab
from tests.support.server import Handler
from tests.support.tunnel import TunnelledServer

INDEX = "otel-lab-logs-*"


def call(lab: Lab, method: str, path: str, body: Any = None) -> Any:
    """Send a request to the lab's Elasticsearch; return its answer."""
    content = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json"}
    request = Request(f"http://{lab.address}:9200/{path}", content, headers, method=method)
    with DIRECT.open(request, timeout=30) as got:
        return json.load(got)


def lines_of(lab: Lab, trace_id: str) -> list[dict[str, Any]]:
    """Return the documents of a trace's log lines."""
    found = call(lab, "GET", f"{INDEX}/_search?q=trace.id:{trace_id}&sort=@timestamp&size=100")
    return [hit["_source"] for hit in found["hits"]["hits"]]


def lines_per_trace(lab: Lab) -> dict[str, int]:
    """Return how many log lines each trace has; none if Elasticsearch does not answer."""
    count = {"ids": {"terms": {"field": "trace.id", "size": 65000}}}
    try:
        found = call(lab, "POST", f"{INDEX}/_search?size=0", {"aggs": count})
    except OSError:
        return {}
    return {each["key"]: each["doc_count"] for each in found["aggregations"]["ids"]["buckets"]}


def now(lab: Lab) -> int:
    """Return the time on the host, in microseconds."""
    return int(lab.ssh("date +%s%6N"))


def in_journal(lab: Lab, since: int) -> Counter[tuple[int, int, str]]:
    """Return the time, process and text of the app's log lines in the journal since a time."""
    units = " ".join(f"_SYSTEMD_UNIT={unit}.service" for unit in CARS)
    output = lab.ssh(
        f"journalctl --no-pager --all --output=json --output-fields=MESSAGE,_PID"
        f" --since=@{since // 1_000_000} {units}"
    )
    entries = [json.loads(line) for line in output.splitlines()]
    lines = [(int(e["__REALTIME_TIMESTAMP"]), int(e["_PID"]), e["MESSAGE"]) for e in entries]
    return Counter(line for line in lines if line[0] >= since)


def in_index(lab: Lab, since: int) -> Counter[tuple[int, int, str]]:
    """Return the same of the lines in Elasticsearch, nothing if it does not answer."""
    body: dict[str, Any] = {
        "size": 10000,
        "query": {"range": {"@timestamp": {"gte": since // 1000, "format": "epoch_millis"}}},
    }
    lines = []
    try:
        call(lab, "POST", f"{INDEX}/_refresh")
        page = call(lab, "POST", f"{INDEX}/_search?scroll=1m", body)
        while page["hits"]["hits"]:
            lines += [hit["_source"] for hit in page["hits"]["hits"]]
            scroll = {"scroll": "1m", "scroll_id": page["_scroll_id"]}
            page = call(lab, "POST", "_search/scroll", scroll)
    except OSError:
        return Counter()
    found = [(micros(e["@timestamp"]), e["process"]["pid"], e["message"]) for e in lines]
    return Counter(line for line in found if line[0] >= since)


def micros(timestamp: str) -> int:
    time = datetime.fromisoformat(timestamp)
    return int(time.replace(microsecond=0).timestamp()) * 1_000_000 + time.microsecond


def difference(lab: Lab, since: int) -> str:
    """Return how the lines in Elasticsearch differ from those in the journal, empty if equal."""
    journal, index = in_journal(lab, since), in_index(lab, since)
    if journal == index:
        return ""
    return f"missing: {list((journal - index).items())}, extra: {list((index - journal).items())}"


class Guard(TunnelledServer):
    """The lab's Elasticsearch with a user and a password, which the free program does not have."""

    user, password = "lab", "not-a-secret-of-anybody"
    content_type = "application/json"

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self.lab = lab

    @property
    def settings(self) -> dict[str, str]:
        """The role's settings for it."""
        credentials = {"elasticsearch_user": self.user, "elasticsearch_password": self.password}
        return {"elasticsearch_url": f"http://127.0.0.1:{self.port}", **credentials}

    def answer(self, request: Handler) -> tuple[int, bytes]:
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if request.headers["Authorization"] != f"Basic {token}":
            reason = {"type": "security_exception", "reason": "unable to authenticate user"}
            return 401, json.dumps({"error": reason, "status": 401}).encode()
        url = f"http://{self.lab.address}:9200{request.path}"
        headers = {"Content-Type": "application/json"}
        try:
            with DIRECT.open(
                Request(url, request.body or None, headers, method=request.command), timeout=30
            ) as got:
                return got.status, got.read()
        except HTTPError as error:
            return error.code, error.read()
