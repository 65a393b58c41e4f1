"""What the caller's shell and account set for other programs changes nothing in the lab."""

import getpass
import hashlib
import json
import os
import re
import sys
import sysconfig
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import build_wheelhouse
from compare_traces import read_trace
from send_requests import send
from tests.support.commands import (
    REPOSITORY,
    assert_failed,
    copy_repository,
    failures,
    must_run,
    run,
    script,
)
from tests.support.contract import ENDPOINTS, MIRROR_SOURCE, VERSION
from tests.support.server import Server

LOCAL = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}
DEAD_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A clone that anyone can write, at a path that needs quoting, with an environment of its own.

    Ansible ignores an ansible.cfg there, as on many shared folders.
    """
    clone = copy_repository(tmp_path_factory.mktemp("a") / "it's 100% mine")
    clone.chmod(0o777)
    must_run(sys.executable, "-m", "venv", "--without-pip", clone / ".venv")
    packages = Path(sysconfig.get_path("purelib", vars={"base": clone / ".venv"}))
    (packages / "tools.pth").write_text(sysconfig.get_path("purelib"))
    for name, module in ("ansible-playbook", "ansible.cli.playbook"), ("honcho", "honcho"):
        command = f'exec "$(dirname "$0")/python" -m {module} "$@"'
        script(clone / ".venv/bin" / name, command)
    (clone / ".venv/.complete").touch()
    return clone


class Answers(dict):
    """Answers of a lab's services, with a trace of every request to /chain in its Jaeger."""

    def __init__(self, server: Server):
        super().__init__(
            {"/": (200, b"Jaeger UI"), "/api/traces": (400, b""), "/chain": (200, b"[]")}
        )
        self.server = server

    def get(self, path: str, default: Any = None) -> Any:
        for request in self.server.received:
            _, trace_id, span_id, _ = request.headers.get("traceparent", "---").split("-")
            if trace_id and path == f"/api/traces/{trace_id}":
                return 200, json.dumps({"data": [trace(span_id)]}).encode()
        return super().get(path, default)


def trace(parent: str) -> dict[str, Any]:
    """A trace, as Jaeger has it, with a span of each service; the first one's parent is given."""
    services = [f"server_{mode}" for mode in ("manual", "programmatic", "automatic")]
    processes = {name: {"serviceName": name, "tags": []} for name in services}
    parents = [parent, *services]
    spans = [
        {
            "spanID": name,
            "processID": name,
            "operationName": "GET /chain",
            "references": [{"refType": "CHILD_OF", "spanID": above}],
            **{"startTime": 0, "duration": 1, "tags": [], "logs": []},
        }
        for name, above in zip(services, parents, strict=False)
    ]
    return {"spans": spans, "processes": processes}


@pytest.fixture
def lab(clone, http_server, tmp_path, monkeypatch) -> Iterator[Path]:
    """The clone with a lab: the tests' server takes the place of all its services."""
    address = http_server.url.removeprefix("http://")
    http_server.answers = Answers(http_server)
    binds = [f"car_app_{mode}_bind" for mode in ("manual", "programmatic", "automatic")]
    settings = dict.fromkeys([*binds, "jaeger_query_http_server_host_port"], address)
    hosts = {"hosts": {"localhost": None}}
    inventory = {
        "all": {"vars": {**LOCAL, **settings}},
        "jaeger": hosts,
        "car_app": hosts,
    }
    folder = clone / ".lab"
    folder.mkdir()
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    script(tmp_path / "systemctl", "shift", 'for unit in "$@"; do echo active; done')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    yield clone
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_make_status_prints_the_same(lab, http_server):
    environment = {
        **DEAD_PROXY,
        "LC_ALL": "C",
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": "/nonexistent",
        "PYTHONSAFEPATH": "1",
        "BASH_ENV": ".lab/bash_env",
        "CDPATH": "/",
        "ANSIBLE_FORCE_COLOR": "1",
        "ANSIBLE_STDOUT_CALLBACK": "minimal",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_COLLECTIONS_PATH": "/nonexistent",
        "ANSIBLE_ROLES_PATH": "/nonexistent",
        "ANSIBLE_RUN_TAGS": "none",
    }
    (lab / ".lab/bash_env").write_text("cut() { echo nothing; }\n")
    status = run("make", "--no-print-directory", "status", cwd=lab, env=environment)
    lines = [f"{name} {http_server.url}{page}" for name, (_, page) in ENDPOINTS.items()]
    assert status.returncode == 0, status.stdout
    *printed, first_step, proof = status.stdout.splitlines()
    assert printed == lines
    assert first_step.startswith("Jaeger 1.57.0 ")
    assert "one request went through all 3 modes, and Jaeger has its trace:" in proof


def test_no_line_is_a_failure(lab):
    script(lab / ".lab/empty", ": >.lab/status.txt")
    status = run("make", "status", "on_lab=.lab/empty", cwd=lab)
    assert (lab / ".lab/status.txt").read_text() == ""
    assert status.returncode != 0


def test_make_leaves_ansible_the_file_with_the_vaults_password(lab):
    show = "on_lab=printenv ANSIBLE_VAULT_PASSWORD_FILE #"
    output = must_run("make", "verify", show, cwd=lab, env={"ANSIBLE_VAULT_PASSWORD_FILE": "/key"})
    assert "/key" in output.splitlines()


def test_variables_of_the_shell_are_no_arguments_of_make(lab):
    callers = {"CHAIN": "maybe", "N": "many", "PROGRAMS": "none", "PYTHON": "/nonexistent"}
    commands = must_run("make", "--dry-run", "traffic", cwd=lab, env=callers)
    assert "traffic_requests=10 -e traffic_chain=0" in commands
    assert "start none" not in must_run("make", "--dry-run", "local", cwd=lab, env=callers)


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/verify.yml", "playbooks/local.yml"])
def test_playbooks_find_their_roles_from_any_folder(clone, playbook, tmp_path):
    # Another installation of the collection, which must not be taken for the clone's.
    other = tmp_path / "ansible_collections/otel_lab/tracing/roles/jaeger/tasks"
    other.mkdir(parents=True)
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_ROLES_PATH": "/nonexistent"}
    inventory = f"--inventory={clone}/inventory/local.yml"
    command = clone / ".venv/bin/ansible-playbook", inventory, "--list-tasks", clone / playbook
    assert "otel_lab.tracing." in must_run(*command, cwd=Path("/"), env=environment)


def test_the_address_of_the_report_can_be_opened(lab):
    (lab / "report.md").write_text("a report\n")
    output = must_run("make", "report", "on_lab=true", cwd=lab)
    (lab / "report.md").unlink()
    assert (lab / "report.html").as_uri() in output


def test_a_lab_of_another_user_is_not_taken_for_none(lab):
    # Root reads everything, unless it may not.
    powers = "setpriv", "--bounding-set=-dac_override,-dac_read_search"
    (lab / ".lab").chmod(0)
    try:
        # Nor are the tools installed, which only the owner could.
        (lab / ".venv/.complete").unlink()
        status = run(*(powers if os.geteuid() == 0 else ()), "make", "status", cwd=lab)
    finally:
        (lab / ".lab").chmod(0o755)
        (lab / ".venv/.complete").touch()
    message = f"The lab in {lab}/.lab belongs to {getpass.getuser()}"
    output = assert_failed(status, message, "sudo make status")
    assert "There is no lab" not in output
    assert "Installing" not in output


def test_ssh_uses_the_labs_key_only(tmp_path):
    folder = tmp_path / "it's 100% mine"
    folder.mkdir()
    machine = {"name": "lab", "address": "10.201.0.2"}
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"lab_directory": str(folder), "lab_machines": [machine]},
            "tasks": [
                {
                    "ansible.builtin.template": {
                        "src": f"{REPOSITORY}/lab/templates/ssh_config.j2",
                        "dest": f"{folder}/ssh_config",
                        "mode": "0644",
                    }
                }
            ],
        }
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    must_run("ansible-playbook", "--connection=local", tmp_path / "play.yml")
    shown = must_run("ssh", "-F", folder / "ssh_config", "-G", "lab")
    # ssh shows some paths as they are written, and others as it uses them.
    options = shown.replace("%%", "%").splitlines()
    assert [option for option in options if option.startswith("identityfile ")] == [
        f"identityfile {folder}/lab/id_ed25519"
    ]
    assert {
        "hostname 10.201.0.2",
        "user lab",
        "identitiesonly yes",
        "identityagent none",
        f"userknownhostsfile {folder}/known_hosts",
    } <= set(options)


def test_requests_to_the_lab_use_no_proxy(http_server, monkeypatch):
    for name, value in DEAD_PROXY.items():
        monkeypatch.setenv(name, value)
    # Read once by a process otherwise.
    monkeypatch.setattr(urllib.request, "_opener", None)
    http_server.answers = {
        "/cars": (200, b"[]"),
        "/api/traces/1": (200, b'{"data": [{"traceID": "1"}]}'),
    }
    assert send({"url": f"{http_server.url}/cars"}, 5)["status"] == 200
    assert read_trace(http_server.url, "1") == {"traceID": "1"}


def test_a_release_is_downloaded_as_its_settings_say(http_server, tmp_path):
    elsewhere = "http://jaeger.example.org"
    hosts = {
        "direct": {"jaeger_release_url": http_server.url},
        "proxied": {"jaeger_release_url": elsewhere, "jaeger_download_proxy": http_server.url},
    }
    for name, settings in hosts.items():
        settings |= {"jaeger_releases_directory": str(tmp_path / name)}
    inventory = {"all": {"hosts": hosts, "vars": LOCAL}}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    role = {"name": "otel_lab.tracing.jaeger", "tasks_from": "download"}
    play = {"hosts": "all", "vars": {"jaeger_download_environment_proxy": False}}
    play["tasks"] = [{"ansible.builtin.include_role": role}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    command = "ansible-playbook", "-i", tmp_path / "inventory.yml", tmp_path / "play.yml"
    environment = DEAD_PROXY | {"ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections")}
    # The server has no release.
    said = failures(run(*command, env=environment).stdout)
    assert sorted(said) == sorted(hosts)
    assert all("HTTP Error 404" in text for text in said.values()), said
    assert {request.path.rpartition("-linux-")[0] for request in http_server.received} == {
        f"{address}/jaeger-{VERSION}" for address in ("", elsewhere)
    }


def tasks_of(content: Any) -> Iterator[dict[str, Any]]:
    """Yield each task in what was read from a file of tasks or plays."""
    if isinstance(content, list):
        for item in content:
            yield from tasks_of(item)
    elif isinstance(content, dict):
        yield content
        for value in content.values():
            yield from tasks_of(value)


def test_every_request_of_a_playbook_says_whether_it_uses_a_proxy():
    listing = must_run("git", "ls-files", "*.yml").splitlines()
    requests = {
        (name, arguments.get("url")): arguments
        for name in listing
        if name.startswith(("lab/", "molecule/", "playbooks/", "roles/", "site.yml"))
        for task in tasks_of(list(yaml.safe_load_all((REPOSITORY / name).read_text())))
        for module in ("ansible.builtin.uri", "ansible.builtin.get_url")
        if isinstance(arguments := task.get(module), dict)
    }
    assert len(requests) > 5
    assert [place for place, arguments in requests.items() if "use_proxy" not in arguments] == []


def test_no_script_starts_in_a_folder_that_ansible_would_not_quote():
    listing = must_run("git", "ls-files", "*.yml").splitlines()
    scripts = [
        (name, task["ansible.builtin.script"])
        for name in listing
        if name.startswith(("lab/", "molecule/", "playbooks/", "roles/"))
        for task in tasks_of(list(yaml.safe_load_all((REPOSITORY / name).read_text())))
        if "ansible.builtin.script" in task
    ]
    assert len(scripts) > 2
    assert [script for script in scripts if "{{" in script[1].get("chdir", "")] == []


@pytest.fixture
def index(tmp_path) -> tuple[dict[str, str], str]:
    """pip's index settings and a requirement that only they can satisfy."""
    wheel = tmp_path / "index/tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/go/bin/go", "")
        archive.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)}
    return settings, f"tiny==1.0 --hash=sha256:{digest}\n"


@pytest.fixture(params=["variables", "file"])
def pip_places(request, tmp_path) -> dict[str, str]:
    """Where the user has pip install, in variables or in pip's configuration file."""
    places = {name: str(tmp_path / name) for name in ("prefix", "root", "target")}
    if request.param == "variables":
        return {f"PIP_{name.upper()}": value for name, value in {"user": "1", **places}.items()}
    lines = [f"{name} = {value}\n" for name, value in {"user": "true", **places}.items()]
    (tmp_path / "pip.conf").write_text("".join(["[install]\n", *lines]))
    return {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}


def test_packages_go_into_the_clones_environment(tmp_path, index, pip_places):
    settings, requirement = index
    (tmp_path / "app").mkdir()
    (tmp_path / "app/requirements.txt").write_text(requirement)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    make = "make", f"--file={REPOSITORY / 'Makefile'}", "--old-file=.venv/.complete"
    must_run(*make, ".venv-app/.complete", cwd=tmp_path, env=settings | pip_places)
    assert list(tmp_path.glob(".venv-app/lib/*/site-packages/tiny"))
    expected = {".venv", ".venv-app", "app", "index", "pip.conf"}
    assert {path.name for path in tmp_path.iterdir()} <= expected


@pytest.mark.parametrize("pip_places", ["variables"], indirect=True)
def test_the_toolchain_goes_into_the_mirror(tmp_path, index, pip_places):
    settings, requirement = index
    (tmp_path / "requirements.txt").write_text(requirement)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    build = REPOSITORY / MIRROR_SOURCE / "build"
    command = build, "toolchain", sys.executable, tmp_path / "requirements.txt"
    must_run(*command, cwd=mirror, env=settings | pip_places)
    assert (mirror / "toolchain/tiny/go/bin/go").exists()
    assert {path.name for path in mirror.iterdir()} == {"toolchain", "lock"}


def test_the_wheelhouse_is_for_the_host_whatever_pip_installs_elsewhere(monkeypatch):
    monkeypatch.setenv("PIP_PYTHON", "/nonexistent")
    assert build_wheelhouse.start_pip("--version").wait() == 0


def test_the_callers_settings_of_go_do_not_change_the_programs(tmp_path):
    answer = 'if [ "$1" = env ]; then echo "$GOPROXY"; exit; fi'
    script(tmp_path / "toolchain/go/bin/go", answer, "env >go-environment", ": >program.part")
    callers = {"GOROOT": "/nonexistent", "GO111MODULE": "off", "GOFLAGS": "-race", "GOOS": "plan9"}
    build = REPOSITORY / MIRROR_SOURCE / "build"
    command = build, "program", tmp_path, "arm64", "example.org/program", "programs/program", ""
    must_run(*command, cwd=tmp_path, env=callers | {"GOPROXY": "http://proxy.example.org,direct"})
    lines = set((tmp_path / "go-environment").read_text().splitlines())
    assert {"GOROOT=", "GO111MODULE=on", "GOFLAGS=-mod=readonly", "GOOS=linux"} <= lines
    assert "GOPROXY=http://proxy.example.org" in lines


def test_other_users_can_read_the_mirror_whatever_the_umask_is(tmp_path):
    (tmp_path / "jaeger-1-linux-amd64.tar.gz").touch()
    build = REPOSITORY / MIRROR_SOURCE / "build"
    must_run("sh", "-c", 'umask 077; "$0" sums . sums.txt', build, cwd=tmp_path)
    assert (tmp_path / "sums.txt").stat().st_mode & 0o777 == 0o644


def test_other_users_can_read_a_machines_files_whatever_the_umask_is(tmp_path, monkeypatch):
    for program in "chroot", "chown", "install", "ssh-keygen":
        script(tmp_path / "bin" / program)
    folders = "etc/apt/apt.conf.d etc/apt/auth.conf.d etc/sudoers.d usr/local/share/ca-certificates"
    # As the real one does, it sets the umask for what it creates, and fails in such a path.
    make = f'for folder in {folders}; do mkdir -p "$4/$folder"; done'
    script(tmp_path / "bin/debootstrap", 'umask 022; case $4 in *" "*) exit 1; esac', make)
    # Only root may create a namespace.
    script(tmp_path / "bin/unshare", "shift", 'exec "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("PASSWORD", "")
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    files = REPOSITORY / "roles/nspawn_host/files"
    base, machine = tmp_path / "it's 100% mine/base", tmp_path / "it's 100% mine/lab"
    machine.mkdir(parents=True)
    (machine / "id_ed25519.pub").touch()
    for command in ("build-base", "trixie", "mirror", base), ("make-tree", base, "lab", machine):
        must_run("sh", "-c", 'umask 077; "$0" "$@"', files / command[0], *command[1:], cwd=tmp_path)
    podman = "etc/containers/containers.conf.d/nspawn.conf"
    for name in "etc/hosts", "etc/hostname", "etc/environment", "etc/machine-id", podman:
        assert (machine / "root" / name).stat().st_mode & 0o777 == 0o644, name


ANY_MODE = {
    *("CAR_APP_DATABASE_URL", "CAR_APP_SLEEP_SECONDS", "LC_ALL", "OTEL_BSP_SCHEDULE_DELAY"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION"),
    *("OTEL_PYTHON_LOG_CORRELATION", "OTEL_RESOURCE_ATTRIBUTES", "PATH"),
}
LOCAL_PROGRAMS = {
    "jaeger": {"LC_ALL", "OTEL_TRACES_SAMPLER"},
    "manual": ANY_MODE | {"CAR_APP_NEXT_URL"},
    "programmatic": ANY_MODE | {"CAR_APP_NEXT_URL"},
    "automatic": ANY_MODE,
}
FOREIGN = {
    "COLLECTOR_OTLP_ENABLED": "false",
    "FLASK_APP": "other",
    "OTEL_PROPAGATORS": "b3",
    "OTEL_SDK_DISABLED": "true",
    "PGHOST": "db.example.org",
    "PORT": "any",
    "PYTHONPATH": "/nonexistent",
    "QUERY_BASE_PATH": "/other",
}


def test_the_programs_of_make_local_get_nothing_of_the_terminals_environment(clone):
    # As playbooks/local.yml does, but without looking for a release of Jaeger and at the ports.
    tasks = [
        {
            "ansible.builtin.import_role": {
                "name": f"otel_lab.tracing.{role}",
                "tasks_from": "endpoints",
            }
        }
        for role in ("jaeger", "car_app")
    ]
    procfile = {"src": "Procfile.j2", "dest": f"{clone}/.local/Procfile", "mode": "0644"}
    play = {"hosts": "localhost", "vars": {"jaeger_release": "jaeger"}}
    play["tasks"] = [*tasks, {"ansible.builtin.template": procfile}]
    (clone / "playbooks/procfile.yml").write_text(yaml.safe_dump([play]))
    (clone / ".local").mkdir()
    (clone / ".local/database.env").write_text("export CAR_APP_DATABASE_URL=sqlite://\n")
    command = ".venv/bin/ansible-playbook", "--inventory=inventory/local.yml"
    must_run(*command, "playbooks/procfile.yml", cwd=clone)
    # All users of the machine see what is in arguments.
    assert "CAR_APP_DATABASE_URL" not in (clone / ".local/Procfile").read_text()
    # The first that ends ends the others too.
    show = (
        "export PATH=/usr/bin:/bin",
        "echo $names",
        "echo >>.local/shown",
        "until [ $(wc -l <.local/shown) = 4 ]; do sleep 0.1; done",
    )
    names = "names=$(/usr/bin/env | /usr/bin/cut -d = -f 1)"
    programs = ".local/jaeger/jaeger-all-in-one", ".venv-app/bin/flask"
    for program in (*programs, ".venv-app/bin/opentelemetry-instrument"):
        script(clone / program, names, *show)
    (clone / ".venv-app/.complete").touch()
    script(clone / ".venv/bin/ansible-playbook", "true")
    local = run("make", "local", cwd=clone, env=FOREIGN | DEAD_PROXY).stdout
    # The shell of the stand-ins adds PWD.
    shown = {
        name: set(variables.split()) - {"PWD"}
        for name, variables in re.findall(r"^\S+ ((?!proof)\w+)\.1 +\| (.+)$", local, re.MULTILINE)
    }
    assert shown == LOCAL_PROGRAMS, local
