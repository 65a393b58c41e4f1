"""Filters for what `make status` prints."""

from collections.abc import Callable
from typing import Any


def status_lines(results: list[dict[str, Any]], states: list[str]) -> list[str]:
    """Return a line for each endpoint: its name and address, its unit's state, whether it answers.

    `results` are those of ansible.builtin.uri in a loop over endpoint facts, `states` the output of
    `systemctl is-active` for their units.
    """
    return [
        f"{endpoint['name']} {endpoint['outside_url']}{endpoint['page']} is {state}, "
        + ("answers" if result["status"] == endpoint["probe_status"] else "does not answer")
        for result, state in zip(results, states, strict=True)
        for endpoint in [result["item"]]
    ]


def away_lines(results: list[dict[str, Any]]) -> list[str]:
    """Return a line for each endpoint that does not answer, with the reason and where to look.

    `results` are those of ansible.builtin.uri in a loop over endpoint facts.
    """
    return [
        f"{endpoint['name']} does not answer at {result.get('url') or endpoint['outside_url']}: "
        f"{result['msg']}. Its journal may show why: journalctl --unit={endpoint['unit']}"
        for result in results
        for endpoint in [result["item"]]
        if result["status"] != endpoint["probe_status"]
    ]


def has_pages(page: str) -> bool:
    """Return whether a Jaeger that answers with this page has pages, as its releases do.

    A build from the Go module answers with a placeholder.
    """
    return "placeholder for the Jaeger UI" not in page


def first_step(page: str, endpoint: dict[str, Any]) -> list[str]:
    """Return a line that says which Jaeger answers and what to open first; none if none answers.

    `page` is Jaeger's page, `endpoint` its endpoint facts, which a host without Jaeger has not.
    """
    if not page:
        return []
    version = f"Jaeger {endpoint['version']}"
    if has_pages(page):
        address = endpoint["outside_url"] + endpoint["page"]
        return [f"{version} has its pages: open {address} first, choose a service, Find Traces."]
    return [
        f"{version} was built from its Go module and has an API, but no pages: start with the "
        "report (make report, or playbooks/report.yml)."
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "away_lines": away_lines,
            "first_step": first_step,
            "has_pages": has_pages,
            "status_lines": status_lines,
        }
