#!/bin/bash
# Run the teaching text's steps, as one would type them, in a folder with the modules in app/.
# usage: manual_steps.sh ARCHIVE_URL
set -eu
curl -fsSL "$1" | tar -xz --strip-components 1 -C /usr/local/bin

python3 -m venv venv
# shellcheck source=/dev/null
. venv/bin/activate
pip install flask 'sqlalchemy<2.1' opentelemetry-distro opentelemetry-exporter-otlp \
    opentelemetry-instrumentation-flask opentelemetry-instrumentation-sqlalchemy
opentelemetry-bootstrap -a install

cd app
python db.py
# In the text every server uses port 8082, but here they run at the same time.
serve() { nohup "$@" >/dev/null 2>&1 & }
serve jaeger-all-in-one
serve flask --app server_manual run --host 0.0.0.0 --port 8082
serve flask --app server_programmatic run --host 0.0.0.0 --port 8083
serve opentelemetry-instrument --traces_exporter otlp --metrics_exporter none --logs_exporter none \
    --service_name server_automatic --exporter_otlp_endpoint http://localhost:4317 \
    flask --app server_automatic run --host 0.0.0.0 --port 8084
