"""The oldest ansible-core that the lab accepts, and the newest one that this machine can run."""

import os
import re

import pytest
import yaml

from tests.support.commands import REPOSITORY, assert_no_change, must_run, run
from tests.support.contract import VERIFY

RUNTIME = yaml.safe_load((REPOSITORY / "meta/runtime.yml").read_text())
OLDEST = RUNTIME["requires_ansible"].removeprefix(">=")


def newest_python() -> tuple[str, dict[str, str]]:
    """Return the name of the newest Python 3 on the path, and the environment that it needs."""
    for minor in range(30, 11, -1):
        # pyenv's program of that name starts only a version that the environment names.
        environment = {"PYENV_VERSION": f"3.{minor}"}
        try:
            if run(f"python3.{minor}", "-c", "import ensurepip", env=environment).returncode == 0:
                return f"python3.{minor}", environment
        except FileNotFoundError:
            continue
    return "python3", {}


@pytest.mark.parametrize("version", [OLDEST, "newest"])
def test_the_lab_runs_with_other_versions_of_ansible_core(lab, tmp_path, version, capsys):
    python, environment = newest_python() if version == "newest" else ("python3", {})
    must_run(python, "-m", "venv", tmp_path, env=environment)
    requirement = "ansible-core" if version == "newest" else f"ansible-core=={version}"
    must_run(tmp_path / "bin/pip", "install", "--quiet", requirement)
    with capsys.disabled():
        print(f"\n{must_run(tmp_path / 'bin/ansible', '--version').splitlines()[0]}, {python}")

    def play(*arguments: str) -> str:
        command = [tmp_path / "bin/ansible-playbook", f"--inventory={lab.inventory}", *arguments]
        return must_run(*command, cwd=lab.clone, env={"PATH": os.defpath})

    assert_no_change(play("site.yml"))
    assert_no_change(play("site.yml", "--check"))
    assert "Compare the traces with the expected trees" in play(VERIFY)
    warnings = re.findall(r"\[(?:WARNING|DEPRECATION WARNING)\]: .*", play("site.yml"))
    assert warnings == []
