"""Filters that compare a service's declared sockets with those on a host."""

import pytest

from sockets import listener_errors, port_conflicts, socket_differences


def listener(host_port: str, transport: str = "tcp", setting: str = "app_bind") -> dict:
    return {
        "unit": "app.service",
        "transport": transport,
        "host_port": host_port,
        "setting": setting,
    }


def ss_line(host_port: str, transport: str = "tcp", owner: str = "/user.slice/a.scope") -> str:
    users = 'users:(("nc",pid=42,fd=3),("nc",pid=43,fd=3))'
    return f"{transport} LISTEN 0 128 {host_port} 0.0.0.0:* {users} cgroup:{owner}"


@pytest.mark.parametrize(
    "host_port", ["127.0.0.1:1", "0.0.0.0:65535", "[::1]:8082", "[::]:8082", "10.1.2.3:443"]
)
def test_a_well_formed_address_is_accepted(host_port):
    assert listener_errors([listener(host_port)]) == []


@pytest.mark.parametrize(
    "host_port",
    [
        *("127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http", "8082", 8082),
        *("localhost:8082", "999.0.0.1:80", "::1:8082", "[127.0.0.1]:8082", "127.0.0.1:80 "),
    ],
)
def test_a_malformed_address_is_named_with_its_setting(host_port):
    assert listener_errors([listener(host_port)]) == [
        f"app_bind is {host_port}, but must be an IP address and a port from 1 to 65535, such as "
        "127.0.0.1:8082. Nothing was changed."
    ]


def test_a_port_used_twice_is_named_with_both_settings():
    listeners = [
        listener("127.0.0.1:80", setting="one"),
        listener("0.0.0.0:80", setting="two"),
        listener("127.0.0.1:80", "udp", setting="three"),
        listener("127.0.0.1:8080", setting="four"),
    ]
    assert listener_errors(listeners) == [
        "one and two have the same port, 80. Nothing was changed. Give each its own port."
    ]


def test_a_port_of_a_fixed_listener_is_named_by_its_address():
    fixed = {"unit": "app.service", "transport": "tcp", "host_port": "127.0.0.1:80"}
    assert listener_errors([listener("127.0.0.1:80"), fixed]) == [
        "app_bind and the fixed address 127.0.0.1:80 have the same port, 80. Nothing was changed. "
        "Give each its own port."
    ]
    [conflict] = port_conflicts([fixed], ss_line("127.0.0.1:80"), "server")
    assert conflict == (
        "app.service needs 127.0.0.1:80, but the port is already in use by nc (process 42) on "
        "server. Nothing was changed. Stop that program."
    )


OVERLAPS = [
    ("127.0.0.1:8082", "127.0.0.1:8082"),
    ("127.0.0.1:8082", "0.0.0.0:8082"),
    ("127.0.0.1:8082", "*:8082"),
    ("127.0.0.1:8082", "[::]:8082"),
    ("0.0.0.0:8082", "127.0.0.1:8082"),
    ("0.0.0.0:8082", "10.0.0.1%eth0:8082"),
    ("[::]:8082", "127.0.0.1:8082"),
    ("[::1]:8082", "[::1]:8082"),
]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("wanted", "taken"), OVERLAPS)
def test_another_programs_port_is_a_conflict(transport, wanted, taken):
    [conflict] = port_conflicts([listener(wanted, transport)], ss_line(taken, transport), "server")
    assert conflict == (
        f"app_bind is {wanted}, but the port is already in use by nc (process 42) on server. "
        "Nothing was changed. Stop that program, or set another port in app_bind."
    )


@pytest.mark.parametrize(
    "line",
    [
        ss_line("127.0.0.1:8083"),
        ss_line("127.0.0.1:18082"),
        ss_line("127.0.0.2:8082"),
        ss_line("127.0.0.1:8082", "udp"),
        ss_line("127.0.0.1:8082", owner="/system.slice/app.service"),
        "/run/dbus/system_bus_socket dbus.socket dbus.service",
        "has Python",
        "",
    ],
)
def test_other_sockets_and_the_units_own_are_no_conflict(line):
    assert port_conflicts([listener("127.0.0.1:8082")], line, "server") == []


def test_a_unit_with_a_longer_name_is_another_unit():
    line = ss_line("127.0.0.1:8082", owner="/system.slice/other-app.service")
    assert port_conflicts([listener("127.0.0.1:8082")], line, "server") != []


@pytest.mark.parametrize(
    "line",
    ["127.0.0.1:8082 app.socket app.service", "app.socket not-found active running app.socket"],
    ids=["with its unit file", "without"],
)
def test_a_socket_that_systemd_holds_for_the_unit_is_no_conflict(line):
    output = "\n".join([ss_line("127.0.0.1:8082", owner="/init.scope"), line])
    assert port_conflicts([listener("127.0.0.1:8082")], output, "server") == []
    other = output.replace("app.socket", "other.socket")
    assert port_conflicts([listener("127.0.0.1:8082")], other, "server") != []


def test_the_port_of_a_unit_that_the_run_replaces_is_no_conflict():
    wanted = listener("127.0.0.1:8082") | {"replaces": ["old.service", "older.service"]}
    for unit, count in ("old", 0), ("older", 0), ("app", 0), ("other", 1):
        line = ss_line("127.0.0.1:8082", owner=f"/system.slice/{unit}.service")
        assert len(port_conflicts([wanted], line, "server")) == count, unit


def test_a_program_without_a_visible_owner_is_unknown():
    [conflict] = port_conflicts(
        [listener("127.0.0.1:80")], "tcp LISTEN 0 128 127.0.0.1:80 0.0.0.0:*", "server"
    )
    assert "in use by an unknown program (process ?) on server" in conflict


def test_declared_and_actual_sockets_are_compared():
    listeners = [listener("0.0.0.0:8082"), listener("127.0.0.1:6831", "udp")]
    service = "/system.slice/app.service"
    output = "\n".join(
        [
            "0.0.0.0:8082 app.socket app.service",
            ss_line("127.0.0.1:6831", "udp", service),
            ss_line("127.0.0.1:9999", owner="/system.slice/other.service"),
        ]
    )
    assert socket_differences(listeners, output) == {"missing": [], "undeclared": []}
    assert socket_differences(listeners, "") == {
        "missing": ["app tcp *:8082", "app udp 127.0.0.1:6831"],
        "undeclared": [],
    }
    widened = f"{output}\n{ss_line('*:6831', 'udp', service)}"
    assert socket_differences(listeners, widened) == {
        "missing": [],
        "undeclared": ["app udp *:6831"],
    }


@pytest.mark.parametrize("wildcard", ["*:8082", "0.0.0.0:8082", "[::]:8082"])
def test_every_wildcard_counts_as_the_same(wildcard):
    output = ss_line(wildcard, owner="/system.slice/app.service")
    assert socket_differences([listener("[::]:8082")], output) == {"missing": [], "undeclared": []}
