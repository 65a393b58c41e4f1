"""Names that the lab promises to its users."""

from pathlib import Path

VERSION = "1.57.0"

JAEGER = "playbooks/jaeger.yml"
CAR_APP = "playbooks/car_app.yml"
OTEL_COLLECTOR = "playbooks/otel_collector.yml"
ELASTICSEARCH = "playbooks/elasticsearch.yml"
REVERSE_PROXY = "playbooks/reverse_proxy.yml"
VERIFY = "playbooks/verify.yml"
STATUS = "playbooks/status.yml"
REPORT = "playbooks/report.yml"
TEARDOWN = "playbooks/teardown.yml"
EXPECTED_TRACES = "playbooks/vars/expected_traces.yml"
CREATE_HOSTS = "lab/create.yml"
DESTROY_HOSTS = "lab/destroy.yml"
BUILD_MIRROR = "lab/mirror.yml"
MIRROR_SOURCE = "lab/mirror"

CARS = ["car-manual", "car-programmatic", "car-automatic"]
UNITS = ["jaeger", *CARS]
# The port and page of each address that `make status` prints.
ENDPOINTS = {
    "jaeger-ui": (16686, "/"),
    "car-manual": (8082, "/cars"),
    "car-programmatic": (8083, "/cars"),
    "car-automatic": (8084, "/cars"),
}
PROGRAMS = [
    "example-hotrod",
    "jaeger-agent",
    "jaeger-all-in-one",
    "jaeger-collector",
    "jaeger-ingester",
    "jaeger-query",
]
# Where a mode's module is, to a shell on the host.
MODULE = "$(systemctl show car-{0} --property=WorkingDirectory --value)/server_{0}.py"


def release_archive(mirror: Path, architecture: str) -> Path:
    """Return the path of a release's archive in the mirror."""
    return mirror / f"download/v{VERSION}/jaeger-{VERSION}-linux-{architecture}.tar.gz"
