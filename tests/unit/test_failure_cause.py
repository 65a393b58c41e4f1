"""The filter failure_cause: the reason of a failed start, from journals of real failures."""

import pytest

from failure_cause import failure_cause

TIME = "Nov 26 02:59:37 lab"
FAILED = f"{TIME} systemd[1]: jaeger.service: Failed with result 'exit-code'."
JAEGER = f"{TIME} jaeger-all-in-one[8406]:"
FLAG = '      --reporter.type string    Reporter type to use, fail or invalid (default "grpc")'
INFO = '{"level":"info","ts":1795661977.8,"msg":"[core][Channel #1]Channel created","error":""}'
STRATEGIES = (
    '{"level":"fatal","ts":1795661977.8394845,"caller":"all-in-one/main.go:146",'
    '"msg":"Failed to create sampling strategy store","error":"failed to read strategies file '
    '/nonexistent.json: open /nonexistent.json: no such file or directory",'
    '"stacktrace":"main.main.func1\\n\\tgithub.com/jaegertracing/jaeger@v1.57.0/cmd/main.go:146"}'
)
CASES = {
    "port": (
        f"{JAEGER} {INFO}\n{JAEGER} 2026/11/26 02:59:37 could not start gRPC server: failed to "
        "listen on gRPC port: listen tcp :14250: bind: address already in use",
        "a port is already in use: could not start gRPC server: failed to listen on gRPC port: "
        "listen tcp :14250: bind: address already in use.",
    ),
    "address": (
        f"{TIME} systemd[1]: car.socket: Failed to create listening socket (203.0.113.7:8082): "
        "Cannot assign requested address\n"
        f"{TIME} systemd[1]: car.socket: Failed to listen on sockets: Cannot assign requested "
        f"address\n{TIME} systemd[1]: Failed to listen on car.socket - Address.\n"
        f"{TIME} systemd[1]: car.service: Job car.service/start failed with result 'dependency'.",
        "the host does not have the address: car.socket: Failed to create listening socket "
        "(203.0.113.7:8082): Cannot assign requested address.",
    ),
    "flag": (
        f"{JAEGER} {FLAG}\n{JAEGER} 2026/11/26 02:59:36 unknown flag: --no-such-flag",
        "a setting is wrong: unknown flag: --no-such-flag.",
    ),
    "permission": (
        f"{JAEGER} {FLAG}\n{JAEGER} 2026/11/26 02:59:37 cannot start the admin server: "
        "listen tcp 127.0.0.1:1: bind: permission denied",
        "it may not do what it must: cannot start the admin server: "
        "listen tcp 127.0.0.1:1: bind: permission denied.",
    ),
    "missing file, in JSON": (
        f"{JAEGER} {STRATEGIES}\n{TIME} systemd[1]: jaeger.service: Main process exited",
        "a file is missing: Failed to create sampling strategy store: failed to read strategies "
        "file /nonexistent.json: open /nonexistent.json: no such file or directory.",
    ),
    "user": (
        f"{TIME} (true)[8425]: jaeger.service: Failed at step USER spawning /bin/true: "
        "No such process",
        "its user or group does not exist: jaeger.service: Failed at step USER spawning "
        "/bin/true: No such process.",
    ),
    "folder": (
        f"{TIME} (true)[8433]: jaeger.service: Changing to the requested working directory "
        "failed: No such file or directory",
        "a file is missing: jaeger.service: Changing to the requested working directory failed: "
        "No such file or directory.",
    ),
    "module": (
        f"{TIME} gunicorn[77]: Traceback (most recent call last):\n"
        f"{TIME} gunicorn[77]: ModuleNotFoundError: No module named 'flask'\n"
        f"{TIME} gunicorn[70]: [2026-11-26 02:59:37 +0000] [70] [ERROR] Worker failed to boot.",
        "a file is missing: ModuleNotFoundError: No module named 'flask'.",
    ),
    "code": (
        f"{TIME} gunicorn[77]: Traceback (most recent call last):\n"
        f"{TIME} gunicorn[77]: NameError: name 'Flusk' is not defined\n"
        f"{TIME} gunicorn[70]: [2026-11-26 02:59:37 +0000] [70] [ERROR] Shutting down: Master\n"
        f"{TIME} gunicorn[70]: [2026-11-26 02:59:37 +0000] [70] [ERROR] Reason: Worker failed to "
        "boot.",
        "its code raised an exception: NameError: name 'Flusk' is not defined.",
    ),
    "memory": (
        f"{JAEGER} {INFO}\n{TIME} systemd[1]: jaeger.service: A process of this unit has been "
        "killed by the OOM killer.\n"
        f"{TIME} systemd[1]: jaeger.service: Failed with result 'oom-kill'.",
        "it used more memory than it may: jaeger.service: Failed with result 'oom-kill'.",
    ),
    "time": (
        f"{JAEGER} {INFO}\n{TIME} systemd[1]: jaeger.service: start-post operation timed out. "
        "Terminating.",
        "it did not answer in time: jaeger.service: start-post operation timed out. Terminating.",
    ),
    "another error": (
        f"{JAEGER} /var/lib/jaeger is full: Jaeger starts when 256 MB of its disk are free.",
        "its last error was: /var/lib/jaeger is full: Jaeger starts when 256 MB of its disk are "
        "free.",
    ),
}

COLLECTOR = f"{TIME} otelcol-contrib[512]:"
# What the collector wrote with a damaged file of its queue.
QUEUES = {
    "header": (
        f'{COLLECTOR} Error: cannot start pipelines: failed to start "otlp_grpc/jaeger" exporter: '
        "invalid database",
        'Error: cannot start pipelines: failed to start "otlp_grpc/jaeger" exporter: '
        "invalid database",
    ),
    "sum": (
        f'{COLLECTOR} Error: cannot start pipelines: failed to start "zipkin" exporter: '
        "checksum error",
        'Error: cannot start pipelines: failed to start "zipkin" exporter: checksum error',
    ),
    "page": (
        f"{COLLECTOR} panic: assertion failed: Page expected to be: 2, but self identifies as 0\n"
        f"{COLLECTOR} goroutine 37 [running]:\n"
        f"{COLLECTOR} go.etcd.io/bbolt.Open({{0x3969d4f7a808, 0x2e}}, 0x180, 0x3969d4f20e00)",
        "panic: assertion failed: Page expected to be: 2, but self identifies as 0",
    ),
    "short": (
        f"{COLLECTOR} unexpected fault address 0x7f988deb6000\n"
        f"{COLLECTOR} fatal error: fault\n"
        f"{COLLECTOR} go.etcd.io/bbolt.Open({{0xa7471a7ed20, 0x2e}}, 0x180, 0xa7471695008)\n"
        f"{COLLECTOR} runtime.goexit({{}})",
        "go.etcd.io/bbolt.Open({0xa7471a7ed20, 0x2e}, 0x180, 0xa7471695008)",
    ),
}


@pytest.mark.parametrize("case", QUEUES)
def test_a_broken_queue_is_named_with_its_remedy(case):
    journal, reason = QUEUES[case]
    failed = FAILED.replace("jaeger.service", "otelcol-contrib.service")
    assert failure_cause(f"{journal}\n{failed}") == (
        f"otelcol-contrib.service did not start, because a queue on its disk is broken: {reason}. "
        "Move its folder away (mv /var/lib/otelcol-contrib /var/lib/otelcol-contrib.old); "
        "what waits in it is lost."
    )


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_one_sentence(case):
    journal, expected = CASES[case]
    cause = failure_cause(f"{journal}\n{FAILED}")
    assert cause == f"jaeger.service did not start, because {expected}"


def test_the_unit_that_failed_last_is_named():
    journal = FAILED.replace("jaeger.service", "car-manual.service")
    assert failure_cause(f"{FAILED}\n{journal}").startswith("car-manual.service did not start")


@pytest.mark.parametrize("journal", ["", "-- No entries --"])
def test_a_journal_without_a_reason(journal):
    assert failure_cause(journal) == "A unit did not start, and its journal gives no reason."
