"""Programs that the roles run on hosts or on the controller."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import CertificateBuilder, Name, NameAttribute
from cryptography.x509.oid import NameOID

import build_wheelhouse
import wait_for_http
from tests.support.commands import REPOSITORY, must_run, run, script
from tests.support.server import serving


@pytest.fixture
def server():
    """An HTTP server on loopback whose next responses have the statuses in its `statuses`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.statuses = []
    with serving(server):
        yield server


@pytest.fixture
def wait(monkeypatch):
    """A function that runs wait_for_http for a port with a main process; returns the exit code."""

    def wait(port: int, main_pid: int, *path: str) -> int:
        monkeypatch.setenv("MAINPID", str(main_pid))
        monkeypatch.setattr(sys, "argv", ["wait_for_http.py", f"127.0.0.1:{port}", *path])
        return wait_for_http.main()

    return wait


@pytest.mark.parametrize("statuses", [[200], [404], [503, 500, 404]])
def test_a_service_is_ready_at_its_first_response_but_a_server_error(server, wait, statuses):
    server.statuses = [*statuses]
    assert wait(server.server_port, 1, "/ready") == 0
    assert server.statuses == []


def test_a_service_without_a_path_is_ready_once_it_accepts_connections(wait):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert wait(silent.getsockname()[1], 1) == 0


@pytest.mark.parametrize("path", [["/ready"], []])
def test_the_wait_ends_with_the_main_process(wait, path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert wait(unused.getsockname()[1], ended.pid, *path) == 1


LOCK = """\
# a comment
one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via two
two==2.0 \\
    --hash=sha256:cc
"""


@pytest.fixture
def locks(tmp_path) -> list[Path]:
    (tmp_path / "requirements.txt").write_text(LOCK)
    (tmp_path / "uv.txt").write_text("uv==3.0 \\\n    --hash=sha256:dd\n")
    return [tmp_path / "requirements.txt", tmp_path / "uv.txt"]


@pytest.fixture
def pip(monkeypatch):
    """Stands in for pip; returns the arguments and the requirements of each call."""
    calls = []

    def start_pip(*arguments: str) -> subprocess.Popen:
        options = dict(a.removeprefix("--").partition("=")[::2] for a in arguments)
        calls.append((arguments, Path(options["requirement"]).read_text()))
        path = Path(options["dest"]) / f"package{len(calls)}.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("package/module.py", "NAME = 'module'\n")
            wheel.writestr("package/old.py", "print 'Python 2'\n")
            wheel.writestr("package-1.data/scripts/tool.py", "")
        return subprocess.Popen(["true"])

    monkeypatch.setattr(build_wheelhouse, "start_pip", start_pip)
    return calls


def test_every_package_is_downloaded_once_with_all_its_hashes(locks, pip, tmp_path):
    build_wheelhouse.download(locks, "3.11", "x86_64", tmp_path)
    shares = "".join(requirements for _, requirements in pip)
    for requirement in (
        "one==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n",
        "two==2.0 \\\n    --hash=sha256:cc\n",
        "uv==3.0 \\\n    --hash=sha256:dd\n",
    ):
        assert shares.count(requirement) == 1
    for arguments, _ in pip:
        assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(arguments)
        assert {"--python-version=3.11", "--platform=manylinux2014_x86_64"} <= set(arguments)


def build(
    monkeypatch, locks: list[Path], python_version: str, wheelhouse: Path, standard_input: str = ""
) -> set[str]:
    """Run the program; return the names in the archive, which is all that it leaves."""
    arguments = [f"--python-version={python_version}", "--architecture=x86_64"]
    arguments += ["--site-packages=/opt/site-packages", str(wheelhouse), *map(str, locks)]
    monkeypatch.setattr(sys, "argv", ["build_wheelhouse.py", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO(standard_input))
    assert build_wheelhouse.main() == 0
    assert list(wheelhouse.parent.iterdir()) == [wheelhouse]
    # Debian 12's Python has no filter for extractall().
    shutil.unpack_archive(wheelhouse, wheelhouse.parent / "wheels")
    with tarfile.open(wheelhouse) as archive:
        return {Path(name).name for name in archive.getnames()} - {".", ""}


def test_the_bytecode_names_its_place_on_the_host(locks, pip, tmp_path, monkeypatch):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = build(monkeypatch, locks, version, tmp_path / "cache/wheels.tar")
    wheels = {"package1.whl", "package2.whl", "requirements.txt", "uv.txt"}
    assert names == wheels | {"bytecode.tar", "bytecode.tar.sha256"}
    folder = tmp_path / "cache/wheels"
    subprocess.run(["sha256sum", "--check", "bytecode.tar.sha256"], cwd=folder, check=True)
    with tarfile.open(folder / "bytecode.tar") as archive:
        tag = sys.implementation.cache_tag
        # The module for another version of Python is left out, and so is a script.
        assert archive.getnames() == [f"package/__pycache__/module.{tag}.pyc"]
        bytecode = archive.extractfile(archive.getnames()[0]).read()
    assert b"/opt/site-packages/package/module.py" in bytecode


def test_hosts_with_another_python_get_no_bytecode(locks, pip, tmp_path, monkeypatch):
    names = build(monkeypatch, locks, "3.99", tmp_path / "cache/wheels.tar")
    assert "bytecode.tar" not in names


def test_a_failed_download_leaves_no_archive(locks, tmp_path, monkeypatch):
    monkeypatch.setattr(build_wheelhouse, "start_pip", lambda *_: subprocess.Popen(["false"]))
    with pytest.raises(AssertionError):
        build(monkeypatch, locks, "3.99", tmp_path / "cache/wheels.tar")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_proxy_from_the_input_is_passed_to_pip_unseen(locks, pip, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_PROXY", "")
    url = "http://me:phrase@127.0.0.1:3128"
    build(monkeypatch, locks, "3.99", tmp_path / "cache/wheels.tar", f"{url}\n")
    assert os.environ["PIP_PROXY"] == url
    assert "phrase" not in str(pip)


@pytest.fixture
def partial(tmp_path) -> Path:
    """The folder of a run on the host, with an archive that was packed long ago."""
    (wheels := tmp_path / "wheels").mkdir()
    (wheels / "uv-1-py3-none-any.whl").touch()
    os.utime(wheels, (0, 0))
    (partial := tmp_path / "partial").mkdir()
    build_wheelhouse.pack(wheels, partial / "wheelhouse.tar")
    return partial


def install(partial: Path, python: str, **environment: str) -> str:
    """Return what the installer prints, with a line of sh in place of the host's Python."""
    script(partial.parent / "python", python)
    installer = REPOSITORY / "roles/car_app/files/install_environment.sh"
    arguments = (partial.parent / name for name in ("python", "environment", "site-packages"))
    return run("sh", installer, *arguments, "find", cwd=partial, env=environment).stdout


def test_the_folder_of_a_run_under_way_is_no_old_one(partial):
    """Another run removes the folders of killed runs, which it knows by their age."""
    # Python is called once the archive is unpacked.
    printed = install(partial, "ls; find . -maxdepth 0 -mmin +120 -printf old; exit 1")
    assert printed == "uv-1-py3-none-any.whl\nwheelhouse.tar\n"


def test_uv_reads_no_variable_of_the_host(partial):
    extracted = "uv/uv-1.data/scripts"
    python = f"mkdir -p {extracted} && printf '#!/bin/sh\\nenv; exit 1\\n' > {extracted}/uv"
    printed = install(partial, python, UV_COMPILE_BYTECODE="1", UV_CONFIG_FILE="/nonexistent")
    assert "PWD=" in printed
    assert "UV_" not in printed


@pytest.mark.parametrize(
    ("change", "is_noticed"),
    [
        ("rm package/module.py", True),
        ("echo >> package/module.py", True),
        ("touch --date=2001-01-01 package/module.py", True),
        ("chmod 0600 package/module.py", True),
        ("ln --symbolic --force other program", True),
        ("touch package/new.py", True),
        ("mkdir package/__pycache__; touch package/__pycache__/module.pyc", False),
        ("touch complete", False),
    ],
)
def test_a_changed_environment_is_noticed(tmp_path, change, is_noticed):
    variables = (REPOSITORY / "roles/car_app/vars/main.yml").read_text()
    command = re.search(r"list_environment: >-\n  (find .+)", variables)[1]

    def sh(command: str) -> str:
        return must_run("sh", "-euc", command, cwd=tmp_path)

    sh("mkdir package; touch package/module.py complete; ln --symbolic python program")
    before = sh(command)
    assert "package/module.py" in before
    sh(change)
    assert (sh(command) != before) is is_noticed


@pytest.mark.parametrize(("family", "host"), [("AF_INET", "127.0.0.1"), ("AF_INET6", "[::1]")])
@pytest.mark.parametrize(("transport", "kind"), [("tcp", "SOCK_STREAM"), ("udp", "SOCK_DGRAM")])
def test_only_taken_ports_are_found(transport, kind, family, host):
    program = REPOSITORY / "playbooks/files/find_taken_ports.py"
    with socket.socket(getattr(socket, family), getattr(socket, kind)) as taken:
        try:
            taken.bind((host.strip("[]"), 0))
        except OSError as error:
            pytest.skip(f"this machine has no address {host}: {error}")
        if transport == "tcp":
            taken.listen()
        address = f"{host}:{taken.getsockname()[1]}"
        other_transport = {"tcp": "udp", "udp": "tcp"}[transport]
        listeners = [f"{transport} {address}", f"{other_transport} {address}"]
        found = subprocess.run(
            [sys.executable, program, *listeners], capture_output=True, text=True, check=True
        )
    assert found.stdout == f"{transport} {address}: Address already in use\n"


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def load_certificate(path: Path, own: Ed25519PrivateKey, given: Ed25519PrivateKey, days: int):
    """Run load_certificate.py for a certificate that is valid for some days, and a key."""
    now = datetime.now(UTC)
    name = Name([NameAttribute(NameOID.COMMON_NAME, "lab")])
    builder = CertificateBuilder(name, name, own.public_key(), serial_number=1)
    builder = builder.not_valid_before(now - timedelta(9)).not_valid_after(now + timedelta(days))
    certificate = builder.sign(own, None)
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    pem = given.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    program = REPOSITORY / "roles/common/files/load_certificate.py"
    return subprocess.run([sys.executable, program, path], input=pem, capture_output=True)


def test_a_certificate_with_its_key_is_accepted(tmp_path, key):
    assert load_certificate(tmp_path / "lab.crt", key, key, 1).returncode == 0


def test_a_certificate_with_another_key_is_refused(tmp_path, key):
    ran = load_certificate(tmp_path / "lab.crt", key, Ed25519PrivateKey.generate(), 1)
    assert ran.returncode == 1


def test_an_expired_certificate_is_refused(tmp_path, key):
    ran = load_certificate(tmp_path / "lab.crt", key, key, -1)
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"The certificate expired on 2")
