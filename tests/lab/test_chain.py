"""/chain: a request through all modes, and what becomes of its trace where it is changed."""

from tests.support import contract
from tests.support.contract import MODULE
from tests.support.lab import Lab, drop_in, edited, playbook_with, stopped, wait_for_spans


def chain_from(lab: Lab, unit: str, count: int) -> tuple[dict, list[dict]]:
    """Request a unit's /chain; return the response, and the trace's `count` spans, root first."""
    response = lab.send(unit, "/chain")
    nodes, path = wait_for_spans(lab, response["trace_id"], count), []
    while nodes:
        path += nodes
        nodes = nodes[0]["children"]
    return response, path


def test_an_unreachable_service_is_an_error_in_every_service_before_it(lab):
    with stopped(lab, "car-automatic.socket"):
        response, path = chain_from(lab, "car-manual", 4)
    assert response["status"] == 500
    answered, refused = ("error", ["urllib.error.HTTPError"]), ("error", ["urllib.error.URLError"])
    found = [(span["status"], span["exceptions"]) for span in path]
    assert found == [answered, answered, refused, refused]
    for unit in "car-manual", "car-programmatic":
        error = f"'trace_id={response['trace_id']} .*Exception on /chain'"
        lab.ssh(f"journalctl --no-pager --unit={unit} --grep={error}")


def test_the_automatic_mode_calls_the_next_and_passes_the_trace_on_too(lab):
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


def test_a_service_on_loopback_may_call_one_that_is_open(lab):
    settings = {
        "car_app_manual_bind": "127.0.0.1:8082",
        "car_app_programmatic_bind": f"{lab.address}:8083",
    }
    with playbook_with(lab, contract.CAR_APP, **settings):
        # Not every kernel enforces what it says.
        denied = lab.ssh("systemctl show car-manual --property=IPAddressDeny --value")
        lab.must_play(contract.VERIFY, **settings)
    assert denied.strip() == ""


def test_the_report_shows_a_chain_that_ends_early(lab):
    with edited(lab, "car-manual", "s/inject(call.headers)/pass/", MODULE.format("manual")):
        report = lab.must_make("report")
    assert "This trace ends in `server_manual`" in report
