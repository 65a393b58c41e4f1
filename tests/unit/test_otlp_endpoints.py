"""Filters for the addresses of one or several receivers of spans."""

import pytest

from otlp_endpoints import grpc_target, loopback_endpoints, named_endpoint, otlp_endpoint_errors

TWO = ["http://10.0.0.1:4317", "http://10.0.0.2:4317"]
SIX = ["http://[fd00::1]:4317", "http://[fd00::2]:4317"]
THREE = [*TWO, "http://10.0.0.3:4317"]


def errors(endpoints) -> str:
    """Return the messages about a setting's value."""
    return " ".join(otlp_endpoint_errors(endpoints, "endpoint", "http://127.0.0.1:4317"))


@pytest.mark.parametrize(
    "endpoints",
    [
        *("http://127.0.0.1:4317", "https://jaeger.example.org:4317", "http://[fd00::1]:4317"),
        *(["http://jaeger:4317"], TWO, SIX, THREE),
    ],
)
def test_one_or_several_addresses_are_accepted(endpoints):
    assert errors(endpoints) == ""


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ("127.0.0.1:4317", "endpoint is 127.0.0.1:4317, but must be a URL with scheme and port"),
        ("http://127.0.0.1", "endpoint is http://127.0.0.1, but must be a URL"),
        ("http://127.0.0.1:0", "endpoint is http://127.0.0.1:0, but must be a URL"),
        ("http://127.0.0.1:99999", "endpoint is http://127.0.0.1:99999, but must be a URL"),
        ("http://127.0.0.1:4317/", "endpoint is http://127.0.0.1:4317/, but must be a URL"),
        ("http://me:secret@jaeger:4317", "but must be a URL with scheme and port"),
        ("http://jaeger:4317\n", "but must be a URL with scheme and port"),
        (",".join(TWO), "but must be a URL with scheme and port"),
        ("", "endpoint is , but must be a URL"),
        ([], "endpoint is empty, but must be a URL"),
        ([4317], "endpoint is 4317, but must be a URL"),
        ([TWO[0], "10.0.0.2:4317"], "endpoint is 10.0.0.2:4317, but must be a URL"),
        ([TWO[0], TWO[0]], f"endpoint is {TWO[0]}, {TWO[0]}, but names an address twice"),
        ([TWO[0], "https://10.0.0.2:4317"], "but several addresses must be http; for TLS, give"),
        ([TWO[0], "http://jaeger:4317"], "but several addresses must be IP addresses; or give"),
        ([TWO[0], SIX[0]], "but several addresses must be either all IPv4 or all IPv6"),
        ([TWO[0], "http://10.0.0.2:4318"], "but several addresses must have the same port"),
    ],
)
def test_other_addresses_are_refused_with_the_reason(endpoints, message):
    assert message in errors(endpoints)
    assert errors(endpoints).endswith("Nothing was changed.")


def test_a_single_url_stays_what_it_is():
    for endpoints in "http://127.0.0.1:4317", ["http://127.0.0.1:4317"]:
        assert grpc_target(endpoints, 2) == "http://127.0.0.1:4317"
        assert named_endpoint(endpoints, "jaeger.internal") == "http://127.0.0.1:4317"


def test_several_addresses_are_grpcs_name_for_them():
    assert grpc_target(TWO) == "ipv4:10.0.0.1:4317,10.0.0.2:4317"
    assert grpc_target(SIX) == "ipv6:[fd00::1]:4317,[fd00::2]:4317"


def test_each_turn_puts_another_address_first():
    first = [grpc_target(THREE, turn).removeprefix("ipv4:").split(",")[0] for turn in range(4)]
    assert first == ["10.0.0.1:4317", "10.0.0.2:4317", "10.0.0.3:4317", "10.0.0.1:4317"]
    assert sorted(grpc_target(THREE, 2).removeprefix("ipv4:").split(",")) == [
        *("10.0.0.1:4317", "10.0.0.2:4317", "10.0.0.3:4317"),
    ]


def test_a_name_stands_for_several_addresses():
    assert named_endpoint(TWO, "jaeger.internal") == "http://jaeger.internal:4317"


def test_each_address_of_the_host_itself_is_found():
    other = "http://10.0.0.1:4317"
    own = ["http://127.0.0.1:4317", "http://localhost:4317", "http://[::1]:4317"]
    assert loopback_endpoints([other, *own]) == own
    assert loopback_endpoints(other) == []
    assert loopback_endpoints("http://127.example.org:4317") == []
