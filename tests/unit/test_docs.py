"""README: what it shows is what there is, its commands have tests, and its Russian twin agrees."""

import re
from pathlib import Path

import pytest
import yaml

from compare_traces import expected_tree
from course.exercises import EXERCISES
from tests.support.commands import REPOSITORY, assert_same
from tests.support.contract import EXPECTED_TRACES

README = (REPOSITORY / "README.md").read_text()


# The course's pages.
COURSE = [
    "docs/course/README.md",
    *(f"docs/course/{exercise.page}.md" for exercise in EXERCISES.values()),
]


TRAINERS = "docs/course/trainers.md"


def twin(document: str) -> str:
    """Return the name of a document in Russian."""
    return document.replace(".md", ".ru.md")


def blocks(language: str, text: str = README) -> list[str]:
    """Return a document's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


# Which file runs each command, and what there runs it.
RUN_BY = {
    "make lab": ("tests/lab/conftest.py", 'must_make("lab")'),
    "make test": (".ci/run", "make test"),
    "make lab BACKENDS=all": ("tests/lab/conftest.py", 'made_with(lab, "all")'),
    "make report": ("tests/lab/test_chain.py", 'must_make("report")'),
    "make traffic CHAIN=1": ("tests/lab/test_traffic.py", 'must_make("traffic", "CHAIN=1"'),
    "make local": ("tests/lab/test_local.py", 'Terminal(clone, "make local")'),
    "make verify-local": ("tests/lab/test_local.py", '"make", "verify-local"'),
    "make local PROGRAMS=jaeger": (
        "tests/lab/conftest.py",
        '"make local PROGRAMS=jaeger"',
    ),
    "make lab STUDENTS=8": ("tests/lab/test_students.py", 'must_make("lab", "STUDENTS=2")'),
    "make exercise EXERCISE=1 STUDENT=3": (
        "tests/lab/test_students.py",
        'must_make("exercise", "EXERCISE=1", "STUDENT=1")',
    ),
    "make check EXERCISE=1 STUDENT=3": (
        "tests/lab/test_students.py",
        'must_make("check", "EXERCISE=1", "STUDENT=1")',
    ),
    "make report STUDENT=3": (
        "tests/lab/test_students.py",
        'for target in "status", "report":',
    ),
    "make students": ("tests/lab/test_students.py", 'make("students")'),
    "make reset STUDENT=3": ("tests/lab/test_students.py", 'must_make("reset", "STUDENT=1")'),
    "curl -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' "
    "http://127.0.0.1:8082/cars": (
        "tests/lab/test_readme_commands.py",
        "lab.ssh(CONTINUE_TRACE)",
    ),
    "sudo mv /var/lib/car-app/cars.db /tmp; curl http://127.0.0.1:8083/cars; "
    "sudo mv /tmp/cars.db /var/lib/car-app": (
        "tests/lab/test_readme_commands.py",
        "lab.ssh(FAIL_QUERY)",
    ),
    "curl 'http://127.0.0.1:9200/otel-lab-logs-*/_search?pretty&"
    "q=trace.id:0af7651916cd43dd8448eb211c80319c'": (
        "tests/lab/test_backends.py",
        "backends.ssh(FIND_LINES)",
    ),
    "make destroy": ("tests/lab/conftest.py", 'must_make("destroy")'),
    "ansible-playbook -i inventory/hosts.yml playbooks/teardown.yml": (
        "tests/lab/test_teardown.py",
        "must_play(TEARDOWN)",
    ),
    "ansible-playbook -i inventory/hosts.yml site.yml --check": (
        "tests/lab/test_teardown.py",
        '"site.yml", "--check"',
    ),
    "ansible-playbook -i inventory/hosts.yml site.yml": (
        "tests/lab/test_teardown.py",
        'must_play("site.yml")',
    ),
    "ansible-playbook -i inventory/hosts.yml playbooks/verify.yml": (
        "tests/lab/test_upgrade.py",
        "must_play(VERIFY)",
    ),
    "ansible-galaxy collection build --force": ("tests/lab/test_collection.py", "in COMMANDS"),
    "ansible-galaxy collection install --force otel_lab-tracing-0.1.0.tar.gz": (
        "tests/lab/test_collection.py",
        "in COMMANDS",
    ),
}


def test_every_command_is_run_by_a_test():
    scripts = [block for block in blocks("sh") if "server_" in block]
    others = blocks("sh") + blocks("sh", (REPOSITORY / TRAINERS).read_text())
    commands = [line for b in others if b not in scripts for line in b.splitlines()]
    assert_same(commands, RUN_BY, "commands")
    # tests/lab/test_readme_commands.py runs these.
    assert len(scripts) == 3


@pytest.mark.parametrize("command", RUN_BY)
def test_the_test_that_runs_a_command_is_there(command):
    file, call = RUN_BY[command]
    assert call in (REPOSITORY / file).read_text(), f"{file} does not run {command}"


def test_every_make_target_that_is_named_exists():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.findall(r"^([a-z.][\w./-]*):", makefile, re.MULTILINE)
    assert set(re.findall(r"`make ([a-z.][\w./-]*)", README)) <= set(targets)


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "README.ru.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/performance.md",
        "docs/container.md",
        *COURSE,
        *(twin(page) for page in COURSE),
        TRAINERS,
        twin(TRAINERS),
        "docs/otel-collector.md",
        "docs/cluster.md",
        "docs/datadog.md",
        "docs/elasticsearch.md",
        "docs/grafana.md",
        "docs/kibana.md",
        "docs/new-relic.md",
        "docs/prometheus.md",
        "docs/scaling.md",
        "docs/splunk.md",
        "docs/systems.md",
        "docs/zipkin.md",
        "roles/README.md",
    ],
)
def test_every_file_that_is_linked_exists(document):
    file = REPOSITORY / document
    for path in re.findall(r"\]\(([\w./-]+)\)", file.read_text()):
        assert (file.parent / path).exists(), path


@pytest.mark.parametrize("document", ["README.md", *COURSE, TRAINERS])
@pytest.mark.parametrize("pattern", [r"^```\w+\n.*?^```", r"\]\([\w./-]+\)", r"`[^`\n]+`", r"^#+ "])
def test_the_russian_twin_has_the_same_commands_links_and_headings(document, pattern):
    # Where a page that is linked has a twin, the Russian one is linked.
    english, russian = (
        (REPOSITORY / name).read_text().replace("-ru.png", "-en.png").replace(".ru.md", ".md")
        for name in (document, twin(document))
    )
    flags = re.MULTILINE | re.DOTALL
    assert re.findall(pattern, russian, flags) == re.findall(pattern, english, flags)


def test_the_russian_pages_of_the_course_link_each_other():
    for page in [*COURSE, TRAINERS]:
        text = (REPOSITORY / twin(page)).read_text()
        text = text.replace(f"[English]({Path(page).name})", "")
        links = re.findall(r"\]\(([\w./-]+\.md)(?:#[^)]*)?\)", text)
        assert links
        assert [link for link in links if not link.endswith(".ru.md")] == []


def test_the_course_lists_its_exercises_and_no_others():
    listed = re.findall(
        r"^\| \[(\d+)\. (.*?)\]\((.*?)\.md\)", (REPOSITORY / COURSE[0]).read_text(), re.MULTILINE
    )
    exercises = [(str(n), e.title, e.page) for n, e in EXERCISES.items()]
    assert listed == exercises
    pages = {path.name for path in (REPOSITORY / "docs/course").iterdir()}
    known = {Path(name).name for page in [*COURSE, TRAINERS] for name in (page, twin(page))}
    assert_same(pages, known, "pages")
    for (number, title, _), page in zip(exercises, COURSE[1:], strict=True):
        assert (REPOSITORY / page).read_text().startswith(f"# {number}. {title}\n")


def test_every_command_of_the_course_is_run_by_a_test():
    test = (REPOSITORY / "tests/lab/test_course.py").read_text()
    for page in COURSE:
        commands = "".join(blocks("sh", (REPOSITORY / page).read_text())).splitlines()
        assert commands
        for command in commands:
            target, number = re.fullmatch(r"make (exercise|check) EXERCISE=(\d+)", command).groups()
            assert int(number) in EXERCISES
            assert f'("{target}", f"EXERCISE={{number}}")' in test


def test_the_code_that_is_shown_is_the_apps():
    app = "".join(path.read_text() for path in (REPOSITORY / "app").glob("server_*.py"))
    assert len(blocks("python")) == 2
    assert [block for block in blocks("python") if block not in app] == []


def outline(node: dict, depth: int = 0) -> str:
    """Return an expected span and its descendants as README shows them, with known services."""
    below = "".join(outline(child, depth + 1) for child in node.get("children", []))
    service = f"{node['service']}: " if "service" in node else ""
    return f"{'  ' * depth}{service}{node['name']} [{node['kind']}]\n{below}"


def test_the_traces_that_are_shown_are_the_expected_ones():
    file = (REPOSITORY / EXPECTED_TRACES).read_text()
    file = file.replace("{{ expected_database_name }}", "/var/lib/car-app/cars.db")
    modes = yaml.safe_load(file)["expected_traces"]
    expected = [outline(modes[mode]["cars"]["trace"]) for mode in ("manual", "programmatic")]
    chain = expected_tree(modes["manual"]["chain"]["trace"], "server_manual", {}, "")
    expected.append(outline(chain))
    assert [block for block in blocks("text") if "[server]" in block] == expected
    page = (REPOSITORY / f"docs/course/{EXERCISES[4].page}.md").read_text()
    assert blocks("text", page) == expected[-1:]


def test_the_messages_that_are_explained_exist():
    explained = re.search(r"^\| message .*?\n\n", README, re.MULTILINE | re.DOTALL)[0]
    messages = re.findall(r"^\| `(.+?)` \|", explained, re.MULTILINE)
    assert messages
    sources = [REPOSITORY / "Makefile"] + [
        path
        for folder in ("playbooks", "plugins", "roles")
        for path in (REPOSITORY / folder).rglob("*.*")
        if path.suffix in {".yml", ".py"}
    ]
    text = "\n".join(path.read_text() for path in sources if path.is_file())
    assert [message for message in messages if message not in text] == []
