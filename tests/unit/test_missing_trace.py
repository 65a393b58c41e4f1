"""The filter that finds the likeliest reason why a trace is missing."""

import pytest

from missing_trace import missing_trace_cause

UNITS = ["car-manual.service", "car-automatic.service"]
GOOD = "PATH=/usr/bin\nOTEL_EXPORTER_OTLP_TIMEOUT=35\nno_proxy=*\nhttps_proxy="
NOT_FOUND = "Compare all traces"
UNREACHABLE = "Traces in Jaeger are not as expected.\nJaeger at http://x cannot be reached: refused"


def results(*texts: str) -> list[dict]:
    """Results of a command in a loop over the units; the last unit's output is the text."""
    outputs = [*("" for _ in UNITS[1:]), *texts]
    return [{"item": {"unit": u}, "stdout": o} for u, o in zip(UNITS, outputs, strict=True)]


def cause(environment: str = GOOD, journal: str = "", status: int = 200, message: str = "") -> str:
    response = {"url": "http://127.0.0.1:8082/chain", "status": status, "error": ""}
    return missing_trace_cause(
        results(environment), results(journal), response, "http://127.0.0.1:4317", message
    )


@pytest.mark.parametrize(
    ("variable", "effect"),
    [
        ("OTEL_SDK_DISABLED=true", "records no spans"),
        ("OTEL_TRACES_SAMPLER=always_off", "samples no traces"),
        ("OTEL_TRACES_SAMPLER=parentbased_always_off", "samples no traces"),
        ("OTEL_TRACES_SAMPLER=parentbased_traceidratio", "samples only some traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:9", "sends its spans there"),
        ("http_proxy=http://proxy:3128", "sends its spans through this proxy"),
        ("HTTPS_PROXY=http://proxy:3128", "sends its spans through this proxy"),
        ("grpc_proxy=http://proxy:3128", "sends its spans through this proxy"),
    ],
)
def test_a_variable_in_a_units_environment_is_the_first_suspect(variable, effect):
    text = cause(f"{GOOD}\n{variable}", "Failed to export traces", status=500)
    assert text.startswith(
        f"car-automatic.service has {variable} in its environment, so it {effect}. Remove it"
    )


def test_a_proxys_password_is_not_shown():
    text = cause(f"{GOOD}\nhttp_proxy=http://me:phr@se@proxy:3128")
    assert "http_proxy=http://proxy:3128 in" in text
    assert "phr" not in text


@pytest.mark.parametrize(
    "line",
    [
        "Transient error StatusCode.UNAVAILABLE encountered while exporting traces to x",
        "Failed to export traces to 127.0.0.1:4317, error code: StatusCode.UNIMPLEMENTED",
    ],
)
def test_the_exporters_own_log_line_comes_after_a_failed_request(line):
    text = cause(journal=f"started\nWARNING {line}\nstopped", message=UNREACHABLE)
    assert (
        "car-automatic.service cannot send its spans to http://127.0.0.1:4317; its exporter "
        in text
    )
    assert f"logged: {line} Start Jaeger there" in text


def test_a_failed_request_is_the_next():
    text = cause(journal="Failed to export traces", status=500, message=UNREACHABLE)
    assert text.startswith("The request itself failed: http://127.0.0.1:8082/chain answered 500.")


def test_a_jaeger_that_cannot_be_reached_is_the_next():
    assert cause(message=UNREACHABLE).startswith(
        "Jaeger at http://x cannot be reached: refused. Start"
    )


def test_without_a_cause_it_says_how_to_go_on():
    text = cause(message="car-manual, trace 1: no span of server_automatic arrived.")
    assert text.startswith("car-manual, trace 1: no span of server_automatic arrived.")
    assert NOT_FOUND in text
