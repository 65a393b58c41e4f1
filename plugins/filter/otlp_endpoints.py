"""Filters for the addresses of one or several receivers of spans by OTLP over gRPC."""

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

Endpoints = str | list[str]


def as_list(endpoints: Endpoints) -> list[str]:
    """Return the URLs of a setting that holds one of them or a list."""
    return [str(url) for url in endpoints] if isinstance(endpoints, list) else [str(endpoints)]


def ip_version(url: str) -> int:
    """Return 4 or 6 if the URL's host is an IP address, 0 if it is a name."""
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").version
    except ValueError:
        return 0


def otlp_endpoint_errors(endpoints: Endpoints, setting: str, example: str) -> list[str]:
    """Return a message if spans cannot be sent to the endpoints, which are those of `setting`.

    Several must be IP addresses with one port: gRPC's name for several addresses takes no names,
    and the collector's hosts file no ports.
    """
    urls = as_list(endpoints)
    shown = ", ".join(urls) or "empty"
    for url in urls or [shown]:
        if not is_endpoint(url):
            return [
                f"{setting} is {url}, but must be a URL with scheme and port, such as {example} "
                "(without a scheme the exporter would use TLS), or a list of such URLs. "
                "Nothing was changed."
            ]
    if len(urls) == 1:
        return []
    versions = {ip_version(url) for url in urls}
    ports = {urlsplit(url).port for url in urls}
    if len(set(urls)) < len(urls):
        problem = "names an address twice"
    elif any(urlsplit(url).scheme != "http" for url in urls):
        problem = (
            "several addresses must be http; for TLS, give one https URL with a name that leads "
            "to all of them"
        )
    elif 0 in versions:
        problem = (
            "several addresses must be IP addresses; or give a single URL with a name that leads "
            "to all of them"
        )
    elif len(versions) > 1:
        problem = "several addresses must be either all IPv4 or all IPv6"
    elif len(ports) > 1:
        problem = "several addresses must have the same port"
    else:
        return []
    return [f"{setting} is {shown}, but {problem}. Nothing was changed."]


def is_endpoint(url: str) -> bool:
    """Whether a text is an http or https URL with a host and a port, and nothing else."""
    if not re.fullmatch(r"https?://([^/@:\[\]\s,]+|\[[0-9a-fA-F:.]+\]):[0-9]+", url):
        return False
    try:
        return bool(urlsplit(url).port)
    except ValueError:
        return False


def loopback_endpoints(endpoints: Endpoints) -> list[str]:
    """Return those of the endpoints that only their own host reaches."""
    found = []
    for url in as_list(endpoints):
        host = urlsplit(url).hostname or ""
        is_address = ip_version(url) > 0
        if host == "localhost" or (is_address and ipaddress.ip_address(host).is_loopback):
            found.append(url)
    return found


def grpc_target(endpoints: Endpoints, turn: int = 0) -> str:
    """Return what an exporter in Python takes as its endpoint: the URL, or gRPC's name for several.

    It sends to the first address that answers. To share the load, senders get other values of
    `turn`, each of which puts another address first.
    """
    urls = as_list(endpoints)
    if len(urls) == 1:
        return urls[0]
    first = turn % len(urls)
    addresses = [urlsplit(url).netloc for url in urls[first:] + urls[:first]]
    return f"ipv{ip_version(urls[0])}:{','.join(addresses)}"


def named_endpoint(endpoints: Endpoints, name: str) -> str:
    """Return the endpoint, or if there are several, their URL with a name that leads to all."""
    urls = as_list(endpoints)
    if len(urls) == 1:
        return urls[0]
    return f"http://{name}:{urlsplit(urls[0]).port}"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "grpc_target": grpc_target,
            "loopback_endpoints": loopback_endpoints,
            "named_endpoint": named_endpoint,
            "otlp_endpoint_errors": otlp_endpoint_errors,
        }
