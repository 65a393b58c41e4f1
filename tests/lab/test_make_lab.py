"""`make lab`: what it prints and applies, and that a second host does not disturb it."""

from tests.support.commands import assert_no_change, run
from tests.support.contract import ENDPOINTS


def test_it_ends_with_the_state_and_address_of_every_service(made):
    lab, output = made
    for name in ENDPOINTS:
        assert f"{name} {lab.url(name)} is active, answers" in output
    assert "Next: make verify" in output


def test_a_second_run_changes_nothing(lab):
    assert_no_change(lab.must_make("lab"))


def test_it_applies_a_setting_of_its_file(lab):
    file = lab.clone / "lab/settings.yml"
    before = file.read_text()
    file.write_text(
        before.replace("lab_settings:\n", "lab_settings:\n  car_app_sleep_seconds: 0\n")
    )
    try:
        lab.must_make("lab")
        assert "CAR_APP_SLEEP_SECONDS=0 " in lab.ssh("systemctl show -P Environment car-manual")
    finally:
        file.write_text(before)
        lab.must_make("lab")


def test_make_shell_opens_a_shell_on_the_host(lab):
    shell = run("make", "--no-print-directory", "shell", cwd=lab.clone, stdin="hostname\n")
    assert shell.returncode == 0, shell.stdout
    assert "lab" in shell.stdout.splitlines()


def test_two_hosts_do_not_disturb_each_other(lab, second_host):
    # A service of the same name: it must neither be seen nor stopped from the other host.
    second_host.ssh("systemd-run --unit=car-manual sleep infinity")
    lab.ssh("systemctl restart car-manual")
    assert "Input/output error" not in lab.ssh("systemctl status car-manual --no-pager 2>&1")
    assert second_host.ssh("systemctl is-active car-manual") == "active\n"
    lab.must_make("status")
