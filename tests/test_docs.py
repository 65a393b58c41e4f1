"""README: its commands are run, here or by another test, and its Russian twin has the same ones."""

import re

import pytest
import yaml
from conftest import REPOSITORY, Terminal, wait_for

from compare_traces import expected_tree, read_trace, span_tree
from send_requests import send

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
SCRIPTS = [block for block in BLOCKS if "server_" in block]

# By which test each of the other commands is run.
RUN_ELSEWHERE = {
    "make lab": "test_lab.py",
    "make test": ".ci/run",
    "make report": "test_report.py",
    "make traffic CHAIN=1": "test_lab.py",
    "make local": "test_local.py",
    "make verify-local": "test_local.py",
    "make local PROGRAMS=jaeger": "below",
    "make destroy": "conftest.py",
    "ansible-playbook -i inventory/hosts.yml playbooks/teardown.yml": "test_repeated_runs.py",
    "ansible-playbook -i inventory/hosts.yml site.yml --check": "molecule/default",
    "ansible-playbook -i inventory/hosts.yml site.yml": "molecule/default",
    "ansible-playbook -i inventory/hosts.yml playbooks/verify.yml": "molecule/default",
    "ansible-galaxy collection build --force": "test_collection.py",
    "ansible-galaxy collection install --force otel_lab-tracing-0.1.0.tar.gz": "test_collection.py",
}


def test_every_command_is_run_by_a_test():
    others = [line for b in BLOCKS if b not in SCRIPTS for line in b.splitlines()]
    assert set(others) == set(RUN_ELSEWHERE)
    assert len(SCRIPTS) == 3


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z.][\w./-]*):", (REPOSITORY / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`make ([a-z.][\w./-]*)", README)) <= targets


def test_every_file_that_is_named_exists():
    for document in README, (REPOSITORY / "CONTRIBUTING.md").read_text():
        for path in re.findall(r"\]\(([\w./-]+)\)", document):
            assert (REPOSITORY / path).exists(), path


def test_the_twin_has_the_same_commands_links_and_headings():
    twin = (REPOSITORY / "README.ru.md").read_text().replace("-ru.png", "-en.png")
    for pattern in r"^```\w+\n.*?^```", r"\]\([\w./-]+\)", r"`[^`\n]+`", r"^#+ ":
        assert re.findall(pattern, twin, re.M | re.S) == re.findall(pattern, README, re.M | re.S)


def blocks(language: str) -> list[str]:
    """README's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def test_the_code_that_is_shown_is_the_apps():
    app = "".join(path.read_text() for path in (REPOSITORY / "app").glob("server_*.py"))
    assert len(blocks("python")) == 2
    assert [block for block in blocks("python") if block not in app] == []


def outline(node: dict, depth: int = 0) -> str:
    """An expected span and those within it, as README shows them, with their services if known."""
    below = "".join(outline(child, depth + 1) for child in node.get("children", []))
    service = f"{node['service']}: " if "service" in node else ""
    return f"{'  ' * depth}{service}{node['name']} [{node['kind']}]\n{below}"


def test_the_traces_that_are_shown_are_the_expected_ones():
    file = (REPOSITORY / "playbooks/vars/expected_traces.yml").read_text()
    file = file.replace("{{ expected_database_name }}", "/var/lib/car-app/cars.db")
    modes = yaml.safe_load(file)["expected_traces"]
    wanted = [outline(modes[mode]["cars"]["trace"]) for mode in ("manual", "programmatic")]
    chain = expected_tree(modes["manual"]["chain"]["trace"], "server_manual", {}, "")
    wanted.append(outline(chain))
    assert [block for block in blocks("text") if "[server]" in block] == wanted


def test_the_messages_that_are_explained_exist():
    explained = re.search(r"^\| it says .*?\n\n", README, re.M | re.S)[0]
    said = (
        "".join(
            path.read_text()
            for folder in ("playbooks", "roles")
            for path in (REPOSITORY / folder).rglob("*.*")
            if path.suffix in {".yml", ".py"}
        )
        + (REPOSITORY / "Makefile").read_text()
    )
    for message in re.findall(r"^\| `(.+?)` \|", explained, re.M):
        assert message in said, message


@pytest.fixture(scope="module")
def jaeger(clone, mirror):
    """Jaeger alone, by README's command; the address of its query API."""
    url = "http://127.0.0.1:16686"
    local = Terminal(clone, "make local PROGRAMS=jaeger")
    answers = wait_for(lambda: local.ended or send({"url": url}, 5)["status"] == 200, 900)
    assert answers and not local.ended, local.output
    yield url
    local.press_ctrl_c()
    local.exit_code()


@pytest.mark.parametrize(
    "script",
    [*SCRIPTS, SCRIPTS[0].replace("manual", "programmatic")],
    ids=["manual", "automatic by flags", "automatic by variables", "programmatic"],
)
def test_each_script_runs_by_itself_and_sends_its_trace(clone, jaeger, script):
    service = re.findall(r"(server_\w+)\.py", script)[-1]
    server = Terminal(clone, script.strip())
    request = {"url": "http://127.0.0.1:8082/cars"}
    response = wait_for(lambda: (r := send(request, 10))["status"] == 200 and r)
    assert response, server.output
    trace = wait_for(lambda: read_trace(jaeger, response["trace_id"]))
    server.press_ctrl_c()
    server.exit_code()
    assert trace, server.output
    root = span_tree(trace)[0]
    assert (root["service"], root["kind"]) == (service, "server")
    assert root["parent"] == response["span_id"]
