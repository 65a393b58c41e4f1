"""The engines that the lab starts beside Jaeger: their jars are those that were meant."""

import hashlib
import os
import re
import subprocess
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.support.commands import REPOSITORY

FETCH = REPOSITORY / "lab/engines/fetch"
SOURCES = sorted(path.parent for path in REPOSITORY.glob("lab/engines/*/pom.xml"))
# Stands in for Maven: the "jars" are the files in $JARS.
MAVEN = """#!/bin/sh
for option; do case $option in -DoutputDirectory=*) cp "$JARS"/* "${option#*=}" ;; esac; done
"""


@pytest.fixture
def fetch(tmp_path):
    """A function that fetches some jars (name to content); returns the run and the archive."""
    maven = tmp_path / "bin/mvn"
    maven.parent.mkdir()
    maven.write_text(MAVEN)
    maven.chmod(0o755)
    for folder in "jars", "source":
        (tmp_path / folder).mkdir()
    jars = {"a.jar": "a", "b.jar": "b"}
    sums = [f"{hashlib.sha256(jars[name].encode()).hexdigest()}  {name}\n" for name in sorted(jars)]
    (tmp_path / "source/sha256sums").write_text("".join(sums))

    def fetch(**changed: str | None) -> tuple[subprocess.CompletedProcess[str], Path]:
        found = jars | {name.replace("_", "."): content for name, content in changed.items()}
        for name, content in found.items():
            if content is not None:
                (tmp_path / "jars" / name).write_text(content)
        archive = tmp_path / "cache/engine.tar"
        path = f"{maven.parent}:{os.environ['PATH']}"
        ran = subprocess.run(
            [FETCH, tmp_path / "source", archive],
            env={"PATH": path, "JARS": str(tmp_path / "jars")},
            capture_output=True,
            text=True,
        )
        return ran, archive

    return fetch


def test_the_archive_has_the_jars(fetch):
    ran, archive = fetch()
    assert ran.returncode == 0, ran.stderr
    with tarfile.open(archive) as packed:
        assert packed.getnames() == [".", "./a.jar", "./b.jar"]


@pytest.mark.parametrize("wrong", [{"b_jar": "c"}, {"b_jar": None}, {"c_jar": "c"}])
def test_other_jars_are_refused(fetch, wrong):
    ran, archive = fetch(**wrong)
    assert ran.returncode == 1
    assert "The downloaded jars differ from those in" in ran.stderr
    assert list(archive.parent.iterdir()) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_playbook_dependencies_and_sums_have_one_version(source):
    [play] = yaml.safe_load((REPOSITORY / f"lab/{source.name}.yml").read_text())
    version = play["vars"]["engine_version"]
    pom = ElementTree.parse(source / "pom.xml")
    versions = [each.text for each in pom.findall(".//{*}dependency/{*}version")]
    assert set(versions) == {version}
    jar = rf" {source.name}\S*-{version}\.jar$"
    assert re.search(jar, (source / "sha256sums").read_text(), re.MULTILINE)
