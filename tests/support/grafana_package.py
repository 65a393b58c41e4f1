"""A stand-in for Grafana's package: its user, its unit, its folders, and a server that answers.

Like Grafana, the server reads its provisioning files as the user grafana when it starts, and does
not start if it may not read one. It writes what it read to the journal, a line of JSON per file.
"""

import hashlib
from pathlib import Path

from tests.support.commands import must_run
from tests.support.lab import Lab

SOURCE = "/etc/apt/sources.list.d/grafana.list"
FOLDER = "/srv/grafana"
CONTROL = """Package: grafana
Version: 0.1
Architecture: all
Maintainer: otel-lab
Depends: python3
Description: stand-in for Grafana
"""
POSTINST = """#!/bin/sh
set -e
systemd-sysusers --inline 'u grafana - - /nonexistent /usr/sbin/nologin'
chown -R root:grafana /etc/grafana
systemctl daemon-reload
"""
UNIT = """[Unit]
Description=Stand-in for Grafana
[Service]
User=grafana
Group=grafana
ExecStart=/usr/bin/python3 -u /usr/share/grafana/server.py
[Install]
WantedBy=multi-user.target
"""
SERVER = """import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

for folder in "provisioning", "otel-lab":
    for path in sorted(Path("/etc/grafana", folder).rglob("*.*")):
        print(json.dumps({str(path): path.read_text()}))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


address = os.environ.get("GF_SERVER_HTTP_ADDR", "0.0.0.0")
HTTPServer((address, int(os.environ.get("GF_SERVER_HTTP_PORT", "3000"))), Handler).serve_forever()
"""


def build(folder: Path) -> Path:
    """Build the package and its index in a folder; return the folder of both."""
    tree, index = folder / "tree", folder / "index"
    files = {
        "DEBIAN/control": CONTROL,
        "DEBIAN/postinst": POSTINST,
        "usr/lib/systemd/system/grafana-server.service": UNIT,
        "usr/share/grafana/server.py": SERVER,
    }
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)
        (tree / name).chmod(0o755 if name.endswith("postinst") else 0o644)
    for name in "datasources", "dashboards":
        (tree / "etc/grafana/provisioning" / name).mkdir(parents=True)
    index.mkdir()
    package = index / "grafana.deb"
    must_run("dpkg-deb", "--build", "--root-owner-group", tree, package)
    content = package.read_bytes()
    described = f"{CONTROL}Filename: ./grafana.deb\nSize: {len(content)}\n"
    described += f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
    (index / "Packages").write_text(described)
    return index


def add_source(lab: Lab, index: Path) -> None:
    """Let the host's package source have the package."""
    copied = must_run("ssh", "-F", lab.ssh_config, lab.name, "mktemp -d").strip()
    files = sorted(index.iterdir())
    must_run("scp", "-q", "-F", lab.ssh_config, *files, f"{lab.name}:{copied}")
    lab.ssh(
        f"mv {copied} {FOLDER} && chmod -R a+rX {FOLDER}"
        f" && echo 'deb [trusted=yes] file:{FOLDER} ./' > {SOURCE} && apt-get update"
    )


def purge(lab: Lab) -> None:
    """Remove the package and its source from the host, with all that it left."""
    lab.ssh(
        "systemctl disable --now grafana-server || true; apt-get purge --yes grafana || true;"
        f" rm -rf {SOURCE} {FOLDER} /etc/grafana /etc/systemd/system/grafana-server.service.d;"
        " userdel grafana || true; systemctl daemon-reload; apt-get update"
    )
