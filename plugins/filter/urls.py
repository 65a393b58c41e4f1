"""Filters for the addresses of endpoints, proxies and databases."""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DEFAULT_PORTS = {"http": "80", "https": "443"}


def endpoint_url(
    host_port: str | int, host: str = "127.0.0.1", scheme: str = "http", base_path: str = "/"
) -> str:
    """Return the URL of a listener such as 0.0.0.0:8082; a wildcard address becomes `host`.

    It has no slash at the end, so that a path can be added to it.
    """
    # A port alone, which is refused later, is a number in YAML.
    address, _, port = str(host_port).rpartition(":")
    if address in ("0.0.0.0", "[::]"):
        address = f"[{host}]" if ":" in host else host
    authority = address if port == DEFAULT_PORTS[scheme] else f"{address}:{port}"
    return f"{scheme}://{authority}{base_path.rstrip('/')}"


def published_endpoints(
    endpoints: list[dict[str, Any]], proxy_url: str, by_name: bool = False
) -> list[dict[str, Any]]:
    """Return endpoint facts as a reverse proxy at `proxy_url` publishes them.

    Their `location` there is their own path, or with `by_name` their name, and `outside_url` is
    the proxy's.
    """
    published = []
    for endpoint in endpoints:
        path = f"/{endpoint['name']}" if by_name else urlsplit(endpoint["url"]).path
        addresses = {"location": f"{path}/", "outside_url": f"{proxy_url}{path}"}
        published.append({**endpoint, **addresses})
    return published


def system_url(
    hostvars: Mapping[str, Mapping[str, Any]], hosts: list[str], fact: str, host: str
) -> str:
    """Return the URL at which `host` reaches a system that runs on the first of some hosts.

    It is in the endpoint facts of that host, under the name `fact`; empty if there are none.
    """
    if not hosts or fact not in hostvars[hosts[0]]:
        return ""
    return hostvars[hosts[0]][fact]["url" if hosts[0] == host else "outside_url"]


def redact_url(url: str) -> str:
    """Return a URL without its user and password; works on malformed URLs too."""
    return re.sub(r"^(\w+://)?.*@", lambda found: found[1] or "", url)


def proxy_authorization(url: str) -> dict[str, str]:
    """Return the header (RFC 9110, 11.7.2) for the user and password in a proxy's URL, if any."""
    user_info, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at:
        return {}
    return {"Proxy-Authorization": f"Basic {b64encode(unquote(user_info).encode()).decode()}"}


def is_proxy_url(url: str) -> bool:
    """Whether a text is an http URL with a host and a port, perhaps a user and a password."""
    host = r"(\[[0-9a-fA-F:]+\]|[0-9a-zA-Z.-]+)"
    return re.fullmatch(rf"http://([^][/?#@\s]+:[^][/?#@\s]*@)?{host}:[0-9]+", url) is not None


def parse_database_url(url: str) -> dict[str, str]:
    """Return `system`, `name` and `host` of an SQLAlchemy URL that the car app can use.

    The name of an SQLite database is its file, and its host is empty, as is that of PostgreSQL
    through a local socket. The result is empty for any other URL: a server's host must stand
    before the path, because the service's IP filter is derived from it.
    """
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return {"system": "sqlite", "name": url.removeprefix("sqlite:///"), "host": ""}
    try:
        parts = urlsplit(url)
        port, query = parts.port, parse_qs(parts.query)
    except ValueError:
        return {}
    user_info, _, address = parts.netloc.rpartition("@")
    host = address.removesuffix(f":{port}")
    name = parts.path.removeprefix("/")
    usable = (
        parts.scheme == "postgresql+psycopg"
        and re.fullmatch(r"[0-9A-Za-z.-]*|\[[0-9A-Fa-f:]+\]", host)
        and not re.search(r"[@\[\]]", user_info)
        and re.fullmatch(r"[^/@]+", name)
        and all(value.startswith("/") for value in query.get("host", []))
        and "hostaddr" not in query
    )
    return {"system": "postgresql", "name": name, "host": host} if usable else {}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "endpoint_url": endpoint_url,
            "is_proxy_url": is_proxy_url,
            "parse_database_url": parse_database_url,
            "proxy_authorization": proxy_authorization,
            "published_endpoints": published_endpoints,
            "redact_url": redact_url,
            "system_url": system_url,
        }
