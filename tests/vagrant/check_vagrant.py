"""`vagrant up` for real: the unmodified Vagrantfile, by libvirt on an emulated processor.

Not named like the other tests, as it takes long and wants libvirt: `make test-vagrant` runs it.
The steps build on each other, so they run in this order, and the first that fails ends the test.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from conftest import REPOSITORY, copy_repository, run

BOX = "debian/bookworm64"
ENDPOINTS = {
    "jaeger-ui": (16686, "/"),
    "car-manual": (8082, "/cars"),
    "car-programmatic": (8083, "/cars"),
    "car-automatic": (8084, "/cars"),
}
# The inventory that Vagrant generates.
INVENTORY = ".vagrant/provisioners/ansible/inventory"
# A name and a /30 that no machine of the lab has: theirs have eight hexadecimal digits.
MACHINE, NETWORK = "lab-vagrant", "10.223.255.252"
STARTED = time.monotonic()

# The first process of the cell: it makes the cell's folders and reaps what libvirt leaves behind.
# It ends with this test, even a killed one, and the kernel then ends all others in the cell.
CELL = """
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
for directory in /etc/libvirt /run/libvirt /var/cache/libvirt /var/lib/libvirt /var/log/libvirt; do
    mkdir -p "$directory" "$0$directory"
    mount --bind "$0$directory" "$directory"
done
echo made
read -r
"""
# Labels would be wanted from a security module, and another user could not read the box.
QEMU_CONF = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'


class Cell:
    """A user's computer: this one, but with a network, processes and a libvirt of its own.

    So neither ports nor libvirt's networks clash with others on this machine, and all of it goes
    when the test does.
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
            [*unshare, "bash", "-euc", CELL, scratch / "libvirt"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.first.stdout.readline() == "made\n"
        pid = Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().strip()
        self.enter = ["nsenter", f"--target={pid}", *namespaces, "env", f"--chdir={clone}"]

    def connect(self) -> None:
        """Give the cell its way out."""
        pid = self.enter[1].partition("=")[2]
        # That of a killed test goes a minute later than its processes; that of another test stays.
        wait_for(lambda: not Path(f"/sys/class/net/ve-{MACHINE}").exists(), seconds=180)
        must("ip", "link", "add", f"ve-{MACHINE}", "type", "veth", "peer", "host0", "netns", pid)
        must(REPOSITORY / "roles/nspawn_host/files/network", "up", MACHINE, NETWORK)
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
        """Start a program in the cell; what it says goes to a log in the scratch folder."""
        with (self.scratch / f"{Path(command[0]).name}.log").open("w") as log:
            return subprocess.Popen(
                [*self.enter, *command], env=self.environment, stdout=log, stderr=log
            )

    def run(self, *command: str | Path, show: bool = False) -> tuple[int, str]:
        """Run a command in the cell; return its exit status and all its output.

        With `show` its lines are also printed as they come, with the seconds since the beginning.
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
        """Run a command in the cell that must succeed; return its output."""
        status, output = self.run(*command, show=show)
        assert status == 0, output
        return output

    def vagrant(self, *arguments: str) -> str:
        """Run vagrant, showing what it says; return that."""
        print(f"\n{time.monotonic() - STARTED:6.0f} $ vagrant {' '.join(arguments)}", flush=True)
        return self.must("vagrant", *arguments, show=True)

    def state(self) -> dict[str, str]:
        """All that a machine of Vagrant's could leave, by what shows it."""
        commands = {
            "domains": "virsh --connect=qemu:///system list --all --name",
            "networks": "virsh --connect=qemu:///system net-list --all --name",
            "disks": "ls /var/lib/libvirt/images 2>/dev/null || true",
            "network devices": "ip -oneline -br link",
            "routes": "ip route",
            # Without libvirt's own chains, which stay, empty, as long as it runs.
            "firewall": "iptables-save | grep '^-A' | grep -v -- '-j LIBVIRT_' || true",
            "listeners": "ss --no-header --listening --tcp --udp --numeric | sort",
            "processes": "ps --no-headers -eo comm | grep -E 'qemu|dnsmasq' || true",
        }
        return {name: self.run("sh", "-c", command)[1] for name, command in commands.items()}

    def end(self) -> None:
        """End everything in the cell, and put back what was changed for it."""
        run("ip", "link", "delete", f"ve-{MACHINE}")
        self.first.send_signal(SIGKILL)
        self.first.wait()
        must(REPOSITORY / "roles/nspawn_host/files/network", "down", MACHINE, NETWORK)


def must(*command: str | Path) -> str:
    """Run a command on this machine that must succeed; return its output."""
    ran = run(*command)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def wait_for(condition, seconds: float = 30) -> None:
    """Return once `condition()` is true; fail after that many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def cell(tmp_path_factory, mirror) -> Iterator[Cell]:
    """A cell with the box under the public box's name, and Jaeger's release served from it."""
    box = must(Path(__file__).with_name("build-box")).splitlines()[0]
    scratch = tmp_path_factory.mktemp("vagrant")
    clone = copy_repository(scratch / "otel-lab")
    (clone / ".venv").symlink_to(Path(sys.prefix))
    (scratch / "vagrant.d").mkdir()
    # Vagrant's own place for settings of a user: they are merged into those of the project.
    (scratch / "vagrant.d/Vagrantfile").write_text(f"""
        Vagrant.configure("2") do |config|
          config.vm.provision "lab", type: "ansible" do |ansible|
            ansible.extra_vars = {{
              jaeger_release_url: "http://{NETWORK[:-3]}254:8000/v1.57.0",
              jaeger_signing_key: "{mirror}/signing-key.asc",
            }}
          end
        end
    """)
    cell = Cell(scratch, clone)
    try:
        cell.connect()
        (scratch / "libvirt/etc/libvirt/qemu.conf").write_text(QEMU_CONF)
        cell.start_libvirt()
        cell.start(sys.executable, "-m", "http.server", "8000", f"--directory={mirror}/download")
        cell.vagrant("box", "add", "--name", BOX, box)
        yield cell
    finally:
        cell.end()
        # The logs stay, as long as pytest keeps them.
        shutil.rmtree(scratch / "libvirt")
        shutil.rmtree(scratch / "vagrant.d")


PROBE = """
import sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url, timeout=60).status, url)
"""


def check_addresses(cell: Cell, said: str) -> None:
    """Check that the summary in what Vagrant said has all addresses, and that they answer."""
    summary = dict(re.findall(r"default: ([a-z-]+) (http://\S+)$", said, re.MULTILINE))
    assert list(summary) == list(ENDPOINTS), said
    forwarded = [f"http://127.0.0.1:{port}{page}" for port, page in ENDPOINTS.values()]
    cell.must(sys.executable, "-c", PROBE, *summary.values(), *forwarded, show=True)


def verify(cell: Cell) -> None:
    """Run the playbook that checks units, listeners and traces, against Vagrant's inventory."""
    cell.must("ansible-playbook", "-i", INVENTORY, "playbooks/verify.yml", show=True)


def test_the_vagrantfile_is_valid(cell):
    assert cell.must("vagrant", "validate") == "Vagrantfile validated successfully.\n"


def test_a_computer_without_ansible_is_told_how_to_get_it(cell):
    hidden = cell.clone / ".venv.hidden"
    (cell.clone / ".venv").rename(hidden)
    try:
        status, said = cell.run("env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "vagrant", "up")
    finally:
        hidden.rename(cell.clone / ".venv")
    assert status != 0
    assert "The lab needs Ansible 2.19 or later on this computer. Nothing was changed." in said
    assert "set OTEL_LAB_ANSIBLE=guest" in said


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["OTEL_LAB_BOX=otel-lab/nothing", "vagrant", "up"], "double-check the name"),
        (["vagrant", "up", "--provider=virtualbox"], "Make sure VirtualBox is properly installed"),
        (
            ["LIBVIRT_DEFAULT_URI=qemu+unix:///nowhere", "vagrant", "up"],
            "making a connection to libvirt",
        ),
    ],
    ids=["a missing box", "a missing provider", "a missing libvirt"],
)
def test_vagrant_itself_names(cell, command, words):
    status, said = cell.run("env", *command)

    assert status != 0
    assert words in said


def test_up_makes_the_lab_and_says_where_it_answers(cell):
    cell.before = cell.state()
    check_addresses(cell, cell.vagrant("up"))


def test_the_lab_is_right(cell):
    verify(cell)


# A program in Jaeger's control group that takes more than jaeger_memory_max.
HOG = """
echo $$ > /sys/fs/cgroup/system.slice/jaeger.service/cgroup.procs
exec python3 -c "b'x' * (1100 << 20)"
"""


def test_the_kernel_bounds_jaegers_memory_and_the_cars_go_on(cell):
    started = "systemctl show --value --property=NRestarts jaeger"
    before = cell.must("vagrant", "ssh", "--command", started)
    hog = f"sudo sh -c {shlex.quote(HOG)}; echo status $?"
    said = cell.must("vagrant", "ssh", "--command", hog, show=True)
    assert "status 137" in said
    forwarded = [f"http://127.0.0.1:{port}{page}" for port, page in ENDPOINTS.values()]
    cell.must(sys.executable, "-c", PROBE, *forwarded[1:], show=True)
    wait_for(lambda: cell.run(sys.executable, "-c", PROBE, forwarded[0])[0] == 0, seconds=120)
    assert int(cell.must("vagrant", "ssh", "--command", started)) == int(before) + 1
    journal = "sudo journalctl --no-pager --unit=jaeger --grep=oom-kill"
    cell.must("vagrant", "ssh", "--command", journal, show=True)


def test_a_second_provisioning_changes_nothing(cell):
    said = cell.vagrant("provision")
    assert re.search(r"default +: ok=\d+ +changed=0 +unreachable=0 +failed=0", said), said


def test_a_reload_brings_everything_back(cell):
    check_addresses(cell, cell.vagrant("reload"))


def test_the_reloaded_lab_is_right(cell):
    verify(cell)


def test_destroy_leaves_nothing(cell):
    cell.vagrant("destroy", "--force")
    # What Vagrant keeps for the next machine goes with the box.
    cell.vagrant("box", "remove", BOX)
    cell.must("find", "/var/lib/libvirt/images", "-name", "*_vagrant_box_image_*", "-delete")
    wait_for(lambda: cell.state() == cell.before)
