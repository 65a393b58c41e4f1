#!/usr/bin/python
"""Ansible module: read traces back from Jaeger's query API and compare them with expected trees."""

import difflib
import json
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: compare_traces
short_description: Compare traces in Jaeger, whole, with expected span trees
description:
  - Waits until every trace is as expected, or I(timeout) has passed.
  - They count as such when two looks one after the other found the same spans, as one too many
    may come last. That a trace is absent is looked for once all the others are there.
author: The otel-lab developers
options:
  jaeger_url:
    description: Address of Jaeger's query API, such as C(http://127.0.0.1:16686).
    type: str
    required: true
  traces:
    description: >-
      What to compare; C(title), C(service), C(trace_id) and C(span_id) as in the request's
      traceparent, C(resource), attributes that the resource of every span must have, and
      C(expected), the root span as in playbooks/vars/expected_traces.yml, or null for no trace.
      Without C(expected) it is only awaited, until its root is there, which ends last.
    type: list
    elements: dict
    required: true
  timeout:
    description: Seconds to wait for the spans.
    type: int
    default: 10
"""
RETURN = r"""
compared:
  description: Number of traces that are as expected.
  type: int
  returned: success
traces:
  description: The traces in order, as in Jaeger's C(/api/traces/{id}); null for none.
  type: list
  elements: dict
  returned: success
"""


def read_trace(jaeger_url, trace_id):
    """Return the trace (dict, as in Jaeger's `/api/traces/{id}`), or None if Jaeger has none.

    Raises OSError if Jaeger cannot be reached, ValueError if it does not answer in JSON.
    """
    try:
        with urllib.request.urlopen(f"{jaeger_url}/api/traces/{trace_id}", timeout=5) as answer:
            return json.load(answer)["data"][0]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def span_tree(trace):
    """Return the roots (list of nodes) of a trace: the spans whose parent is not in it."""
    nodes = {}
    for span in sorted(trace["spans"], key=lambda span: (span["startTime"], -span["duration"])):
        process = trace["processes"][span["processID"]]
        # Jaeger 1.57 moves the scope to the process and calls it by its older name.
        tags = {tag["key"]: tag["value"] for tag in process["tags"] + span["tags"]}
        events = [{f["key"]: f["value"] for f in log["fields"]} for log in span["logs"]]
        parents = [r["spanID"] for r in span["references"] if r["refType"] == "CHILD_OF"]
        nodes[span["spanID"]] = {
            "parent": parents[0] if parents else "none",
            "service": process["serviceName"],
            "resource": {tag["key"]: tag["value"] for tag in process["tags"]},
            "name": span["operationName"],
            "kind": tags.get("span.kind", "internal"),
            "scope": tags.get("otel.scope.name", tags.get("otel.library.name", "")),
            "status": tags.get("otel.status_code", "unset").lower(),
            "exceptions": [e["exception.type"] for e in events if e.get("event") == "exception"],
            "attributes": tags,
            "start": span["startTime"],
            "duration": span["duration"],
            "children": [],
        }
    roots = []
    for node in nodes.values():
        siblings = nodes[node["parent"]]["children"] if node["parent"] in nodes else roots
        siblings.append(node)
    return roots


def expected_tree(node, service, resource, parent):
    """Return an expected node (dict) in the form of `span_tree`, whole.

    The service is that of the node and of those below it, until one names another.
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


NOTHING = {"resource": {}, "attributes": {}, "children": []}


def lines(nodes, wanted, depth=0):
    """Describe nodes in lines of text; of the attributes only those of the wanted twin."""
    text = []
    for index, node in enumerate(nodes):
        twin = wanted[index] if index < len(wanted) else NOTHING
        indent = "  " * depth
        above = node["parent"] if depth == 0 else "above"
        text.append(f"{indent}{node['service']}: {node['name']} [{node['kind']}] parent={above}")
        text.append(f"{indent}  scope={node['scope']} status={node['status']}")
        text += [f"{indent}  exception {name}" for name in node["exceptions"]]
        for part in "resource", "attributes":
            for key in sorted(twin[part]):
                value = node[part].get(key, "(absent)")
                text.append(f"{indent}  {key}={json.dumps(value, ensure_ascii=False)}")
        text += lines(node["children"], twin["children"], depth + 1)
    return text


def difference(item, trace):
    """Return how a trace differs from what is expected, as text; empty if it does not."""
    if "expected" not in item:
        roots = span_tree(trace) if trace else []
        if any(root["parent"] == item["span_id"] for root in roots):
            return ""
        return f"{item['title']}, trace {item['trace_id']}: its root span did not come."
    wanted = []
    if item["expected"] is not None:
        wanted = [
            expected_tree(item["expected"], item["service"], item["resource"], item["span_id"])
        ]
    found = lines(span_tree(trace) if trace else [], wanted)
    wanted = lines(wanted, wanted)
    if found == wanted:
        return ""
    diff = difflib.ndiff(wanted or ["(no trace)"], found or ["(no trace)"])
    return f"{item['title']}, trace {item['trace_id']} (- expected, + found):\n" + "\n".join(
        line for line in diff if not line.startswith("?")
    )


def main():
    module = AnsibleModule(
        argument_spec={
            "jaeger_url": {"type": "str", "required": True},
            "traces": {"type": "list", "elements": "dict", "required": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    deadline = time.monotonic() + module.params["timeout"]
    ids = before = None
    while True:
        try:
            found = [
                read_trace(module.params["jaeger_url"], item["trace_id"])
                for item in module.params["traces"]
            ]
            ids = [sorted(s["spanID"] for s in trace["spans"]) if trace else [] for trace in found]
            differences = list(map(difference, module.params["traces"], found))
        except (OSError, ValueError) as error:
            differences = [f"Jaeger at {module.params['jaeger_url']} cannot be asked: {error}"]
        if ids == before and not any(differences):
            module.exit_json(changed=False, compared=len(differences), traces=found)
        if time.monotonic() > deadline:
            break
        before = ids
        time.sleep(0.25)
    module.fail_json(
        msg="Traces in Jaeger are not as expected.\n" + "\n\n".join(filter(None, differences)),
    )


if __name__ == "__main__":
    main()
