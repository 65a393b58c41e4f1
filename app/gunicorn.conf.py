"""How gunicorn runs each of the three servers; systemd passes it the listening socket."""

# Each worker imports the app itself (no preload_app), so it has its own span exporter.
workers = 2
worker_class = "gthread"
# A request sleeps for a second, so a hundred at once need a hundred threads, and a slow client
# occupies one until it has sent its request. Threads are created on demand.
threads = 512

# Seconds for a stopping worker to finish its requests: longer than the longest one.
graceful_timeout = 25

# "-" is standard output and standard error, which systemd sends to the journal.
accesslog = "-"
errorlog = "-"
# Written after the span has ended, so it can only show the header that the request sent.
access_log_format = '%(h)s "%(r)s" %(s)s %(L)ss traceparent=%({traceparent}i)s'

# Nothing uses the control socket, and all services of one user would have the same path.
control_socket_disable = True
