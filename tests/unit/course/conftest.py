"""The working copy that the course's unit tests use."""

import shutil

import pytest

from course.working_copy import WorkingCopy
from tests.support.commands import REPOSITORY


@pytest.fixture
def copy(tmp_path):
    """A working copy, which is not there yet, of a clone that has only the app."""
    ignored = shutil.ignore_patterns("*.db", "__pycache__")
    shutil.copytree(REPOSITORY / "app", tmp_path / "clone/app", ignore=ignored)
    shutil.copy(REPOSITORY / ".gitignore", tmp_path / "clone")
    return WorkingCopy(tmp_path / "clone")
