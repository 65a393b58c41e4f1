"""Names and messages that the lab promises to its users, each pinned once."""

from pathlib import Path
from typing import Final

VERSION: Final = "1.57.0"

CAR_APP: Final = "playbooks/car_app.yml"
JAEGER: Final = "playbooks/jaeger.yml"
REVERSE_PROXY: Final = "playbooks/reverse_proxy.yml"
TEARDOWN: Final = "playbooks/teardown.yml"
VERIFY: Final = "playbooks/verify.yml"
CREATE_HOSTS: Final = "lab/create.yml"
DESTROY_HOSTS: Final = "lab/destroy.yml"
BUILD_MIRROR: Final = "lab/mirror.yml"
LAB_SETTINGS: Final = "lab/settings.yml"
MIRROR_SOURCE: Final = "lab/mirror"
EXPECTED_TRACES: Final = "playbooks/vars/expected_traces.yml"

CARS: Final = ["car-manual", "car-programmatic", "car-automatic"]
UNITS: Final = ["jaeger", *CARS]
# Name, port and page of each address that `make status` prints.
ENDPOINTS: Final = {
    "jaeger-ui": (16686, "/"),
    "car-manual": (8082, "/cars"),
    "car-programmatic": (8083, "/cars"),
    "car-automatic": (8084, "/cars"),
}
PROGRAMS: Final = [
    "example-hotrod",
    "jaeger-agent",
    "jaeger-all-in-one",
    "jaeger-collector",
    "jaeger-ingester",
    "jaeger-query",
]
# Where a mode's module is, to a shell on the host.
MODULE: Final = "$(systemctl show car-{0} --property=WorkingDirectory --value)/server_{0}.py"

OTHER_WAYS: Final = ["make local", "vagrant up", "ansible-playbook -i <inventory> site.yml"]
UNCHANGED: Final = "Nothing was changed."
LEFT_UNCHANGED: Final = "the running version was left unchanged"
PORT_IN_USE: Final = (
    "{setting} is {value}, but the port is already in use by {program} (process {process}) on lab. "
    "Nothing was changed. Stop that program, or set another port in {setting}."
)
NO_TRACE_WILL_ARRIVE: Final = (
    "WARNING: the services run, but lab does not reach car_app_otlp_endpoint ({url}), "
    "so their traces are lost. Start Jaeger there"
)
DOES_NOT_ANSWER: Final = "{name} does not answer"
NO_HOST: Final = (
    "The inventory ({inventory}) has no host in the group jaeger. Nothing was changed. "
    "Add your host to the groups jaeger and car_app, as in inventory/hosts.yml"
)
FORMER_GROUP: Final = "has a group cars, which is now called car_app. Nothing was changed."
NO_PYTHON: Final = (
    "lab has no Python 3, which Ansible needs there. Nothing was changed. "
    "Install it on the host (Debian, Ubuntu: apt-get install python3;"
)
NO_SYSTEMD: Final = (
    "lab is not run by systemd (there is no /run/systemd/system), but the services are systemd "
    "units. Nothing was changed. Choose a host that boots systemd."
)
NO_RELEASE: Final = (
    "lab is {architecture}, but Jaeger is released for x86_64 and aarch64 only. "
    "Nothing was changed. Choose another host."
)
NOT_INSTALLED: Final = "Jaeger 1.58.0 was not installed; the running version was left unchanged."
ENVIRONMENT_NOT_MADE: Final = (
    "The app's Python environment was not installed; the running version was left unchanged."
)
UNITS_NOT_STARTED: Final = "Not every unit started and answered in time:"
TABLES_NOT_MADE: Final = (
    "The tables were not created in the database of car_app_database_url (not shown), "
    "and no service was restarted:"
)
DATABASE_NOT_MADE: Final = "The database was not created; the services were left unchanged."
NGINX_NOT_STARTED: Final = "nginx did not start, or did not ask for the password at https://"
NGINX_INVALID: Final = '"{task}" failed:'
LOCAL_PORT_TAKEN: Final = "Nothing was started."
LOCAL_NOT_RUNNING: Final = 'Run "make local" in another terminal'

# The tasks that a failure names, or at which a test kills a run.
DOWNLOAD: Final = "Download the archive and its signature"
VERIFY_SIGNATURE: Final = "Verify the signature"
UNPACK: Final = "Unpack the release atomically"
KILL_POINTS: Final = {
    "Jaeger's release is being unpacked": UNPACK,
    "Jaeger's unit is installed, but does not run": "Enable and start the units",
    "Jaeger runs, and packages are being copied": "Copy the packages",
    "the packages are installed, but no code": "Remove the folder for the packages",
    "the app's units are installed, but no database": "Create the tables",
}
HASH_PASSWORD: Final = "Hash the password"
COMPARE_TRACES: Final = "Compare the traces with the expected trees"


def url(name: str, address: str) -> str:
    """Return the address of an endpoint on a host."""
    port, page = ENDPOINTS[name]
    return f"http://{address}:{port}{page}"


def release_archive(mirror: Path, architecture: str) -> Path:
    """Return the path of a release's archive in the mirror."""
    return mirror / f"download/v{VERSION}/jaeger-{VERSION}-linux-{architecture}.tar.gz"
