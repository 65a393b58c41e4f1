"""Archives of container images: what is read from them, and which are refused."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from image_archives import image_archive_errors, image_archive_id

NAME = "docker.io/jaegertracing/all-in-one"


def write(path: Path, files: dict[str, Any]) -> Path:
    """Write an archive of files, each as JSON."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            text = json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return path


def digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def config(label: str = "", architecture: str = "amd64") -> dict[str, Any]:
    labels = {"org.opencontainers.image.version": label} if label else None
    return {"architecture": architecture, "config": {"Labels": labels}}


def docker_archive(
    path: Path, *tags: str, images: int = 1, content: dict[str, Any] | None = None
) -> Path:
    """Write what `docker save` does, with an image of these tags."""
    content = content or config()
    name = f"{digest(content)}.json"
    entry = {"Config": name, "RepoTags": [f"{NAME}:{tag}" for tag in tags] or None, "Layers": []}
    return write(path / "image.tar", {name: content, "manifest.json": [entry] * images})


def oci_archive(path: Path, name: str) -> Path:
    """Write what `podman save --format=oci-archive` does."""
    manifest = {"config": {"digest": f"sha256:{digest(config())}"}, "layers": []}
    annotations = {"org.opencontainers.image.ref.name": name}
    entry = {"digest": f"sha256:{digest(manifest)}", "annotations": annotations}
    blobs = {f"blobs/sha256/{digest(content)}": content for content in (config(), manifest)}
    return write(path / "image.tar", blobs | {"index.json": {"manifests": [entry]}})


@pytest.mark.parametrize(
    "make",
    [
        lambda path: docker_archive(path, "1.57.0"),
        lambda path: docker_archive(path, "latest", "1.57.0"),
        lambda path: oci_archive(path, f"{NAME}:1.57.0"),
        lambda path: oci_archive(path, "1.57.0"),
    ],
)
def test_an_archive_of_the_version_is_accepted(make, tmp_path):
    archive = str(make(tmp_path))
    assert image_archive_errors(archive, "1.57.0", "amd64") == []
    assert image_archive_id(archive) == digest(config())


@pytest.mark.parametrize("label", ["1.57.0", "v1.57.0"])
def test_a_label_tells_the_version_of_an_image_without_tags(label, tmp_path):
    archive = docker_archive(tmp_path, content=config(label))
    assert image_archive_errors(str(archive), "1.57.0", "amd64") == []


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda path: docker_archive(path, "1.56.0"), f"{NAME}:1.56.0"),
        (lambda path: docker_archive(path, "1.57.0", content=config("1.56.0")), "1.56.0"),
        (lambda path: docker_archive(path, "latest"), f"{NAME}:latest"),
        (lambda path: docker_archive(path), "no version"),
        (lambda path: oci_archive(path, f"{NAME}:11.57.0"), f"{NAME}:11.57.0"),
    ],
)
def test_another_version_is_refused(make, found, tmp_path):
    archive = make(tmp_path)
    assert image_archive_errors(str(archive), "1.57.0", "amd64") == [
        f"jaeger_container_archive is {archive} with {found}, but jaeger_version is 1.57.0. "
        "Nothing was changed. Name an archive of that version, or set jaeger_version."
    ]


def test_another_processor_is_refused(tmp_path):
    archive = docker_archive(tmp_path, "1.57.0", content=config(architecture="arm64"))
    [message] = image_archive_errors(str(archive), "1.57.0", "amd64")
    assert "for arm64, but the host needs amd64. Nothing was changed." in message


def test_several_images_are_refused(tmp_path):
    archive = docker_archive(tmp_path, "1.57.0", images=2)
    [message] = image_archive_errors(str(archive), "1.57.0", "amd64")
    assert message.endswith("but it has 2 images and must have one. Nothing was changed.")


@pytest.mark.parametrize("content", [None, b"", b"no archive", {"other.json": {}}])
def test_what_is_no_archive_is_refused(content, tmp_path):
    path = tmp_path / "image.tar"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        write(path, content)
    assert image_archive_errors(str(path), "1.57.0", "amd64") == [
        f"jaeger_container_archive is {path}, but must be the path on the controller of an image "
        "archive, as podman save writes it. Nothing was changed."
    ]
