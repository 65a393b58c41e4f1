"""Filter for the programs that the controller lacks."""

import shutil
from collections.abc import Callable


def missing_programs(names: list[str]) -> list[str]:
    """Return those of the programs that are in no folder of the controller's PATH."""
    return [name for name in names if shutil.which(name) is None]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"missing_programs": missing_programs}
