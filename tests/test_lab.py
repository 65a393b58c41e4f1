"""The lab on its host: what README's commands promise, and that verify notices what is wrong."""

import json
import os
import re
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager

import pytest
from conftest import CARS, ENDPOINTS, UNITS, Lab, changes, has_trace, run, wait_for

from compare_traces import read_trace, span_tree
from send_requests import send


@pytest.mark.parametrize("program, answer", [("uname", "Darwin"), ("id", "1000")])
def test_make_lab_names_the_other_doors_on_a_machine_that_cannot_do_it(
    clone, tmp_path, program, answer
):
    (tmp_path / program).write_text(f"#!/bin/sh\necho {answer}\n")
    (tmp_path / program).chmod(0o755)
    before = sorted(clone.iterdir())
    refused = run("make", "lab", cwd=clone, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert refused.returncode != 0
    for door in "make local", "vagrant up", "ansible-playbook -i <inventory> site.yml":
        assert door in refused.stdout
    assert sorted(clone.iterdir()) == before


def test_make_lab_ends_with_every_service_its_state_and_its_address(lab):
    for name, address in ENDPOINTS.items():
        assert f"{name} {address.format(lab.address)} is active, answers" in lab.made
    assert "Next: make verify" in lab.made


def test_make_lab_applies_a_setting_of_its_file(lab):
    file = lab.clone / "playbooks/vars/lab.yml"
    before = file.read_text()
    file.write_text(
        before.replace("lab_settings:\n", "lab_settings:\n  car_app_sleep_seconds: 0\n")
    )
    try:
        assert lab.make("lab").returncode == 0
        assert "CAR_APP_SLEEP_SECONDS=0 " in lab.ssh("systemctl show -P Environment car-manual")
    finally:
        file.write_text(before)
        assert lab.make("lab").returncode == 0


def test_a_second_make_lab_changes_nothing(lab):
    again = lab.make("lab")
    assert again.returncode == 0, again.stdout
    assert set(changes(again.stdout)) == {0}, again.stdout


def test_status_prints_a_line_for_each_endpoint_and_each_answers(lab):
    status = lab.make("status")
    assert status.returncode == 0, status.stdout
    expected = {name: address.format(lab.address) for name, address in ENDPOINTS.items()}
    assert dict(line.split(" ") for line in status.stdout.splitlines()) == expected
    for address in expected.values():
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.status == 200


def test_status_fails_when_an_endpoint_does_not_answer(lab):
    with stopped(lab, "car-programmatic.socket"):
        status = lab.make("status")
    assert status.returncode != 0
    assert "car-programmatic does not answer" in status.stdout


def test_make_traffic_sends_the_chosen_number_of_requests(lab):
    traffic = lab.make("traffic", "N=3")
    assert traffic.returncode == 0, traffic.stdout
    assert traffic.stdout.count("3 requests answered") == 3


def test_make_traffic_refuses_a_number_without_bound(lab):
    traffic = lab.make("traffic", "N=1000000")
    assert traffic.returncode != 0
    assert "must be from 1 to 10000" in " ".join(traffic.stdout.split())


def calls(lab: Lab) -> Counter:
    """How often each service called each other one, as Jaeger's graph of dependencies has it."""
    query = f"endTs={time.time_ns() // 10**6}&lookback=86400000"
    url = f"http://{lab.address}:16686/api/dependencies?{query}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        links = json.load(answer)["data"]
    return Counter({(link["parent"], link["child"]): link["callCount"] for link in links})


def test_traffic_through_the_chain_is_in_jaegers_graph_of_dependencies(lab):
    before = calls(lab)
    traffic = lab.make("traffic", "CHAIN=1", "N=3")
    assert traffic.returncode == 0, traffic.stdout
    assert re.findall(r"([\w-]+): 3 requests answered", traffic.stdout) == ["car-manual"]
    links = [
        ("server_manual", "server_programmatic"),
        ("server_programmatic", "server_automatic"),
    ]
    assert wait_for(lambda: calls(lab) - before == Counter(links * 3)), (before, calls(lab))


def test_make_shell_opens_a_shell_on_the_host(lab):
    shell = run("sh", "-c", "echo hostname | make --no-print-directory shell", cwd=lab.clone)
    assert shell.returncode == 0, shell.stdout
    assert "lab" in shell.stdout.splitlines()


def test_the_programs_are_the_mirrors(lab, mirror):
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[lab.ssh("uname -m").strip()]
    sums = mirror / f"download/v1.57.0/jaeger-1.57.0-linux-{architecture}.sha256sum.txt"
    expected = {
        line.split(" *jaeger-1.57.0")[1].split("/")[1]: line.split()[0]
        for line in sums.read_text().splitlines()
    }
    found = lab.ssh(f"cd /usr/local/bin && sha256sum {' '.join(expected)}")
    assert {line.split()[1]: line.split()[0] for line in found.splitlines()} == expected
    assert '"gitVersion":"v1.57.0"' in lab.ssh("/usr/local/bin/jaeger-all-in-one version")


def test_only_root_can_write_what_the_services_run(lab):
    loose = lab.ssh(
        "find /usr/local/bin /opt/jaeger /opt/car-app /etc/systemd/system/jaeger.service"
        " /etc/systemd/system/car-*.service ! -type l"
        " \\( ! -user root -o ! -group root -o -perm /022 \\)"
    )
    assert loose == ""
    assert lab.ssh("stat -c %a /usr/local/bin/jaeger-all-in-one").strip() == "755"


def test_packages_are_there_as_bytecode_that_knows_its_place(lab):
    python = lab.ssh("ls /opt/car-app/environment-*/bin/python").strip()
    packages = lab.ssh("ls -d /opt/car-app/environment-*/lib/python3*/site-packages").strip()
    show = "import flask; print(flask.Flask.__init__.__code__.co_filename)"
    said = lab.ssh(f"{python} -v -c '{show}' 2>&1")
    assert f"\n{packages}/flask/app.py\n" in said
    compiled = re.findall(rf"# code object from '?({packages}/\S+\.py)'?\n", said)
    assert compiled == []
    assert f"code object from '{packages}/flask/__pycache__/app.cpython-" in said


def test_the_services_have_users_of_their_own_and_restart_by_themselves(lab):
    for unit in UNITS:
        shown = lab.ssh(f"systemctl show {unit} --property=User,Restart,UnitFileState,After")
        properties = dict(line.split("=", 1) for line in shown.splitlines())
        assert properties["User"] == ("jaeger" if unit == "jaeger" else "car-app")
        assert properties["Restart"] == "always"
        assert properties["UnitFileState"] == "enabled"
        assert unit == "jaeger" or "jaeger.service" in properties["After"].split()
    for user in "jaeger", "car-app":
        assert lab.ssh(f"getent passwd {user}").strip().endswith("/nologin")


def test_only_root_reads_the_databases_url(lab):
    assert lab.ssh("stat -c '%a %U' /etc/car-app/environment").split() == ["600", "root"]
    assert "CAR_APP_DATABASE_URL" not in lab.ssh("systemctl cat 'car-*' --no-pager")


def test_verify_passes(lab):
    verified = lab.make("verify")
    assert verified.returncode == 0, verified.stdout


def test_a_failed_query_leaves_its_traceback_in_the_journal_in_every_mode(lab):
    # verify, just before, locked the database for a while.
    for unit in CARS:
        journal = lab.ssh(f"journalctl --no-pager --output=cat --unit={unit}")
        assert "Traceback (most recent call last)" in journal, unit
        assert "sqlite3.OperationalError: database is locked" in journal, unit


@pytest.mark.parametrize("unit", CARS)
def test_a_log_line_leads_to_its_trace(lab, unit):
    response = send({"url": ENDPOINTS[unit].format(lab.address)}, timeout=10)
    journal = lab.ssh(f"journalctl --no-pager --output=cat --unit={unit} --grep=trace_id=")
    ids = re.findall(r"trace_id=(\w+) span_id=(\w+).* Found 5 cars$", journal, re.MULTILINE)
    spans = dict(ids).get(response["trace_id"])
    assert spans, journal
    assert wait_for(lambda: has_trace(lab, response["trace_id"]))
    trace = read_trace(ENDPOINTS["jaeger-ui"].format(lab.address).rstrip("/"), response["trace_id"])
    server = [s for s in trace["spans"] if s["references"][0]["spanID"] == response["span_id"]]
    assert [span["spanID"] for span in server] == [spans]


@contextmanager
def changed(lab: Lab, unit: str, command: str, undo: str):
    """Run a unit with what a command changed, and afterwards as a second one puts it back."""
    restart = f"systemctl daemon-reload && systemctl restart {unit}"
    lab.ssh(command)
    try:
        lab.ssh(restart)
        yield
    finally:
        lab.ssh(f"{undo} && {restart}")


def drop_in(lab: Lab, unit: str, *lines: str):
    """Run a unit with some settings of its [Service] section changed."""
    folder = f"/run/systemd/system/{unit}.service.d"
    content = "\\n".join(("[Service]", *lines))
    write = f"mkdir -p {folder} && printf '{content}\\n' > {folder}/test.conf"
    return changed(lab, unit, write, f"rm -r {folder}")


def edited(lab: Lab, unit: str, command: str, path: str):
    """Run a unit with a file that it uses edited by a sed command."""
    edit = f"sed -i.orig '{command}' {path} && ! cmp -s {path} {path}.orig"
    return changed(lab, unit, edit, f"mv {path}.orig {path}")


@contextmanager
def stopped(lab: Lab, unit: str):
    """Run the host without a unit, and without the service that needs it, for a while."""
    lab.ssh(f"systemctl stop {unit}")
    try:
        yield
    finally:
        lab.ssh(f"systemctl start {unit} {unit.removesuffix('.socket')}")


@contextmanager
def played(lab: Lab, playbook: str, settings: dict[str, str]):
    """Run a playbook with other settings, and at the end once more without them."""
    try:
        lab.must_play(playbook, "-e", json.dumps(settings))
        yield
    finally:
        lab.must_play(playbook)


# Where a mode's module is, to a shell on the host.
MODULE = "$(systemctl show car-{0} --property=WorkingDirectory --value)/server_{0}.py"


def faults(lab: Lab):
    """Each fault that verify is there for, and words of the message that it must end with."""
    manual, programmatic = MODULE.format("manual"), MODULE.format("programmatic")
    automatic = "/etc/systemd/system/car-automatic.service"
    listener = 'ExecStartPost=/bin/sh -c "python3 -m http.server --bind 127.0.0.1 9999 &"'
    return {
        "a service is stopped": (
            stopped(lab, "car-manual.socket"),
            '"car-manual.service": "inactive"',
        ),
        "a socket is not declared": (drop_in(lab, "car-manual", listener), "127.0.0.1:9999"),
        "a span is missing": (
            edited(lab, "car-manual", "/current_span(.some_func_two/d", manual),
            "- server_manual: some_func_two",
        ),
        "a span is too many": (
            edited(
                lab,
                "car-automatic",
                "s/instrumentations sqlite3,psycopg/instrumentations none/",
                automatic,
            ),
            "+ server_automatic: SELECT",
        ),
        "an attribute is another": (
            edited(lab, "car-manual", "s/span.set_attribute(.*/pass/", manual),
            "http.status_code",
        ),
        "the next service is not called": (
            drop_in(lab, "car-programmatic", "Environment=CAR_APP_NEXT_URL="),
            "- server_automatic: GET /chain [server]",
        ),
        "the trace's ids are not sent along by hand": (
            edited(lab, "car-manual", "s/inject(call.headers)/pass/", manual),
            "- server_programmatic: GET /chain [server]",
        ),
        "the trace's ids are not sent along by a library": (
            edited(lab, "car-programmatic", "/^URLLibInstrumentor/d", programmatic),
            "- server_programmatic: GET [client]",
        ),
        "a service sends nothing": (
            drop_in(lab, "car-programmatic", "Environment=OTEL_SDK_DISABLED=true"),
            "+ (no trace)",
        ),
    }


@pytest.mark.parametrize(
    "fault",
    [
        "a service is stopped",
        "a socket is not declared",
        "a span is missing",
        "a span is too many",
        "an attribute is another",
        "the next service is not called",
        "the trace's ids are not sent along by hand",
        "the trace's ids are not sent along by a library",
        "a service sends nothing",
    ],
)
def test_verify_fails_when(lab, fault):
    broken, message = faults(lab)[fault]
    with broken:
        verified = lab.make("verify")
    assert verified.returncode != 0
    # Folded, as Ansible breaks long lines and the tree is indented.
    assert message in " ".join(verified.stdout.split()), verified.stdout


def chain_from(lab: Lab, unit: str, count: int) -> tuple[dict, list[dict]]:
    """Ask a unit's /chain; return the response, and the trace's `count` spans, each in the last."""
    url = ENDPOINTS[unit].format(lab.address).replace("/cars", "/chain")
    response = send({"url": url}, timeout=30)
    jaeger = ENDPOINTS["jaeger-ui"].format(lab.address).rstrip("/")

    def spans():
        trace = read_trace(jaeger, response["trace_id"])
        return trace and len(trace["spans"]) == count and span_tree(trace)

    nodes = wait_for(spans)
    assert nodes, response
    path = []
    while nodes:
        path += nodes
        nodes = nodes[0]["children"]
    return response, path


def test_a_service_that_cannot_be_reached_is_an_error_of_all_that_wait_for_it(lab):
    with stopped(lab, "car-automatic.socket"):
        response, path = chain_from(lab, "car-manual", 4)
    assert response["status"] == 500
    answered, refused = ("error", ["urllib.error.HTTPError"]), ("error", ["urllib.error.URLError"])
    found = [(span["status"], span["exceptions"]) for span in path]
    assert found == [answered, answered, refused, refused]
    for unit in "car-manual", "car-programmatic":
        error = f"'trace_id={response['trace_id']} .*Exception on /chain'"
        lab.ssh(f"journalctl --no-pager --unit={unit} --grep={error}")


def test_the_automatic_mode_calls_and_hands_the_trace_on_too(lab):
    with (
        drop_in(lab, "car-programmatic", "Environment=CAR_APP_NEXT_URL="),
        drop_in(lab, "car-automatic", "Environment=CAR_APP_NEXT_URL=http://127.0.0.1:8083/chain"),
    ):
        response, path = chain_from(lab, "car-automatic", 3)
    assert response["status"] == 200
    assert [(span["service"], span["name"], span["kind"]) for span in path] == [
        ("server_automatic", "GET /chain", "server"),
        ("server_automatic", "GET", "client"),
        ("server_programmatic", "GET /chain", "server"),
    ]


def test_a_service_that_is_open_to_nobody_may_call_one_that_is(lab):
    settings = {
        "car_app_manual_bind": "127.0.0.1:8082",
        "car_app_programmatic_bind": f"{lab.address}:8083",
    }
    with played(lab, "playbooks/cars.yml", settings):
        # Not every kernel enforces what it says.
        denied = lab.ssh("systemctl show car-manual --property=IPAddressDeny --value")
        lab.must_play("playbooks/verify.yml", "-e", json.dumps(settings))
    assert denied.strip() == ""


def test_the_report_shows_a_chain_that_ends_early(lab):
    with edited(lab, "car-manual", "s/inject(call.headers)/pass/", MODULE.format("manual")):
        made = lab.make("report")
    assert made.returncode == 0, made.stdout
    assert "This trace ends in `server_manual`" in made.stdout


def test_the_environment_form_of_the_automatic_mode_makes_the_same_traces(lab):
    with played(lab, "playbooks/cars.yml", {"car_app_automatic_configuration": "environment"}):
        assert "--traces_exporter" not in lab.ssh("systemctl cat car-automatic")
        verified = lab.make("verify")
        assert verified.returncode == 0, verified.stdout
    assert "--traces_exporter" in lab.ssh("systemctl cat car-automatic")


def test_a_run_makes_up_for_the_restart_that_an_interrupted_one_missed(lab):
    # The service runs with another unit than the one that is, and should be, installed.
    unit = "/etc/systemd/system/car-manual.service"
    lab.ssh(
        f"sed -i.orig s/OTLP_TIMEOUT=35/OTLP_TIMEOUT=36/ {unit} && systemctl daemon-reload"
        f" && systemctl restart car-manual && cp {unit}.orig {unit} && rm {unit}.orig"
    )
    lab.must_play("playbooks/cars.yml")
    process = "/proc/$(systemctl show car-manual --property=MainPID --value)/environ"
    assert "OTLP_TIMEOUT=35" in lab.ssh(f"tr '\\0' '\\n' < {process}")


def test_a_run_makes_up_for_the_restart_that_new_settings_missed(lab):
    # A file as an interrupted run would have left it: with the right content, but not yet in use.
    lab.ssh("touch /etc/car-app/environment")
    started = "systemctl show car-manual --property=ExecMainStartTimestampMonotonic"
    before = lab.ssh(started)
    lab.must_play("playbooks/cars.yml")
    assert lab.ssh(started) != before


def test_cars_that_cannot_reach_jaeger_run_and_say_so(lab, measured):
    """car_app_otlp_endpoint names a port where nobody listens
    The services run and answer, and the run ends with a warning that no trace will arrive"""
    elsewhere = lab.play("playbooks/cars.yml", "-e", "car_app_otlp_endpoint=http://127.0.0.1:4399")
    try:
        said = " ".join(elsewhere.stdout.split())
        assert elsewhere.returncode == 0, elsewhere.stdout
        assert (
            "WARNING: the services run, but lab does not reach car_app_otlp_endpoint "
            "(http://127.0.0.1:4399), so their traces are lost. Start Jaeger there"
        ) in said
        for unit in CARS:
            assert send({"url": ENDPOINTS[unit].format(lab.address)}, timeout=10)["status"] == 200
    finally:
        back = lab.must_play("playbooks/cars.yml")
    assert "WARNING" not in back
    measured("one warning, three answers")


def test_two_machines_do_not_disturb_each_other(lab, neighbour):
    # A service of the same name: it must neither be seen nor stopped from the other machine.
    neighbour.ssh("systemd-run --unit=car-manual sleep infinity")
    lab.ssh("systemctl restart car-manual")
    assert "Input/output error" not in lab.ssh("systemctl status car-manual --no-pager 2>&1")
    assert neighbour.ssh("systemctl is-active car-manual") == "active\n"
    assert lab.make("status").returncode == 0


def test_the_cars_answer_without_jaeger(lab):
    with stopped(lab, "jaeger"):
        for unit in CARS:
            response = send({"url": ENDPOINTS[unit].format(lab.address)}, timeout=10)
            assert response["status"] == 200, response


# What stays open, of systemd-analyze's list: the internet sockets and the host's network, which the
# services are there for; the host's root, of which nothing is writable; and the clock's device, to
# read, which ProtectClock= itself allows.
def test_services_that_are_open_to_nobody_are_exposed_by_one_point_at_most(lab):
    settings = {
        "jaeger_query_http_server_host_port": "127.0.0.1:16686",
        "car_app_manual_bind": "127.0.0.1:8082",
        "car_app_programmatic_bind": "127.0.0.1:8083",
        "car_app_automatic_bind": "127.0.0.1:8084",
    }
    with played(lab, "site.yml", settings):
        table = lab.ssh("systemd-analyze security --no-pager")
        lab.must_play("playbooks/verify.yml", "-e", json.dumps(settings))
    exposure = dict(re.findall(r"^(jaeger|car-\w+)\.service +([\d.]+)", table, re.MULTILINE))
    assert {unit: float(exposure[unit]) for unit in UNITS if float(exposure[unit]) > 1.0} == {}
