"""What tracing costs a request, what a hundred at once wait, and how many spans Jaeger takes in."""

import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from bench.measure import interleave
from bench.provisioning import CACHE, CARS, REPOSITORY, Hosts, play, run, until

PORTS = {"untraced": 8085, **CARS}
REACH = {"manual": 0.85, "programmatic": 0.65, "automatic": 0.60}
SPANS = 3  # Of a request, in each mode.
REQUESTS = 2000  # A side and round: so few that another load on the machine meets both sides.
CONCURRENCY = 16

# The untraced app: the manual unit, without the one thing that makes it traced, its module.
UNTRACED = r"""
cd /etc/systemd/system
for kind in service socket; do
    sed 's/car-manual/car-untraced/; s/server_manual/server_automatic/; s/:8082/:8085/' \
        car-manual.$kind > /run/systemd/system/car-untraced.$kind
done
systemctl daemon-reload
systemctl start car-untraced.service
"""
# Lines of a unit's name and the seconds of processor time that its processes took so far.
PROCESSOR_TIME = r"""
for unit in %s; do
    main=$(systemctl show --value --property=MainPID $unit)
    cat /proc/$main/stat $(pgrep --parent $main | sed 's,.*,/proc/&/stat,') |
        sed 's/.*) //' | awk -v unit=$unit -v ticks=$(getconf CLK_TCK) \
        '{ time += $12 + $13 } END { print unit, time / ticks }'
done
"""
METRICS = """
python3 -c 'import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:14269/metrics").read().decode())'
"""
# Where a frame's file stands, and the layer that its time is of. The first one that fits counts.
LAYERS = {
    "opentelemetry/exporter/": "exporter",
    "opentelemetry/proto/": "exporter",
    "opentelemetry/sdk/_shared_internal/": "exporter",
    "/google/protobuf/": "exporter",
    "/grpc/": "exporter",
    "opentelemetry/instrumentation/": "instrumentations",
    "opentelemetry/util/": "instrumentations",
    "/wrapt/": "instrumentations",
    "opentelemetry/": "SDK and API",
    "/sqlalchemy/": "SQLAlchemy",
    "/flask/": "Flask",
    "/werkzeug/": "Flask",
    "/gunicorn/": "gunicorn",
    "/opt/car-app/code-": "the app",
}


@contextmanager
def lab(sleep_seconds: float = 0) -> Iterator[Hosts]:
    """A lab whose requests sleep that long, twice, with a fourth unit beside it: car-untraced."""
    with Hosts(lab=["jaeger", "cars"]) as hosts:
        play("site.yml", hosts.inventory, "--extra-vars", f"car_app_sleep_seconds={sleep_seconds}")
        hosts.shell("lab", UNTRACED)
        yield hosts


def tool(name: str, package: str) -> str:
    """The path of a program; RuntimeError if it is not installed."""
    if not (path := shutil.which(name)):
        raise RuntimeError(f"There is no {name}. Install it: apt-get install {package}")
    return path


def request(hosts: Hosts, mode: str, count: int, concurrency: int) -> tuple[float, list[float]]:
    """Send requests, each on a connection of its own, at a constant concurrency.

    Returns requests a second, and the seconds of each. Raises RuntimeError if one fails.
    """
    url = f"http://{hosts.address('lab')}:{PORTS[mode]}/cars"
    with tempfile.NamedTemporaryFile("r") as table:
        ab = tool("ab", "apache2-utils"), "-q", "-s", "60", "-g", table.name
        said = run(*ab, "-n", str(count), "-c", str(concurrency), url)
        # In milliseconds, after the time at which it began, in two forms, and two parts of it.
        taken = [float(line.split("\t")[4]) / 1000 for line in table.readlines()[1:]]
    if not re.search(r"Failed requests: +0\n", said) or "Non-2xx" in said:
        raise RuntimeError(f"Requests failed:\n{said}")
    return float(re.search(r"Requests per second: +([\d.]+)", said)[1]), taken


def processor_time(hosts: Hosts, units: list[str]) -> Counter:
    """Seconds of processor time that the processes of each unit took so far."""
    said = hosts.shell("lab", PROCESSOR_TIME % " ".join(units))
    return Counter({unit: float(value) for unit, value in map(str.split, said.splitlines())})


def spans(hosts: Hosts) -> Counter:
    """How many spans Jaeger has saved and has lost since its start, as its own metrics say."""
    count = Counter(saved=0, lost=0)
    for name, labels, value in re.findall(
        r"^jaeger_collector_(\w+)(\{.*\})? (\S+)$", hosts.shell("lab", METRICS), re.M
    ):
        if name == "spans_saved_by_svc_total":
            count["saved" if 'result="ok"' in labels else "lost"] += int(float(value))
        elif name in ("spans_dropped_total", "spans_rejected_total"):
            count["lost"] += int(float(value))
    return count


class SpansLostError(RuntimeError):
    """Jaeger dropped spans, or has others than were sent."""


def saved(hosts: Hosts, count: int, work: Callable[[], float]) -> float:
    """What `work` returns, when Jaeger has saved exactly the `count` spans that it made.

    Raises SpansLostError where Jaeger lost or doubled some, TimeoutError where some never came.
    """
    before = spans(hosts)
    result = work()
    until(lambda: spans(hosts).total() - before.total() >= count)
    after = spans(hosts)
    if after != {"saved": before["saved"] + count, "lost": before["lost"]}:
        raise SpansLostError(f"{count} spans were sent; Jaeger went from {before} to {after}.")
    return result


def rate(hosts: Hosts, mode: str) -> float:
    """Requests a second of a mode, each with its spans in Jaeger."""
    made = 0 if mode == "untraced" else SPANS * REQUESTS
    return saved(hosts, made, lambda: request(hosts, mode, REQUESTS, CONCURRENCY)[0])


def throughput(rounds: int) -> list[dict]:
    """Requests a second of each mode against the same app without tracing."""
    with lab() as hosts:
        for mode in PORTS:  # Not counted: what the first requests import and compile.
            rate(hosts, mode)
        return [
            {
                "id": f"P3 {mode}",
                "what": f"requests a second, {mode} ÷ untraced, without the sleeps",
                "better": "higher",
                "reach": reach,
                "unit": "requests/s",
                "rounds": interleave(
                    f"P3 {mode}",
                    4 * rounds,
                    lambda mode=mode: rate(hosts, mode),
                    lambda: rate(hosts, "untraced"),
                ),
                "note": f"{REQUESTS} requests by ab, {CONCURRENCY} at a time, from the controller. "
                "Both are the shipped unit; the untraced one runs the automatic mode's module "
                "without opentelemetry-instrument. Jaeger, the journal and ab share the "
                f"processors with them. Each round ends when Jaeger's metrics count {SPANS} spans "
                "saved for each request, and none lost.",
            }
            for mode, reach in REACH.items()
        ]


# How a hundred clients are told apart, how many begin together, and what to say of it.
LOADS = [
    (
        "",
        5,
        "1000 requests by twenty ab with five clients each, as shipped. An ab's clients begin "
        "together, and do so ever after; the next one's begin 50 ms later.",
    ),
    (
        ", in one burst",
        100,
        "1000 requests by one ab. All hundred begin together, end together and so meet again each "
        "second: what the last of them waits is the processor time of the hundred.",
    ),
]


def slowest(hosts: Hosts, mode: str, together: int) -> float:
    """The 99th percentile, in seconds, of a hundred clients of which so many begin together."""

    def clients(number: int) -> list[float]:
        time.sleep(number * together / 100)
        return request(hosts, mode, 10 * together, together)[1]

    with ThreadPoolExecutor(100 // together) as pool:
        taken = sorted(s for client in pool.map(clients, range(100 // together)) for s in client)
    return taken[len(taken) * 99 // 100]


def latency(rounds: int) -> list[dict]:
    """The slowest of a hundred at once against what a request sleeps."""
    with lab(0.5) as hosts:
        for mode in CARS:  # Not counted: the first requests make the threads.
            request(hosts, mode, 200, 100)
        return [
            {
                "id": f"P4 {mode}{name}",
                "what": f"p99 of `GET /cars` at 100 concurrent, {mode}{name} ÷ its sleep, 1 s",
                "better": "lower",
                "reach": 1.05,
                "unit": "s",
                "rounds": interleave(
                    f"P4 {mode}{name}",
                    rounds,
                    lambda mode=mode, together=together: slowest(hosts, mode, together),
                    lambda: 1.0,
                ),
                "note": note,
            }
            for name, together, note in LOADS
            for mode in CARS
        ]


def build_tracegen() -> Path:
    """Build Jaeger's own generator of spans, from the sources and by the toolchain of the mirror.

    It stands in the cache, whole or not at all.
    """
    mirror = re.search(r"mirror_directory: (.+)", play("playbooks/mirror.yml"))[1]
    program = CACHE / f"tracegen-{Path(mirror).name}"
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as partial:
            for name in "go.mod", "go.sum":
                shutil.copy(REPOSITORY / "mirror" / name, partial)
            go = f"{mirror}/toolchain/go/bin/go"
            settings = "env", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off"
            package = "github.com/jaegertracing/jaeger/cmd/tracegen"
            # It uses one module more than the programs of the mirror, of the version that Jaeger's
            # own go.mod names; this adds it, for the version of Jaeger that is there already.
            go_mod = (Path(partial) / "go.mod").read_text()
            jaeger = re.search(r"github.com/jaegertracing/jaeger (v\S+)", go_mod)[1]
            run(*settings, go, "-C", partial, "get", f"{package}@{jaeger}")
            run(*settings, go, "build", "-C", partial, "-o", "tracegen", package)
            (Path(partial) / "tracegen").rename(program)
    return program


TRACES = 10_000  # Of each sender.
# As many services, each with a queue and a connection of its own.
GENERATE = f"""
/root/tracegen -workers %(senders)d -services %(senders)d -traces {TRACES} -spans {SPANS - 1} \\
    -pause 0s -trace-exporter otlp-grpc > /dev/null 2>&1
"""
BARE = """
systemd-run --quiet --unit=jaeger-bare --uid=jaeger /usr/local/bin/jaeger-all-in-one
until (exec 3<> /dev/tcp/127.0.0.1/4317) 2> /dev/null; do sleep 0.1; done
"""
PEAK = """
awk '/VmHWM/ { print $2 / 1024 }' /proc/$(systemctl show --value --property=MainPID %s)/status
"""


def intake(rounds: int) -> list[dict]:
    """Spans a second into the shipped Jaeger against the bare program with its defaults."""
    used = {"jaeger": [], "jaeger-bare": []}
    with Hosts(lab=["jaeger", "cars"]) as hosts:
        play("playbooks/jaeger.yml", hosts.inventory)
        with build_tracegen().open("rb") as program:
            hosts.ssh("lab", "sudo install --mode=0755 /dev/stdin /root/tracegen", program)
        hosts.shell("lab", "systemctl stop jaeger")

        def take(unit: str, start: str, senders: int) -> float:
            count = senders * TRACES * SPANS

            def send() -> float:
                started = time.monotonic()
                hosts.shell("lab", GENERATE % {"senders": senders})
                return count / (time.monotonic() - started)

            hosts.shell("lab", start)
            try:
                return saved(hosts, count, send)
            finally:
                used[unit].append((senders, float(hosts.shell("lab", PEAK % unit))))
                hosts.shell("lab", f"systemctl stop {unit}")

        def most(unit: str, start: str) -> float:
            for senders in 8, 4, 2:
                with suppress(SpansLostError):
                    return take(unit, start, senders)
            return take(unit, start, 1)

        pairs = interleave(
            "P5",
            rounds,
            lambda: most("jaeger", "systemctl start jaeger"),
            lambda: most("jaeger-bare", BARE),
        )
    worst = {unit: max(memory for _, memory in runs) for unit, runs in used.items()}
    least = {unit: min(senders for senders, _ in runs) for unit, runs in used.items()}
    return [
        {
            "id": "P5",
            "what": "spans a second, none lost, the shipped Jaeger ÷ the bare program's defaults",
            "better": "higher",
            "reach": 1.0,
            "unit": "spans/s",
            "rounds": pairs,
            "note": f"By Jaeger's tracegen on the same host, {TRACES} traces of {SPANS} spans by "
            "each sender as fast as they are taken, into a Jaeger that was just started; with "
            "eight senders or, while its metrics count a span as dropped, with four, two or one. "
            f"The shipped one went down to {least['jaeger']} and used at most "
            f"{worst['jaeger']:.0f} MiB; the bare one went down to {least['jaeger-bare']} and used "
            f"{worst['jaeger-bare']:.0f} MiB, without a bound.",
        }
    ]


def cost(rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds of processor time that a request takes in each mode, and what spans add to it.

    `cpu_us` is the unit's, `jaeger_us` what Jaeger takes for its spans.
    """
    found = {mode: [] for mode in PORTS}
    with lab() as hosts:
        for mode in PORTS:
            rate(hosts, mode)
        for _ in range(rounds):
            for mode, times in found.items():
                units = [f"car-{mode}", "jaeger"]
                before = processor_time(hosts, units)
                rate(hosts, mode)
                after = processor_time(hosts, units)
                times.append([(after[u] - before[u]) * 1e6 / REQUESTS for u in units])
    untraced = median(unit for unit, _ in found["untraced"])
    costs = {}
    for mode, times in found.items():
        cpu, made = median(unit for unit, _ in times), 0 if mode == "untraced" else SPANS
        costs[mode] = {
            "cpu_us": round(cpu),
            "extra_us": round(cpu - untraced),
            "spans": made,
            "extra_us_per_span": round((cpu - untraced) / made) if made else 0,
            "jaeger_us": round(median(jaeger for _, jaeger in times)),
        }
        print(f"cost of a request, {mode}: {costs[mode]}", flush=True)
    return costs


def layer(stack: str) -> str:
    """The layer that a sample's time is of: that of the innermost frame which is in one."""
    for frame in reversed(stack.split(";")):
        for place, name in LAYERS.items():
            if place in frame:
                return name
    return "Python"


# py-spy sees who has Python's lock (--gil), and so who works and not who waits. The journal's and
# the kernel's part of a request, which it does not see, is in `cost`.
SPY = """
for worker in $(pgrep --parent $(systemctl show --value --property=MainPID car-{mode})); do
    /root/py-spy record --pid $worker --duration {seconds} --rate 200 --gil --threads \
        --full-filenames --format raw --output /root/$worker.raw > /dev/null 2>&1 &
done
wait
cat /root/*.raw
rm /root/*.raw
"""


def profile(rounds: int) -> list[dict]:
    """Percent of a worker's time in Python by layer, in each mode; `rounds` times two seconds."""
    rows = []
    with lab() as hosts:
        with Path(sys.executable).with_name("py-spy").open("rb") as program:
            hosts.ssh("lab", "sudo install --mode=0755 /dev/stdin /root/py-spy", program)
        for mode in PORTS:
            request(hosts, mode, REQUESTS // 8, CONCURRENCY)
            spy = SPY.format(mode=mode, seconds=2 * rounds)
            samples = Counter()
            with ThreadPoolExecutor(1) as pool:
                spying = pool.submit(hosts.shell, "lab", spy)
                while not spying.done():
                    request(hosts, mode, REQUESTS // 8, CONCURRENCY)
                for line in spying.result().splitlines():
                    stack, number = line.rsplit(" ", 1)
                    samples[layer(stack)] += int(number)
            total = samples.total()
            rows.append(
                {"mode": mode}
                | {name: round(100 * value / total) for name, value in samples.most_common()}
            )
            print(rows[-1], flush=True)
    return rows


BENCHMARKS = {
    "P3": throughput,
    "P4": latency,
    "P5": intake,
    "cost": cost,
    "profile": profile,
}
