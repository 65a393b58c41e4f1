"""Filters that read a container image from an archive, as podman save or docker save writes it."""

import hashlib
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

VERSION_LABEL = "org.opencontainers.image.version"


class ArchiveError(Exception):
    """A file is not an archive of one image; the text continues "<the file>, but"."""


@dataclass(frozen=True)
class Image:
    """An image: its id (hexadecimal), names with tags, version label and processor (as in Go)."""

    id: str
    names: tuple[str, ...]
    label: str
    architecture: str

    def has_version(self, version: str) -> bool:
        """Return whether the label or, where there is none, a tag is this version."""
        if self.label:
            return self.label.removeprefix("v") == version
        return version in [name.rpartition(":")[2].removeprefix("v") for name in self.names]


def member(archive: tarfile.TarFile, name: str) -> bytes:
    """Return the content of a file in the archive. Raises KeyError if there is none."""
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def find_config(archive: tarfile.TarFile) -> tuple[bytes, tuple[str, ...]]:
    """Return the configuration of the archive's only image, and the image's names.

    Raises ArchiveError if there are several, and KeyError or ValueError if it is no archive.
    """

    def blob(descriptor: dict[str, Any]) -> bytes:
        return member(archive, f"blobs/{descriptor['digest'].replace(':', '/')}")

    def only(images: list[dict[str, Any]]) -> dict[str, Any]:
        if len(images) != 1:
            raise ArchiveError(f"it has {len(images)} images and must have one")
        return images[0]

    # docker-archive, as by `docker save`, and by `podman save` without --format.
    if "manifest.json" in archive.getnames():
        entry = only(json.loads(member(archive, "manifest.json")))
        return member(archive, entry["Config"]), tuple(entry["RepoTags"] or ())
    descriptor = only(json.loads(member(archive, "index.json"))["manifests"])
    name = descriptor.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
    return blob(json.loads(blob(descriptor))["config"]), (name,) if name else ()


def read_image(path: str) -> Image:
    """Return the image in an archive on the controller. Raises ArchiveError if it is none."""
    try:
        with tarfile.open(path) as archive:
            content, names = find_config(archive)
            config = json.loads(content)
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise ArchiveError(
            "must be the path on the controller of an image archive, as podman save writes it"
        ) from error
    label = (config.get("config", {}).get("Labels") or {}).get(VERSION_LABEL, "")
    # An image's id is the sum of its configuration, whatever holds it.
    digest = hashlib.sha256(content).hexdigest()
    return Image(digest, names, label, config["architecture"])


def image_archive_errors(path: str, version: str, architecture: str) -> list[str]:
    """Return a message if the file is no archive of one image of that version and processor."""
    try:
        image = read_image(path)
    except ArchiveError as error:
        return [f"jaeger_container_archive is {path}, but {error}. Nothing was changed."]
    if not image.has_version(version):
        found = image.label or " and ".join(image.names) or "no version"
        return [
            f"jaeger_container_archive is {path} with {found}, but jaeger_version is {version}. "
            "Nothing was changed. Name an archive of that version, or set jaeger_version."
        ]
    if image.architecture != architecture:
        return [
            f"jaeger_container_archive is {path} for {image.architecture}, but the host needs "
            f"{architecture}. Nothing was changed. Name an archive for that processor."
        ]
    return []


def image_archive_id(path: str) -> str:
    """Return the id of the image in an archive, as `podman image inspect` gives it."""
    return read_image(path).id


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "image_archive_errors": image_archive_errors,
            "image_archive_id": image_archive_id,
        }
