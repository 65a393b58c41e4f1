"""Download the app's locked packages and pack them, with their bytecode, for hosts of one kind.

The URL of a proxy is read from the standard input, because arguments and environment are visible.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

MANYLINUX = "manylinux_2_28", "manylinux_2_17", "manylinux2014"
# A package with its hashes, which stand on continued lines.
REQUIREMENT = re.compile(r"^[\w.-]+==(?:.*\\\n)*.*\n", re.MULTILINE)


# What the user has pip take, or for which Python. How it reaches an index is the user's decision.
FOREIGN = "ABI", "CONSTRAINT", "IMPLEMENTATION", "PLATFORM", "PYTHON", "REQUIRE_VIRTUALENV"


def start_pip(*arguments: str) -> subprocess.Popen[bytes]:
    foreign = {f"PIP_{name}" for name in FOREIGN}
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    return subprocess.Popen([sys.executable, "-m", "pip", *arguments], env=environment)


def download(locks: list[Path], python_version: str, architecture: str, wheels: Path) -> None:
    """Download the wheels of the locked packages and check their hashes.

    pip downloads one package after the other, so two of them take half of the packages each.
    Raises subprocess.CalledProcessError if one of them fails.
    """
    requirements = [found for lock in locks for found in REQUIREMENT.findall(lock.read_text())]
    platforms = [f"--platform={name}_{architecture}" for name in MANYLINUX]
    with tempfile.TemporaryDirectory() as scratch:
        processes = []
        for number in range(2):
            share = Path(scratch) / f"requirements-{number}.txt"
            share.write_text("".join(requirements[number::2]))
            process = start_pip(
                *("download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"),
                *(f"--python-version={python_version}", *platforms),
                *(f"--dest={wheels}", f"--requirement={share}"),
            )
            processes.append(process)
        for process in processes:
            process.wait()
    for process in processes:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)


def compile_bytecode(wheels: Path, site_packages: str) -> None:
    """Compile the wheels' modules into bytecode.tar, with a sum beside it.

    Bytecode is the same on every host, so it is compiled once. It names the source files by their
    place in `site_packages`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for wheel in wheels.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                modules = [n for n in archive.namelist() if n.endswith(".py") and ".data/" not in n]
                archive.extractall(scratch, modules)
        command = [sys.executable, "-m", "compileall", "-qq", "-j", "0"]
        command += ["--invalidation-mode=unchecked-hash", "-s", scratch, "-p", site_packages]
        # It fails on modules for another version of Python, and leaves these out.
        subprocess.run([*command, scratch], check=False)
        bytecode = wheels / "bytecode.tar"
        with tarfile.open(bytecode, "w") as archive:
            for path in sorted(Path(scratch).rglob("*.pyc")):
                archive.add(path, path.relative_to(scratch))
    sha256 = hashlib.sha256(bytecode.read_bytes()).hexdigest()
    (wheels / "bytecode.tar.sha256").write_text(f"{sha256}  bytecode.tar\n")


def pack(wheels: Path, wheelhouse: Path) -> None:
    """Pack a folder into an archive, which appears complete or not at all."""
    partial = wheels.with_suffix(".tar")
    with tarfile.open(partial, "w") as archive:
        archive.add(wheels, ".")
    partial.rename(wheelhouse)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python-version", required=True, help="the host's, such as 3.11")
    parser.add_argument("--architecture", required=True, help="the host's, such as x86_64")
    parser.add_argument("--site-packages", required=True, help="where the host installs them")
    parser.add_argument("wheelhouse", type=Path, help="the archive to write")
    parser.add_argument("locks", type=Path, nargs="+", help="lists of packages with hashes")
    options = parser.parse_args()

    if proxy := sys.stdin.readline().strip():
        os.environ["PIP_PROXY"] = proxy
    options.wheelhouse.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.wheelhouse.parent) as scratch:
        wheels = Path(scratch) / "wheels"
        wheels.mkdir()
        for lock in options.locks:
            (wheels / lock.name).write_bytes(lock.read_bytes())
        try:
            download(options.locks, options.python_version, options.architecture, wheels)
        # pip has printed the reason.
        except subprocess.CalledProcessError as error:
            return error.returncode
        if options.python_version == f"{sys.version_info.major}.{sys.version_info.minor}":
            compile_bytecode(wheels, options.site_packages)
        pack(wheels, options.wheelhouse)
    return 0


if __name__ == "__main__":
    sys.exit(main())
