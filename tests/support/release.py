"""A releases page with one small release, whose faults a test chooses."""

import io
import ipaddress
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from architectures import GO_ARCHITECTURES
from tests.support.contract import JAEGER, PROGRAMS
from tests.support.lab import Lab
from tests.support.server import Server


class ReleaseServer(Server):
    """A releases page that the lab's host reaches, with a release that is not installed there."""

    version = "1.58.0"

    def __init__(self, lab: Lab, keys: Path):
        super().__init__(gateway(lab))
        self.lab, self.keys, self.key = lab, keys, keys / "release.asc"
        architecture = GO_ARCHITECTURES[lab.ssh("uname -m").strip()]
        self.name = f"jaeger-{self.version}-linux-{architecture}"
        self.archive, self.signature = f"/{self.name}.tar.gz", f"/{self.name}.tar.gz.asc"
        self.publish(self.name, PROGRAMS)

    def publish(self, folder: str, programs: list[str], signer: str = "release") -> None:
        """Serve an archive with these programs in one folder, and its signature."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for program in programs:
                entry = tarfile.TarInfo(f"{folder}/{program}")
                entry.mode, entry.size = 0o755, 4096
                archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
        body = packed.getvalue()
        sign = "--armor", "--local-user", signer, "--detach-sign"
        self.answers[self.archive] = 200, body
        self.answers[self.signature] = 200, gpg(self.keys, *sign, stdin=body)

    def install(self, **settings: Any) -> CompletedProcess[str]:
        """Run the playbook that installs what is served on the lab's host."""
        served = {
            "jaeger_version": self.version,
            "jaeger_release_url": self.url,
            "jaeger_signing_key": str(self.key),
        }
        return self.lab.play(JAEGER, **served | settings)


def gateway(lab: Lab) -> str:
    """Return the address by which the lab's host reaches this machine."""
    return str(ipaddress.ip_address(lab.address) - 1)


def gpg(home: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run gpg with the keys of a folder; return its output."""
    command = ["gpg", f"--homedir={home}", "--batch", "--quiet", "--passphrase", "", *arguments]
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
