"""Filters for the lines of `make status`."""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = ("127.", "::1", "localhost")
FIRST_PORT = 1024  # Lower ones are for root.


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


def server_name(connection: str) -> str:
    """Return the address of this computer that a laptop can use; empty if none is known.

    `connection` is SSH_CONNECTION (ssh(1)): address and port of the client, then of the server,
    whose private address a client from elsewhere does not reach.
    """
    client, _, server, _ = connection.split()
    if ipaddress.ip_address(server).is_global or ipaddress.ip_address(client).is_private:
        return server
    return ""


def tunnel(urls: list[str], target: str) -> str:
    """Return the SSH command that forwards the ports of the URLs, given once each, to a laptop."""
    forwards = []
    for url in urls:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        local = port if port >= FIRST_PORT else port + 8000
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        forwards.append(f"-L {local}:{host}:{port}")
    return f"ssh {' '.join(dict.fromkeys(forwards))} {target}"


def tunnel_lines(
    endpoints: list[dict[str, Any]], variables: Mapping[str, Any], session: list[str]
) -> list[str]:
    """Return a line for each SSH command without which the endpoints' pages cannot be opened.

    `variables` are those of the endpoints' host. `session` is the user of the controller and its
    SSH_CONNECTION, which is empty if the user sits at it.
    """
    user, connection = session
    urls = [endpoint["outside_url"] for endpoint in endpoints]
    is_local = variables.get("ansible_connection") == "local"
    internal = [u for u in urls if (urlsplit(u).hostname or "").startswith(LOOPBACK)]
    lines = []
    if internal and not is_local:
        name = variables["inventory_hostname"]
        login = f"{variables['ansible_user']}@" if "ansible_user" in variables else ""
        options = [variables.get("ansible_ssh_common_args", "")]
        options += [f"-p {variables['ansible_port']}"] if "ansible_port" in variables else []
        target = " ".join([*filter(None, options), login + variables.get("ansible_host", name)])
        lines.append(
            f"The addresses at 127.0.0.1 are those of {name}. "
            f"To open them on your computer, run there: {tunnel(internal, target)}"
        )
    on_controller = urls if is_local else [url for url in urls if url not in internal]
    if connection and on_controller and (is_local or "lab_machine" in variables):
        target = f"{user}@{server_name(connection) or '<this server>'}"
        lines.append(
            "To open these pages at 127.0.0.1 of your laptop, run there: "
            + tunnel(on_controller, target)
        )
    return lines


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"status_lines": status_lines, "tunnel_lines": tunnel_lines}
