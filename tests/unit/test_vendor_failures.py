"""What the collector's journal says of a vendor becomes one message that names the setting."""

import json

from vendor_failures import vendor_failures

DATADOG = {
    "name": "datadog",
    "title": "Datadog",
    "setting": "otel_collector_datadog_api_key",
    "endpoint": "https://otlp.datadoghq.com",
    "endpoint_setting": "otel_collector_datadog_endpoint",
}
REFUSED = (
    "not retryable error: Permanent error: rpc error: code = Unauthenticated desc = error "
    "exporting items, request to https://example.org responded with HTTP Status Code {}"
)


def line(exporter: str, error: str) -> str:
    """Return the line that the collector writes of an exporter's error."""
    fields = {"otelcol.component.id": f"otlp_http/{exporter}", "error": error}
    return f"2026-11-29T18:49:36.254Z\terror\ta.go:62\tExporting failed.\t{json.dumps(fields)}"


def test_a_wrong_key_is_named():
    messages = vendor_failures(line("datadog", REFUSED.format(401)), [DATADOG])
    assert len(messages) == 1
    assert messages[0].startswith("Datadog refused the key with HTTP status 401")
    assert "Correct otel_collector_datadog_api_key (not shown)" in messages[0]


def test_only_the_last_error_counts():
    lines = [line("datadog", REFUSED.format(403)), line("datadog", "connection refused")]
    messages = vendor_failures("\n".join(lines), [DATADOG])
    assert len(messages) == 1
    assert messages[0].startswith("Datadog did not take all data in the last minute")
    assert "otel_collector_datadog_endpoint (https://otlp.datadoghq.com)" in messages[0]


def test_a_full_queue_is_named():
    messages = vendor_failures(line("datadog", "sending queue is full"), [DATADOG])
    assert len(messages) == 1
    assert "fills the collector's queue, so new data are refused" in messages[0]


def test_another_refusal_is_shown_as_it_is():
    assert vendor_failures(line("datadog", REFUSED.format(400)), [DATADOG]) == [
        f"Datadog refused the data, and they were dropped: {REFUSED.format(400)}."
    ]


def test_other_lines_and_exporters_are_not_a_vendors():
    other = line("logs", REFUSED.format(401))
    lines = ["Started otelcol-contrib.service", '2026\tinfo\t"a"\t7', other, "2026\tinfo\tready"]
    assert vendor_failures("\n".join(lines), [DATADOG]) == []
