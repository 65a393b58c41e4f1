"""The mirror: it looks like the project's releases page, and a run repairs it."""

import json
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from architectures import GO_ARCHITECTURES
from tests.support.commands import (
    REPOSITORY,
    assert_failed,
    assert_no_change,
    assert_same,
    must_run,
    run,
)
from tests.support.contract import (
    BUILD_MIRROR,
    MIRROR_SOURCE,
    PROGRAMS,
    VERSION,
    release_archive,
)
from tests.support.lab import build_mirror

ELF_MACHINES = {"amd64": 62, "arm64": 183}
NATIVE = GO_ARCHITECTURES[platform.machine()]


@pytest.fixture(scope="module", params=ELF_MACHINES)
def unpacked(request, mirror, tmp_path_factory) -> Path:
    """The folder in an archive, which is named after it."""
    archive = release_archive(mirror, request.param)
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    name = archive.name.removesuffix(".tar.gz")
    assert [entry.name for entry in folder.iterdir()] == [name]
    return folder / name


def has_valid_signature(mirror: Path, archive: Path, scratch: Path) -> bool:
    """Return whether gpgv, with the mirror's key only, accepts the archive's signature."""
    keyring = scratch / "keyring.gpg"
    subprocess.run(
        ["gpg", "--batch", "--yes", "--dearmor", "-o", keyring, mirror / "signing-key.asc"],
        check=True,
    )
    signature = mirror / f"download/v{VERSION}/{archive.name}.asc"
    gpgv = subprocess.run(["gpgv", "--quiet", "--keyring", keyring, signature, archive])
    return gpgv.returncode == 0


def test_the_assets_are_those_of_the_release(mirror):
    archives = [f"jaeger-{VERSION}-linux-{architecture}" for architecture in ELF_MACHINES]
    endings = (".tar.gz", ".tar.gz.asc", ".sha256sum.txt")
    expected = [archive + ending for archive in archives for ending in endings]
    found = [path.name for path in (mirror / f"download/v{VERSION}").iterdir()]
    assert_same(found, [f"jaeger-{VERSION}.sha256sum.txt", *expected], "assets")


def test_the_sums_of_the_archives_are_right(mirror):
    folder = mirror / f"download/v{VERSION}"
    sums = folder / f"jaeger-{VERSION}.sha256sum.txt"
    assert [line.split(" ", 1)[1] for line in sums.read_text().splitlines()] == [
        f"*jaeger-{VERSION}-linux-{architecture}.tar.gz" for architecture in ELF_MACHINES
    ]
    subprocess.run(["sha256sum", "--check", "--strict", sums], cwd=folder, check=True)


def test_the_sums_of_the_programs_are_right(mirror, unpacked):
    sums = mirror / f"download/v{VERSION}/{unpacked.name}.sha256sum.txt"
    assert {line.split(" ", 1)[1] for line in sums.read_text().splitlines()} == {
        f"*{unpacked.name}/{program}" for program in PROGRAMS
    }
    subprocess.run(["sha256sum", "--check", "--strict", sums], cwd=unpacked.parent, check=True)


def test_the_programs_are_for_the_architecture(unpacked):
    machine = ELF_MACHINES[unpacked.name.rpartition("-")[2]]
    machines = {p.name: int.from_bytes(p.read_bytes()[18:20], "little") for p in unpacked.iterdir()}
    assert machines == dict.fromkeys(PROGRAMS, machine)


def test_the_version_is_that_of_the_release(mirror):
    program = mirror / f"programs/jaeger-{VERSION}-linux-{NATIVE}/jaeger-all-in-one"
    version = subprocess.run([program, "version"], stdout=subprocess.PIPE, check=True).stdout
    assert json.loads(version) == {
        "gitCommit": "55e991a29725468164b11be5fc4e260dc09598d6",
        "gitVersion": f"v{VERSION}",
        "buildDate": "2024-05-01T23:19:12Z",
    }


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_a_signature_is_valid_until_a_byte_changes(mirror, tmp_path, architecture):
    original = release_archive(mirror, architecture)
    assert has_valid_signature(mirror, original, tmp_path)
    altered = Path(shutil.copy(original, tmp_path))
    with altered.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    assert not has_valid_signature(mirror, altered, tmp_path)


def test_the_collector_has_the_layout_and_the_sums_of_its_release(tmp_path):
    folder, _ = build_mirror(mirror_architectures=[NATIVE], mirror_collector=True)
    version = yaml.safe_load((REPOSITORY / "roles/otel_collector/defaults/main.yml").read_text())[
        "otel_collector_version"
    ]
    download = folder / f"download/v{version}"
    archive = download / f"otelcol-contrib_{version}_linux_{NATIVE}.tar.gz"
    sums = "opentelemetry-collector-releases_otelcol-contrib_checksums.txt"
    check = ["sha256sum", "--check", "--strict", "--ignore-missing", sums]
    assert f"{archive.name}: OK" in must_run(*check, cwd=download)
    must_run("tar", "-xzf", archive, "-C", tmp_path)
    assert must_run(tmp_path / "otelcol-contrib", "--version").endswith(f" {version}\n")
    output = build_mirror(mirror_architectures=[NATIVE], mirror_collector=True)[1]
    assert_no_change(output)


def test_a_second_run_changes_nothing(mirror):
    assert_no_change(build_mirror()[1])


@pytest.fixture
def copy(mirror, tmp_path) -> Path:
    """A copy to break, at a path longer than that of a socket may be."""
    copy = tmp_path / ("long-" * 20) / "otel-lab" / mirror.name
    shutil.copytree(mirror, copy, ignore=shutil.ignore_patterns("toolchain"))
    (copy / "toolchain").symlink_to(mirror / "toolchain")
    return copy


def rebuild(copy: Path) -> None:
    """Run the build on a copy of the mirror."""
    go = copy / "toolchain/go/bin/go"
    go_cache = subprocess.run([go, "env", "GOCACHE"], stdout=subprocess.PIPE, text=True, check=True)
    cache = {"XDG_CACHE_HOME": str(copy.parent.parent), "GOCACHE": go_cache.stdout.strip()}
    assert build_mirror(cache)[0] == copy


def test_the_next_run_completes_an_interrupted_one(mirror, copy, tmp_path):
    archive, original = release_archive(copy, NATIVE), release_archive(mirror, NATIVE)
    (copy / "program.part").write_text("half a program")
    (copy / f"programs/{archive.name.removesuffix('.tar.gz')}/jaeger-agent").unlink()
    archive.rename(archive.with_name(f"{archive.name}.part"))
    sums = f"jaeger-{VERSION}.sha256sum.txt"
    archive.with_name(sums).write_text("")
    rebuild(copy)
    assert not [*copy.rglob("*.part")]
    # Also that the same source makes the same bytes.
    for name in archive.name, archive.name.replace("tar.gz", "sha256sum.txt"), sums:
        assert archive.with_name(name).read_bytes() == original.with_name(name).read_bytes()
    assert has_valid_signature(copy, archive, tmp_path)


def test_a_lost_key_is_replaced_and_signs_everything_again(copy, tmp_path):
    shutil.rmtree(copy / "gnupg")
    rebuild(copy)
    for architecture in ELF_MACHINES:
        assert has_valid_signature(copy, release_archive(copy, architecture), tmp_path)


def test_a_source_with_another_sum_than_in_the_list_is_refused(tmp_path):
    source = shutil.copytree(REPOSITORY / MIRROR_SOURCE, tmp_path / "source")
    sums = source / "go.sum"
    line = re.compile(rf"(jaegertracing/jaeger v{re.escape(VERSION)} h1:)\w{{4}}")
    sums.write_text(line.sub(r"\1AAAA", sums.read_text()))
    command = "ansible-playbook", BUILD_MIRROR, "-e", f"mirror_source={source}"
    assert_failed(
        run(*command, env={"XDG_CACHE_HOME": str(tmp_path / "cache")}), "checksum mismatch"
    )
    assert not list(tmp_path.glob("cache/otel-lab/*/download/*/*.tar.gz"))
