"""Print which listeners (arguments such as "tcp 127.0.0.1:8082") cannot be bound, and why."""

import socket
import sys

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}

for listener in sys.argv[1:]:
    transport, _, host_port = listener.partition(" ")
    host, _, port = host_port.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, KINDS[transport]) as probe:
        # As the programs do, so that a port whose last connection is closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, transport == "tcp")
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            print(f"{listener}: {error.strerror}")
