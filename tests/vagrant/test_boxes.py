"""The Vagrantfile names a box that there is, for each provider and architecture of a computer.

Vagrant runs with stand-ins for the providers and for the registry of boxes; the boxes are looked up
and not downloaded.
"""

import http.server
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import copy_repository, run
from tests.support.server import serving

# The architectures of each provider's boxes in the public registry.
REGISTRY = {
    "debian/bookworm64": {"virtualbox": ["amd64"], "libvirt": ["amd64"]},
    "bento/debian-12": {
        "virtualbox": ["amd64", "arm64"],
        "vmware_desktop": ["amd64", "arm64"],
        "parallels": ["amd64", "arm64"],
    },
    "generic/debian12": {
        "virtualbox": ["amd64"],
        "libvirt": ["amd64"],
        "vmware_desktop": ["amd64"],
        "hyperv": ["amd64"],
    },
}
PROVIDERS = ["virtualbox", "libvirt", "vmware_desktop", "parallels", "hyperv"]
NO_BOX = [("libvirt", "arm64"), ("hyperv", "arm64")]
NO_BOX_FOR = "The lab knows no box for the provider"

# A user's own Vagrantfile. Each stand-in takes the settings of the provider and only gets the box.
STAND_INS = """
class StandIn < Vagrant.plugin("2", :provider)
  def self.usable?(_ = false) = true
  def initialize(machine) = super
  def state = Vagrant::MachineState.new(:not_created, "", "")
  def action(_) = Vagrant::Action::Builder.build(Vagrant::Action::Builtin::HandleBox)
end

class Settings < Vagrant.plugin("2", :config)
  attr_accessor :cpus, :memory, :vmx
  def initialize = @vmx = {}
end

class StandIns < Vagrant.plugin("2")
  name "stand-ins"
  %i[PROVIDERS].each do |provider|
    provider(provider, priority: 20) { StandIn }
    config(provider, :provider) { Settings }
  end
end
""".replace("PROVIDERS", " ".join([*PROVIDERS, "unknown"]))


class Registry(http.server.BaseHTTPRequestHandler):
    """Answers as the public registry does to a Vagrant on `architecture`."""

    architecture = "amd64"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        box = self.path.strip("/")
        providers = [
            {"name": name, "url": "http://127.0.0.1:9/package.box"}
            for name, architectures in REGISTRY.get(box, {}).items()
            if self.architecture in architectures
        ]
        versions = [{"version": "12.0.0", "providers": providers}]
        body = json.dumps({"name": box, "versions": versions}).encode()
        self.send_response(200 if box in REGISTRY else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Iterator[Path]:
    """A copy of the repository, beside a user's Vagrantfile with the stand-ins."""
    clone = copy_repository(tmp_path_factory.mktemp("boxes") / "otel-lab")
    (clone.parent / "vagrant.d").mkdir()
    (clone.parent / "vagrant.d/Vagrantfile").write_text(STAND_INS)
    return clone


def up(clone: Path, provider: str, architecture: str, **settings: str) -> str:
    """Return the output of `vagrant up`, which ends at the latest where it would get the box."""
    registry = type("", (Registry,), {"architecture": architecture})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), registry)
    environment = {
        "OTEL_LAB_ANSIBLE": "guest",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_HOME": str(clone.parent / "vagrant.d"),
        "VAGRANT_HOST_ARCHITECTURE": architecture,
        "VAGRANT_SERVER_URL": f"http://127.0.0.1:{server.server_port}",
        **settings,
    }
    with serving(server):
        ran = run("vagrant", "up", f"--provider={provider}", cwd=clone, env=environment)
    assert ran.returncode != 0, ran.stdout
    return ran.stdout


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_computer_gets_a_box_or_is_told_to_name_one(clone, provider, architecture):
    output = up(clone, provider, architecture)
    if (provider, architecture) in NO_BOX:
        assert f"{NO_BOX_FOR} {provider} on a computer with {architecture}. Nothing was" in output
        assert "in the environment of every vagrant command: OTEL_LAB_BOX=..." in output
        assert "vagrant up --provider=virtualbox|vmware_desktop|parallels\n" in output
    else:
        assert f"(v12.0.0) for provider: {provider}" in output


def test_an_unknown_provider_is_told_to_name_a_box(clone):
    assert f"{NO_BOX_FOR} unknown" in up(clone, "unknown", "amd64")


@pytest.mark.parametrize("provider", ["parallels", "unknown"])
def test_a_box_that_is_named_is_used(clone, provider):
    output = up(clone, provider, "arm64", OTEL_LAB_BOX="bento/debian-12")
    assert "Loading metadata for box 'bento/debian-12'" in output


def test_an_unknown_system_is_refused_before_anything_changes(clone):
    output = up(clone, "virtualbox", "amd64", OTEL_LAB_BACKENDS="prometheus kibana")
    assert 'OTEL_LAB_BACKENDS is "prometheus kibana", but may name prometheus, zipkin' in output
    assert "Bringing machine" not in output


@pytest.mark.parametrize("backends", ["zipkin", "all"])
def test_the_named_systems_make_a_valid_vagrantfile(clone, backends):
    environment = {"OTEL_LAB_BACKENDS": backends}
    valid = run("vagrant", "validate", "--ignore-provider", cwd=clone, env=environment)
    assert valid.stdout.endswith("Vagrantfile validated successfully.\n")


def test_the_vagrantfile_is_valid_without_any_provider(clone):
    valid = run("vagrant", "validate", "--ignore-provider", cwd=clone)
    assert valid.stdout.endswith("Vagrantfile validated successfully.\n")
