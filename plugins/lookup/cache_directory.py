"""Lookup of the folder in which the controller keeps downloads and builds between runs."""

DOCUMENTATION = r"""
name: cache_directory
short_description: The folder in which the controller keeps downloads and builds between runs
description:
  - C($XDG_CACHE_HOME/otel-lab), or C(~/.cache/otel-lab) if that variable is not set.
author: The otel-lab developers (!UNKNOWN)
"""
EXAMPLES = r"""
- name: Show the folder
  ansible.builtin.debug:
    msg: "{{ lookup('otel_lab.tracing.cache_directory') }}"
"""
RETURN = r"""
_raw:
  description: The path of the folder.
  type: list
  elements: str
"""

import os
from pathlib import Path

from ansible.plugins.lookup import LookupBase


def cache_directory() -> Path:
    """Return the folder after the XDG Base Directory Specification; it may not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-lab"


class LookupModule(LookupBase):
    def run(self, terms: list[object], variables: object = None, **kwargs: object) -> list[str]:
        return [str(cache_directory())]
