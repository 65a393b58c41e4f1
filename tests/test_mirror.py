"""The mirror looks like the project's releases page, and heals."""

import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROGRAMS, REPOSITORY, build_mirror, run

ELF_MACHINES = {"amd64": 62, "arm64": 183}
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


@pytest.fixture(scope="module", params=ELF_MACHINES)
def unpacked(request, mirror, tmp_path_factory) -> Path:
    """What an archive holds: a folder named after it."""
    name = f"jaeger-1.57.0-linux-{request.param}"
    folder = tmp_path_factory.mktemp("unpacked")
    archive = mirror / "download/v1.57.0" / f"{name}.tar.gz"
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    assert [entry.name for entry in folder.iterdir()] == [name]
    return folder / name


def signature_holds(mirror: Path, archive: Path, scratch: Path) -> bool:
    """Whether gpgv, knowing nothing but the mirror's key, accepts the archive's signature."""
    keyring = scratch / "keyring.gpg"
    subprocess.run(
        ["gpg", "--batch", "--yes", "--dearmor", "-o", keyring, mirror / "signing-key.asc"],
        check=True,
    )
    signature = mirror / "download/v1.57.0" / f"{archive.name}.asc"
    gpgv = subprocess.run(["gpgv", "--quiet", "--keyring", keyring, signature, archive])
    return gpgv.returncode == 0


def test_the_assets_are_those_of_the_release(mirror):
    archives = [f"jaeger-1.57.0-linux-{architecture}" for architecture in ELF_MACHINES]
    endings = (".tar.gz", ".tar.gz.asc", ".sha256sum.txt")
    assert {path.name for path in (mirror / "download/v1.57.0").iterdir()} == {
        "jaeger-1.57.0.sha256sum.txt",
        *(archive + ending for archive in archives for ending in endings),
    }


def test_the_sums_of_the_archives_hold(mirror):
    folder = mirror / "download/v1.57.0"
    sums = folder / "jaeger-1.57.0.sha256sum.txt"
    assert [line.split(" ", 1)[1] for line in sums.read_text().splitlines()] == [
        "*jaeger-1.57.0-linux-amd64.tar.gz",
        "*jaeger-1.57.0-linux-arm64.tar.gz",
    ]
    subprocess.run(["sha256sum", "--check", "--strict", sums], cwd=folder, check=True)


def test_the_sums_of_the_programs_hold(mirror, unpacked):
    sums = mirror / "download/v1.57.0" / f"{unpacked.name}.sha256sum.txt"
    assert {line.split(" ", 1)[1] for line in sums.read_text().splitlines()} == {
        f"*{unpacked.name}/{program}" for program in PROGRAMS
    }
    subprocess.run(["sha256sum", "--check", "--strict", sums], cwd=unpacked.parent, check=True)


def test_the_programs_are_for_the_architecture(unpacked):
    machine = ELF_MACHINES[unpacked.name.rpartition("-")[2]]
    machines = {p.name: int.from_bytes(p.read_bytes()[18:20], "little") for p in unpacked.iterdir()}
    assert machines == dict.fromkeys(PROGRAMS, machine)


def test_the_version_is_that_of_the_release(mirror):
    program = mirror / f"programs/jaeger-1.57.0-linux-{NATIVE}/jaeger-all-in-one"
    version = subprocess.run([program, "version"], stdout=subprocess.PIPE, check=True).stdout
    assert json.loads(version) == {
        "gitCommit": "55e991a29725468164b11be5fc4e260dc09598d6",
        "gitVersion": "v1.57.0",
        "buildDate": "2024-05-01T23:19:12Z",
    }


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_the_signature_holds_until_a_byte_changes(mirror, tmp_path, architecture):
    original = mirror / f"download/v1.57.0/jaeger-1.57.0-linux-{architecture}.tar.gz"
    assert signature_holds(mirror, original, tmp_path)
    altered = Path(shutil.copy(original, tmp_path))
    with altered.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    assert not signature_holds(mirror, altered, tmp_path)


def test_a_second_run_changes_nothing(mirror):
    assert "changed=0" in build_mirror()[1]


@pytest.fixture
def copy(mirror, tmp_path) -> Path:
    """A copy to break, at a path longer than that of a socket may be."""
    copy = tmp_path / ("long-" * 20) / "otel-lab" / mirror.name
    shutil.copytree(mirror, copy, ignore=shutil.ignore_patterns("toolchain"))
    (copy / "toolchain").symlink_to(mirror / "toolchain")
    return copy


def rebuild(copy: Path) -> None:
    go = copy / "toolchain/go/bin/go"
    go_cache = subprocess.run([go, "env", "GOCACHE"], stdout=subprocess.PIPE, text=True, check=True)
    cache = copy.parent.parent
    assert build_mirror(XDG_CACHE_HOME=str(cache), GOCACHE=go_cache.stdout.strip())[0] == copy


def test_an_interrupted_run_heals(mirror, copy, tmp_path):
    name = f"jaeger-1.57.0-linux-{NATIVE}"
    download = copy / "download/v1.57.0"
    (copy / "program.part").write_text("half a program")
    (copy / "programs" / name / "jaeger-agent").unlink()
    (download / f"{name}.tar.gz").rename(download / f"{name}.tar.gz.part")
    (download / "jaeger-1.57.0.sha256sum.txt").write_text("")
    rebuild(copy)
    assert not [*copy.rglob("*.part")]
    # Also that the same source makes the same bytes.
    for path in f"{name}.tar.gz", f"{name}.sha256sum.txt", "jaeger-1.57.0.sha256sum.txt":
        assert (download / path).read_bytes() == (mirror / "download/v1.57.0" / path).read_bytes()
    assert signature_holds(copy, download / f"{name}.tar.gz", tmp_path)


def test_a_lost_key_is_replaced_and_signs_everything_again(copy, tmp_path):
    shutil.rmtree(copy / "gnupg")
    rebuild(copy)
    for architecture in ELF_MACHINES:
        archive = copy / f"download/v1.57.0/jaeger-1.57.0-linux-{architecture}.tar.gz"
        assert signature_holds(copy, archive, tmp_path)


def test_a_source_that_is_not_the_lists_is_refused(tmp_path):
    source = shutil.copytree(REPOSITORY / "mirror", tmp_path / "source")
    sums = source / "go.sum"
    line = re.compile(r"(jaegertracing/jaeger v1\.57\.0 h1:)\w{4}")
    sums.write_text(line.sub(r"\1AAAA", sums.read_text()))
    refused = run(
        *(Path(sys.executable).with_name("ansible-playbook"), "playbooks/mirror.yml"),
        *("-e", f"__mirror_source={source}"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert refused.returncode != 0
    assert "checksum mismatch" in refused.stdout
    assert not list(tmp_path.glob("cache/otel-lab/*/download/*/*.tar.gz"))
