"""A run of site.yml proves itself with a trace, or says why there is none."""

import re
from contextlib import AbstractContextManager

import pytest

from tests.support.commands import assert_failed
from tests.support.lab import Lab, drop_in, stopped

PROVEN = "lab: one request went through all 3 modes, and Jaeger has its trace:"
MISSING = "lab: a request through all modes left no complete trace in Jaeger."


def test_a_run_ends_with_a_trace_of_all_modes(lab):
    output = " ".join(lab.must_play("site.yml").split())
    assert PROVEN in output
    found = re.search(rf"{PROVEN} (http://\S+)/trace/(\w{{32}})", output)
    assert found
    assert found[1] == lab.jaeger
    assert lab.has_trace(found[2])


@pytest.mark.parametrize("argument", ["--check", "--limit=lab"])
def test_a_run_that_cannot_prove_it_says_so_and_succeeds(lab, argument):
    output = " ".join(lab.must_play("site.yml", argument).split())
    assert "lab: whether the lab works was not proven with a trace, because" in output
    assert PROVEN not in output


def variable(assignment: str):
    """A fault: a variable in the environment of car-programmatic."""

    def fault(lab: Lab) -> AbstractContextManager[None]:
        return drop_in(lab, "car-programmatic", f"Environment={assignment}")

    return fault


FAULTS = {
    "a proxy": (
        variable("http_proxy=http://me:phrase@127.0.0.1:9"),
        "car-programmatic.service has http_proxy=http://127.0.0.1:9 in its environment",
    ),
    "no sampling": (
        variable("OTEL_TRACES_SAMPLER=always_off"),
        "car-programmatic.service has OTEL_TRACES_SAMPLER=always_off in its environment",
    ),
    "a disabled SDK": (
        variable("OTEL_SDK_DISABLED=true"),
        "car-programmatic.service has OTEL_SDK_DISABLED=true in its environment",
    ),
    "no Jaeger": (
        lambda lab: stopped(lab, "jaeger"),
        "cannot send its spans to http://127.0.0.1:4317; its exporter logged: Transient error",
    ),
    "an unreachable service": (
        lambda lab: stopped(lab, "car-automatic.socket"),
        "The request itself failed: http://127.0.0.1:8082/chain answered 500.",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_missing_trace_is_reported_with_its_cause_first(lab, name):
    fault, cause = FAULTS[name]
    with fault(lab):
        ran = lab.play("playbooks/prove_trace.yml")
    assert_failed(ran, f"{MISSING} ", cause)
    output = " ".join(ran.stdout.split())
    assert output.index(cause) < output.index("Their journal:")
    assert "phrase" not in output
