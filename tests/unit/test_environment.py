"""The drop-ins environment.conf: no variable of the host's own environment reaches a program."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import REPOSITORY
from tests.support.environment_names import ENVIRONMENT_FILES, app_names, unset_names

CAR_APP = REPOSITORY / "roles/car_app"
PROXIES = {"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}


@pytest.fixture(scope="module")
def site_packages() -> Path:
    """The app's installed packages."""
    return next((REPOSITORY / ".venv-app/lib").glob("python*/site-packages"))


def test_a_scan_of_the_packages_finds_every_kind_of_name(site_packages):
    # In turn: by a constant, by a literal, by a call, and from native libraries.
    assert app_names(site_packages) >= {
        *("OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_PROPAGATORS"),
        *("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SCRIPT_NAME", "GUNICORN_CMD_ARGS"),
        *("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "OTEL_PYTHON_URLLIB_EXCLUDED_URLS"),
        *("GRPC_TRACE", "GRPC_VERBOSITY", "https_proxy", "PGSERVICEFILE", "SSL_CERT_FILE"),
    }


def test_the_units_set_or_unset_every_name_that_the_packages_read(site_packages):
    templates = "".join(path.read_text() for path in (CAR_APP / "templates").glob("*.service.j2"))
    automatic = (CAR_APP / "vars/main.yml").read_text()
    own = set(re.findall(r"\b(OTEL_[A-Z_]+)(?==)", templates))
    own |= set(re.findall(r"variable: ([A-Z_]+)", automatic))
    missing = app_names(site_packages) - unset_names("car_app") - own
    assert missing == set(), f"add these to {CAR_APP}/files/environment.conf"
    # What both name would not reach the program that its unit sets it for.
    assert unset_names("car_app") & own == set()


@pytest.mark.parametrize("role", ENVIRONMENT_FILES)
def test_no_proxy_is_inherited(role):
    assert unset_names(role) >= PROXIES


def test_no_variable_of_python_is_inherited():
    usage = subprocess.run([sys.executable, "--help-env"], capture_output=True, text=True)
    names = set(re.findall(r"^(PYTHON\w+)", usage.stdout, re.MULTILINE))
    assert {"PYTHONPATH", "PYTHONWARNINGS"} <= names
    assert names <= unset_names("car_app")
