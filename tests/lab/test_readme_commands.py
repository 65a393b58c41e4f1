"""README's commands to run one script at a time: each server sends its trace to Jaeger alone."""

import re

import pytest

from compare_traces import read_trace, span_tree
from send_requests import send
from tests.support.commands import wait_for
from tests.support.contract import CARS
from tests.support.readme import BLOCKS, CONTINUE_TRACE, FAIL_QUERY
from tests.support.terminal import Terminal

MANUAL, *OTHERS = [block for block in BLOCKS if "server_" in block]


@pytest.mark.parametrize(
    "script",
    [MANUAL, *OTHERS, MANUAL.replace("manual", "programmatic")],
    ids=["manual", "automatic by flags", "automatic by variables", "programmatic"],
)
def test_each_script_runs_by_itself_and_sends_its_trace(clone, jaeger_alone, script):
    service = re.findall(r"(server_\w+)\.py", script)[-1]
    server = Terminal(clone, script.strip())
    responses = []

    def answers() -> bool:
        responses.append(send({"url": "http://127.0.0.1:8082/cars"}, 10))
        return responses[-1]["status"] == 200

    server.read_until(answers)
    response = responses[-1]
    trace = wait_for(lambda: read_trace(jaeger_alone, response["trace_id"]))
    server.sendintr()
    server.exit_code()
    root = span_tree(trace)[0]
    assert (root["service"], root["kind"]) == (service, "server")
    assert root["parent"] == response["span_id"]


def test_a_trace_of_ones_own_is_continued(lab):
    assert "Volvo" in lab.ssh(CONTINUE_TRACE)
    trace_id, span_id = re.search(r"00-(\w+)-(\w+)-01", CONTINUE_TRACE).groups()
    trace = wait_for(lambda: read_trace(lab.jaeger, trace_id))
    assert span_tree(trace)[0]["parent"] == span_id


def test_a_query_fails_without_the_database_and_succeeds_with_it_again(lab):
    assert "Internal Server Error" in lab.ssh(FAIL_QUERY)
    assert [lab.status(unit) for unit in CARS] == [200] * len(CARS)
