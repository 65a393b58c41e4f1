"""Filters that read or write formats of other programs: systemd's units and OpenPGP keys."""

import re
from collections.abc import Callable


def systemd_argument(text: str) -> str:
    """Return a text quoted as one argument of ExecStart= (systemd.service(5), "Command lines")."""
    for sign, escaped in ("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$"):
        text = text.replace(sign, escaped)
    return f'"{text}"'


def systemd_environment_value(text: str) -> str:
    """Return a text quoted as a value in an EnvironmentFile= (systemd.exec(5))."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def dearmor(key: str) -> str:
    """Return the Base64 body of an armored public key (RFC 9580, section 6.2); empty if it is none.

    gpgv reads only keyrings without armor, and gpg, which could remove it, is often absent.
    """
    body = re.search(
        r"BEGIN PGP PUBLIC KEY BLOCK.*?\n\r?\n(.+?)\n(?:=|-----END)", key, flags=re.DOTALL
    )
    return body[1] if body else ""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "dearmor": dearmor,
            "systemd_argument": systemd_argument,
            "systemd_environment_value": systemd_environment_value,
        }
