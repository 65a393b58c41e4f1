#!/bin/sh
# Starts the collector PROGRAM with the configuration on standard input until it is ready, with other ports and another
# folder than the running one's. `PROGRAM validate` does not create the components, and so does not find every mistake.
set -eu
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
exec 3<&0
"$program" --config=/dev/fd/3 \
    --config="yaml:extensions::file_storage::directory: $folder" \
    --config='yaml:extensions::health_check::endpoint: 127.0.0.1:0' \
    --config='yaml:receivers::otlp::protocols::grpc::endpoint: 127.0.0.1:0' \
    --config='yaml:receivers::otlp::protocols::http::endpoint: 127.0.0.1:0' > "$folder/log" 2>&1 &
collector=$!
until grep -q 'Everything is ready' "$folder/log"; do
    if ! kill -0 "$collector" 2> /dev/null; then
        grep -v '	info	' "$folder/log" >&2 || cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.1
done
kill "$collector"
wait "$collector"
