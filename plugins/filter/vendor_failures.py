"""Filter for what the collector's journal says of the vendors that it sends to."""

import json
import re
from collections.abc import Callable, Iterable, Mapping


def last_errors(journal: str) -> dict[str, str]:
    """Return the last error of each exporter, by its name in the collector's configuration."""
    errors = {}
    for line in journal.splitlines():
        try:
            fields = json.loads(line.rpartition("\t")[2])
            errors[fields["otelcol.component.id"]] = fields["error"]
        # Another line than an exporter's error.
        except (ValueError, KeyError, TypeError):
            continue
    return errors


def vendor_failures(journal: str, vendors: Iterable[Mapping[str, str]]) -> list[str]:
    """Return a message for each vendor that did not take its data, by the collector's journal.

    A vendor has `name`, `title`, `setting` (of its key), `endpoint` and `endpoint_setting`.
    """
    errors = last_errors(journal)
    messages = []
    for vendor in vendors:
        error = errors.get(f"otlp_http/{vendor['name']}")
        if error is None:
            continue
        endpoint = f"{vendor['endpoint_setting']} ({vendor['endpoint']})"
        status = re.search(r"HTTP Status Code (\d+)", error)
        if status and status[1] in ("401", "403"):
            messages.append(
                f"{vendor['title']} refused the key with HTTP status {status[1]}, and the data "
                f"were dropped. Correct {vendor['setting']} (not shown), or {endpoint} if the key "
                "is of another site, and run again."
            )
        elif "queue is full" in error:
            messages.append(
                f"What waits for {vendor['title']} fills the collector's queue, so new data are "
                f"refused. Check that {endpoint} is right and that this host reaches it."
            )
        elif "Permanent error" in error:
            messages.append(f"{vendor['title']} refused the data, and they were dropped: {error}.")
        else:
            messages.append(
                f"{vendor['title']} did not take all data in the last minute; what it did not take "
                f"waits in the collector's queue: {error}. Check that {endpoint} is right and that "
                "this host reaches it."
            )
    return messages


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"vendor_failures": vendor_failures}
