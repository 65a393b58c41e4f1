"""A computer on which Vagrant runs: this machine in namespaces of its own."""

import os
import subprocess
import time
from pathlib import Path
from signal import SIGKILL

from tests.support.commands import REPOSITORY, must_run, run, wait_for

NETWORK_SCRIPT = REPOSITORY / "roles/nspawn_host/files/network"
# A name and a /30 that no machine of the lab has: theirs have eight hexadecimal digits.
MACHINE, NETWORK = "lab-vagrant", "10.223.255.252"
STARTED = time.monotonic()

# The first process: it creates libvirt's folders and reaps what libvirt leaves behind. It ends with
# the test, even a killed one, and the kernel then ends all other processes of the computer.
FIRST = """
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
for directory in /etc/libvirt /run/libvirt /var/cache/libvirt /var/lib/libvirt /var/log/libvirt; do
    mkdir -p "$directory" "$0$directory"
    mount --bind "$0$directory" "$directory"
done
echo made
read -r
"""
# There is no security module to give labels, and another user could not read the box.
QEMU_CONF = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'


class Computer:
    """A user's computer: this machine, but with its own network, processes and libvirt.

    Its ports and networks cannot clash with others on this machine, and all of it ends with the
    test.
    """

    def __init__(self, scratch: Path, clone: Path):
        self.scratch, self.clone = scratch, clone
        self.environment = {
            **os.environ,
            "PATH": f"{clone}/.venv/bin:{os.environ['PATH']}",
            "VAGRANT_HOME": str(scratch / "vagrant.d"),
            "VAGRANT_DEFAULT_PROVIDER": "libvirt",
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        }
        namespaces = ("--mount", "--net", "--pid")
        unshare = ["unshare", *namespaces, "--fork", "--kill-child", "--mount-proc"]
        self.first = subprocess.Popen(
            [*unshare, "bash", "-euc", FIRST, scratch / "libvirt"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.first.stdout.readline() == "made\n"
        pid = Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().strip()
        self.enter = ["nsenter", f"--target={pid}", *namespaces, "env", f"--chdir={clone}"]

    def connect(self) -> None:
        """Configure the network access."""
        pid = self.enter[1].partition("=")[2]
        # A killed test's interface goes a minute after its processes; another test's stays.
        wait_for(lambda: not Path(f"/sys/class/net/ve-{MACHINE}").exists(), seconds=180)
        must_run(
            "ip", "link", "add", f"ve-{MACHINE}", "type", "veth", "peer", "host0", "netns", pid
        )
        must_run(NETWORK_SCRIPT, "up", MACHINE, NETWORK)
        gateway, address = (NETWORK[:-3] + str(252 + number) for number in (1, 2))
        self.must("ip", "link", "set", "lo", "up")
        self.must("ip", "address", "add", f"{address}/30", "dev", "host0")
        self.must("ip", "link", "set", "host0", "up")
        self.must("ip", "route", "add", "default", "via", gateway)

    def start_libvirt(self) -> None:
        """Start libvirt, and wait until it answers."""
        self.start("virtlogd")
        self.start("libvirtd")
        wait_for(lambda: self.run("virsh", "--connect=qemu:///system", "list")[0] == 0)

    def start(self, *command: str | Path) -> subprocess.Popen:
        """Start a program; its output goes to a log in the scratch folder."""
        with (self.scratch / f"{Path(command[0]).name}.log").open("w") as log:
            return subprocess.Popen(
                [*self.enter, *command], env=self.environment, stdout=log, stderr=log
            )

    def run(self, *command: str | Path, show: bool = False) -> tuple[int, str]:
        """Run a command; return its exit status and all its output.

        With `show` its lines are also printed as they come, with the seconds since the start.
        """
        ran = subprocess.Popen(
            [*self.enter, *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        output = ""
        for line in ran.stdout:
            output += line
            if show and line.strip() and "Progress: " not in line:
                print(f"{time.monotonic() - STARTED:6.0f} {line}", end="", flush=True)
        return ran.wait(), output

    def must(self, *command: str | Path, show: bool = False) -> str:
        """Run a command, successfully; return its output."""
        status, output = self.run(*command, show=show)
        assert status == 0, output
        return output

    def vagrant(self, *arguments: str) -> str:
        """Run vagrant, printing its output; return that."""
        print(f"\n{time.monotonic() - STARTED:6.0f} $ vagrant {' '.join(arguments)}", flush=True)
        return self.must("vagrant", *arguments, show=True)

    def state(self) -> dict[str, str]:
        """Return all that a machine of Vagrant could leave, by what shows it."""
        commands = {
            "domains": "virsh --connect=qemu:///system list --all --name",
            "networks": "virsh --connect=qemu:///system net-list --all --name",
            "disks": "ls /var/lib/libvirt/images 2>/dev/null || true",
            "network devices": "ip -oneline -br link",
            "routes": "ip route",
            # Without libvirt's own chains, which stay as long as it runs.
            "firewall": "iptables-save | grep '^-A' | grep -v -- '-j LIBVIRT_' || true",
            "listeners": "ss --no-header --listening --tcp --udp --numeric | sort",
            "processes": "ps --no-headers -eo comm | grep -E 'qemu|dnsmasq' || true",
        }
        return {name: self.run("sh", "-c", command)[1] for name, command in commands.items()}

    def end(self) -> None:
        """End all of its processes, and restore what was changed on this machine."""
        run("ip", "link", "delete", f"ve-{MACHINE}")
        self.first.send_signal(SIGKILL)
        self.first.wait()
        must_run(NETWORK_SCRIPT, "down", MACHINE, NETWORK)
