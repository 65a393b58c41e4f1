"""Fail if a PEM certificate (argument) and a private key (input) do not belong together."""

import ssl
import sys

ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(sys.argv[1], "/dev/stdin", password="")
