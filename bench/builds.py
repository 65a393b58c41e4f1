"""Programs that benchmarks need, built once with the mirror's Go toolchain."""

import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from architectures import GO_ARCHITECTURES
from cache_directory import cache_directory
from tests.support.commands import REPOSITORY, must_run
from tests.support.lab import build_mirror

COLLECTOR = Path(__file__).parent / "collector"
GO_MODULE = [REPOSITORY / "lab/mirror/go.mod", REPOSITORY / "lab/mirror/go.sum"]
ARCHITECTURE = GO_ARCHITECTURES[platform.machine()]


def cached(name: str, inputs: list[Path], build: Callable[[Path], Path]) -> Path:
    """Return a file from the cache, where `build` puts it first if the inputs have changed.

    `build` works in a new folder and returns the file's path in it, so the file is never partial.
    """
    key = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:12]
    file = cache_directory() / f"{name}-{key}"
    if not file.exists():
        print(f"Building {name}, once (about 3 minutes) ...", flush=True)
        cache_directory().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_directory()) as folder:
            build(Path(folder)).rename(file)
    return file


def go(folder: Path, *arguments: str | Path) -> None:
    """Run the mirror's go command in a folder."""
    toolchain = f"{build_mirror(mirror_architectures=[ARCHITECTURE])[0]}/toolchain/go/bin"
    # The collector's builder finds go by PATH.
    environment = {"CGO_ENABLED": "0", "PATH": f"{toolchain}:{os.environ['PATH']}"}
    environment |= {"GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    must_run("go", *arguments, cwd=folder, env=environment)


def tracegen() -> Path:
    """Return the path of Jaeger's generator of spans, in the version of the mirror's Jaeger."""

    def build(folder: Path) -> Path:
        for path in GO_MODULE:
            shutil.copy(path, folder)
        module = "github.com/jaegertracing/jaeger"
        version = re.findall(rf"{module} (v\S+)", (folder / "go.mod").read_text())[0]
        # It imports a module that the mirror's programs do not.
        go(folder, "get", f"{module}/cmd/tracegen@{version}")
        go(folder, "build", "-o", "tracegen", f"{module}/cmd/tracegen")
        return folder / "tracegen"

    return cached("tracegen", GO_MODULE, build)


def collector() -> Path:
    """Return the path of a collector's archive, packed as its releases are."""
    configuration = COLLECTOR / "builder.yaml"
    version = yaml.safe_load(configuration.read_text())["dist"]["version"]

    def build(folder: Path) -> Path:
        builder = f"go.opentelemetry.io/collector/cmd/builder@v{version}"
        go(folder, "run", builder, "--config", configuration)
        must_run("tar", "-czf", "otelcol.tar.gz", "-C", "build", "otelcol-contrib", cwd=folder)
        return folder / "otelcol.tar.gz"

    return cached("otelcol", [configuration], build)
