"""The roles' settings are declared once, described, and used."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, run

ROLES = sorted(path.parent for path in REPOSITORY.glob("roles/*/tasks"))
NAMES = [role.name for role in ROLES]
each_role = pytest.mark.parametrize("role", ROLES, ids=NAMES)


def load(path: Path) -> dict:
    """What a YAML file holds; nothing if there is none."""
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


def options(role: Path) -> dict[str, dict]:
    """The options of all the role's entry points."""
    specs = load(role / "meta/argument_specs.yml")["argument_specs"]
    return {name: option for spec in specs.values() for name, option in spec["options"].items()}


def text(role: Path) -> str:
    """The role's tasks, variables and templates."""
    folders = "tasks", "vars", "templates"
    paths = [path for folder in folders for path in sorted((role / folder).glob("*"))]
    return "\n".join(path.read_text() for path in paths)


@each_role
def test_the_defaults_are_those_that_the_specification_tells(role):
    defaults = load(role / "defaults/main.yml")
    optional = {name: o for name, o in options(role).items() if not o.get("required")}
    assert set(defaults) == set(optional)
    for name, option in optional.items():
        # What is looked up on the controller is told in words.
        if "lookup(" not in str(defaults[name]):
            assert option["default"] == defaults[name], name


@each_role
def test_every_option_tells_its_type_and_form(role):
    for name, option in options(role).items():
        assert option["type"], name
        # An example, or what may be chosen, or what is counted.
        form = re.search(r"C\(.+\)|Seconds|[Pp]ath|digits", str(option["description"]))
        assert form or option.get("choices"), name


@each_role
def test_every_variable_carries_the_roles_name(role):
    names = set(options(role)) | set(load(role / "defaults/main.yml"))
    assert {name for name in names if not name.startswith(f"{role.name}_")} == set()
    internal = set(load(role / "vars/main.yml")) | set(re.findall(r"register: (\w+)", text(role)))
    assert {name for name in internal if not name.startswith(f"__{role.name}_")} == set()


@each_role
def test_every_variable_that_is_used_is_declared(role):
    content = text(role)
    used = set(re.findall(rf"\b(?:__)?{role.name}_\w*[a-z0-9]", content))
    declared = set(options(role)) | set(
        re.findall(r"^ *(?:register: )?(\w+)(?::|$)", content, re.M)
    )
    assert used - declared == set()


@each_role
def test_every_option_is_used(role):
    assert {name for name in options(role) if not re.search(rf"\b{name}\b", text(role))} == set()


@each_role
def test_the_readme_is_what_the_specification_makes(role, tmp_path):
    aar_doc = Path(sys.executable).with_name("aar-doc")
    made = run(aar_doc, "--output-file", tmp_path / "README.md", role, "markdown")
    assert made.returncode == 0, made.stdout
    wanted = (tmp_path / "README.md").read_text()
    assert (role / "README.md").read_text() == wanted, "make readmes writes it anew"
