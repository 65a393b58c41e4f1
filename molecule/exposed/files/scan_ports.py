"""Print every open TCP port of the host at an address. No port is filtered: all answer at once."""

import socket
import sys

for port in range(1, 65536):
    with socket.socket() as probe:
        probe.settimeout(5)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
