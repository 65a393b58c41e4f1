"""`make traffic`: the requests that it sends, and Jaeger's graph of dependencies after them."""

import json
import re
import time
from collections import Counter
from itertools import pairwise

from compare_traces import DIRECT
from tests.support.commands import assert_failed, wait_for
from tests.support.lab import Lab


def test_it_sends_the_chosen_number_of_requests(lab):
    assert lab.must_make("traffic", "N=3").count("3 requests answered") == 3


def test_a_number_out_of_range_is_refused(lab):
    assert_failed(lab.make("traffic", "N=1000000"), "must be from 1 to 10000")


def calls(lab: Lab) -> Counter:
    """Return how often each service called each other one, by Jaeger's graph of dependencies."""
    query = f"endTs={time.time_ns() // 10**6}&lookback=86400000"
    with DIRECT.open(f"{lab.jaeger}/api/dependencies?{query}", timeout=10) as answer:
        links = json.load(answer)["data"]
    return Counter({(link["parent"], link["child"]): link["callCount"] for link in links})


def test_requests_through_the_chain_are_in_jaegers_graph_of_dependencies(lab):
    before = calls(lab)
    output = lab.must_make("traffic", "CHAIN=1", "N=3")
    assert re.findall(r"([\w-]+): 3 requests answered", output) == ["car-manual"]
    modes = ["server_manual", "server_programmatic", "server_automatic"]
    expected = Counter(list(pairwise(modes)) * 3)
    wait_for(lambda: calls(lab) - before == expected)
