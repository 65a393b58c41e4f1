"""Hosts on which the roles cannot work: a run refuses them before any change."""

import pytest

from tests.support import contract
from tests.support.commands import assert_no_change, must_run, wait_for
from tests.support.lab import assert_unchanged, failure_output, other_process

LISTEN = (
    "python3 -c 'import socket; from signal import pause;"
    ' kept = socket.socket(type=socket.SOCK_{kind}); kept.bind(("{address}", 9082));'
    " kept.type == socket.SOCK_STREAM and kept.listen(); pause()'"
)
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"


@pytest.mark.parametrize(
    ("playbook", "setting", "kind"),
    [
        (contract.JAEGER, "jaeger_collector_http_server_host_port", "STREAM"),
        (contract.JAEGER, "jaeger_processor_jaeger_compact_server_host_port", "DGRAM"),
        (contract.CAR_APP, "car_app_manual_bind", "STREAM"),
    ],
)
@pytest.mark.parametrize(
    ("taken", "wanted"), [(LOOPBACK, EVERYWHERE), (EVERYWHERE, LOOPBACK), (LOOPBACK, LOOPBACK)]
)
def test_a_port_in_use_by_another_process_is_refused(
    lab, record_result, playbook, setting, kind, taken, wanted
):
    """A port is in use by a program that is not the lab's
    The run stops before any change and names the program and the port"""
    with other_process(lab, LISTEN.format(kind=kind, address=taken)) as process:
        wait_for(lambda: ":9082 " in lab.ssh("ss --listening --tcp --udp --numeric"))
        with assert_unchanged(lab):
            ran = lab.play(playbook, **{setting: f"{wanted}:9082"})
    failure_output(
        ran,
        f"{setting} is {wanted}:9082, but the port is already in use by python3 "
        f"(process {process}) on lab. Nothing was changed. Stop that program, "
        f"or set another port in {setting}.",
    )
    assert_no_change(ran.stdout)
    record_result(f"`{setting}`: refused")


@pytest.mark.parametrize("playbook", [contract.JAEGER, contract.CAR_APP])
def test_a_host_without_systemd_is_refused(lab, playbook):
    with assert_unchanged(lab):
        # Its folder is out of sight, as it would be if something else ran the host.
        lab.ssh("mount -t tmpfs none /run/systemd")
        try:
            ran = lab.play(playbook)
        finally:
            lab.ssh("umount /run/systemd")
    failure_output(
        ran,
        "lab was not booted with systemd (there is no /run/systemd/system), but the services are "
        "systemd units. Nothing was changed. Choose a host that boots systemd.",
    )
    assert_no_change(ran.stdout)


@pytest.mark.parametrize("playbook", [contract.JAEGER, contract.CAR_APP])
@pytest.mark.parametrize(
    ("program", "lacks", "package"),
    [
        # The services go on: their environment names the program that this link leads to.
        ("python3", "Python 3, which Ansible needs there", "python3"),
        ("ss", "ss, which shows the ports that are in use", "iproute2"),
    ],
)
def test_a_host_without_a_program_is_refused(lab, playbook, program, lacks, package):
    path = f"/usr/bin/{program}"
    lab.ssh(f"mv {path} {path}.hidden")
    try:
        with assert_unchanged(lab):
            ran = lab.play(playbook)
    finally:
        lab.ssh(f"mv {path}.hidden {path}")
    failure_output(
        ran,
        f"lab has no {lacks}. Nothing was changed. "
        f"Install it on the host (Debian, Ubuntu: apt-get install {package};",
    )
    assert_no_change(ran.stdout)


def test_an_architecture_without_a_release_is_refused(lab):
    # As a 32-bit kernel of the processor's family would tell Python.
    wrapper = "/run/python3-32"
    lab.ssh(f"""printf '#!/bin/sh\nexec linux32 /usr/bin/python3 "$@"\n' > {wrapper}""")
    lab.ssh(f"chmod 0755 {wrapper}")
    with assert_unchanged(lab):
        ran = lab.play(contract.JAEGER, ansible_python_interpreter=wrapper)
    # Ansible's name for i686 is i386.
    architecture = lab.ssh("linux32 uname -m").strip().replace("i686", "i386")
    failure_output(
        ran,
        f"lab is {architecture}, but Jaeger is released for x86_64 and aarch64 only. "
        "Nothing was changed. Choose another host.",
    )
    assert_no_change(ran.stdout)


SUDO = {
    "everyone": ("Defaults requiretty", {}),
    "this user": ("Defaults:lab requiretty", {}),
    "no terminal for any command": ("Defaults requiretty", {"ansible_ssh_use_tty": False}),
}


@pytest.mark.parametrize("case", SUDO)
def test_sudo_that_needs_a_terminal_is_refused(lab, record_setup, case):
    """`Defaults requiretty` in /etc/sudoers.d of the host
    `site.yml` runs"""
    line, settings = SUDO[case]
    lab.ssh(f"echo '{line}' > /etc/sudoers.d/tty")
    try:
        ran = lab.play(contract.CAR_APP, **settings)
        off = {"ansible_pipelining": False}
        without = settings or lab.play(contract.CAR_APP, "--check", **off)
        postgresql = lab.play(contract.CAR_APP, car_app_postgresql=True, **off, **settings)
    finally:
        # With a terminal, unlike other commands of the tests.
        remove = "sudo rm /etc/sudoers.d/tty && echo removed"
        must_run("ssh", "-tt", "-F", lab.ssh_config, lab.name, remove, cwd=lab.clone)
    failure_output(
        ran,
        "sudo on lab needs a terminal (Defaults requiretty), which Ansible's pipelining does not "
        "give it. Nothing was changed.",
        'add the line "Defaults !requiretty" after it',
        "ansible_pipelining: false",
    )
    assert_no_change(ran.stdout)
    failure_output(postgresql, "or remove car_app_postgresql, which needs pipelining.")
    assert_no_change(postgresql.stdout)
    if not settings:
        assert_no_change(without.stdout)
        assert without.returncode == 0, without.stdout
    record_setup(f"for {case}: refused before any change; without pipelining it runs")


def test_sudo_that_needs_no_terminal_after_all_is_accepted(lab):
    lab.ssh("printf '%s\\n' 'Defaults requiretty' 'Defaults !requiretty' > /etc/sudoers.d/tty")
    try:
        lab.must_play(contract.CAR_APP, "--check")
    finally:
        lab.ssh("rm /etc/sudoers.d/tty")


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_something_else_in_the_place_of_a_folder_is_refused(lab, record_setup, kind):
    """A file or a dangling link is in the place of /etc/car-app
    `site.yml` runs"""
    create = "touch" if kind == "file" else "ln --symbolic /nowhere"
    lab.ssh(f"mv /etc/car-app /etc/car-app.kept; {create} /etc/car-app")
    try:
        with assert_unchanged(lab):
            ran = lab.play(contract.CAR_APP)
    finally:
        lab.ssh("rm /etc/car-app; mv /etc/car-app.kept /etc/car-app")
    failure_output(
        ran,
        "/etc/car-app on lab is not a folder, but the lab needs one there. Nothing was changed. "
        "Move it away (mv /etc/car-app /etc/car-app.old) and run again.",
    )
    assert_no_change(ran.stdout)
    record_setup(f"a {kind}: refused before any change, with the command that moves it away")
