"""A stand-in for a container registry, with one image, which only sends."""

import json
import tarfile
from pathlib import Path

from tests.support.server import Server


class Registry(Server):
    """Serves the image of an OCI archive under a name and a tag, as registries do.

    `name` is the image's, with the address of the registry.
    """

    content_type = "application/vnd.oci.image.manifest.v1+json"

    def __init__(self, address: str, archive: Path, repository: str, tag: str):
        super().__init__(address)
        self.name = f"{address}:{self.server_port}/{repository}"
        self.answers["/v2/"] = 200, b"{}"
        with tarfile.open(archive) as files:
            read = {
                member.name: file.read() for member in files if (file := files.extractfile(member))
            }
        digest = json.loads(read["index.json"])["manifests"][0]["digest"]
        blobs = {
            name.removeprefix("blobs/").replace("/", ":"): body
            for name, body in read.items()
            if name.startswith("blobs/")
        }
        for reference in tag, digest:
            self.answers[f"/v2/{repository}/manifests/{reference}"] = 200, blobs[digest]
        for name, body in blobs.items():
            self.answers[f"/v2/{repository}/blobs/{name}"] = 200, body
