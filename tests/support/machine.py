"""What a lab changes on the machine that it is made on."""

from collections.abc import Iterable

from tests.support.commands import must_run

COMMANDS = {
    "network devices": "ip -oneline -br link",
    "addresses": "ip -oneline -br address",
    "routes": "ip route",
    "firewall": "if command -v nft >/dev/null; then nft --stateless list ruleset; fi",
    "mounts": "findmnt --list --noheadings --output TARGET,FSTYPE",
    "forwarding": "cat /proc/sys/net/ipv4/ip_forward",
    "processes": "ps -ww -C systemd-nspawn,python3 -o args= || true",
    "labs": "find /run/otel-lab -name '*.machine' 2>/dev/null || true",
}


def machine_state() -> dict[str, str]:
    """Return all of this machine that a lab could leave changed, by what shows it."""
    return {name: must_run("sh", "-c", command) for name, command in COMMANDS.items()}


def assert_restored(before: dict[str, str], after: dict[str, str], marks: Iterable[str]) -> None:
    """Check that a lab left nothing that names its marks, nor anything else changed."""
    left = [
        f"{name}: {line}"
        for name, text in after.items()
        for line in text.splitlines()
        if any(mark in line for mark in marks)
    ]
    assert not left, "make destroy left\n" + "\n".join(left)
    # Programs come and go, and another clone's lab that does so changes the machine too.
    if after["labs"] == before["labs"]:
        for name in COMMANDS.keys() - {"processes"}:
            assert after[name] == before[name], f"make destroy left other {name}"
