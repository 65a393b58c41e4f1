#!/usr/bin/python3
"""Wait until a service answers HTTP requests: wait_for_http.py ADDRESS:PORT [PATH]

Without a path, a service is ready once it accepts connections.

The unit runs this as ExecStartPost=, so that systemd calls the service started once it answers.
TimeoutStartSec= bounds the wait, which also ends when the service's main process ends. With -I,
Python itself reads no variable of the host's.
"""

import os
import sys
import time
from http.client import HTTPConnection, HTTPException


def answers(address: str, path: str | None) -> bool:
    """Return whether the service gives any response but a server error."""
    try:
        connection = HTTPConnection(address, timeout=5)
        connection.connect()
        if path is None:
            return True
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # The process belongs to another user.
    except PermissionError:
        return True
    return True


def main() -> int:
    address, *paths = sys.argv[1:]
    path = paths[0] if paths else None
    main_pid = int(os.environ["MAINPID"])
    while not answers(address, path):
        if not is_alive(main_pid):
            return 1
        time.sleep(0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
