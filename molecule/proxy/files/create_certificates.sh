#!/bin/sh
# Create the proxy's CA, the certificate of releases.test and the proxy's user, in the current folder.
set -eu

# Python 3.13 trusts neither the CA, nor what squid signs after the other certificate's model, without these extensions.
create() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" \
        -addext "subjectAltName=DNS:$1" -addext "$2"
}
create proxy keyUsage=critical,keyCertSign
create releases.test basicConstraints=CA:FALSE
cp releases.test.crt /usr/local/share/ca-certificates/
update-ca-certificates
echo 127.0.0.1 releases.test >>/etc/hosts
echo "lab:$(openssl passwd -1 'no secret')" >users
/usr/lib/squid/security_file_certgen -c -s /var/spool/squid/certificates -M 4MB
chown -R proxy: /var/spool/squid/certificates
