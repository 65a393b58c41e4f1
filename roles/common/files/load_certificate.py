"""Fail if a PEM certificate (argument) has expired or does not belong to a private key (input)."""

import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(sys.argv[1], "/dev/stdin", password="")
end = load_pem_x509_certificate(Path(sys.argv[1]).read_bytes()).not_valid_after_utc
if end < datetime.now(UTC):
    sys.exit(f"The certificate expired on {end:%Y-%m-%d}.")
