"""`vagrant up` for real: the unmodified Vagrantfile, by libvirt on an emulated processor.

It takes long and needs libvirt, so only `make test-vagrant` runs it. The steps build on each other:
they run in this order, and the first that fails ends the test.
"""

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import copy_repository, must_run, wait_for
from tests.support.contract import ENDPOINTS, VERIFY, VERSION
from tests.vagrant.computer import NETWORK, QEMU_CONF, Computer

BOX = "debian/bookworm64"
# The inventory that Vagrant generates.
INVENTORY = ".vagrant/provisioners/ansible/inventory"


@pytest.fixture(scope="module")
def computer(tmp_path_factory, mirror) -> Iterator[Computer]:
    """A computer that has the box under the public box's name, and serves Jaeger's release."""
    box = must_run(Path(__file__).with_name("build-box")).splitlines()[0]
    scratch = tmp_path_factory.mktemp("vagrant")
    clone = copy_repository(scratch / "otel-lab")
    (clone / ".venv").symlink_to(Path(sys.prefix))
    (scratch / "vagrant.d").mkdir()
    # A user's own settings, which Vagrant merges into those of the project.
    (scratch / "vagrant.d/Vagrantfile").write_text(f"""
        Vagrant.configure("2") do |config|
          config.vm.provision "lab", type: "ansible" do |ansible|
            ansible.extra_vars = {{
              jaeger_release_url: "http://{NETWORK[:-3]}254:8000/v{VERSION}",
              jaeger_signing_key: "{mirror}/signing-key.asc",
            }}
          end
        end
    """)
    computer = Computer(scratch, clone)
    try:
        computer.connect()
        (scratch / "libvirt/etc/libvirt/qemu.conf").write_text(QEMU_CONF)
        computer.start_libvirt()
        computer.start(
            sys.executable, "-m", "http.server", "8000", f"--directory={mirror}/download"
        )
        computer.vagrant("box", "add", "--name", BOX, box)
        yield computer
    finally:
        computer.end()
        # The logs stay, as long as pytest keeps them.
        shutil.rmtree(scratch / "libvirt")
        shutil.rmtree(scratch / "vagrant.d")


PROBE = """
import sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url, timeout=60).status, url)
"""


def check_addresses(computer: Computer, output: str) -> None:
    """Check that the summary in Vagrant's output has all addresses, and that they answer."""
    summary = dict(re.findall(r"default: ([a-z-]+) (http://\S+)$", output, re.MULTILINE))
    assert list(summary) == list(ENDPOINTS), output
    forwarded = [f"http://127.0.0.1:{port}{page}" for port, page in ENDPOINTS.values()]
    computer.must(sys.executable, "-c", PROBE, *summary.values(), *forwarded, show=True)


def verify(computer: Computer) -> None:
    """Run the playbook that checks units, listeners and traces, against Vagrant's inventory."""
    computer.must("ansible-playbook", "-i", INVENTORY, VERIFY, show=True)


def test_the_vagrantfile_is_valid(computer):
    assert computer.must("vagrant", "validate") == "Vagrantfile validated successfully.\n"


def test_a_computer_without_ansible_is_told_how_to_get_it(computer):
    hidden = computer.clone / ".venv.hidden"
    (computer.clone / ".venv").rename(hidden)
    try:
        status, output = computer.run("env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "vagrant", "up")
    finally:
        hidden.rename(computer.clone / ".venv")
    assert status != 0
    assert (
        "The lab needs ansible-core 2.19.4 or later on this computer. Nothing was changed."
        in output
    )
    assert "set OTEL_LAB_ANSIBLE=guest" in output


def test_up_creates_the_lab_and_prints_its_addresses(computer):
    computer.before = computer.state()
    check_addresses(computer, computer.vagrant("up"))


def test_the_lab_passes_verify(computer):
    verify(computer)


# A program in Jaeger's control group that takes more than jaeger_memory_max.
HOG = """
echo $$ > /sys/fs/cgroup/system.slice/jaeger.service/cgroup.procs
exec python3 -c "b'x' * (1100 << 20)"
"""


def test_the_kernel_limits_jaegers_memory_and_the_cars_go_on(computer):
    started = "systemctl show --value --property=NRestarts jaeger"
    before = computer.must("vagrant", "ssh", "--command", started)
    hog = f"sudo sh -c {shlex.quote(HOG)}; echo status $?"
    output = computer.must("vagrant", "ssh", "--command", hog, show=True)
    assert "status 137" in output
    forwarded = [f"http://127.0.0.1:{port}{page}" for port, page in ENDPOINTS.values()]
    computer.must(sys.executable, "-c", PROBE, *forwarded[1:], show=True)
    wait_for(lambda: computer.run(sys.executable, "-c", PROBE, forwarded[0])[0] == 0, seconds=120)
    assert int(computer.must("vagrant", "ssh", "--command", started)) == int(before) + 1
    journal = "sudo journalctl --no-pager --unit=jaeger --grep=oom-kill"
    computer.must("vagrant", "ssh", "--command", journal, show=True)


def test_a_second_provisioning_changes_nothing(computer):
    output = computer.vagrant("provision")
    assert re.search(r"default +: ok=\d+ +changed=0 +unreachable=0 +failed=0", output), output


def test_a_reload_brings_everything_back(computer):
    check_addresses(computer, computer.vagrant("reload"))


def test_the_reloaded_lab_passes_verify(computer):
    verify(computer)


def test_destroy_leaves_nothing(computer):
    computer.vagrant("destroy", "--force")
    # What Vagrant keeps for the next machine goes with the box.
    computer.vagrant("box", "remove", BOX)
    computer.must("find", "/var/lib/libvirt/images", "-name", "*_vagrant_box_image_*", "-delete")
    wait_for(lambda: computer.state() == computer.before)
