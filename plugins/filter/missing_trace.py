"""Filter that finds the likeliest reason why a request's trace is not in Jaeger."""

import re
from collections.abc import Callable
from typing import Any

PROXIES = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy")
# The exporter's own log lines, about a batch that it retries and one that it drops.
EXPORT_ERROR = re.compile(r"(Transient error|Failed to export) .*")
HEADING = "Traces in Jaeger are not as expected.\n"
REMOVE = "Remove it from where it is set (systemctl show-environment, or a drop-in of the unit)"


def parse_environment(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)


def environment_problem(unit: str, environment: dict[str, str]) -> str:
    """Return which variable keeps a unit's spans from Jaeger, and the fix; empty if none does."""
    lower = {name.lower(): name for name in environment}
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        name, effect = "OTEL_SDK_DISABLED", "so it records no spans"
    elif "off" in environment.get("OTEL_TRACES_SAMPLER", ""):
        name, effect = "OTEL_TRACES_SAMPLER", "so it samples no traces"
    elif "ratio" in environment.get("OTEL_TRACES_SAMPLER", ""):
        name, effect = "OTEL_TRACES_SAMPLER", "so it samples only some traces"
    elif environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        name, effect = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "so it sends its spans there"
    elif found := [lower[proxy] for proxy in PROXIES if environment.get(lower.get(proxy, ""))]:
        name, effect = found[0], "so it sends its spans through this proxy"
    else:
        return ""
    # A proxy's URL may hold a password.
    variable = f"{name}={re.sub('//.*@', '//', environment[name])}"
    return f"{unit} has {variable} in its environment, {effect}. {REMOVE}, and restart {unit}."


def missing_trace_cause(
    environments: list[dict[str, Any]],
    journals: list[dict[str, Any]],
    response: dict[str, Any],
    endpoint: str,
    difference: str,
    query_unit: str = "jaeger.service",
) -> str:
    """Return the likeliest cause of a missing trace, and the fix, as sentences.

    `environments` and `journals` are results of commands in a loop over the modes' endpoint facts,
    `response` is that of send_requests, `endpoint` the URL to which the modes send spans,
    `difference` the message of compare_traces, and `query_unit` what answers Jaeger's queries.
    """
    for result in environments:
        environment = parse_environment(result.get("stdout", ""))
        if problem := environment_problem(result["item"]["unit"], environment):
            return problem
    if response.get("status") != 200:
        answer = response.get("error") or response.get("status")
        return (
            f"The request itself failed: {response.get('url')} answered {answer}. "
            "The journal below may show why."
        )
    for result in journals:
        unit = result["item"]["unit"]
        if found := EXPORT_ERROR.search(result.get("stdout", "")):
            return (
                f"{unit} cannot send its spans to {endpoint}; its exporter logged: "
                f"{found[0]} Start Jaeger there and open its port to this host, or correct "
                "car_app_otlp_endpoint."
            )
    if found := re.search(r"Jaeger at .* cannot be reached: .*", difference):
        return f"{found[0]}. Start Jaeger: systemctl start {query_unit.removesuffix('.service')}."
    return (
        f"{difference.partition(HEADING)[2] or difference} No cause was found in the environments "
        "and the journals of the units. Compare all traces with `playbooks/verify.yml`."
    )


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"missing_trace_cause": missing_trace_cause}
