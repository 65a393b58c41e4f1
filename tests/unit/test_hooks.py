"""The hooks of pre-commit: each linter of `make lint` refuses a commit with a fault of its kind."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.commands import REPOSITORY

CONFIGURATION = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
HOOKS = {hook["name"] for repo in CONFIGURATION["repos"] for hook in repo["hooks"]}
TOOLS = Path(sys.executable).parent
# In a folder that ansible-lint leaves out, as it would refuse this fault too.
CHECK_YAML = "collections/greetings.yml"
GOOD = {
    "site.yml": "---\n- name: Greet\n  hosts: all\n  tasks:\n    - name: Print a greeting\n"
    "      ansible.builtin.debug:\n        msg: Hello\n",
    "greet.py": 'GREETING: str = "hello"\n',
    "greet.sh": '#!/bin/sh\necho "$1"\n',
    "greeting.txt": "Hello.\n",
    CHECK_YAML: "greetings: [hello]\n",
    "greet": "#!/bin/sh\necho Hello\n",
}
BAD = {
    "site.yml": "---\n- hosts: all\n  tasks:\n    - debug:\n        msg: Hello\n",
    "greet.py": "import os\ndef greet(name): return 'hello'\n",
    "greet.sh": "#!/bin/sh\necho $1\n",
    "greeting.txt": "Helo, teh world. ",  # codespell:ignore
    CHECK_YAML: "greetings: [hello\n",
    "greet": "echo Hello\n",
}


@pytest.fixture
def repository(tmp_path):
    """A repository with the project's hooks."""
    for name in ".pre-commit-config.yaml", ".ansible-lint", ".gitignore", "pyproject.toml":
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / ".venv").symlink_to(TOOLS.parent)
    (tmp_path / ".git/info").mkdir(parents=True)
    (tmp_path / ".git/info/exclude").write_text(".venv\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run([TOOLS / "pre-commit", "install"], cwd=tmp_path, check=True)
    return tmp_path


def commit(repository: Path, files: dict[str, str], executables: set[str]):
    """Commit the files; return git's exit code and the hooks' output."""
    for name, content in files.items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(content)
        (repository / name).chmod(0o755 if name in executables else 0o644)
    subprocess.run(["git", "add", "."], cwd=repository, check=True)
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *author, "commit", "--message=Try"],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def hooks_that(result: str, output: str) -> set[str]:
    """The names of the hooks with a result, "Passed" or "Failed"."""
    return set(re.findall(rf"^([a-z -]+?)\.+{result}$", output, re.M))


def test_each_hook_refuses_a_fault_and_accepts_its_repair(repository):
    status, output = commit(repository, BAD, executables={"greet"})
    assert status != 0, output
    assert hooks_that("Failed", output) == HOOKS, output
    status, output = commit(repository, GOOD, executables={"greet", "greet.sh"})
    assert status == 0, output
    assert hooks_that("Passed", output) == HOOKS, output
