"""A server of a test that a host reaches at a port of its own."""

import subprocess

from tests.support.commands import wait_for
from tests.support.lab import Lab
from tests.support.server import Server


class TunnelledServer(Server):
    """A server that a lab's host reaches at 127.0.0.1:`port`, once it is open to it."""

    port = 5318

    def __init__(self) -> None:
        super().__init__()
        self.tunnel: subprocess.Popen[bytes] | None = None

    def open(self, lab: Lab) -> None:
        """Let the host reach the server."""
        forward = f"127.0.0.1:{self.port}:127.0.0.1:{self.server_port}"
        options = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", forward]
        self.tunnel = subprocess.Popen(["ssh", "-F", lab.ssh_config, *options, lab.name])
        wait_for(lambda: lab.ssh(f"ss --no-header --listening --tcp 'sport = {self.port}'"))

    def close(self) -> None:
        """Take it away again."""
        if self.tunnel:
            self.tunnel.terminate()
            self.tunnel.wait()
