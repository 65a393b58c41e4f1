"""Filters that compare the sockets a service declares with those on a host.

A listener is a dict: `unit` such as jaeger.service, `transport` (tcp or udp), `host_port` such as
127.0.0.1:16686, and `setting`, the variable that sets it; without one the address is fixed.
`replaces` are units of the same role that the run removes, so that their ports will be free.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import NotRequired, TypedDict


class Listener(TypedDict):
    unit: str
    transport: str
    host_port: str
    setting: NotRequired[str]
    replaces: NotRequired[list[str]]


WILDCARDS = {"0.0.0.0", "[::]", "*"}
# ss --no-header --listening --tcp --udp --numeric --processes --cgroup
SS_LINE = re.compile(
    r"(?P<transport>tcp|udp)\s+\S+\s+\S+\s+\S+\s+(?P<address>\S+?)(%\S+)?:(?P<port>\d+)\s+\S+"
    r"(\s+users:\(\(\"(?P<program>.+?)\",pid=(?P<pid>\d+)\S*)?"
    r"(.*\scgroup:\S*/(?P<unit>[^/\s]+)\.service\s*$)?"
)
# systemctl list-sockets --no-legend: sockets that systemd holds for a service.
SYSTEMD_LINE = re.compile(r"(?P<address>\S+):(?P<port>\d+)\s+(?P<unit>\S+)\.socket\s")
# systemctl list-units --state=not-found: sockets that systemd holds, but whose files were removed.
ORPHAN_LINE = re.compile(r"(?P<unit>\S+)\.socket\s+not-found\s+active\s", re.MULTILINE)


@dataclass(frozen=True)
class Socket:
    """A listening socket; `unit` is without its suffix, and empty outside of services."""

    transport: str
    address: str
    port: int
    unit: str
    program: str = "an unknown program"
    pid: str = "?"
    held_by_systemd: bool = False

    @property
    def is_wildcard(self) -> bool:
        return self.address in WILDCARDS

    def overlaps(self, other: "Socket") -> bool:
        """Whether both cannot be listened on at once."""
        same_address = self.address == other.address or self.is_wildcard or other.is_wildcard
        return same_address and (self.transport, self.port) == (other.transport, other.port)

    def __str__(self) -> str:
        address = "*" if self.is_wildcard else self.address
        return f"{self.unit} {self.transport} {address}:{self.port}"


def parse_sockets(output: str) -> list[Socket]:
    """Return the sockets that ss and systemctl list-sockets print; other lines are ignored."""
    sockets = []
    for line in output.splitlines():
        if found := SS_LINE.match(line):
            sockets.append(
                Socket(
                    found["transport"],
                    found["address"],
                    int(found["port"]),
                    found["unit"] or "",
                    found["program"] or "an unknown program",
                    found["pid"] or "?",
                )
            )
        elif found := SYSTEMD_LINE.match(line):
            address, port, unit = found.groups()
            sockets.append(Socket("tcp", address, int(port), unit, held_by_systemd=True))
    return sockets


def declared_socket(listener: Listener) -> Socket:
    address, _, port = listener["host_port"].rpartition(":")
    unit = listener["unit"].rpartition(".")[0]
    return Socket(listener["transport"], address, int(port), unit)


def describe(listener: Listener) -> str:
    return listener.get("setting") or f"the fixed address {listener['host_port']}"


def is_host_port(text: str) -> bool:
    """Whether a text is an IP address, an IPv6 one in brackets, and a port."""
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    in_brackets = host.startswith("[") and host.endswith("]")
    return (address.version == 6) == in_brackets and port.isdecimal() and 1 <= int(port) <= 65535


def listener_errors(listeners: list[Listener]) -> list[str]:
    """Return a message for each malformed address and each port that is used twice."""
    # A port alone is a number in YAML.
    listeners = [{**one, "host_port": str(one["host_port"])} for one in listeners]
    errors = [
        f"{listener['setting']} is {listener['host_port']}, but must be an IP address and a port "
        "from 1 to 65535, such as 127.0.0.1:8082. Nothing was changed."
        for listener in listeners
        if not is_host_port(listener["host_port"])
    ]

    def transport_and_port(listener: Listener) -> tuple[str, str]:
        return listener["transport"], listener["host_port"].rpartition(":")[2]

    in_order = sorted(listeners, key=transport_and_port)
    for (_, port), group in groupby(in_order, key=transport_and_port):
        names = [describe(listener) for listener in group]
        if len(names) > 1:
            errors.append(
                f"{' and '.join(names)} have the same port, {port}. Nothing was changed. "
                "Give each its own port."
            )
    return errors


def port_conflicts(listeners: list[Listener], output: str, host: str) -> list[str]:
    """Return a message for each listener whose port another program on the host has.

    `output` is what `ss --listening --processes --cgroup`, `systemctl list-sockets` and
    `systemctl list-units --state=not-found` print.
    """
    sockets = parse_sockets(output)
    orphans = ORPHAN_LINE.findall(output)
    conflicts = []
    for listener in listeners:
        wanted = declared_socket(listener)
        own = [s for s in sockets if s.unit == wanted.unit and s.port == wanted.port]
        own_units = {wanted.unit, *(u.rpartition(".")[0] for u in listener.get("replaces", []))}
        others = [s for s in sockets if s.overlaps(wanted) and s.unit not in own_units]
        # Of a socket that systemd holds for the unit, ss names systemd as the owner.
        is_held_by_systemd = wanted.unit in orphans or any(s.held_by_systemd for s in own)
        if others and not is_held_by_systemd:
            setting = listener.get("setting")
            subject = (
                f"{setting} is {listener['host_port']}"
                if setting
                else f"{listener['unit']} needs {listener['host_port']}"
            )
            conflicts.append(
                f"{subject}, but the port is already in use by {others[0].program} "
                f"(process {others[0].pid}) on {host}. Nothing was changed. Stop that program"
                + (f", or set another port in {setting}." if setting else ".")
            )
    return conflicts


def socket_differences(listeners: list[Listener], output: str) -> dict[str, list[str]]:
    """Return the sockets that are `missing` and `undeclared`, as "unit transport address:port".

    Compared are the units of the listeners; every wildcard is written as *.
    """
    declared = {str(declared_socket(listener)) for listener in listeners}
    units = {listener["unit"].rpartition(".")[0] for listener in listeners}
    found = {str(socket) for socket in parse_sockets(output) if socket.unit in units}
    return {"missing": sorted(declared - found), "undeclared": sorted(found - declared)}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "listener_errors": listener_errors,
            "port_conflicts": port_conflicts,
            "socket_differences": socket_differences,
        }
