"""Downloads of Jaeger's release that fail: the running version stays, and the message says why."""

import hashlib
import re
import socket
from collections.abc import Iterator

import pytest

from tests.support import contract
from tests.support.commands import assert_no_change
from tests.support.contract import PROGRAMS
from tests.support.lab import assert_unchanged, failure_output
from tests.support.release import ReleaseServer, signing_keys
from tests.support.server import certificate, serving

NOT_INSTALLED = "Jaeger 1.58.0 was not installed; the running version was left unchanged."
# The tasks that a message names.
DOWNLOAD = "Download and check the release's files"
VERIFY_SIGNATURE = "Verify the signature"
UNPACK = "Unpack the release atomically"


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Iterator:
    with signing_keys(tmp_path_factory.mktemp("keys")) as home:
        yield home


@pytest.fixture
def release(lab, keys) -> Iterator[ReleaseServer]:
    """A good release that can be installed, for a test to break."""
    server = ReleaseServer(lab, keys)
    with serving(server):
        yield server
    # Only a failed test leaves it; the next ones need the host as it was.
    if lab.ssh(f"rm -rf --verbose /opt/jaeger/{server.name}"):
        lab.must_play(contract.JAEGER)


def alter(change):
    """Return a function that serves an archive which is changed, with the signature as it was."""

    def apply(release):
        release.answers[release.archive] = 200, change(release.answers[release.archive][1])

    return apply


def flip_a_bit(archive: bytes) -> bytes:
    middle = len(archive) // 2
    return archive[:middle] + bytes([archive[middle] ^ 1]) + archive[middle + 1 :]


def replace_port(url: str) -> str:
    """Return a URL at which nothing listens."""
    return url.rpartition(":")[0] + ":1"


# What is done to a good release, the step that fails and the reason that it gives.
FAULTS = {
    "nothing listens": (
        lambda r: setattr(r, "url", replace_port(r.url)),
        DOWNLOAD,
        "Connection refused",
    ),
    "a server error": (
        lambda r: r.answers.update(dict.fromkeys(r.answers, (500, b""))),
        DOWNLOAD,
        "HTTP Error 500",
    ),
    "no archive": (lambda r: r.answers.pop(r.archive), DOWNLOAD, "HTTP Error 404"),
    "no signature": (lambda r: r.answers.pop(r.signature), DOWNLOAD, "HTTP Error 404"),
    "a broken connection": (
        lambda r: setattr(r, "promised", 1_000_000),
        DOWNLOAD,
        "Incomplete read",
    ),
    "half an archive": (alter(lambda a: a[: len(a) // 2]), VERIFY_SIGNATURE, "BAD signature"),
    "one bit altered": (alter(flip_a_bit), VERIFY_SIGNATURE, "BAD signature"),
    "a page instead of the signature": (
        lambda r: r.answers.update({r.signature: (200, b"<html>Please log in</html>")}),
        VERIFY_SIGNATURE,
        "gpgv:",
    ),
    "a signature by another key": (
        lambda r: r.publish(r.name, PROGRAMS, signer="unknown"),
        VERIFY_SIGNATURE,
        "No public key",
    ),
    "an archive of another version": (
        lambda r: r.publish("jaeger-1.57.0-linux-amd64", PROGRAMS),
        UNPACK,
        "No such file or directory",
    ),
    "an archive without a program": (
        lambda r: r.publish(r.name, PROGRAMS[:-1]),
        UNPACK,
        "jaeger-query",
    ),
}


def refused(release: ReleaseServer, step: str, *reasons: str, **settings) -> str:
    """Check that an installation fails in a step and changes nothing; return its output."""
    with assert_unchanged(release.lab):
        ran = release.install(**settings)
    return failure_output(ran, f'{NOT_INSTALLED} "{step}" failed:', *reasons)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_download_leaves_the_running_version(release, record_result, fault):
    """The download is cut short, altered, signed by another key, or answered with 404 or 500
    The message names the reason; the running version goes on, and no file of it changed"""
    apply, step, reason = FAULTS[fault]
    apply(release)
    refused(
        release,
        step,
        reason,
        f"Check that jaeger_release_url ({release.url}) serves "
        f"{release.signature[1:]} and {release.archive[1:]} completely",
        f"that jaeger_signing_key ({release.key}) is the key that signed it",
    )
    record_result(f"{fault}: {reason}")


@pytest.mark.parametrize("fault", ["no archive", "one bit altered"])
def test_a_bad_download_on_the_controller_is_not_kept(release, tmp_path, fault):
    apply, step, reason = FAULTS[fault]
    apply(release)
    settings = {"jaeger_download_on": "controller", "jaeger_download_cache": tmp_path}
    refused(release, step, reason, **settings)
    kept = [path.name for path in tmp_path.iterdir()]
    assert kept == [], "the controller's cache has a release that was not verified"


def test_a_full_disk_leaves_the_running_version(release, record_result):
    """The disk is full while Jaeger is installed
    The message says how much room there is; the running version goes on, and no file of it changed
    """
    with assert_unchanged(release.lab):
        release.lab.ssh("mount -t tmpfs -o size=16k none /opt/jaeger")
        try:
            output = failure_output(release.install(), NOT_INSTALLED)
        finally:
            release.lab.ssh("umount /opt/jaeger")
    room = re.search(r"free on the disk of /opt/jaeger: [\d.]+K(?=[.] Then run again)", output)
    assert room, output
    record_result(room[0])


def test_a_server_that_never_answers_is_given_up(release, record_result):
    """The server of the release accepts the connection and sends nothing
    The run ends after jaeger_download_timeout, and nothing changed"""
    with socket.create_server((release.server_address[0], 0)) as listener:
        silent = f"http://{release.server_address[0]}:{listener.getsockname()[1]}"
        output = refused(
            release,
            DOWNLOAD,
            "timed out",
            f"Check that jaeger_release_url ({silent}) serves",
            jaeger_release_url=silent,
            jaeger_download_timeout=2,
        )
    elapsed = re.search(r"elapsed: ([23]) ", output)
    assert elapsed, output
    record_result(f"given up after {elapsed[1]} s of the 2 s that were set")


def test_a_pinned_sum_must_be_that_of_the_archive(release):
    refused(
        release,
        DOWNLOAD,
        hashlib.sha256(release.answers[release.archive][1]).hexdigest(),
        "jaeger_archive_sha256, if set, is the archive's sum",
        jaeger_archive_sha256=hashlib.sha256(b"another archive").hexdigest(),
    )


def test_a_proxy_that_does_not_answer_is_named(release):
    proxy = replace_port(release.url)
    refused(
        release,
        DOWNLOAD,
        "Connection refused",
        f"that jaeger_download_proxy ({proxy}) forwards the requests",
        jaeger_download_proxy=proxy,
    )


def test_a_proxy_that_refuses_is_named_without_its_password(release):
    # A proxy is asked for the whole URL.
    forbidden = release.url + release.signature, release.url + release.archive
    release.answers = dict.fromkeys(forbidden, (403, b""))
    output = refused(
        release,
        DOWNLOAD,
        "HTTP Error 403",
        f"that jaeger_download_proxy ({release.url}) forwards the requests",
        jaeger_download_proxy=release.url.replace("//", "//me:a%20phrase@"),
    )
    assert "phrase" not in output
    assert release.received[-1].headers["Proxy-Authorization"] == "Basic bWU6YSBwaHJhc2U="


def test_a_certificate_of_another_ca_is_not_trusted(release, tmp_path):
    release.use_tls(tmp_path)
    other = certificate(tmp_path, "other")
    refused(
        release,
        DOWNLOAD,
        "CERTIFICATE_VERIFY_FAILED",
        f"that jaeger_download_ca ({other}) is the CA of the server",
        jaeger_download_ca=other,
    )


def test_the_next_run_clears_what_a_killed_and_a_failed_one_left(lab, release, record_result):
    """A download failed, and a run was killed while it unpacked
    The next run leaves nothing of either and has nothing to change"""
    left = "/opt/jaeger/.partial.killed"
    lab.ssh(f"mkdir {left} && touch {left}{release.archive} && touch -d '3 hours ago' {left}")
    alter(flip_a_bit)(release)
    failure_output(release.install())
    remaining = lab.ssh("ls --almost-all /opt/jaeger").split()
    assert [name[:20] for name in remaining] == ["jaeger-1.57.0-linux-"]
    assert_no_change(lab.must_play("site.yml"))
    record_result("changed=0")
