"""The program that removes container images: it removes those in its record, and no others."""

import sys
from pathlib import Path

import pytest

import remove_images

OLD, NEW = "localhost/jaegertracing/all-in-one:1.56.0", "localhost/jaegertracing/all-in-one:1.57.0"


class Podman:
    """A stand-in for podman, with images that exist and those that are in use."""

    def __init__(self) -> None:
        self.images, self.used = {OLD, NEW, "somebody/else:1"}, set[str]()

    def __call__(self, *arguments: str) -> bool:
        match arguments:
            case "image", "exists", name:
                return name in self.images
            case "image", "rm", name:
                if name in self.used:
                    return False
                self.images.remove(name)
                return True
        raise AssertionError(arguments)


@pytest.fixture
def podman(monkeypatch) -> Podman:
    podman = Podman()
    monkeypatch.setattr(remove_images, "podman", podman)
    return podman


@pytest.fixture
def record(tmp_path) -> Path:
    record = tmp_path / "images"
    record.write_text(f"{OLD}\n{NEW}\n")
    return record


def remove(monkeypatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["remove_images.py", *map(str, arguments)])
    assert remove_images.main() == 0


def test_all_but_the_kept_image_are_removed(monkeypatch, podman, record, capsys):
    remove(monkeypatch, record, NEW)
    assert podman.images == {NEW, "somebody/else:1"}
    assert record.read_text() == f"{NEW}\n"
    assert capsys.readouterr().out == f"removed {OLD}\n"


def test_without_a_kept_image_the_record_is_removed_too(monkeypatch, podman, record):
    remove(monkeypatch, record)
    assert podman.images == {"somebody/else:1"}
    assert not record.exists()


def test_a_kept_image_that_was_there_before_is_not_recorded(monkeypatch, podman, record):
    record.write_text(f"{OLD}\n")
    remove(monkeypatch, record, NEW)
    assert podman.images == {NEW, "somebody/else:1"}
    assert not record.exists()


def test_an_image_that_others_use_stays(monkeypatch, podman, record, capsys):
    podman.used = {OLD}
    remove(monkeypatch, record, NEW)
    assert OLD in podman.images
    assert capsys.readouterr().out == ""


def test_a_second_run_changes_nothing(monkeypatch, podman, record, capsys):
    remove(monkeypatch, record, NEW)
    capsys.readouterr()
    before = record.stat().st_mtime_ns
    remove(monkeypatch, record, NEW)
    assert capsys.readouterr().out == ""
    assert record.stat().st_mtime_ns == before


def test_an_image_of_a_killed_run_may_be_missing(monkeypatch, podman, record):
    podman.images = set()
    remove(monkeypatch, record)
    assert not record.exists()


def test_without_a_record_nothing_is_removed(monkeypatch, podman, tmp_path):
    before = set(podman.images)
    remove(monkeypatch, tmp_path / "images")
    assert podman.images == before


def test_without_podman_the_record_is_removed(monkeypatch, record):
    monkeypatch.setenv("PATH", "/nonexistent")
    remove(monkeypatch, record)
    assert not record.exists()
