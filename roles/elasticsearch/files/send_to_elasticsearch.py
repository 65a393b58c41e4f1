#!/usr/bin/python3
"""Send journal entries to Elasticsearch: send_to_elasticsearch.py SETTINGS

rsyslog starts this program (omprog with confirmMessages="on") and gives it one entry after the
other. It answers OK once Elasticsearch has the entry's document, and tries until then, so that
rsyslog's place in the journal never runs ahead. An entry that is sent twice has the same id both
times and becomes one document.

SETTINGS is a JSON file with `url` and `user`; the password is systemd's credential `password`.
What keeps the lines from Elasticsearch is told once in the journal, and as long as it lasts in
the file `problem` in the unit's runtime folder.
"""

import base64
import json
import os
import re
import ssl
import sys
import syslog
import time
from collections import Counter
from datetime import datetime
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

INDEX = "otel-lab-logs"
TIMEOUT = 30  # Seconds for an answer.
PAUSE = 1  # Seconds between two attempts.

# A log line of the app has the ids of trace and span, one of the access log the caller's header.
TRACE_ID = re.compile(r"\btrace_id=([0-9a-f]{32})\b|\btraceparent=[0-9a-f]{2}-([0-9a-f]{32})-")
SPAN_ID = re.compile(r"\bspan_id=([0-9a-f]{16})\b")
LEVEL = re.compile(r"(?:\S+ \S+ |\[[^]]+\] \[\d+\] \[)?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
# syslog's severities, the journal's PRIORITY.
SEVERITIES = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]

# The document is there: new, or of an earlier attempt.
TAKEN = {200, 201, 409}
# Why a document can never be taken. All other refusals pass, or an administrator can end them.
NEVER_TAKEN = re.compile(r"mapper_parsing|document_parsing|strict_dynamic_mapping|immense term")


def find_id(pattern: re.Pattern[str], message: str) -> str:
    """Return the id that a line has, empty if it has none; zeros stand for none too."""
    found = pattern.search(message)
    value = next(filter(None, found.groups())) if found else ""
    return value if value.strip("0") else ""


def to_document(timestamp: str, entry: dict[str, str]) -> dict[str, Any]:
    """Return the document, with names of the Elastic Common Schema, for a journal entry."""
    message = entry.get("MESSAGE", "")
    level = LEVEL.match(message)
    mode = entry["_SYSTEMD_UNIT"].removeprefix("car-").removesuffix(".service")
    document = {
        "@timestamp": timestamp,
        "message": message,
        "log": {"level": level[1].lower() if level else SEVERITIES[int(entry.get("PRIORITY", 6))]},
        "service": {"name": f"server_{mode}"},
        "host": {"name": entry["_HOSTNAME"]},
        "process": {"pid": int(entry["_PID"])},
    }
    for name, pattern in ("trace", TRACE_ID), ("span", SPAN_ID):
        if value := find_id(pattern, message):
            document[name] = {"id": value}
    return document


class Identifier:
    """Gives every entry an id of its own, the same one whenever it is read again."""

    def __init__(self) -> None:
        self.timestamp = ""
        self.seen: Counter[str] = Counter()

    def identify(self, timestamp: str, entry: dict[str, str]) -> str:
        """Return the id of the next entry.

        The lines of a traceback, which may be equal, get the same time. They are counted, but
        only as long as the program runs: of equal lines that a kill separates, one is lost.
        """
        if timestamp != self.timestamp:
            self.timestamp, self.seen = timestamp, Counter()
        names = "_MACHINE_ID", "_BOOT_ID", "_PID", "MESSAGE"
        text = "\n".join([timestamp, *(entry.get(name, "") for name in names)])
        self.seen[text] += 1
        return sha256(f"{self.seen[text]}\n{text}".encode()).hexdigest()[:32]


def document_path(timestamp: str, identifier: str) -> str:
    """Return where a document of that time, which is in UTC, is created."""
    day = datetime.fromisoformat(timestamp).strftime("%Y.%m.%d")
    return f"/{INDEX}-{day}/_create/{identifier}"


def reason(reply: bytes) -> str:
    """Return what Elasticsearch's answer gives as the reason, empty if it gives none."""
    try:
        error = json.loads(reply)["error"]
        cause = error.get("caused_by") or {}
        texts = [error["type"], error["reason"], cause.get("reason")]
        return ": ".join(str(text) for text in texts if text)
    # An answer of something else, such as a proxy.
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def explain(url: str, status: int, text: str) -> str:
    """Return what an error status of Elasticsearch means and the fix, as sentences."""
    refusal = f"Elasticsearch at {url} takes no log lines: HTTP status {status}"
    refusal += f", {text.rstrip('.; ')}." if text else "."
    if status == 401 or "security_exception" in text:
        return f"{refusal} Correct elasticsearch_user or elasticsearch_password (not shown)."
    if "flood-stage" in text or "disk usage exceeded" in text:
        return f"{refusal} Free disk space there."
    if "cluster_block_exception" in text and status in (403, 429):
        return f"{refusal} Remove the block from the index's settings."
    if not text:
        return f"{refusal} Check that elasticsearch_url leads to an Elasticsearch."
    return refusal


class Elasticsearch:
    """A connection to Elasticsearch, opened again after every failure."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, parts = url, urlsplit(url)
        self.base_path = parts.path.rstrip("/")
        self.connection: HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self.connection = HTTPSConnection(parts.netloc, timeout=TIMEOUT, context=context)
        else:
            self.connection = HTTPConnection(parts.netloc, timeout=TIMEOUT)
        self.headers = {"Content-Type": "application/json"}
        if user:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {token}"

    def request(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the content of the answer. Raises OSError or HTTPException."""
        while True:
            # The server may have closed a connection that was idle.
            may_be_stale = self.connection.sock is not None
            try:
                self.connection.request("PUT", self.base_path + path, body, self.headers)
                response = self.connection.getresponse()
                return response.status, response.read()
            except (OSError, HTTPException):
                self.connection.close()
                if not may_be_stale:
                    raise

    def create(self, path: str, document: dict[str, Any]) -> tuple[str, str]:
        """Create a document. Returns why it can never be taken, and why it is not taken now.

        Both are empty if it is there.
        """
        body = json.dumps(document).encode()
        try:
            status, reply = self.request(path, body)
        except (OSError, HTTPException) as error:
            cause = str(error) or type(error).__name__
            return "", (
                f"Elasticsearch cannot be reached at {self.url}: {cause}. "
                "Start it, or correct elasticsearch_url."
            )
        if status in TAKEN:
            return "", ""
        text = reason(reply)
        if status == 400 and NEVER_TAKEN.search(text):
            return text, ""
        return "", explain(self.url, status, text)


class Problem:
    """What keeps the lines from Elasticsearch; told once, and kept in a file while it lasts."""

    def __init__(self, file: Path) -> None:
        self.file, self.text = file, ""
        file.unlink(missing_ok=True)

    def set(self, text: str) -> None:
        if text == self.text:
            return
        if text:
            self.file.write_text(f"{text}\n")
            self.file.chmod(0o644)
            syslog.syslog(syslog.LOG_WARNING, f"{text} Until then they wait in the journal.")
        else:
            self.file.unlink(missing_ok=True)
            syslog.syslog(syslog.LOG_NOTICE, "Elasticsearch takes the log lines again.")
        self.text = text


def deliver(server: Elasticsearch, problem: Problem, path: str, document: dict[str, Any]) -> None:
    """Send a document until Elasticsearch has it, or refuses it for good."""
    while True:
        never, not_now = server.create(path, document)
        problem.set(not_now)
        if not not_now:
            break
        time.sleep(PAUSE)
    if never:
        syslog.syslog(
            syslog.LOG_ERR,
            f"Elasticsearch at {server.url} cannot take a log line, which stays in the journal "
            f"only: {never}. Correct the mapping of {path.split('/')[1]}. The line, of "
            f"{document['service']['name']} at {document['@timestamp']}: "
            f"{document['message'][:200]}",
        )


def main() -> int:
    syslog.openlog("send_to_elasticsearch")
    settings = json.loads(Path(sys.argv[1]).read_text())
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), "password")
    password = credential.read_text() if settings["user"] else ""
    server = Elasticsearch(settings["url"], settings["user"], password)
    problem = Problem(Path(os.environ["RUNTIME_DIRECTORY"], "problem"))
    identifier = Identifier()
    # rsyslog waits for a first answer, too.
    print("OK", flush=True)
    for line in sys.stdin.buffer:
        timestamp, _, text = line.decode(errors="replace").partition(" ")
        try:
            entry = json.loads(text)
            path = document_path(timestamp, identifier.identify(timestamp, entry))
            document = to_document(timestamp, entry)
        # All lines behind it would wait for ever.
        except (ValueError, KeyError, IndexError) as error:
            message = "A journal entry cannot be read, and stays in the journal only"
            syslog.syslog(syslog.LOG_ERR, f"{message}: {error!r} in {line[:200]!r}")
        else:
            deliver(server, problem, path, document)
        print("OK", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:
        # rsyslog drops what a program writes to its standard error, and starts it again.
        syslog.syslog(syslog.LOG_CRIT, f"send_to_elasticsearch failed: {error!r}")
        raise
