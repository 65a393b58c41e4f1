"""An HTTP server whose answers, and faults, a test chooses."""

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Server(ThreadingHTTPServer):
    """Answers with `answers[path]`, each a status and a body, after `delay` seconds.

    `promised` (a length in bytes) is what it claims to send. `received` are the requests, each with
    its `body` and the `status` of the answer, and `most_in_progress` is how many overlapped.
    `content_type` is that of every answer, none if empty.
    """

    content_type = ""

    def __init__(self, address: str = "127.0.0.1"):
        super().__init__((address, 0), Handler)
        self.url = f"http://{address}:{self.server_port}"
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.received: list[Handler] = []
        self.delay, self.promised = 0.0, 0
        self.in_progress = self.most_in_progress = 0
        self.lock = threading.Lock()

    def answer(self, request: "Handler") -> tuple[int, bytes]:
        """Return the status and the body for a request."""
        return self.answers.get(request.path, (404, b""))

    def use_tls(self, folder: Path) -> None:
        """Speak TLS, with a certificate that nobody trusts, which is created in a folder."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder, "server"), folder / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")


class Handler(BaseHTTPRequestHandler):
    """Answers the requests to a Server."""

    server: Server
    body, status = b"", 0

    def do_GET(self) -> None:
        """Send the answer."""
        server = self.server
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with server.lock:
            server.received.append(self)
            server.in_progress += 1
            server.most_in_progress = max(server.most_in_progress, server.in_progress)
        time.sleep(server.delay)
        with server.lock:
            server.in_progress -= 1
        self.status, body = server.answer(self)
        self.send_response(self.status)
        self.send_header("Content-Length", str(server.promised or len(body)))
        if server.content_type:
            self.send_header("Content-Type", server.content_type)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    """Let a server answer meanwhile."""
    with server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield
        server.shutdown()


def certificate(folder: Path, name: str) -> Path:
    """Create a key and a certificate that is its own CA; return the certificate's path."""
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}"]
    files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"]
    subprocess.run([*command, *files], check=True, stderr=subprocess.DEVNULL)
    return folder / f"{name}.crt"
