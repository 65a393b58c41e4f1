"""A releases page with one small release, whose faults a test chooses."""

import io
import ipaddress
import os
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from architectures import GO_ARCHITECTURES
from tests.support.contract import JAEGER, PROGRAMS
from tests.support.lab import Lab


class ReleaseServer(ThreadingHTTPServer):
    """A releases page that the lab's host reaches, with a release that is not installed there.

    `assets` maps names to bytes; `status` and `promised` (a length in bytes) are what it claims.
    """

    version = "1.58.0"

    def __init__(self, lab: Lab, keys: Path):
        super().__init__((gateway(lab), 0), Handler)
        self.url = f"http://{self.server_address[0]!s}:{self.server_port}"
        self.lab, self.keys, self.key = lab, keys, keys / "release.asc"
        architecture = GO_ARCHITECTURES[lab.ssh("uname -m").strip()]
        self.name = f"jaeger-{self.version}-linux-{architecture}"
        self.archive = f"{self.name}.tar.gz"
        self.assets: dict[str, bytes] = {}
        self.status, self.promised = 200, 0
        self.requested: Any = None
        self.publish(self.name, PROGRAMS)

    def publish(self, folder: str, programs: list[str], signer: str = "release") -> None:
        """Serve an archive with these programs in one folder, and its signature."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for program in programs:
                entry = tarfile.TarInfo(f"{folder}/{program}")
                entry.mode, entry.size = 0o755, 4096
                archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
        self.assets[self.archive] = packed.getvalue()
        self.assets[f"{self.archive}.asc"] = gpg(
            self.keys, "--armor", "--local-user", signer, "--detach-sign", stdin=packed.getvalue()
        )

    def install(self, **settings: Any) -> CompletedProcess[str]:
        """Run the playbook that installs what is served on the lab's host."""
        served = {
            "jaeger_version": self.version,
            "jaeger_release_url": self.url,
            "jaeger_signing_key": str(self.key),
        }
        return self.lab.play(JAEGER, **served | settings)


class Handler(BaseHTTPRequestHandler):
    """Answers with the assets of a ReleaseServer."""

    server: ReleaseServer

    def do_GET(self) -> None:
        """Send an asset, by the last part of the path."""
        self.server.requested = self.headers
        body = self.server.assets.get(self.path.rpartition("/")[2])
        self.send_response(404 if body is None else self.server.status)
        self.send_header("Content-Length", str(self.server.promised or len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Let a server answer meanwhile."""
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def gateway(lab: Lab) -> str:
    """Return the address by which the lab's host reaches this machine."""
    return str(ipaddress.ip_address(lab.address) - 1)


def gpg(home: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run gpg with the keys of a folder; return its output."""
    command: list[str | Path] = [
        "gpg",
        "--homedir",
        home,
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        *arguments,
    ]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


@contextmanager
def signing_keys(home: Path) -> Iterator[Path]:
    """Create the signing keys `release` and `unknown` in a folder, and the first's release.asc."""
    home.chmod(0o700)
    try:
        for name in "release", "unknown":
            gpg(home, "--quick-generate-key", name, "ed25519", "sign", "never")
        (home / "release.asc").write_bytes(gpg(home, "--armor", "--export", "release"))
        yield home
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


def certificate(folder: Path, name: str) -> Path:
    """Create a key and a certificate that is its own CA; return the certificate's path."""
    files: list[str | Path] = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}", *files],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return folder / f"{name}.crt"


def use_tls(server: ThreadingHTTPServer, folder: Path) -> None:
    """Let a server speak TLS, with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder, "server"), folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
