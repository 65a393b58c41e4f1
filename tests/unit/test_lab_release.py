"""Where `make lab` takes Jaeger's release from."""

import yaml

from tests.support.commands import REPOSITORY, must_run

PLAY = {
    "hosts": "localhost",
    "gather_facts": False,
    "vars_files": [f"{REPOSITORY}/lab/{name}.yml" for name in ("settings", "mirror/vars")],
    "tasks": [
        {"ansible.builtin.include_tasks": f"{REPOSITORY}/lab/tasks/{name}.yml"}
        for name in ("groups", "release")
    ],
}


def test_a_lab_that_has_the_release_keeps_it_without_asking_for_it(tmp_path):
    inventory = {"all": {"vars": {"lab_release_is_mirrored": False}}, "jaeger": {}, "car_app": {}}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([PLAY]))
    command = "ansible-playbook", "--connection=local", tmp_path / "play.yml"
    output = must_run(*command, env={"OTEL_LAB_DIRECTORY": str(tmp_path)})
    assert "Jaeger comes from its project's releases." in output
    assert "TASK [Try to reach Jaeger's release] *" in output
    assert "skipped=1 " in output
