#!/bin/sh
# Starts the collector until it is ready, with the configuration on standard input but addresses and folders of its own.
# usage: try_configuration.sh PROGRAM SECONDS VENDORS
# `PROGRAM validate` does not create the components, and so does not find every mistake. This text is an argument of
# systemd-run, which would replace ${NAME} in it.
set -eu
program=$1 seconds=$2 vendors=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# As a file, because standard input belongs to root, who alone may open it by its path.
cat > "$folder/config.yaml"
mkdir "$folder/queue"
# In place of the vendors' keys, because nothing is sent.
for vendor in $vendors; do
    echo none > "$folder/$vendor"
done
# Before the program opens it, because it is read at once.
: > "$folder/log"
CREDENTIALS_DIRECTORY=$folder "$program" --config="$folder/config.yaml" \
    --config="yaml:extensions::file_storage::directory: $folder/queue" \
    --config="yaml:extensions::file_storage::compaction::directory: $folder/queue" \
    --config='yaml:extensions::health_check::endpoint: 127.0.0.1:0' \
    --config='yaml:receivers::otlp::protocols::grpc::endpoint: 127.0.0.1:0' \
    --config='yaml:receivers::otlp::protocols::http::endpoint: 127.0.0.1:0' > "$folder/log" 2>&1 &
collector=$!
end=$(($(date +%s) + seconds))
until grep -q 'Everything is ready' "$folder/log"; do
    if ! kill -0 "$collector" 2> /dev/null; then
        grep -v '	\(info\|warn\)	' "$folder/log" >&2 || cat "$folder/log" >&2
        exit 1
    fi
    if [ "$(date +%s)" -gt "$end" ]; then
        echo "It was not ready within $seconds s (otel_collector_ready_timeout). Its log:" >&2
        cat "$folder/log" >&2
        kill -KILL "$collector"
        exit 1
    fi
    sleep 0.1
done
kill "$collector"
# Its status says nothing: it is ready before it handles the signal, which may therefore end it.
wait "$collector" || true
