"""README's commands for a shell."""

import re

from tests.support.commands import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
# On a host: continue a trace, find its log lines, make a query fail.
CONTINUE_TRACE, FIND_LINES, FAIL_QUERY = [block for block in BLOCKS if "curl" in block]
