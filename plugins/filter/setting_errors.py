"""Filter that checks a role's settings against the ranges and patterns that they must have."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def setting_errors(settings: Iterable[Mapping[str, Any]], values: Iterable[Any]) -> list[str]:
    """Return an error for each setting whose value is wrong.

    A setting has a `name` and either numbers `min` and perhaps `max`, with their `unit` if the
    message needs it, or a regular expression `pattern` and in `wanted` what its value must be. The
    values, in the same order, have been checked for their types. Raises ValueError for a text where
    a number belongs.
    """
    errors = []
    for setting, value in zip(settings, values, strict=True):
        if "pattern" in setting:
            is_right = re.search(setting["pattern"], str(value)) is not None
            wanted = setting["wanted"]
        else:
            least, most = setting["min"], setting.get("max")
            is_right = least <= float(value) and (most is None or float(value) <= most)
            wanted = f"{least} or more" if most is None else f"from {least} to {most}"
            wanted += f" {setting['unit']}" if "unit" in setting else ""
        if not is_right:
            errors.append(
                f"{setting['name']} is {value}, but must be {wanted}. Nothing was changed."
            )
    return errors


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"setting_errors": setting_errors}
