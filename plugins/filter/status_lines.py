"""Filter for the lines of `make status`."""

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


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"status_lines": status_lines}
