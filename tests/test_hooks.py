"""The hooks of pre-commit: the linters of `make lint` see each commit."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, run

TOOLS = Path(sys.executable).parent
LINTERS = {"ansible-lint", "ruff check", "ruff format"}
GOOD = {
    "site.yml": "---\n- name: Say hello\n  hosts: all\n  tasks:\n    - name: Say it\n"
    "      ansible.builtin.debug:\n        msg: Hello\n",
    "app.py": 'GREETING = "hello"\n',
}
BAD = {
    "site.yml": "---\n- hosts: all\n  tasks:\n    - debug:\n        msg: Hello\n",
    "app.py": "import os\nGREETING = 'hello'\n",
}


@pytest.fixture
def commit(tmp_path):
    """A function that commits files to a repository with the hooks; returns git's run."""
    for name in ".pre-commit-config.yaml", ".ansible-lint", "pyproject.toml":
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / ".gitignore").write_text(".venv\n.ansible\n.ruff_cache\n")
    (tmp_path / ".venv").symlink_to(TOOLS.parent)
    for command in ["git", "init"], [TOOLS / "pre-commit", "install"]:
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stdout

    def commit(files: dict[str, str]):
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        run("git", "add", ".", cwd=tmp_path)
        author = "-c", "user.name=A", "-c", "user.email=a@example.org"
        return run("git", *author, "commit", "--message=Try", cwd=tmp_path)

    return commit


def ended(output: str, how: str) -> set[str]:
    """The hooks that ended so."""
    return set(re.findall(rf"^([a-z -]+?)\.+{how}$", output, re.M))


def test_a_commit_is_refused_by_each_linter_that_finds_a_fault(commit):
    refused = commit(BAD)
    assert refused.returncode != 0
    assert ended(refused.stdout, "Failed") == LINTERS, refused.stdout
    done = commit(GOOD)
    assert done.returncode == 0, done.stdout
    assert ended(done.stdout, "Passed") == LINTERS, done.stdout
