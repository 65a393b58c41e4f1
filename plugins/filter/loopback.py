"""Filters for addresses that only their own host reaches."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

FIRST_PORT = 1024  # Lower ones are for root.


def listens_on_loopback_only(addresses: Iterable[str]) -> bool:
    """Whether all hosts (names, or addresses with or without port and brackets) are this one."""
    loopback = re.compile(r"(127\.[\d.]+|localhost|\[::1\])(:\d+)?|::1")
    return all(loopback.fullmatch(address) for address in addresses)


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
    internal = [url for url in urls if listens_on_loopback_only([urlsplit(url).netloc])]
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
        return {
            "listens_on_loopback_only": listens_on_loopback_only,
            "tunnel_lines": tunnel_lines,
        }
