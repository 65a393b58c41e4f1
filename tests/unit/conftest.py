"""A server on loopback for the modules that send requests."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """Answers each path with a status and a text; notes the requests and how many overlap."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, tuple[int, str]] = {}
        self.received: list[BaseHTTPRequestHandler] = []
        self.delay = 0.0
        self.in_progress = self.most_in_progress = 0
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self):
        with self.server.lock:
            self.server.received.append(self)
            self.server.in_progress += 1
            self.server.most_in_progress = max(
                self.server.most_in_progress, self.server.in_progress
            )
        time.sleep(self.server.delay)
        with self.server.lock:
            self.server.in_progress -= 1
        status, text = self.server.answers.get(self.path, (404, ""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def http_server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
