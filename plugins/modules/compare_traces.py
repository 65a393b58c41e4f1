#!/usr/bin/python
"""Ansible module: read traces from Jaeger's query API and compare them with expected span trees."""

DOCUMENTATION = r"""
module: compare_traces
short_description: Compare traces in Jaeger with expected span trees
description:
  - Waits until every trace is as expected, or I(timeout) has passed.
  - Traces are compared only when two readings in a row found the same spans, because a superfluous
    span may arrive last. The absence of a trace is checked when all others have arrived.
  - Traces that all have C(services) need one reading.
author: The otel-lab developers (!UNKNOWN)
options:
  jaeger_url:
    description: Address of Jaeger's query API, such as C(http://127.0.0.1:16686).
    type: str
    required: true
  traces:
    description:
      - The traces to compare; keys other than these are ignored.
      - C(title), the name of the trace in messages.
      - C(trace_id) and C(span_id), as in the request's traceparent header.
      - C(service) and C(resource), the name of the root span's service, and the attributes that the
        resource of every span must have.
      - C(expected), the root span as in playbooks/vars/expected_traces.yml, or null for no trace.
        Without this key the module only waits for the root span, which ends last, and for spans of
        each service in C(services).
    type: list
    elements: dict
    required: true
  timeout:
    description: Seconds to wait for the spans.
    type: int
    default: 10
"""
EXAMPLES = r"""
- name: Wait for a trace and check its only span
  otel_lab.tracing.compare_traces:
    jaeger_url: http://127.0.0.1:16686
    traces:
      - title: health check
        trace_id: 4bf92f3577b34da6a3ce929d0e0e4736
        span_id: 00f067aa0ba902b7
        service: shop
        expected: {name: GET /health, kind: server, scope: opentelemetry.instrumentation.flask}
"""
RETURN = r"""
compared:
  description: Number of traces that are as expected.
  type: int
  returned: success
span_trees:
  description: For each trace, in order, its root spans; each has its child spans under C(children).
  type: list
  elements: list
  returned: success
"""

import difflib
import json
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# Without the environment's proxies, which may not reach the lab's addresses.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# A span as span_tree describes it, or an expected one.
Node = dict[str, Any]


def read_trace(jaeger_url: str, trace_id: str) -> dict[str, Any] | None:
    """Return the trace (as in Jaeger's `/api/traces/{id}`), or None if Jaeger has none.

    Raises OSError if Jaeger cannot be reached, ValueError if the response is not JSON.
    """
    try:
        with DIRECT.open(f"{jaeger_url}/api/traces/{trace_id}", timeout=5) as response:
            return json.load(response)["data"][0]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def span_tree(trace: dict[str, Any]) -> list[Node]:
    """Return the roots of a trace: the spans whose parent is not part of it.

    A node is a dict with the keys below; times are in microseconds, `children` are nodes too.
    """
    nodes = {}
    for span in sorted(trace["spans"], key=lambda span: (span["startTime"], -span["duration"])):
        process = trace["processes"][span["processID"]]
        # Jaeger 1.57 stores the scope in the process, under its older name.
        tags = {tag["key"]: tag["value"] for tag in process["tags"] + span["tags"]}
        events = [
            {"timestamp": log["timestamp"], **{f["key"]: f["value"] for f in log["fields"]}}
            for log in span["logs"]
        ]
        parents = [r["spanID"] for r in span["references"] if r["refType"] == "CHILD_OF"]
        nodes[span["spanID"]] = {
            "parent": parents[0] if parents else "none",
            "service": process["serviceName"],
            "resource": {tag["key"]: tag["value"] for tag in process["tags"]},
            "name": span["operationName"],
            "kind": tags.get("span.kind", "internal"),
            "scope": tags.get("otel.scope.name", tags.get("otel.library.name", "")),
            "status": tags.get("otel.status_code", "unset").lower(),
            "exceptions": [
                event.get("exception.type", "unknown")
                for event in events
                if event.get("event") == "exception"
            ],
            "events": events,
            "span_id": span["spanID"],
            "warnings": span.get("warnings") or [],
            "attributes": tags,
            "start": span["startTime"],
            "duration": span["duration"],
            "children": [],
        }
    roots: list[Node] = []
    for node in nodes.values():
        siblings = nodes[node["parent"]]["children"] if node["parent"] in nodes else roots
        siblings.append(node)
    return roots


def expected_tree(node: Node, service: str, resource: dict[str, str], parent: str) -> Node:
    """Return an expected node in the form of `span_tree`, with all defaults filled in.

    A node's service is also that of its descendants, until one names another.
    """
    service = node.get("service", service)
    return {
        "parent": parent,
        "service": service,
        "resource": resource,
        "status": "unset",
        "exceptions": [],
        "attributes": {},
        **node,
        "children": [
            expected_tree(c, service, resource, "above") for c in node.get("children", [])
        ],
    }


def services(trace: dict[str, Any] | None) -> set[str]:
    """Return the names of the services that have spans in a trace."""
    if not trace:
        return set()
    processes = (trace["processes"][span["processID"]] for span in trace["spans"])
    return {process["serviceName"] for process in processes}


NO_NODE: Node = {"resource": {}, "attributes": {}, "children": []}


def describe_nodes(nodes: list[Node], expected: list[Node], depth: int = 0) -> list[str]:
    """Return lines of text about nodes.

    Of the attributes, only those that the expected node at the same place has are described.
    """
    text = []
    for index, node in enumerate(nodes):
        twin = expected[index] if index < len(expected) else NO_NODE
        indent = "  " * depth
        above = node["parent"] if depth == 0 else "above"
        text.append(f"{indent}{node['service']}: {node['name']} [{node['kind']}] parent={above}")
        text.append(f"{indent}  scope={node['scope']} status={node['status']}")
        text += [f"{indent}  exception {name}" for name in node["exceptions"]]
        for part in "resource", "attributes":
            for key in sorted(twin[part]):
                value = node[part].get(key, "(absent)")
                text.append(f"{indent}  {key}={json.dumps(value, ensure_ascii=False)}")
        text += describe_nodes(node["children"], twin["children"], depth + 1)
    return text


def difference(item: dict[str, Any], trace: dict[str, Any] | None) -> str:
    """Return how a trace differs from what is expected, as text; empty if it does not."""
    roots = span_tree(trace) if trace else []
    if "expected" not in item:
        title = f"{item['title']}, trace {item['trace_id']}"
        if not any(root["parent"] == item["span_id"] for root in roots):
            return f"{title}: its root span did not arrive."
        missing = sorted(set(item.get("services", [])) - services(trace))
        return f"{title}: no span of {', '.join(missing)} arrived." if missing else ""
    expected = []
    if item["expected"] is not None:
        expected = [
            expected_tree(
                item["expected"], item["service"], item.get("resource", {}), item["span_id"]
            )
        ]
    found = describe_nodes(roots, expected)
    wanted = describe_nodes(expected, expected)
    if found == wanted:
        return ""
    diff = difflib.ndiff(wanted or ["(no trace)"], found or ["(no trace)"])
    return f"{item['title']}, trace {item['trace_id']} (- expected, + found):\n" + "\n".join(
        line for line in diff if not line.startswith("?")
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "jaeger_url": {"type": "str", "required": True},
            "traces": {"type": "list", "elements": "dict", "required": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    deadline = time.monotonic() + module.params["timeout"]
    needs_two_readings = any("services" not in item for item in module.params["traces"])
    ids = before = None
    while True:
        try:
            found = [
                read_trace(module.params["jaeger_url"], item["trace_id"])
                for item in module.params["traces"]
            ]
            ids = [sorted(s["spanID"] for s in trace["spans"]) if trace else [] for trace in found]
            differences = list(map(difference, module.params["traces"], found))
        except (OSError, HTTPException, ValueError) as error:
            differences = [f"Jaeger at {module.params['jaeger_url']} cannot be reached: {error}"]
        is_settled = ids == before or not needs_two_readings
        if is_settled and not any(differences):
            trees = [span_tree(trace) if trace else [] for trace in found]
            module.exit_json(changed=False, compared=len(differences), span_trees=trees)
        if time.monotonic() > deadline:
            break
        before = ids
        time.sleep(0.25)
    module.fail_json(
        msg="Traces in Jaeger are not as expected.\n" + "\n\n".join(filter(None, differences)),
    )


if __name__ == "__main__":
    main()
