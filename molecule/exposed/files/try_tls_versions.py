"""Print for each TLS version what the server at an address gives: it, or why it refuses."""

import socket
import ssl
import sys

TLS = ssl.TLSVersion

for version in TLS.TLSv1, TLS.TLSv1_1, TLS.TLSv1_2, TLS.TLSv1_3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # Otherwise OpenSSL itself would refuse the old versions.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    try:
        with context.wrap_socket(socket.create_connection((sys.argv[1], 443), 5)) as connection:
            print(connection.version())
    except ssl.SSLError as error:
        print(error.reason)
