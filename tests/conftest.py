import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


def build_mirror(**environment: str) -> tuple[Path, str]:
    """Run playbooks/mirror.yml; return the mirror's folder and all that the run said."""
    run = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "playbooks/mirror.yml"],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    return Path(re.search(r"mirror_directory: (.+)", run.stdout)[1]), run.stdout


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror's folder, with both architectures built."""
    return build_mirror()[0]
