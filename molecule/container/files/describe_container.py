#!/usr/bin/python3
"""Print as JSON what the process in the container jaeger may do, as its host sees it."""

import json
import pwd
import re
import subprocess
from pathlib import Path

FORMAT = "{{ .State.Pid }}"


def main() -> None:
    inspect = ["podman", "container", "inspect", "--format", FORMAT, "jaeger"]
    # A script's messages would become part of its output.
    pid = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()
    process = Path("/proc", pid)
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    environment = (process / "environ").read_bytes().decode().split("\0")
    control_groups = (process / "cgroup").read_text()
    mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    sockets = "ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric", "--processes"
    listening = subprocess.run(sockets, stdout=subprocess.PIPE, text=True, check=True).stdout
    ports = re.findall(rf"^(tcp|udp) .*:(\d+) +\S+ +users:.*pid={pid},", listening, re.MULTILINE)
    description = {
        "user": pwd.getpwuid(int(status["Uid"].split()[1])).pw_name,
        "capabilities": int(status["CapBnd"], 16) | int(status["CapEff"], 16),
        "no new privileges": status["NoNewPrivs"],
        "seccomp": status["Seccomp"],
        "root": next(mount[5].split(",")[0] for mount in mounts if mount[4] == "/"),
        "units": sorted(set(re.findall(r"[^/\s]+\.service\b", control_groups))),
        "environment": sorted(name for name in environment if name.startswith("COLLECTOR_")),
        "ports": sorted({f"{port}/udp" if kind == "udp" else port for kind, port in ports}),
    }
    print(json.dumps(description))


if __name__ == "__main__":
    main()
