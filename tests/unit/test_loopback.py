"""Filters for addresses that only their own host reaches."""

import pytest

from loopback import listens_on_loopback_only, tunnel_lines


@pytest.mark.parametrize(
    ("addresses", "is_loopback"),
    [
        ([], True),
        (["127.0.0.1:80", "127.1.2.3", "localhost", "[::1]:80", "::1"], True),
        (["127.0.0.1", "0.0.0.0:80"], False),
        (["10.0.0.1"], False),
        (["[::]:80"], False),
        (["db.example.org"], False),
        (["localhost.example.org"], False),
    ],
)
def test_addresses_are_loopback_only_if_all_are(addresses, is_loopback):
    assert listens_on_loopback_only(addresses) is is_loopback


NO_SESSION = ["root", ""]
# Addresses for documentation are not private: RFC 5737; 198.18.0.0/15 is: RFC 6890.
LAPTOP, SERVER = "198.51.100.7", "8.8.8.8"


def session(client: str, server: str) -> list[str]:
    return ["root", f"{client} 50022 {server} 22"]


def at(*urls: str) -> list[dict[str, str]]:
    return [{"outside_url": url} for url in urls]


def test_addresses_on_a_hosts_loopback_need_a_tunnel_to_it():
    server = {"inventory_hostname": "web", "ansible_host": "10.0.0.2", "ansible_user": "admin"}
    urls = "http://127.0.0.1:16686/jaeger", "http://10.0.0.2:8082", "http://[::1]:8084"
    line = (
        "The addresses at 127.0.0.1 are those of web. To open them on your computer, run there: "
        "ssh -L 16686:127.0.0.1:16686 -L 8084:[::1]:8084 {}admin@10.0.0.2"
    )
    assert tunnel_lines(at(*urls), server, NO_SESSION) == [line.format("")]
    options = {"ansible_port": 2222, "ansible_ssh_common_args": "-F .lab/ssh_config"}
    expected = [line.format("-F .lab/ssh_config -p 2222 ")]
    assert tunnel_lines(at(*urls), {**server, **options}, NO_SESSION) == expected


def test_a_host_without_other_names_is_reached_by_its_own():
    [line] = tunnel_lines(
        at("http://127.0.0.1:8082"), {"inventory_hostname": "server.example.org"}, NO_SESSION
    )
    assert line.endswith("ssh -L 8082:127.0.0.1:8082 server.example.org")


def test_addresses_that_the_user_reaches_need_no_tunnel():
    lab = {"inventory_hostname": "lab", "lab_machine": "lab-1"}
    local = {"inventory_hostname": "localhost", "ansible_connection": "local"}
    server = {"inventory_hostname": "server.example.org"}
    outside = session(LAPTOP, SERVER)
    assert tunnel_lines(at("http://10.0.0.2:8082"), lab, NO_SESSION) == []
    assert tunnel_lines(at("http://127.0.0.1:8082"), local, NO_SESSION) == []
    assert tunnel_lines(at("https://server.example.org"), server, outside) == []
    assert tunnel_lines(at("https://localhost.example.org"), server, NO_SESSION) == []


@pytest.mark.parametrize(
    ("client", "server", "target"),
    [
        (LAPTOP, SERVER, SERVER),
        ("192.168.1.7", "192.168.1.2", "192.168.1.2"),
        # As on a cloud's server, whose public address is translated.
        ("8.8.4.4", "172.31.0.2", "<this server>"),
    ],
)
def test_a_lab_on_a_server_needs_a_tunnel_from_the_laptop(client, server, target):
    lab = {"inventory_hostname": "lab", "lab_machine": "lab-1", "ansible_host": "10.0.0.2"}
    urls = "https://10.0.0.2", "https://10.0.0.2/car-manual", "http://10.0.0.2:8083"
    assert tunnel_lines(at(*urls), lab, session(client, server)) == [
        "To open these pages at 127.0.0.1 of your laptop, run there: "
        f"ssh -L 8443:10.0.0.2:443 -L 8083:10.0.0.2:8083 root@{target}"
    ]


def test_the_local_lab_on_a_server_needs_a_tunnel_from_the_laptop():
    local = {"inventory_hostname": "localhost", "ansible_connection": "local"}
    [line] = tunnel_lines(at("http://127.0.0.1:8082"), local, session(LAPTOP, SERVER))
    assert line.endswith("run there: ssh -L 8082:127.0.0.1:8082 root@8.8.8.8")
