"""The model of docs/scaling.md, and the page."""

import json
import sys

import pytest

from bench import scaling
from bench.scaling import CAPACITY, PAGE, Part, max_rate, max_ratio, need, percent, plan, write_page

CASSANDRA = Part("cassandra", copies=3, days=2)
CAPACITY_OF_ONE = {
    "cpu_us": {"collector": 10.0, "cassandra": 400.0},
    "bytes": {"cassandra": 250},
}


def test_a_part_is_no_busier_than_half():
    # 10 000 times 400 µs, three times, are 12 cores: half of six machines of four.
    found = need(CASSANDRA, CAPACITY_OF_ONE, 10_000)
    assert (found.machines, found.load, found.load_without_one) == (6, 0.5, 0.6)


def test_a_machine_more_is_needed_for_the_rest():
    assert need(CASSANDRA, CAPACITY_OF_ONE, 10_001).machines == 7


@pytest.mark.parametrize(("part", "machines"), [(Part("collector"), 2), (CASSANDRA, 3)])
def test_one_may_fail_however_few_spans_there_are(part, machines):
    assert need(part, CAPACITY_OF_ONE, 1).machines == machines


def test_an_engine_keeps_each_copy_for_some_days():
    # Three copies of 10 000 times 250 bytes, for 172 800 s, on six machines.
    assert need(CASSANDRA, CAPACITY_OF_ONE, 10_000).disk_gb == pytest.approx(216)
    assert need(Part("collector"), CAPACITY_OF_ONE, 10_000).disk_gb == 0


def test_parts_of_one_machine_share_its_cores():
    assert max_rate(["collector", "cassandra"], CAPACITY_OF_ONE, 2) == pytest.approx(2e6 / 410)


@pytest.mark.parametrize(("rate", "ratio"), [(10_000, 0.5), (100_000, 0.05), (1_000, 1)])
def test_sampling_leaves_what_the_storage_can_take(monkeypatch, rate, ratio):
    monkeypatch.setattr(scaling, "SETUPS", {"Cassandra": [Part("collector"), CASSANDRA]})
    assert max_ratio("Cassandra", CAPACITY_OF_ONE, rate, 3) == pytest.approx(ratio)


@pytest.mark.parametrize(("ratio", "text"), [(1, "100 %"), (0.104, "10 %"), (0.0033, "0.3 %")])
def test_a_percentage_has_digits_enough(ratio, text):
    assert percent(ratio) == text


def test_a_plan_has_every_part_of_the_set_up():
    capacity = json.loads(CAPACITY.read_text())
    for setup, parts in scaling.SETUPS.items():
        assert [each.part for each in plan(setup, capacity, 1e4)] == [part.name for part in parts]


def test_the_command_shows_another_number_of_spans(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scaling", "50000"])
    scaling.main()
    output = capsys.readouterr().out
    assert "| 50,000 spans a second |" in output
    assert output.count("cassandra |") == 4


def test_the_committed_page_shows_the_committed_costs(tmp_path):
    page = tmp_path / PAGE.name
    page.write_text(PAGE.read_text())
    write_page(json.loads(CAPACITY.read_text()), page)
    assert page.read_text() == PAGE.read_text()
