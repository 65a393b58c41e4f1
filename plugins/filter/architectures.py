"""Filter for the names that Go, and so Jaeger's releases, give to processor architectures."""

from collections.abc import Callable

GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def go_architecture(machine: str) -> str:
    """Return Go's name of an architecture as `uname -m` gives it; empty if there is none."""
    return GO_ARCHITECTURES.get(machine, "")


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"go_architecture": go_architecture}
