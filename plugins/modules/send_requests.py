#!/usr/bin/python
"""Ansible module: send HTTP requests, each with a trace id of its own.

Every request carries a `traceparent` header (W3C Trace Context, level 1, section 3.2), so that the
caller knows the trace id.
"""

DOCUMENTATION = r"""
module: send_requests
short_description: Send HTTP requests, each with a traceparent of its own
description:
  - Sends every request I(count) times, I(concurrency) at once, and waits for all responses.
author: The otel-lab developers (!UNKNOWN)
options:
  requests:
    description:
      - The requests. Each has C(url) and, if it is not GET, C(method); C(headers) has more headers.
      - C(caller) is C(sampled) (the default) or C(unsampled), the caller's decision in the
        traceparent, or C(none) for a request without one.
      - All other keys are returned with the response.
    type: list
    elements: dict
    required: true
  count:
    description: Number of times that each request is sent.
    type: int
    default: 1
  concurrency:
    description: Number of requests in flight at once.
    type: int
    default: 16
  timeout:
    description: Seconds that a request may take.
    type: int
    default: 30
  user_agent:
    description:
      - The requests' User-Agent. The lab's tail sampling keeps the traces of the default one.
    type: str
    default: otel-lab
  lock_database:
    description: Path of an SQLite database that is locked meanwhile; none if empty.
    type: str
    default: ""
  lock_command:
    description:
      - Locks another database, a command that prints C(locked) when it holds the lock, and releases
        it at the end of its input.
    type: list
    elements: str
    default: []
"""
EXAMPLES = r"""
- name: Send ten requests
  otel_lab.tracing.send_requests:
    requests:
      - {url: http://127.0.0.1:8082/cars, title: cars}
    count: 10
  register: sent
"""
RETURN = r"""
responses:
  description: >-
    One for each request sent, I(requests) in order and I(count) times over: the request's own keys,
    C(status) (0 where no response came; C(error) gives the reason), C(seconds), and C(trace_id) and
    C(span_id) as in its traceparent, empty without one.
  type: list
  elements: dict
  returned: always
start:
  description: When the first was sent, in seconds since the epoch, by the sender's clock.
  type: float
  returned: always
"""

import secrets
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPException
from typing import IO, Any, cast

from ansible.module_utils.basic import AnsibleModule

# The trace flags of W3C Trace Context, section 3.2.2.5.
TRACE_FLAGS = {"sampled": "01", "unsampled": "00"}

# Without the environment's proxies, which may not reach the lab's addresses.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def locked(path: str, command: list[str]) -> Iterator[None]:
    """Lock the SQLite database `path`, or run the `command` that locks another one.

    Nothing is written, and the lock ends with the process. Raises sqlite3.OperationalError if the
    database cannot be opened or locked, and RuntimeError, with the command's output, if the command
    ends without a lock.
    """
    if command:
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as holder:
            output = cast(IO[bytes], holder.stdout)
            if (line := output.readline()) != b"locked\n":
                cast(IO[bytes], holder.stdin).close()
                raise RuntimeError((line + output.read()).decode())
            yield
    elif path:
        uri = f"file:{path}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
    else:
        yield


def send(request: dict[str, Any], timeout: float, user_agent: str = "otel-lab") -> dict[str, Any]:
    """Send a request (`url`, perhaps `method`, `headers`, `caller`).

    Returns its response, with the request's keys.
    """
    caller = request.get("caller", "sampled")
    headers = {"User-Agent": user_agent, **request.get("headers", {})}
    trace_id = span_id = ""
    if caller != "none":
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        headers["traceparent"] = f"00-{trace_id}-{span_id}-{TRACE_FLAGS[caller]}"
    message = urllib.request.Request(
        request["url"], method=request.get("method", "GET"), headers=headers
    )
    response = {**request, "trace_id": trace_id, "span_id": span_id, "status": 0, "error": ""}
    start = time.monotonic()
    try:
        with DIRECT.open(message, timeout=timeout) as reply:
            reply.read()
            response["status"] = reply.status
    except urllib.error.HTTPError as error:
        response["status"] = error.code
    except (OSError, HTTPException) as error:
        response["error"] = str(error)
    response["seconds"] = round(time.monotonic() - start, 3)
    return response


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "requests": {"type": "list", "elements": "dict", "required": True},
            "count": {"type": "int", "default": 1},
            "concurrency": {"type": "int", "default": 16},
            "timeout": {"type": "int", "default": 30},
            "user_agent": {"type": "str", "default": "otel-lab"},
            "lock_database": {"type": "str", "default": ""},
            "lock_command": {"type": "list", "elements": "str", "default": []},
        }
    )
    requests = module.params["requests"] * module.params["count"]
    timeout, user_agent = module.params["timeout"], module.params["user_agent"]
    start = time.time()
    try:
        with (
            locked(module.params["lock_database"], module.params["lock_command"]),
            ThreadPoolExecutor(module.params["concurrency"]) as pool,
        ):
            responses = list(pool.map(lambda r: send(r, timeout, user_agent), requests))
    except (sqlite3.OperationalError, RuntimeError) as error:
        module.fail_json(f"The database could not be locked, and nothing was sent: {error}")
    module.exit_json(changed=False, responses=responses, start=start)


if __name__ == "__main__":
    main()
