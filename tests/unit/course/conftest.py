"""The working copy and the class that the course's unit tests use."""

import shutil

import pytest
import yaml

from course.classroom import Classroom
from course.working_copy import WorkingCopy
from tests.support.commands import REPOSITORY


@pytest.fixture
def copy(tmp_path):
    """A working copy, which is not there yet, of a clone that has only the app."""
    ignored = shutil.ignore_patterns("*.db", "__pycache__")
    shutil.copytree(REPOSITORY / "app", tmp_path / "clone/app", ignore=ignored)
    shutil.copy(REPOSITORY / ".gitignore", tmp_path / "clone")
    return WorkingCopy(tmp_path / "clone")


@pytest.fixture
def classroom(tmp_path):
    """The class of a clone with no student yet."""
    return Classroom(tmp_path)


@pytest.fixture
def add_student(classroom):
    """A function that adds a student's host, as lab/create.yml leaves it; returns the student."""

    def add(number):
        student = classroom.student(number)
        (student.folder / "root").mkdir(parents=True)
        inventory = {
            "all": {
                "vars": {
                    "jaeger_query_http_server_host_port": "0.0.0.0:16686",
                    "car_app_manual_bind": "0.0.0.0:8082",
                    "prometheus_host_port": "0.0.0.0:9090",
                },
                "hosts": {student.name: {"ansible_host": f"10.0.0.{number}"}},
            },
            "prometheus": {"hosts": {student.name: None}},
        }
        student.inventory.write_text(yaml.safe_dump(inventory))
        return student

    return add
