"""Packages of the app that are not those of its lock: the services keep their environment."""

import re
import shutil
import tarfile

import pytest

from tests.support import contract
from tests.support.commands import REPOSITORY
from tests.support.lab import assert_unchanged, failure_output
from tests.support.server import Server, certificate, serving

NOT_INSTALLED = (
    "The app's Python environment was not installed; the running version was left unchanged."
)


@pytest.fixture
def install(lab, tmp_path):
    """A function that installs packages which the lab's host does not have yet."""
    shutil.copytree(REPOSITORY / "app", tmp_path / "app")
    with (tmp_path / "app/requirements.txt").open("a") as lock:
        lock.write("# Other packages than those that are installed.\n")
    given = {"car_app_source": tmp_path / "app", "car_app_wheels_cache": tmp_path / "wheels"}
    return lambda **settings: lab.play(contract.CAR_APP, **given | settings)


def refused(lab, install, *reasons: str, **settings) -> str:
    """Check that an installation fails with these reasons and changes nothing."""
    with assert_unchanged(lab):
        ran = install(**settings)
    return failure_output(ran, NOT_INSTALLED, *reasons)


def test_a_package_with_another_hash_than_in_the_lock(lab, install, tmp_path, record_result):
    """The lock has another hash for a package than the package index
    The run stops, and the services go on in their environment"""
    lock = tmp_path / "app/requirements.txt"
    lock.write_text(re.sub(r"(?<=--hash=sha256:)\w{8}", "00000000", lock.read_text()))
    refused(lab, install, "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE")
    record_result("refused by pip, before anything reached the host")


def test_a_package_that_changed_on_its_way(lab, install, tmp_path, record_result):
    """A byte of a package changes between the controller and the host
    The run stops, and the services go on in their environment"""
    # A good run first, for a file of packages to change.
    good = install()
    lab.must_play(contract.CAR_APP)
    assert good.returncode == 0, good.stdout
    wheels = next((tmp_path / "wheels").glob("wheels-*.tar"))
    lab.ssh(f"rm -r /opt/car-app/{wheels.stem.replace('wheels', 'environment')}")
    altered = bytearray(wheels.read_bytes())
    with tarfile.open(wheels) as packed:
        wheel = next(entry for entry in packed if "flask-" in entry.name)
    # The time of the first file in it, which none of the wheel's own sums holds.
    altered[wheel.offset_data + 10] ^= 1
    wheels.write_bytes(altered)
    refused(lab, install, "Hash mismatch")
    record_result("refused by uv, on the host")


def test_a_proxy_that_does_not_answer_is_named_without_its_password(lab, install):
    output = refused(
        lab,
        install,
        "Connection refused",
        "reached through car_app_download_proxy (http://127.0.0.1:1)",
        car_app_download_proxy="http://me:phrase@127.0.0.1:1",
    )
    assert "phrase" not in output


def test_a_certificate_of_another_ca_is_not_trusted(lab, install, tmp_path, monkeypatch):
    index = Server()
    index.use_tls(tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    other = certificate(tmp_path, "other")
    with serving(index):
        refused(
            lab,
            install,
            "CERTIFICATE_VERIFY_FAILED",
            f"trusted by the system or car_app_download_ca ({other})",
            car_app_download_ca=other,
        )
