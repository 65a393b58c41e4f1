"""Why the roles cannot work on a host: probe_host.sh on this machine, and the filter."""

import subprocess

import pytest

from host_obstacle import host_obstacle
from tests.support.commands import REPOSITORY

GOOD = "has Python\nhas ss\nhas systemd\n"


@pytest.mark.parametrize(
    ("output", "pipelining", "cause"),
    [
        (GOOD, True, ""),
        (GOOD + "has requiretty\n", False, ""),
        (GOOD + "has !requiretty\n", True, ""),
        (GOOD + "has requiretty\n", True, "sudo on web needs a terminal"),
        ("sudo: sorry, you must have a tty to run sudo\n", False, "sudo on web needs a terminal"),
        ("has ss\nhas systemd\n", True, "web has no Python 3"),
        ("has Python\nhas systemd\n", True, "web has no ss"),
        ("has Python\nhas ss\n", True, "web was not booted with systemd"),
        (GOOD + "no folder: /opt/a b\n", True, "/opt/a b on web is not a folder"),
    ],
)
def test_the_obstacle_is_named(output, pipelining, cause):
    obstacle = host_obstacle(output, "", "web", pipelining, setting="")
    assert obstacle.startswith(cause)
    assert ("Nothing was changed." in obstacle) == bool(cause)


def test_a_setting_that_needs_pipelining_is_named():
    obstacle = host_obstacle(GOOD + "has requiretty\n", "", "web", False, "car_app_postgresql")
    assert obstacle.startswith("sudo on web needs a terminal")
    assert obstacle.endswith("or remove car_app_postgresql, which needs pipelining.")
    assert host_obstacle(GOOD, "", "web", False, "car_app_postgresql") == ""


def test_what_is_in_the_place_of_a_folder_is_found(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    paths = [tmp_path / name for name in ("folder", "a file", "link", "missing")]
    probe = ["sh", REPOSITORY / "roles/common/files/probe_host.sh", *paths]
    lines = subprocess.run(probe, capture_output=True, text=True, check=False).stdout.splitlines()
    found = [line for line in lines if line.startswith("no folder: ")]
    assert found == [f"no folder: {tmp_path}/a file", f"no folder: {tmp_path}/link"]
