"""A claim is made if and only if the data supports it."""

import copy
import re

import pytest

from report.claims import CLAIMS, DIFFERENCES
from report.render import render_html, render_markdown
from report.texts import ATTRIBUTE_TEXTS, CLAIM_TEXTS, DIFFERENCE_TEXTS, LANGUAGES
from tests.support.page_words import PageWords
from tests.support.report_data import FLASK, QUERY, URLLIB, cost, span

TEXTS = {
    **CLAIM_TEXTS,
    **{f"why_{key}": texts.why for key, texts in DIFFERENCE_TEXTS.items()},
    **{f"why_{key}": text for key, text in ATTRIBUTE_TEXTS.items()},
}
# Claims of a lab as it should be; the others are their alternatives.
SUPPORTED = TEXTS.keys() - {
    *("libraries_differ", "durations_differ", "callers_trace_ends", "chain_ends_early"),
}


def made_claims(lab_data):
    """Return the claims of the report; page and Markdown must agree in every language."""
    report = lab_data.report()
    page = render_html(report)
    found = []
    for language in LANGUAGES:
        markdown = re.sub(r"[`*]", "", render_markdown(report, language))
        for output in PageWords(page, language).text, markdown:
            found.append({key for key, text in TEXTS.items() if is_made(text, language, output)})
    assert all(keys == found[0] for keys in found)
    return found[0]


def is_made(claim, language, output):
    """Whether an output makes a claim, with whatever values."""
    parts = re.split(r"\{\w+\}", re.sub(r"[`*]", "", getattr(claim, language)))
    return re.search(".+?".join(map(re.escape, parts)), output) is not None


def test_a_lab_as_it_should_be_supports_every_claim(lab_data):
    assert made_claims(lab_data) == SUPPORTED


def test_every_claim_has_a_text_and_every_text_a_claim():
    assert sorted(claim.key for claim in CLAIMS) == sorted(CLAIM_TEXTS)
    assert [difference.key for difference in DIFFERENCES] == list(DIFFERENCE_TEXTS)


CHANGES = []


def changes_claims(*keys):
    """Register a change to the lab, and the claims that it must withdraw or add."""

    def register(change):
        CHANGES.append(pytest.param(change, set(keys), id=change.__name__))
        return change

    return register


@changes_claims(
    *("only_manual_has_functions", "combine_them", "functions_sleep", "every_span_is_written"),
    *("why_functions", "why_covered_time"),
)
def manual_has_no_functions(lab):
    lab.manual.root["children"] = []


@changes_claims(
    *("only_manual_has_functions", "why_functions", "libraries_agree", "libraries_differ"),
    *("combine_them", "why_covered_time"),
)
def programmatic_has_a_function(lab):
    function = span("some_func_one", "internal", "cars", 1500, 998_500)
    lab.programmatic.root["children"].append(function)


@changes_claims(
    *("only_libraries_have_the_database", "combine_them", "every_span_is_written"),
    *("why_connection", "why_query"),
)
def manual_has_the_database(lab):
    spans = copy.deepcopy(lab.programmatic.root["children"])
    for one in spans:
        one["scope"] = "server_manual"
        one["attributes"].pop("otel.library.version")
    lab.manual.root["children"] += spans


@changes_claims("libraries_agree", "libraries_differ")
def automatic_has_each_query_twice(lab):
    sqlite3 = "opentelemetry.instrumentation.sqlite3"
    query = span("SELECT", "client", sqlite3, 1310, 100, attributes=QUERY)
    lab.automatic.root["children"].append(query)


@changes_claims("why_auto_version")
def automatic_does_not_mark_the_resource(lab):
    lab.automatic.root["resource"] = {}


@changes_claims("functions_sleep")
def a_function_works(lab):
    lab.automatic.module = lab.automatic.module.replace("    some_func_two()", "    sorted([])")


@changes_claims("functions_sleep")
def a_module_has_other_functions(lab):
    lab.programmatic.module = lab.programmatic.module.replace("some_func_two", "other_func")


@changes_claims("callers_trace_goes_on", "callers_trace_ends", "callers_span_is_not_recorded")
def automatic_ignores_the_caller(lab):
    lab.automatic.root["parent"] = "0"


@changes_claims("durations_agree", "durations_differ")
def a_request_takes_longer(lab):
    lab.automatic.root["duration"] *= 2


@changes_claims("why_http.route", "why_server_span")
def automatic_does_not_record_the_route(lab):
    del lab.automatic.root["attributes"]["http.route"]


@changes_claims("why_library_version")
def manual_has_a_library(lab):
    root = lab.manual.root
    root["scope"] = FLASK
    root["attributes"] |= {"otel.library.name": FLASK, "otel.library.version": "0.66b1"}


@changes_claims("no_telemetry_in_the_module", "calls_switch_libraries_on")
def nothing_adds_telemetry(lab):
    lab.automatic.unit = lab.manual.unit


@changes_claims("calls_switch_libraries_on")
def no_library_is_switched_on(lab):
    lab.programmatic.module = re.sub(".*Instrumentor.*\n", "", lab.programmatic.module)


@changes_claims("no_telemetry_in_the_module")
def the_automatic_module_has_telemetry(lab):
    lab.automatic.module += "import opentelemetry\n"
    lab.programmatic.module = lab.programmatic.module.replace("opentelemetry", "telemetry")


@changes_claims("every_span_is_written")
def a_written_span_is_not_recorded(lab):
    lab.manual.module += 'tracer.start_span("more")\n'


@changes_claims("every_span_is_written")
def the_chain_has_a_span_that_is_not_written(lab):
    lab.chain["children"].append(span("more", "internal", "server_manual", 0, 1))


@changes_claims("chain_is_one_trace", "chain_is_handed_on", "chain_ends_early")
def the_second_service_starts_its_own_trace(lab):
    lab.chain["children"][0]["children"] = []


@changes_claims("chain_is_one_trace", "chain_is_handed_on")
def the_chain_has_two_roots(lab):
    lab.chain_roots.append(span("GET /cars", "server", FLASK, 0, 1, service="server_automatic"))


@changes_claims("chain_is_one_trace", "chain_is_handed_on")
def the_call_is_no_client_span(lab):
    lab.chain["children"][0]["kind"] = "internal"


@changes_claims("chain_is_handed_on")
def a_library_makes_the_first_call(lab):
    lab.chain["children"][0]["scope"] = URLLIB


@changes_claims("chain_is_handed_on")
def the_header_is_not_written_by_hand(lab):
    lab.manual.module = lab.manual.module.replace("inject(", "instrument(")


@changes_claims("costs_differ")
def nothing_was_measured(lab):
    lab.costs = None


@changes_claims("costs_differ")
def all_modes_cost_the_same(lab):
    lab.costs["modes"] = dict.fromkeys(lab.costs["modes"], cost(74))


@changes_claims("failure_by_hand")
def the_manual_failure_has_a_status_code(lab):
    lab.manual.failure["attributes"]["http.status_code"] = "500"


@changes_claims("failure_waited")
def a_query_fails_at_once(lab):
    lab.automatic.failure["children"][0]["duration"] = 200


@changes_claims("failure_by_libraries", "failure_waited")
def a_failing_query_has_no_status(lab):
    lab.automatic.failure["children"][0]["status"] = "unset"


@changes_claims("failure_by_libraries")
def a_failure_has_the_status_of_the_stable_conventions(lab):
    attributes = lab.automatic.failure["attributes"]
    attributes["http.response.status_code"] = attributes.pop("http.status_code")


@changes_claims("callers_span_is_not_recorded")
def jaeger_does_not_warn(lab):
    lab.warns = False


@changes_claims("old_conventions", "why_server_span")
def a_mode_uses_the_stable_conventions(lab):
    attributes = lab.automatic.root["attributes"]
    attributes["http.request.method"] = attributes.pop("http.method")


@changes_claims("costs_differ")
def a_mode_costs_nothing(lab):
    lab.costs["modes"]["manual"] = cost(0)


@changes_claims("costs_differ")
def a_mode_costs_less_than_nothing(lab):
    lab.costs["modes"]["manual"] = cost(-5)


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_a_claim_that_the_data_does_not_support_is_withdrawn(lab_data, change, expected):
    change(lab_data)
    assert made_claims(lab_data) == SUPPORTED ^ expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["manual"], set()),
        (
            ["manual", "automatic"],
            {"every_span_is_written", "no_telemetry_in_the_module", "costs_differ"},
        ),
    ],
)
def test_no_claim_is_made_of_a_missing_mode(lab_data, keys, expected):
    lab_data.modes = [mode for mode in lab_data.modes if mode.key in keys]
    assert made_claims(lab_data) == expected | {
        *("only_manual_has_functions", "durations_agree", "functions_sleep"),
        *("callers_trace_goes_on", "callers_span_is_not_recorded"),
        *("failure_by_hand", "old_conventions"),
    }


def test_every_claim_is_withdrawn_by_a_change():
    assert set.union(*(change.values[1] for change in CHANGES)) == TEXTS.keys()
