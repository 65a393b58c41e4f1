"""The roles as a collection: a new host gets them by their full names, from the built archive."""

import os
import re
from pathlib import Path

import pytest

from tests.support.commands import REPOSITORY, assert_no_change, changes, must_run
from tests.support.lab import Lab

README = (REPOSITORY / "README.md").read_text()
COMMANDS = re.findall(r"^ansible-galaxy .+", README, re.MULTILINE)
PLAYBOOK = re.search(r"^```yaml\n(.*?otel_lab\.tracing.*?)^```", README, re.MULTILINE | re.DOTALL)[
    1
]


class User:
    """Somebody with only the archive, in an empty folder."""

    def __init__(self, host: Lab, folder: Path):
        self.host, self.folder = host, folder
        self.environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "PATH": f"{host.clone}/.venv/bin:{os.environ['PATH']}",
        }
        (folder / "tracing.yml").write_text("tracing: {children: {jaeger: }}\n")

    def must_play(self, playbook: str) -> str:
        """Run a playbook, given as text, on the host; return its output."""
        (self.folder / "play.yml").write_text(playbook)
        inventories = f"--inventory={self.host.inventory}", "--inventory=tracing.yml"
        command = "ansible-playbook", *inventories, "play.yml"
        return must_run(*command, cwd=self.folder, env=self.environment)


@pytest.fixture(scope="module")
def user(second_host, tmp_path_factory) -> User:
    """A user who has run README's commands, and has a new host."""
    user = User(second_host, tmp_path_factory.mktemp("user"))
    for command in COMMANDS:
        must_run(*command.split(), cwd=second_host.clone, env=user.environment)
    return user


def test_the_playbook_of_readme_installs_jaeger_on_a_new_host(user):
    assert len(PLAYBOOK.splitlines()) == 5
    user.must_play(PLAYBOOK)
    assert user.host.status("jaeger-ui") == 200
    assert changes(user.must_play(PLAYBOOK)) == [0]


def test_the_collections_roles_install_the_same_as_the_clones(user):
    roles = "".join(
        f"    - role: otel_lab.tracing.{name}\n" for name in ["car_app", "reverse_proxy"]
    )
    user.must_play(PLAYBOOK + roles)
    assert_no_change(user.host.must_play("site.yml"))
