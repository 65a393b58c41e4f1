"""A command in the foreground of a terminal of its own."""

import io
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pexpect


class Terminal(pexpect.spawn):
    """A shell in a terminal that runs a command; `output` is all that it has printed."""

    def __init__(self, folder: Path, command: str):
        self.record = io.StringIO()
        super().__init__(
            "sh",
            ["-c", f"{command}; exit $?"],
            cwd=str(folder),
            timeout=60,
            dimensions=(24, 200),
            encoding="utf-8",
            codec_errors="replace",
            preexec_fn=restore_signals,
        )
        self.logfile_read = self.record

    @property
    def output(self) -> str:
        """All that was printed and read."""
        return self.record.getvalue()

    def read_until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Read what is printed, so that no program is held up, until a condition is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so after {seconds} s:\n{self.output}"
            self.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.1)

    def exit_code(self) -> int:
        """Wait until the shell has ended; negative if a signal ended it."""
        self.expect(pexpect.EOF, timeout=30)
        self.close()
        return -self.signalstatus if self.signalstatus else self.exitstatus or 0


def restore_signals() -> None:
    """Let a child be ended by its terminal, whatever started the tests."""
    for number in signal.SIGHUP, signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
