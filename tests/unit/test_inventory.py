"""Inventories that name no host where one is needed: a playbook refuses them."""

import pytest

from tests.support.commands import run
from tests.support.contract import TEARDOWN, VERIFY
from tests.support.lab import failure_output


def play(playbook: str, inventory, text: str):
    inventory.write_text(text)
    return run("ansible-playbook", "-i", inventory, playbook)


@pytest.mark.parametrize("playbook", ["site.yml", VERIFY, "playbooks/status.yml", TEARDOWN])
def test_an_inventory_without_hosts_is_refused(tmp_path, playbook):
    inventory = tmp_path / "inventory.yml"
    ran = play(playbook, inventory, "jaegers: {hosts: {server.example.org: }}\n")
    failure_output(
        ran,
        f"The inventory ({inventory}) has no host in the group jaeger. Nothing was changed. "
        "Add your host to the groups jaeger and car_app, as in inventory/hosts.yml",
    )


def test_the_former_group_is_refused_with_the_new_name(tmp_path):
    hosts = "{hosts: {server.example.org: }}"
    ran = play("site.yml", tmp_path / "inventory.yml", f"jaeger: {hosts}\ncars: {hosts}\n")
    message = "has a group cars, which is now called car_app. Nothing was changed."
    failure_output(ran, message)
