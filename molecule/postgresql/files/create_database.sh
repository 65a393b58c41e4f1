#!/bin/sh
# Create a database that needs a password and is reached through the network.
set -eu
sed -i '$a host all all samehost scram-sha-256' /etc/postgresql/*/main/pg_hba.conf
runuser --user=postgres -- psql --set=ON_ERROR_STOP=1 <<'SQL'
ALTER SYSTEM SET listen_addresses = '*';
CREATE ROLE someone LOGIN PASSWORD 'p@ss/word';
CREATE DATABASE cars OWNER someone;
SQL
systemctl restart postgresql.service
