#!/usr/bin/python
"""Ansible module: send HTTP requests, each as part of a trace of its own.

Every request carries a `traceparent` header (W3C Trace Context, level 1, section 3.2), so that the
caller knows by which trace id to look for it.
"""

import secrets
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: send_requests
short_description: Send HTTP requests, each with a traceparent of its own
description:
  - Sends every request I(count) times, I(concurrency) at once, and ends when all have ended.
author: The otel-lab developers
options:
  requests:
    description: What to send; C(url), C(method) if it is not GET, and keys of the caller's own.
    type: list
    elements: dict
    required: true
  count:
    description: How often each is sent.
    type: int
    default: 1
  concurrency:
    description: How many are under way at once.
    type: int
    default: 16
  timeout:
    description: Seconds that a request may take.
    type: int
    default: 30
  lock_database:
    description: Path of an SQLite file that nobody else can read or write meanwhile, if any.
    type: str
  lock_command:
    description: >-
      Another way, for other databases: a command that prints a line when it holds a lock, and gives
      it back when its input ends.
    type: list
    elements: str
"""
RETURN = r"""
responses:
  description: >-
    One for each request sent, I(requests) in order and I(count) times over: the request's own keys,
    C(status) (0 where no response came, and C(error) says why), C(seconds), and C(trace_id) and
    C(span_id) as in its traceparent.
  type: list
  elements: dict
  returned: always
"""


@contextmanager
def locked(path, command):
    """Hold SQLite's lock on the file `path` (str), or what `command` (list) locks, if any.

    Nothing is written, and the lock goes with the process, so it can leave nothing behind.
    Raises sqlite3.OperationalError if the file cannot be opened or locked, and RuntimeError, with
    what the command said, if that ended and had no lock.
    """
    if command:
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as holder:
            if (said := holder.stdout.readline()) != b"locked\n":
                raise RuntimeError((said + holder.communicate()[0]).decode())
            yield
        return
    if not path:
        yield
        return
    with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def send(request, timeout):
    """Send one request (dict with `url`, perhaps `method`) and return its response as a dict."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    message = urllib.request.Request(
        request["url"],
        method=request.get("method", "GET"),
        headers={"traceparent": f"00-{trace_id}-{span_id}-01"},
    )
    response = {**request, "trace_id": trace_id, "span_id": span_id, "status": 0, "error": ""}
    start = time.monotonic()
    try:
        with urllib.request.urlopen(message, timeout=timeout) as answer:
            answer.read()
            response["status"] = answer.status
    except urllib.error.HTTPError as error:
        response["status"] = error.code
    except OSError as error:
        response["error"] = str(error)
    response["seconds"] = round(time.monotonic() - start, 3)
    return response


def main():
    module = AnsibleModule(
        argument_spec={
            "requests": {"type": "list", "elements": "dict", "required": True},
            "count": {"type": "int", "default": 1},
            "concurrency": {"type": "int", "default": 16},
            "timeout": {"type": "int", "default": 30},
            "lock_database": {"type": "str", "default": ""},
            "lock_command": {"type": "list", "elements": "str", "default": []},
        }
    )
    wanted = module.params["requests"] * module.params["count"]
    with (
        locked(module.params["lock_database"], module.params["lock_command"]),
        ThreadPoolExecutor(module.params["concurrency"]) as pool,
    ):
        responses = list(pool.map(lambda r: send(r, module.params["timeout"]), wanted))
    module.exit_json(changed=False, responses=responses)


if __name__ == "__main__":
    main()
