"""Filter that finds in a journal why a unit did not start."""

import json
import re
from collections.abc import Callable

# A line of `journalctl --output=short`: the program's name and what it said.
LINE = re.compile(r"^\w+ +\d+ [\d:]+ \S+ ([^\s\[]+?)(?:\[\d+\])?: (.*)$")
QUEUE = "a queue on its disk is broken"
# What comes first says most. The message, which follows its kind, names the port, file or setting.
KINDS = [
    # What bbolt, which keeps the collector's queues, makes of a damaged file; of a short one, it is
    # only in the stack.
    (QUEUE, "exporter: (invalid database|checksum error)|panic: assertion failed: page"),
    (QUEUE, r"^go\.etcd\.io/bbolt\.open\("),
    ("a port is already in use", "address already in use"),
    ("the host does not have the address", r"(\)|bind): cannot assign requested address"),
    ("it used more memory than it may", "oom.kill"),
    ("it may not do what it must", "permission denied|operation not permitted"),
    ("its user or group does not exist", "failed at step (user|group)"),
    ("a file is missing", "no such file|modulenotfounderror|failed at step (exec|chdir)"),
    (
        "a setting is wrong",
        "unknown flag|invalid argument|unmarshal|cannot parse|could not parse|valueerror",
    ),
    ("it did not answer in time", "timed out"),
    # Python's, of which gunicorn says later only that its worker failed.
    ("its code raised an exception", r"^[\w.]*\w(error|exception): "),
    ("its last error was", r"error|fatal|panic|fail|cannot|could not|\bfull\b"),
]
REMEDIES = {
    QUEUE: (
        "Move its folder away (mv /var/lib/otelcol-contrib /var/lib/otelcol-contrib.old); "
        "what waits in it is lost."
    ),
}


def shorten(message: str) -> str:
    """Return what a message says without times, and of JSON (as of Jaeger) only text and error."""
    try:
        entry = json.loads(message)
        return ": ".join(str(entry[key]) for key in ("msg", "error") if entry.get(key))
    except (ValueError, TypeError, AttributeError):
        return re.sub(r"^(\d{4}/\d\d/\d\d [\d:.]+ |\[[\d: +-]+\] \[\d+\] )", "", message)


def failure_cause(journal: str) -> str:
    """Return in a sentence why a unit did not start, as far as its journal tells.

    `journal` is the output of `journalctl --output=short` for one or several units. The sentence
    begins with the unit that failed last, if systemd names one.
    """
    lines = [found.groups() for found in map(LINE.match, journal.splitlines()) if found]
    messages = [shorten(message) for _, message in lines]
    # What systemd makes of it is used only if the program itself gave no reason.
    own = [text for (name, _), text in zip(lines, messages, strict=True) if name != "systemd"]
    units = re.findall(r"(\S+\.(?:service|socket)): (?:Failed|start)", "\n".join(messages))
    subject = units[-1] if units else "A unit"
    for kind, pattern in KINDS:
        for text in [*reversed(own), *reversed(messages)]:
            if re.search(pattern, text, re.IGNORECASE):
                cause = f"{subject} did not start, because {kind}: {text.rstrip('.')}."
                return f"{cause} {REMEDIES[kind]}" if kind in REMEDIES else cause
    return f"{subject} did not start, and its journal gives no reason."


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"failure_cause": failure_cause}
