"""Flags that would change what other parts of the lab rely on: each is refused with its setting."""

import pytest

from jaeger_flags import base_path_errors, refused_flags

LISTENERS = [
    {"flag": flag, "setting": f"jaeger_{flag.replace('.', '_').replace('-', '_')}"}
    for flag in ("query.http-server.host-port", "processor.zipkin-compact.server-host-port")
]
REFUSED = (
    "jaeger_extra_args has --{}, but other parts of the lab rely on what it changes. "
    "Nothing was changed. {}"
)


@pytest.mark.parametrize(
    ("flag", "remedy"),
    [
        ("query.base-path", "Set jaeger_query_base_path instead."),
        ("query.http-server.host-port", "Set jaeger_query_http_server_host_port instead."),
        ("processor.zipkin-compact.server-host-port", "Set jaeger_processor_zipkin_compact_server"),
        ("span-storage.type", "Set jaeger_span_storage_type instead."),
        ("badger.span-store-ttl", "Set jaeger_badger_span_store_ttl instead."),
        ("query.http.tls.enabled", "Set reverse_proxy_password, which serves the page by HTTPS,"),
        ("admin.http.host-port", "Remove it."),
        ("collector.zipkin.host-port", "Remove it."),
        ("reporter.grpc.tls.enabled", "Remove it."),
        ("badger.directory-key", "Remove it."),
        ("config-file", "Remove it."),
        ("collector.otlp.enabled", "Remove it."),
        ("multi-tenancy.enabled", "Remove it."),
    ],
)
@pytest.mark.parametrize("form", ["--{}=x", "--{}", "-{}=x", "--{} x"])
def test_a_flag_that_others_rely_on_is_refused(form, flag, remedy):
    [message] = refused_flags(["--log-level=warn", form.format(flag), "x"], LISTENERS)
    assert message.startswith(REFUSED.format(flag, remedy))


def test_a_text_is_refused():
    assert refused_flags("--log-level=debug", LISTENERS) == [
        "jaeger_extra_args is --log-level=debug, but must be a list, even of a single flag. "
        "Nothing was changed."
    ]


def test_every_listener_is_refused():
    flags = [f"--{listener['flag']}=127.0.0.1:1" for listener in LISTENERS]
    assert len(refused_flags(flags, LISTENERS)) == len(flags)


@pytest.mark.parametrize(
    "argument",
    [
        "--query.max-clock-skew-adjustment=3s",
        "--query.additional-headers=X-Note: --query.base-path",
        "--collector.queue-size=10",
        "--collector.grpc-server.max-message-size=1",
        "--sampling.strategies-file=/etc/jaeger/strategies.json",
        "--badger.consistency",
        "--prometheus.tls.enabled",
        "--log-level=debug",
        "3s",
    ],
)
def test_other_flags_are_accepted(argument):
    assert refused_flags([argument], LISTENERS) == []


@pytest.mark.parametrize("path", ["/", "/jaeger", "/tools/jaeger-1.57_~"])
def test_a_base_path_is_a_path_without_a_slash_at_its_end(path):
    assert base_path_errors(path) == []


@pytest.mark.parametrize(
    "path", ["", "jaeger", "/jaeger/", "//", "/a b", "/a;", "/..", "/a\n", "/${x}", "http://host/"]
)
def test_other_base_paths_are_refused(path):
    [message] = base_path_errors(path)
    assert message.startswith(f"jaeger_query_base_path is {path}, but must be / or a path such as")
