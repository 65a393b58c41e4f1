"""How gunicorn runs each of the three servers. The unit gives the address: --bind."""

# Every worker imports the app for itself (no preload_app), and so has a span exporter of its own.
workers = 2
worker_class = "gthread"
# A request sleeps for a second, so a hundred at once need a hundred threads, and a client that
# sends slowly holds one as long as it likes. They are made as they are needed.
threads = 512

# Seconds that a stopping worker has for the requests at hand: longer than the longest one.
graceful_timeout = 25

# "-" is the standard output and the standard error: the journal under systemd.
accesslog = "-"
errorlog = "-"
# Written when the span has ended: of the trace it knows what the request brought along.
access_log_format = '%(h)s "%(r)s" %(s)s %(L)ss traceparent=%({traceparent}i)s'

# Nothing uses it, and the services of one user would all take the same path.
control_socket_disable = True
