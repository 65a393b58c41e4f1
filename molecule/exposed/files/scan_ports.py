"""Print every open TCP port of the host whose address is given. No port is filtered, so each one answers at once."""

import socket
import sys

for port in range(1, 65536):
    with socket.socket() as probe:
        probe.settimeout(5)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
