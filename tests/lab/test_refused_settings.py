"""Settings with a wrong value: a run refuses each before any change, and says how to correct it."""

import pytest

from tests.support import contract
from tests.support.commands import assert_no_change
from tests.support.lab import assert_unchanged, failure_output
from tests.support.refusals import refusals

DATABASE_URL = (
    "car_app_database_url (not shown) must be like sqlite:////var/lib/car-app/cars.db or "
    "postgresql+psycopg://user:password@db.example.org/cars, with special characters such as"
)
VERSION = (
    "jaeger_version is {}, but must be the three numbers of a release of Jaeger 1, such as 1.57.0. "
    "Nothing was changed."
)
ADDRESS = "{} is {}, but must be an IP address and a port from 1 to 65535, such as 127.0.0.1:"
KEY = (
    "jaeger_signing_key is {}, but must be the path of an armored public key on the controller. "
    "Nothing was changed."
)
PROXY = (
    "{} is {}, but must be a URL with scheme and port, such as http://proxy.example.org:3128 "
    "(user and password are not shown here; write special characters in them like %40). "
    "Nothing was changed."
)
CERTIFICATE = (
    "{} is {}, but must be the path of a PEM certificate on the controller. Nothing was changed."
)
UNWANTED = (
    "{} is otlp, but Jaeger takes only traces, and the {} would be lost. Nothing was changed."
)
GUARDED = "reverse_proxy_password=no-secret {}"
PAIR = (
    "reverse_proxy_certificate is {} and reverse_proxy_certificate_key is {}, but both must be "
    "paths of files on the controller, or both empty"
)
SETTINGS = {
    "jaeger_version=1.57": VERSION.format("1.57"),
    "jaeger_version=v1.57.0": VERSION.format("v1.57.0"),
    "jaeger_version=2.1.0": VERSION.format("2.1.0"),
    "jaeger_memory_max_traces=0": "jaeger_memory_max_traces is 0, but must be 1 or more",
    "jaeger_memory_max=100": "jaeger_memory_max is 100, but must be 256 or more.",
    "jaeger_badger_span_store_ttl=3d": "jaeger_badger_span_store_ttl is 3d, but must be a duration "
    "such as 72h or 90m. Nothing was changed.",
    "jaeger_query_base_path=/jaeger/": "jaeger_query_base_path is /jaeger/, but must be / or a "
    "path such as /jaeger, which has only letters, digits and . _ ~ - between its slashes.",
    "jaeger_extra_args=--log-level=debug": "jaeger_extra_args is --log-level=debug, "
    "but must be a list, even of a single flag. Nothing was changed.",
    # Ansible's own check of the types, and its words.
    "jaeger_memory_max_traces=many": "'jaeger_memory_max_traces' is of type str and we were unable "
    "to convert to int: \"'many'\" cannot be converted to an int",
    "jaeger_download_timeout=0": "jaeger_download_timeout is 0, but must be 1 or more",
    "jaeger_collector_http_server_host_port=127.0.0.1:70000": ADDRESS.format(
        "jaeger_collector_http_server_host_port", "127.0.0.1:70000"
    ),
    "jaeger_collector_otlp_grpc_host_port=4317": ADDRESS.format(
        "jaeger_collector_otlp_grpc_host_port", "4317"
    ),
    "jaeger_collector_otlp_http_host_port=127.0.0.1:4317": "jaeger_collector_otlp_grpc_host_port "
    "and jaeger_collector_otlp_http_host_port have the same port, 4317. "
    "Nothing was changed. Give each its own port.",
    "jaeger_prometheus_url=prometheus": "jaeger_prometheus_url is prometheus, but must be a URL "
    "with scheme and port, such as http://127.0.0.1:9090, or empty. Nothing was changed.",
    "car_app_metrics_exporter=otlp": UNWANTED.format("car_app_metrics_exporter", "metrics"),
    "car_app_logs_exporter=otlp": UNWANTED.format("car_app_logs_exporter", "log records"),
    "car_app_traces_sampler_arg=2": "car_app_traces_sampler_arg is 2, but must be from 0 to 1.",
    "jaeger_archive_sha256=123abc": "jaeger_archive_sha256 is 123abc, but must be the 64 lowercase "
    "hexadecimal digits of a SHA-256 sum, or empty, because the archive is verified in any case. "
    "Nothing was changed.",
    "jaeger_download_proxy=proxy:3128": PROXY.format("jaeger_download_proxy", "proxy:3128"),
    "jaeger_download_proxy=http://proxy": PROXY.format("jaeger_download_proxy", "http://proxy"),
    "jaeger_download_proxy=https://me:phr@se@proxy:1": PROXY.format(
        "jaeger_download_proxy", "https://proxy:1"
    ),
    "jaeger_download_ca=/nowhere.crt": CERTIFICATE.format("jaeger_download_ca", "/nowhere.crt"),
    "jaeger_download_ca=/etc/hostname": CERTIFICATE.format("jaeger_download_ca", "/etc/hostname"),
    "jaeger_signing_key=/nowhere.asc": KEY.format("/nowhere.asc"),
    "jaeger_signing_key=/etc/hostname": KEY.format("/etc/hostname"),
    "car_app_manual_bind=127.0.0.1:0": ADDRESS.format("car_app_manual_bind", "127.0.0.1:0"),
    "car_app_manual_bind=localhost": ADDRESS.format("car_app_manual_bind", "localhost"),
    "car_app_manual_bind=127.0.0.1:8083": "car_app_manual_bind and car_app_programmatic_bind "
    "have the same port, 8083. Nothing was changed. Give each its own port.",
    "car_app_otlp_endpoint=127.0.0.1:4317": "car_app_otlp_endpoint is 127.0.0.1:4317, but must be "
    "a URL with scheme and port, such as http://127.0.0.1:4317",
    '{"car_app_otlp_endpoint": ["http://10.0.0.1:4317", "http://10.0.0.2:4318"]}': "several "
    "addresses must have the same port. Nothing was changed.",
    "car_app_database_url=mysql://me:phr@se@host/cars": DATABASE_URL,
    "car_app_database_url=postgresql+psycopg://me:phrase@host": DATABASE_URL,
    "car_app_database_url=postgresql+psycopg://me:phr/ase@host/cars": DATABASE_URL,
    "car_app_database_url=postgresql+psycopg:///cars?host=db.example.org": DATABASE_URL,
    "car_app_postgresql=yes car_app_database_url=sqlite:////cars.db": "car_app_postgresql is true, "
    "but car_app_database_url (not shown) names another database. Nothing was changed. Remove one",
    "car_app_download_proxy=me:phr@se@proxy": PROXY.format("car_app_download_proxy", "proxy"),
    "car_app_download_ca=/etc/hostname": CERTIFICATE.format("car_app_download_ca", "/etc/hostname"),
    "car_app_ready_timeout=0": "car_app_ready_timeout is 0, but must be 1 or more. "
    "Nothing was changed.",
    "car_app_span_queue_size=100": "car_app_span_queue_size is 100, but must be 128 or more. "
    "Nothing was changed.",
    "car_app_sleep_seconds=-1": "car_app_sleep_seconds is -1, but must be from 0 to 10 seconds.",
    "car_app_sleep_seconds=60": "car_app_sleep_seconds is 60, but must be from 0 to 10 seconds.",
    "car_app_automatic_configuration=file": "value of car_app_automatic_configuration must be one "
    "of: flags, environment, got: file",
    "car_app_source=/nowhere": "car_app_source is /nowhere, but that folder lacks db.py, "
    "gunicorn.conf.py, server_manual.py, server_programmatic.py, server_automatic.py.",
    "car_app_automatic_module=server_mixed": "car_app_automatic_module is server_mixed and "
    "car_app_source is",
    "reverse_proxy_password_hash=no-secret": "reverse_proxy_password_hash (not shown) is not a "
    "SHA-512, yescrypt or bcrypt hash. Nothing was changed. Write, in single quotes, what",
    "jaeger_query_ui_config=menu": "argument 'jaeger_query_ui_config' is of type str and we were "
    "unable to convert to dict",
    GUARDED.format("reverse_proxy_password_hash=$6$x"): "reverse_proxy_password and "
    "reverse_proxy_password_hash are both set, but there is only one password. "
    "Nothing was changed.",
    f"reverse_proxy_password={'no-secret' * 8}": "reverse_proxy_password (not shown) has 72 "
    "characters or more than one line, but must be one line of at most 64. Nothing was changed.",
    GUARDED.format("reverse_proxy_user=a:b"): "reverse_proxy_user is a:b, but must be a name of "
    "letters, digits and . _ @ - only, such as admin. Nothing was changed.",
    GUARDED.format("reverse_proxy_https_host_port=443"): ADDRESS.format(
        "reverse_proxy_https_host_port", "443"
    ),
    GUARDED.format("reverse_proxy_http_host_port=0.0.0.0:443"): "reverse_proxy_https_host_port and "
    "reverse_proxy_http_host_port have the same port, 443. Nothing was changed.",
    GUARDED.format("reverse_proxy_certificate=/etc/hostname"): PAIR.format('"/etc/hostname"', '""'),
    GUARDED.format("reverse_proxy_certificate_key=/nowhere"): PAIR.format('""', '"/nowhere"'),
    GUARDED.format(
        "reverse_proxy_certificate=/etc/hostname reverse_proxy_certificate_key=/etc/hostname"
    ): "but they are not a PEM certificate and its key without a passphrase: ssl.SSLError: [SSL] "
    "PEM lib",
    GUARDED.format(""): "jaeger-ui is open without a password at http://{address}:16686. The proxy "
    "was not changed. Remove jaeger_query_http_server_host_port from the inventory, or set it to a "
    "loopback address; then run site.yml again.",
}
PLAYBOOKS = {
    "jaeger": contract.JAEGER,
    "car": contract.CAR_APP,
    "reverse": contract.REVERSE_PROXY,
}


@pytest.fixture(scope="module")
def refused(lab) -> dict[str, str]:
    """What is said of each setting."""
    return refusals(lab, PLAYBOOKS, SETTINGS, secrets=["phr@se", "no-secret"])


@pytest.mark.parametrize(("setting", "message"), SETTINGS.items(), ids=SETTINGS)
def test_a_wrong_setting_is_refused_before_any_change(
    lab, refused, record_result, setting, message
):
    """A setting has the wrong type or is out of range
    The run stops before any change and names the setting, its value and the correction"""
    assert message.replace("{address}", lab.address) in refused[setting]
    record_result(f"`{setting.split('=')[0].split()[-1]}`")


# The playbook has values of its own, which only --extra-vars overrides.
REPORT_SETTINGS = {
    "report_language=fr": "report_language is fr, but must be",
    "report_file=/nowhere/report.html": "report_file is /nowhere/report.html",
}


@pytest.mark.parametrize(("setting", "message"), REPORT_SETTINGS.items(), ids=REPORT_SETTINGS)
def test_a_wrong_setting_of_the_report_is_refused(lab, record_result, setting, message):
    """A setting of the report has the wrong value
    The run stops before any change and names the setting, its value and the correction"""
    with assert_unchanged(lab):
        ran = lab.play(contract.REPORT, "-e", setting)
    failure_output(ran, message)
    assert_no_change(ran.stdout)
    record_result(f"`{setting.split('=')[0]}`")


def test_a_flag_that_other_parts_rely_on_is_refused_with_its_setting(lab):
    with assert_unchanged(lab):
        ran = lab.play(contract.JAEGER, jaeger_extra_args=["--query.base-path=/jaeger"])
    failure_output(
        ran,
        "jaeger_extra_args has --query.base-path, but other parts of the lab rely on what it "
        "changes. Nothing was changed. Set jaeger_query_base_path instead.",
    )
    assert_no_change(ran.stdout)
