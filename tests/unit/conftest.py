"""A server on loopback, and a run of a module without Ansible."""

from collections.abc import Iterator

import pytest

from tests.support.server import Server, serving


@pytest.fixture
def http_server() -> Iterator[Server]:
    server = Server()
    with serving(server):
        yield server


class Ended(Exception):
    """How a module ended, with its result or its message."""


@pytest.fixture
def run_module(monkeypatch):
    """A function that runs a module with some parameters; returns its result or its message."""

    def run(module, **params):
        class AnsibleModule:
            def __init__(self, argument_spec, **_):
                defaults = {name: option.get("default") for name, option in argument_spec.items()}
                self.params = defaults | params

            def exit_json(self, **result):
                raise Ended(result)

            def fail_json(self, msg):
                raise Ended(msg)

        monkeypatch.setattr(module, "AnsibleModule", AnsibleModule)
        with pytest.raises(Ended) as ended:
            module.main()
        return ended.value.args[0]

    return run
