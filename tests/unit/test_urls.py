"""Filters for the addresses of endpoints, proxies and databases."""

import pytest

from urls import (
    endpoint_url,
    is_proxy_url,
    parse_database_url,
    proxy_authorization,
    redact_url,
    system_url,
)


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (("127.0.0.1:8082",), "http://127.0.0.1:8082"),
        (("0.0.0.0:8082",), "http://127.0.0.1:8082"),
        (("[::]:8082", "server"), "http://server:8082"),
        (("0.0.0.0:8082", "fd00::1"), "http://[fd00::1]:8082"),
        (("10.0.0.1:8082", "server"), "http://10.0.0.1:8082"),
        (("0.0.0.0:443", "server", "https"), "https://server"),
        (("0.0.0.0:8443", "server", "https"), "https://server:8443"),
        (("0.0.0.0:443", "server", "https", "/jaeger"), "https://server/jaeger"),
        (("127.0.0.1:16686", "server", "http", "/"), "http://127.0.0.1:16686"),
        # Refused later, with the name of its setting.
        ((8082,), "http://:8082"),
    ],
)
def test_an_endpoint_has_the_url_of_its_listener(arguments, url):
    assert endpoint_url(*arguments) == url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://me:secret@proxy:3128", "http://proxy:3128"),
        ("http://me:s@cret@proxy", "http://proxy"),
        ("me:s@cret@proxy", "proxy"),
        ("", ""),
    ],
)
def test_user_and_password_are_redacted(url, shown):
    assert redact_url(url) == shown


def test_a_proxys_password_becomes_a_header():
    # RFC 7617, section 2.
    header = {"Proxy-Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}
    assert proxy_authorization("http://Aladdin:open%20sesame@proxy:3128") == header
    assert proxy_authorization("http://proxy:3128") == {}
    assert proxy_authorization("") == {}
    plus = proxy_authorization("http://a:b+c@proxy:3128")
    assert plus == {"Proxy-Authorization": "Basic YTpiK2M="}


@pytest.mark.parametrize(
    "url", ["http://proxy:3128", "http://[fd00::1]:3128", "http://me:a%20phrase@proxy.org:3128"]
)
def test_a_proxy_has_scheme_and_port(url):
    assert is_proxy_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "proxy:3128", "http://proxy", "https://proxy:3128", "http://me:phr@se@proxy:3128"),
        *("http://me@proxy:3128", "http://proxy:3128/", "http://proxy:3128\n"),
        *(f"http://me:phr{sign}se@proxy:3128" for sign in "/?#[]"),
    ],
)
def test_other_proxies_are_refused(url):
    assert not is_proxy_url(url)


DATABASES = {
    "sqlite:////var/lib/cars.db": ("sqlite", "/var/lib/cars.db", ""),
    "sqlite:///cars.db": ("sqlite", "cars.db", ""),
    "postgresql+psycopg://me:phr%40se@db.example.org/cars": (
        "postgresql",
        "cars",
        "db.example.org",
    ),
    "postgresql+psycopg://db:5433/cars": ("postgresql", "cars", "db"),
    "postgresql+psycopg://me@[fd00::1]:5433/cars": ("postgresql", "cars", "[fd00::1]"),
    "postgresql+psycopg:///car-app?host=/run/postgresql": ("postgresql", "car-app", ""),
    "postgresql+psycopg://db/cars?sslmode=require": ("postgresql", "cars", "db"),
}


@pytest.mark.parametrize("url", DATABASES)
def test_a_database_has_a_system_a_name_and_a_host(url):
    assert tuple(parse_database_url(url).values()) == DATABASES[url]


@pytest.mark.parametrize(
    "url",
    [
        *("", "sqlite://", "sqlite:///", "mysql://me:phrase@host/cars", "postgresql://db/cars"),
        *("postgresql+psycopg://db", "postgresql+psycopg://db/", "postgresql+psycopg://db:x/cars"),
        # Characters that must be escaped in a password.
        *("postgresql+psycopg://me:phr/ase@db/cars", "postgresql+psycopg://me:phr@se@db/cars"),
        # A host where the service's IP filter does not look for it.
        "postgresql+psycopg:///cars?host=db.example.org",
        "postgresql+psycopg:///cars?sslmode=require&host=db.example.org",
        "postgresql+psycopg:///cars?hostaddr=10.0.0.2",
    ],
)
def test_other_databases_are_refused(url):
    assert parse_database_url(url) == {}


def test_a_system_has_another_url_on_its_own_host():
    urls = {"url": "http://127.0.0.1:9090", "outside_url": "http://10.0.0.2:9090"}
    hostvars = {"one": {"prometheus_endpoint": urls}, "two": {}}

    def found(hosts, host):
        return system_url(hostvars, hosts, "prometheus_endpoint", host)

    assert found(["one", "two"], "one") == "http://127.0.0.1:9090"
    assert found(["one"], "two") == "http://10.0.0.2:9090"
    assert found([], "one") == found(["two"], "one") == ""
