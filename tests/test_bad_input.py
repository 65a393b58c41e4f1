"""Wrong settings, hosts and downloads: a run stops in time and says how to mend it."""

import hashlib
import http.client
import io
import ipaddress
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import PROGRAMS, REPOSITORY, UNITS, Lab, run, wait_for

CARS = 8082, 8083, 8084  # Ports.


def fingerprint(lab: Lab) -> set[str]:
    """A line for each file that the roles could change, and for each unit's process."""
    # A folder's time would tell of files that came and went, as a refused archive does.
    found = lab.ssh(
        "find /etc /opt /usr/local /var/lib/car-app"
        r" -type d -printf '%p %m %u:%g\n' -o -printf '%p %m %u:%g %s %T@ %C@ %l\n';"
        f" for unit in {' '.join(UNITS)}; do"
        " echo $unit $(systemctl show $unit --property=MainPID --value); done"
    )
    return set(found.splitlines())


@contextmanager
def untouched(lab: Lab):
    """Check that what runs within changes nothing on the host, where all goes on answering."""
    before = fingerprint(lab)
    yield
    assert fingerprint(lab) ^ before == set()
    for port, path, status in (16686, "/", 200), *((port, "/ready", 404) for port in CARS):
        connection = http.client.HTTPConnection(lab.address, port, timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == status
        connection.close()


def refusal(ran: subprocess.CompletedProcess) -> str:
    """What a run that had to fail said, on one line."""
    assert ran.returncode != 0, ran.stdout
    assert "unreachable=0" in ran.stdout and "failed=1" in ran.stdout, ran.stdout
    return " ".join(ran.stdout.split())


DATABASE_URL = (
    "car_app_database_url (not shown) must be like sqlite:////var/lib/car-app/cars.db or "
    "postgresql+psycopg://user:password@db.example.org/cars, with signs such as"
)
VERSION = (
    "jaeger_version is {}, but a release of Jaeger 1 is named by three numbers. "
    "Nothing was changed. Write, for example, jaeger_version: 1.57.0"
)
ADDRESS = "{} is {}, but must be an IP address and a port from 1 to 65535, such as 127.0.0.1:"
KEY = (
    "jaeger_signing_key is {}, but must be the path on the controller of an armored public key. "
    "Nothing was changed."
)
PROXY = (
    "{} is {}, but must be a URL with scheme and port, such as http://proxy.example.org:3128 "
    "(user and password are not shown here; write signs in them as %40). Nothing was changed."
)
CERTIFICATE = (
    "{} is {}, but must be the path on the controller of a certificate in PEM. Nothing was changed."
)
GUARDED = "reverse_proxy_password=no-secret {}"
PAIR = (
    "reverse_proxy_certificate is {} and reverse_proxy_certificate_key is {}, but both must be "
    "paths of files on the controller, or both empty"
)
SETTINGS = {
    "jaeger_version=1.57": VERSION.format("1.57"),
    "jaeger_version=v1.57.0": VERSION.format("v1.57.0"),
    "jaeger_version=2.1.0": VERSION.format("2.1.0"),
    "jaeger_memory_max_traces=0": "jaeger_memory_max_traces is 0, but must be 1 or more",
    "jaeger_memory_max=100": "jaeger_memory_max is 100, but Jaeger needs 256 MiB or more.",
    "jaeger_badger_span_store_ttl=3d": "jaeger_badger_span_store_ttl is 3d, but must be a duration "
    "such as 72h or 90m. Nothing was changed.",
    # Ansible's own check of the types, and its words.
    "jaeger_memory_max_traces=many": "'jaeger_memory_max_traces' is of type str and we were unable "
    "to convert to int: \"'many'\" cannot be converted to an int",
    "jaeger_download_timeout=0": "jaeger_download_timeout is 0, but must be 1 or more",
    "jaeger_admin_http_host_port=127.0.0.1:70000": ADDRESS.format(
        "jaeger_admin_http_host_port", "127.0.0.1:70000"
    ),
    "jaeger_collector_otlp_grpc_host_port=4317": ADDRESS.format(
        "jaeger_collector_otlp_grpc_host_port", "4317"
    ),
    "jaeger_collector_otlp_http_host_port=127.0.0.1:4317": "jaeger_collector_otlp_grpc_host_port "
    "and jaeger_collector_otlp_http_host_port have one port, 4317. "
    "Nothing was changed. Give each a port of its own.",
    "jaeger_archive_sha256=123abc": "jaeger_archive_sha256 is 123abc, but a SHA-256 is 64 "
    "hexadecimal digits in lower case. Nothing was changed. Correct it, or leave it empty",
    "jaeger_download_proxy=proxy:3128": PROXY.format("jaeger_download_proxy", "proxy:3128"),
    "jaeger_download_proxy=http://proxy": PROXY.format("jaeger_download_proxy", "http://proxy"),
    "jaeger_download_proxy=https://me:phr@se@proxy:1": PROXY.format(
        "jaeger_download_proxy", "https://proxy:1"
    ),
    "jaeger_download_ca=/nowhere.crt": CERTIFICATE.format("jaeger_download_ca", "/nowhere.crt"),
    "jaeger_download_ca=/etc/hostname": CERTIFICATE.format("jaeger_download_ca", "/etc/hostname"),
    "jaeger_signing_key=/nowhere.asc": KEY.format("/nowhere.asc"),
    "jaeger_signing_key=/etc/hostname": KEY.format("/etc/hostname"),
    "car_app_manual_bind=127.0.0.1:0": ADDRESS.format("car_app_manual_bind", "127.0.0.1:0"),
    "car_app_manual_bind=localhost": ADDRESS.format("car_app_manual_bind", "localhost"),
    "car_app_manual_bind=127.0.0.1:8083": "car_app_manual_bind and car_app_programmatic_bind "
    "have one port, 8083. Nothing was changed. Give each a port of its own.",
    "car_app_otlp_endpoint=127.0.0.1:4317": "car_app_otlp_endpoint is 127.0.0.1:4317, but must be "
    "a URL with scheme and port, such as http://127.0.0.1:4317",
    "car_app_database_url=mysql://me:phr@se@host/cars": DATABASE_URL,
    "car_app_database_url=postgresql+psycopg://me:phrase@host": DATABASE_URL,
    "car_app_database_url=postgresql+psycopg://me:phr/ase@host/cars": DATABASE_URL,
    "car_app_database_url=postgresql+psycopg:///cars?host=db.example.org": DATABASE_URL,
    "car_app_postgresql=yes car_app_database_url=sqlite:////cars.db": "car_app_postgresql is true, "
    "but car_app_database_url (not shown) names another database. Nothing was changed. Leave one",
    "car_app_download_proxy=me:phr@se@proxy": PROXY.format("car_app_download_proxy", "proxy"),
    "car_app_download_ca=/etc/hostname": CERTIFICATE.format("car_app_download_ca", "/etc/hostname"),
    "car_app_ready_timeout=0": "car_app_ready_timeout is 0, but must be 1 second or more. "
    "Nothing was changed.",
    "car_app_span_queue_size=100": "car_app_span_queue_size is 100, but must be 128, which are "
    "sent at once, or more. Nothing was changed.",
    "car_app_sleep_seconds=-1": "car_app_sleep_seconds is -1, but must be from 0 to 10 seconds.",
    "car_app_sleep_seconds=60": "car_app_sleep_seconds is 60, but must be from 0 to 10 seconds.",
    "car_app_automatic_configuration=file": "value of car_app_automatic_configuration must be one "
    "of: flags, environment, got: file",
    "reverse_proxy_password_hash=no-secret": "reverse_proxy_password_hash (not shown) is no hash "
    "by SHA-512, yescrypt or bcrypt. Nothing was changed. Write, in single quotes, all that",
    "jaeger_query_ui_config=menu": "argument 'jaeger_query_ui_config' is of type str and we were "
    "unable to convert to dict",
    "report_language=fr": "report_language is fr, but must be",
    "report_file=/nowhere/report.html": "report_file is /nowhere/report.html",
    GUARDED.format("reverse_proxy_password_hash=$6$x"): "reverse_proxy_password and "
    "reverse_proxy_password_hash are both set, but there is one password. Nothing was changed.",
    f"reverse_proxy_password={'no-secret' * 8}": "reverse_proxy_password (not shown) has 72 "
    "characters or more than one line, but must be one line of at most 64. Nothing was changed.",
    GUARDED.format("reverse_proxy_user=a:b"): "reverse_proxy_user is a:b, but must be of letters, "
    "digits and . _ @ - only. Nothing was changed.",
    GUARDED.format("reverse_proxy_https_host_port=443"): ADDRESS.format(
        "reverse_proxy_https_host_port", "443"
    ),
    GUARDED.format("reverse_proxy_http_host_port=0.0.0.0:443"): "reverse_proxy_https_host_port and "
    "reverse_proxy_http_host_port have one port, 443. Nothing was changed.",
    GUARDED.format("reverse_proxy_certificate=/etc/hostname"): PAIR.format('"/etc/hostname"', '""'),
    GUARDED.format("reverse_proxy_certificate_key=/nowhere"): PAIR.format('""', '"/nowhere"'),
    GUARDED.format(
        "reverse_proxy_certificate=/etc/hostname reverse_proxy_certificate_key=/etc/hostname"
    ): "but they are no certificate in PEM and its key without a passphrase: ssl.SSLError: [SSL] "
    "PEM lib",
    GUARDED.format(""): "jaeger-ui is open at http://{address}:16686, where nobody asks for a "
    "password. The proxy was not changed. Take jaeger_query_http_server_host_port out of the "
    "inventory, which leaves it on loopback, or set it so; then run site.yml again.",
}


@pytest.mark.parametrize(("setting", "message"), SETTINGS.items(), ids=SETTINGS)
def test_a_wrong_setting_is_refused_before_any_change(lab, measured, setting, message):
    """A setting has the wrong type, or is out of range
    The run stops before any change and names the setting, its value and the mend"""
    playbooks = {"jaeger": "jaeger", "car": "cars", "reverse": "reverse_proxy", "report": "report"}
    with untouched(lab):
        said = refusal(lab.play(f"playbooks/{playbooks[setting.split('_')[0]]}.yml", "-e", setting))
    assert message.replace("{address}", lab.address) in said
    assert "changed=0" in said
    assert "phr@se" not in said and "no-secret" not in said
    measured(f"`{setting.split('=')[0].split()[-1]}`")


STRANGER = "python3 -m http.server --bind 127.0.0.1"


@pytest.mark.parametrize(
    ("playbook", "setting"),
    [("jaeger", "jaeger_admin_http_host_port"), ("cars", "car_app_manual_bind")],
)
def test_a_port_that_a_stranger_has_is_refused_before_any_change(lab, measured, playbook, setting):
    """A port is taken by a program that is not the lab's
    The run stops before any change and names the program and the port"""
    lab.ssh(f"systemd-run --quiet --unit=stranger {STRANGER} 9082")
    try:
        assert wait_for(lambda: ":9082 " in lab.ssh("ss --listening --tcp --numeric"))
        process = lab.ssh("systemctl show --value --property=MainPID stranger").strip()
        with untouched(lab):
            said = refusal(lab.play(f"playbooks/{playbook}.yml", "-e", f"{setting}=0.0.0.0:9082"))
    finally:
        lab.ssh("systemctl stop stranger")
    assert (
        f"{setting} is 0.0.0.0:9082, but lab has a program there already: python3, process "
        f"{process}. Nothing was changed. End that program, or set another port in {setting}."
    ) in said
    assert "changed=0" in said
    measured(f"`{setting}`: refused")


def test_an_architecture_without_a_release_is_refused_before_any_change(lab):
    with untouched(lab):
        only = '{"__jaeger_architectures": {"riscv64": "riscv64"}}'
        said = refusal(lab.play("playbooks/jaeger.yml", "-e", only))
    assert (
        f"lab is {lab.ssh('uname -m').strip()}, for which the lab knows no release of Jaeger "
        "(only riscv64). Nothing was changed. Choose another host."
    ) in said
    assert "changed=0" in said


@pytest.mark.parametrize("playbook", ["jaeger", "cars"])
def test_a_host_without_systemd_is_refused_before_any_change(lab, playbook):
    with untouched(lab):
        # Its folder is out of sight, as it would be if something else ran the host.
        lab.ssh("mount -t tmpfs none /run/systemd")
        try:
            said = refusal(lab.play(f"playbooks/{playbook}.yml"))
        finally:
            lab.ssh("umount /run/systemd")
    assert (
        "lab is not run by systemd (there is no /run/systemd/system), but the services are systemd "
        "units. Nothing was changed. Choose a host that boots systemd."
    ) in said
    assert "changed=0" in said


@pytest.mark.parametrize("playbook", ["jaeger", "cars"])
def test_a_host_without_python_is_refused_before_any_change(lab, playbook):
    # The services go on: their environment names the program that this link is to.
    lab.ssh("mv /usr/bin/python3 /usr/bin/python3.hidden")
    try:
        with untouched(lab):
            said = refusal(lab.play(f"playbooks/{playbook}.yml"))
    finally:
        lab.ssh("mv /usr/bin/python3.hidden /usr/bin/python3")
    assert (
        "lab has no Python 3, without which Ansible cannot work there. Nothing was changed. "
        "Install it on the host (Debian, Ubuntu: apt-get install python3;"
    ) in said
    assert "changed=0" in said


@pytest.mark.parametrize("playbook", ["site", "playbooks/verify", "playbooks/status"])
def test_an_inventory_without_hosts_is_refused(clone, tmp_path, playbook):
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("jaegers: {hosts: {server.example.org: }}\n")
    ansible = Path(sys.executable).with_name("ansible-playbook")
    said = refusal(run(ansible, "-i", inventory, f"{playbook}.yml", cwd=clone))
    assert (
        f"The inventory ({inventory}) names no host in the group jaeger. Nothing was changed. "
        "Write your host into the groups jaeger and cars, as inventory/hosts.yml shows"
    ) in said


class ReleaseServer(ThreadingHTTPServer):
    """A releases page, reachable from the host, with one small release that is not installed.

    `assets` maps names to bytes; `status` and `promised` (a length in bytes) make it lie.
    """

    version = "1.58.0"

    def __init__(self, lab: Lab, keys: Path):
        super().__init__((str(ipaddress.ip_address(lab.address) - 1), 0), self.Handler)
        self.url = f"http://{self.server_address[0]}:{self.server_port}"
        self.key = keys / "release.asc"
        self.keys, self.lab = keys, lab
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}[lab.ssh("uname -m").strip()]
        self.name = f"jaeger-{self.version}-linux-{architecture}"
        self.archive = f"{self.name}.tar.gz"
        self.assets: dict[str, bytes] = {}
        self.status, self.promised = 200, 0
        self.publish(self.name, PROGRAMS)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked = self.headers
            body = self.server.assets.get(self.path.rpartition("/")[2])
            self.send_response(404 if body is None else self.server.status)
            self.send_header("Content-Length", str(self.server.promised or len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

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
            self.keys, "--armor", "--local-user", signer, "--detach-sign", packed=packed.getvalue()
        )

    def install(self, *settings: str):
        """Have the lab's host install what is served."""
        given = {
            "jaeger_version": self.version,
            "jaeger_release_url": self.url,
            "jaeger_signing_key": self.key,
        }
        chosen = [f"{name}={value}" for name, value in given.items()] + [*settings]
        arguments = [word for setting in chosen for word in ("-e", setting)]
        return self.lab.play("playbooks/jaeger.yml", *arguments)


def gpg(home: Path, *arguments: str, packed: bytes = b"") -> bytes:
    """Run gpg with the keys of a folder and some input; return its output."""
    command = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", *arguments]
    return subprocess.run(command, input=packed, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Iterator[Path]:
    """The folder of two signing keys, `release` and `stranger`, and the first one's public part."""
    home = tmp_path_factory.mktemp("keys")
    home.chmod(0o700)
    try:
        for name in "release", "stranger":
            gpg(home, "--quick-generate-key", name, "ed25519", "sign", "never")
        (home / "release.asc").write_bytes(gpg(home, "--armor", "--export", "release"))
        yield home
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


@pytest.fixture
def release(lab, keys) -> Iterator[ReleaseServer]:
    """A good release that can be installed, for a test to break."""
    with ReleaseServer(lab, keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
        # Only a failed test leaves it; the ones to come shall have the host as it was.
        if lab.ssh(f"rm -rf --verbose /opt/jaeger/{server.name}"):
            lab.play("playbooks/jaeger.yml")


@pytest.fixture
def silent(release) -> Iterator[str]:
    """The address of a server that takes every connection and never answers."""
    with socket.create_server((release.server_address[0], 0)) as listener:
        yield f"http://{release.server_address[0]}:{listener.getsockname()[1]}"


def nothing_listens(release):
    release.url = f"http://{release.server_address[0]}:1"


def an_error_of_the_server(release):
    release.status = 500


def no_archive(release):
    del release.assets[release.archive]


def no_signature(release):
    del release.assets[f"{release.archive}.asc"]


def a_connection_cut(release):
    release.promised = 1_000_000


def half_an_archive(release):
    archive = release.assets[release.archive]
    release.assets[release.archive] = archive[: len(archive) // 2]


def one_bit_altered(release):
    altered = bytearray(release.assets[release.archive])
    altered[len(altered) // 2] ^= 1
    release.assets[release.archive] = bytes(altered)


def a_page_in_place_of_the_signature(release):
    release.assets[f"{release.archive}.asc"] = b"<html>Please log in</html>"


def a_strangers_signature(release):
    release.publish(release.name, PROGRAMS, signer="stranger")


def another_versions_archive(release):
    release.publish("jaeger-1.57.0-linux-amd64", PROGRAMS)


def an_archive_without_a_program(release):
    release.publish(release.name, PROGRAMS[:-1])


FETCH = "Download the archive and its signature"
VERIFY = "Verify the signature"
CONTENT = "Unpack the programs, and let the whole release appear at once"


FAULTS = [
    (nothing_listens, FETCH, "Connection refused"),
    (an_error_of_the_server, FETCH, "HTTP Error 500"),
    (no_archive, FETCH, "HTTP Error 404"),
    (no_signature, FETCH, "HTTP Error 404"),
    (a_connection_cut, FETCH, "Incomplete read"),
    (half_an_archive, VERIFY, "BAD signature"),
    (one_bit_altered, VERIFY, "BAD signature"),
    (a_page_in_place_of_the_signature, VERIFY, "gpgv:"),
    (a_strangers_signature, VERIFY, "No public key"),
    (another_versions_archive, CONTENT, "No such file or directory"),
    (an_archive_without_a_program, CONTENT, "jaeger-query"),
]


@pytest.mark.parametrize(
    ("fault", "step", "reason"), FAULTS, ids=[fault.__name__ for fault, *_ in FAULTS]
)
def test_a_bad_download_leaves_the_running_version_untouched(
    release, measured, fault, step, reason
):
    """The download is cut short, altered, signed by another key, answered with 404 or 500
    The message names the reason; what ran before runs on, and no file of it changed"""
    fault(release)
    with untouched(release.lab):
        said = refusal(release.install())
    assert (
        "Jaeger 1.58.0 was not installed, and what ran before goes on running unchanged. "
        f'"{step}" failed:'
    ) in said
    assert reason in said
    assert f"Check that jaeger_release_url ({release.url}) serves {release.archive}" in said
    assert f"that jaeger_signing_key ({release.key}) is the key that signed it" in said
    measured(f"{fault.__name__.replace('_', ' ')}: {reason}")


@pytest.mark.parametrize("fault", [no_archive, one_bit_altered])
def test_a_bad_download_on_the_controller_leaves_nothing_in_its_cache(release, tmp_path, fault):
    fault(release)
    with untouched(release.lab):
        said = refusal(
            release.install("jaeger_download_on=controller", f"jaeger_download_cache={tmp_path}")
        )
    assert "Jaeger 1.58.0 was not installed, and what ran before goes on running unchanged." in said
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_running_version_untouched(release, measured):
    """The disk is full while Jaeger is installed
    The message says how much room there is; what ran before runs on, and no file of it changed"""
    with untouched(release.lab):
        release.lab.ssh("mount -t tmpfs -o size=16k none /opt/jaeger")
        try:
            said = refusal(release.install())
        finally:
            release.lab.ssh("umount /opt/jaeger")
    assert "Jaeger 1.58.0 was not installed, and what ran before goes on running unchanged." in said
    room = re.search(r"free on the disk of /opt/jaeger: [\d.]+K(?=; then run again)", said)
    assert room
    measured(room[0])


def test_a_server_that_never_answers_is_not_awaited_forever(release, silent, measured):
    """The server of the release takes the connection and says nothing
    The run ends after jaeger_download_timeout, and nothing changed"""
    with untouched(release.lab):
        said = refusal(release.install(f"jaeger_release_url={silent}", "jaeger_download_timeout=2"))
    assert f'"{FETCH}" failed:' in said
    elapsed = re.search(r"elapsed: ([23]) ", said)
    assert "timed out" in said and elapsed
    assert f"Check that jaeger_release_url ({silent}) serves" in said
    measured(f"given up after {elapsed[1]} s of the 2 s that were set")


def test_a_sum_that_is_pinned_must_be_that_of_the_archive(release):
    pin = hashlib.sha256(b"another archive").hexdigest()
    with untouched(release.lab):
        said = refusal(release.install(f"jaeger_archive_sha256={pin}"))
    assert f'"{FETCH}" failed:' in said
    assert hashlib.sha256(release.assets[release.archive]).hexdigest() in said
    assert "jaeger_archive_sha256, if set, is its sum" in said


def certificate(folder: Path, name: str) -> Path:
    """Make a key and a certificate that is its own CA; return the certificate's path."""
    files = "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}", *files],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return folder / f"{name}.crt"


@pytest.fixture
def untrusted(release, tmp_path) -> str:
    """The address of the release by HTTPS, with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, "server"), tmp_path / "server.key")
    release.socket = context.wrap_socket(release.socket, server_side=True)
    return release.url.replace("http", "https")


@pytest.fixture
def install_packages(lab, tmp_path):
    """Have the lab's host install packages that are not there yet, with some settings."""
    shutil.copytree(REPOSITORY / "app", tmp_path / "app")
    with (tmp_path / "app/requirements.txt").open("a") as lock:
        lock.write("# Other packages than those that are installed.\n")
    given = f"car_app_source={tmp_path}/app", f"car_app_wheels_cache={tmp_path}/wheels"

    def install(*settings: str):
        arguments = [word for setting in (*given, *settings) for word in ("-e", setting)]
        return lab.play("playbooks/cars.yml", *arguments)

    return install


def test_a_proxy_that_does_not_answer_is_named(release):
    proxy = f"http://{release.server_address[0]}:1"
    with untouched(release.lab):
        said = refusal(release.install(f"jaeger_download_proxy={proxy}"))
    assert f'"{FETCH}" failed:' in said and "Connection refused" in said
    assert f"that jaeger_download_proxy ({proxy}) lets it through" in said


def test_a_proxy_that_refuses_is_named_without_its_password(release):
    proxy = release.url.replace("//", "//me:a%20phrase@")
    release.status = 403
    with untouched(release.lab):
        said = refusal(release.install(f"jaeger_download_proxy={proxy}"))
    assert f'"{FETCH}" failed:' in said and "HTTP Error 403" in said
    assert f"that jaeger_download_proxy ({release.url}) lets it through" in said
    assert "phrase" not in said
    assert release.asked["Proxy-Authorization"] == "Basic bWU6YSBwaHJhc2U="


def test_a_certificate_of_another_ca_is_not_trusted(release, untrusted, tmp_path):
    other = certificate(tmp_path, "other")
    with untouched(release.lab):
        said = refusal(
            release.install(f"jaeger_release_url={untrusted}", f"jaeger_download_ca={other}")
        )
    assert f'"{FETCH}" failed:' in said and "CERTIFICATE_VERIFY_FAILED" in said
    assert f"that jaeger_download_ca ({other}) is the CA of what answers" in said


def test_a_package_that_is_not_the_locks_is_refused(lab, install_packages, tmp_path, measured):
    """The lock has another hash for a package than the package index
    The run stops, and the services run on in their environment"""
    lock = tmp_path / "app/requirements.txt"
    lock.write_text(re.sub(r"(?<=--hash=sha256:)\w{8}", "00000000", lock.read_text()))
    with untouched(lab):
        said = refusal(install_packages())
    assert "was not made, and what ran before goes on running unchanged" in said
    assert "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" in said
    measured("refused by pip, before anything reached the host")


def test_a_package_that_changed_on_its_way_is_refused(lab, install_packages, tmp_path, measured):
    """A byte of a package changes between the controller and the host
    The run stops, and the services run on in their environment"""
    # Let a good list of packages in first, to have a file of them to change.
    good = install_packages()
    lab.must_play("playbooks/cars.yml")
    assert good.returncode == 0, good.stdout
    wheels = next((tmp_path / "wheels").glob("wheels-*.tar"))
    lab.ssh(f"rm -r /opt/car-app/{wheels.stem.replace('wheels', 'environment')}")
    altered = bytearray(wheels.read_bytes())
    with tarfile.open(wheels) as packed:
        wheel = next(entry for entry in packed if "flask-" in entry.name)
    # The time of the first file in it, which none of the wheel's own sums holds.
    altered[wheel.offset_data + 10] ^= 1
    wheels.write_bytes(altered)
    with untouched(lab):
        said = refusal(install_packages())
    assert "was not made, and what ran before goes on running unchanged" in said
    assert "Hash mismatch" in said
    measured("refused by uv, on the host")


def test_pip_names_a_proxy_that_does_not_answer(lab, install_packages):
    with untouched(lab):
        said = refusal(install_packages("car_app_download_proxy=http://me:phrase@127.0.0.1:1"))
    assert "was not made, and what ran before goes on running unchanged" in said
    assert "Connection refused" in said and "phrase" not in said
    assert "reached through car_app_download_proxy (http://127.0.0.1:1)" in said


def test_pip_trusts_no_certificate_of_another_ca(
    lab, install_packages, untrusted, tmp_path, monkeypatch
):
    monkeypatch.setenv("PIP_INDEX_URL", untrusted)
    other = certificate(tmp_path, "other")
    with untouched(lab):
        said = refusal(install_packages(f"car_app_download_ca={other}"))
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert f"trusted by the system or car_app_download_ca ({other})" in said


def test_the_next_run_clears_what_a_killed_and_a_failed_one_left(lab, release, measured):
    """A download failed, and a run was killed while it unpacked
    The next run leaves nothing of either and has nothing to change"""
    left = "/opt/jaeger/.partial.killed"
    lab.ssh(f"mkdir {left} && touch {left}/{release.archive} && touch -d '3 hours ago' {left}")
    one_bit_altered(release)
    refusal(release.install())
    remaining = lab.ssh("ls --almost-all /opt/jaeger").split()
    assert [name[:20] for name in remaining] == ["jaeger-1.57.0-linux-"]
    good = lab.must_play("site.yml")
    assert set(re.findall(r"changed=\d+", good)) == {"changed=0"}, good
    measured("changed=0")
