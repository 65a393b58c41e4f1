"""The roles' settings are declared once, described and used."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import REPOSITORY, assert_same, must_run

ROLES = sorted(path.parent for path in REPOSITORY.glob("roles/*/tasks"))
each_role = pytest.mark.parametrize("role", ROLES, ids=[role.name for role in ROLES])
MESSAGES = {"ansible.builtin.assert", "ansible.builtin.fail", "ansible.builtin.debug"}


def load(path: Path) -> Any:
    """Return the content of a YAML file; nothing if there is none."""
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


def options(role: Path) -> dict[str, dict]:
    """Return the options of all the role's entry points."""
    specs = load(role / "meta/argument_specs.yml")["argument_specs"]
    return {n: option for spec in specs.values() for n, option in spec.get("options", {}).items()}


def files(role: Path, *folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((role / folder).rglob("*.*"))]


def text(role: Path) -> str:
    """Return the role's tasks, variables and templates."""
    return "\n".join(path.read_text() for path in files(role, "tasks", "vars", "templates"))


def without_messages(tasks: Any) -> Any:
    """Return tasks without those that only check and tell."""
    if isinstance(tasks, list):
        kept = [t for t in tasks if not (isinstance(t, dict) and MESSAGES & t.keys())]
        return [without_messages(task) for task in kept]
    if isinstance(tasks, dict):
        return {key: without_messages(value) for key, value in tasks.items()}
    return tasks


@each_role
def test_the_defaults_are_those_of_the_specification(role):
    defaults = load(role / "defaults/main.yml")
    optional = {name: o for name, o in options(role).items() if not o.get("required")}
    assert_same(defaults, optional, "defaults and optional settings")
    for name, option in optional.items():
        # What the controller looks up is described in words.
        if "lookup(" not in str(defaults[name]):
            assert option["default"] == defaults[name], name


@each_role
def test_every_option_has_a_type_and_an_example(role):
    for name, option in options(role).items():
        assert option["type"], name
        # An example, or the choices, or the unit.
        example = re.search(r"C\(.+\)|Seconds|[Pp]ath|digits", str(option["description"]))
        assert example or option.get("choices"), name


@each_role
def test_every_variable_has_the_roles_prefix(role):
    names = set(options(role)) | set(load(role / "defaults/main.yml"))
    assert {name for name in names if not name.startswith(f"{role.name}_")} == set()
    internal = set(load(role / "vars/main.yml")) | set(re.findall(r"register: (\w+)", text(role)))
    assert {name for name in internal if not name.startswith(f"__{role.name}_")} == set()


@each_role
def test_every_variable_that_is_used_is_declared(role):
    content = text(role)
    used = set(re.findall(rf"\b(?:__)?{role.name}_\w*[a-z0-9]", content))
    declared = set(options(role)) | set(
        re.findall(r"^ *(?:register: )?(\w+)(?::|$)", content, re.MULTILINE)
    )
    assert used - declared == set()


# A check in preflight is no effect, except in common, which is there for checks.
@pytest.mark.parametrize("role", [role for role in ROLES if role.name != "common"])
def test_every_option_has_an_effect(role):
    tasks = [without_messages(load(path)) for path in files(role, "tasks")]
    rest = [path.read_text() for path in files(role, "vars", "templates")]
    content = "\n".join([str(tasks), *rest])
    unused = {name for name in options(role) if not re.search(rf"\b{name}\b", content)}
    assert unused == set(), "these settings are checked at most, but change nothing"


@each_role
def test_the_readme_is_generated_from_the_specification(role, tmp_path):
    must_run("aar-doc", "--output-file", tmp_path / "README.md", role, "markdown")
    expected = (tmp_path / "README.md").read_text()
    assert (role / "README.md").read_text() == expected, "make readmes updates it"
