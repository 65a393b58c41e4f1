# The teaching text's steps, as one would type them. url: the folder of Jaeger's release.
curl -fsSL "$url/jaeger-1.57.0-linux-amd64.tar.gz" | tar -xz --strip-components 1 -C /usr/local/bin

python3 -m venv venv
. venv/bin/activate
pip install flask 'sqlalchemy<2.1' opentelemetry-distro opentelemetry-exporter-otlp \
    opentelemetry-instrumentation-flask opentelemetry-instrumentation-sqlalchemy
opentelemetry-bootstrap -a install

cd app
python db.py
# Each server's own port is 8082, and they run together here.
serve() { nohup "$@" > /dev/null 2>&1 & }
serve jaeger-all-in-one
serve flask --app server_manual run --host 0.0.0.0 --port 8082
serve flask --app server_programmatic run --host 0.0.0.0 --port 8083
serve opentelemetry-instrument --traces_exporter otlp --metrics_exporter none --logs_exporter none \
    --service_name server_automatic --exporter_otlp_endpoint http://localhost:4317 \
    flask --app server_automatic run --host 0.0.0.0 --port 8084
