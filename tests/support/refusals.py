"""Settings that a playbook refuses: all of them in one run."""

import json
import re
from collections.abc import Iterable
from copy import copy
from typing import Any

import yaml

from tests.support.commands import assert_no_change, failures, unfold
from tests.support.lab import Lab, assert_unchanged


def variables(setting: str) -> dict[str, Any]:
    """Return the variables of a setting that is written as for --extra-vars."""
    if setting.startswith("{"):
        return json.loads(setting)
    return dict(part.split("=", 1) for part in setting.split())


def run_refused(lab: Lab, playbook: str, settings: list[str], secrets: Iterable[str]) -> list[str]:
    """Run a playbook with a host for each setting: the lab's host under another name.

    Checks that it fails for each, changes nothing and shows none of the secrets; returns what it
    says of each, on one line.
    """
    inventory = yaml.safe_load(lab.inventory.read_text())
    host = inventory["all"]["hosts"].pop(lab.name)
    hosts = {f"host-{number}": host | variables(text) for number, text in enumerate(settings)}
    inventory["all"]["hosts"] = hosts
    for group in inventory.keys() - {"all"}:
        inventory[group]["hosts"] = dict.fromkeys(hosts)
    renamed = copy(lab)
    renamed.inventory = lab.folder / "renamed.yml"
    renamed.inventory.write_text(yaml.safe_dump(inventory))
    with assert_unchanged(lab):
        output = renamed.play(playbook, "--forks=10").stdout
    renamed.inventory.unlink()
    assert_no_change(output)
    for name in hosts:
        recap = rf"^{name} +: .* unreachable=0 +failed=1 "
        assert re.search(recap, output, re.MULTILINE), f"{name} was not refused:\n{output}"
    for secret in secrets:
        assert secret not in unfold(output)
    said = failures(output)
    return [said[name] for name in hosts]


def refusals(
    lab: Lab, playbooks: dict[str, str], settings: Iterable[str], secrets: Iterable[str] = ()
) -> dict[str, str]:
    """Return what is said of each setting by the playbook for the beginning of its name.

    The whole output must have none of the secrets.
    """
    said: dict[str, str] = {}
    for beginning, playbook in playbooks.items():
        own = [text for text in settings if text.lstrip('{"').startswith(beginning)]
        said |= dict(zip(own, run_refused(lab, playbook, own, secrets), strict=True))
    return said
