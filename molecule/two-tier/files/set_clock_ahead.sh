#!/bin/sh
# Set the clock of this host's services and users an hour ahead: the machines share the clock of their kernel.
set -eu
printf '#!/bin/sh\nexec /bin/date --date="1 hour" "$@"\n' >/usr/local/bin/date
chmod 0755 /usr/local/bin/date
for packages in /opt/car-app/environment-*/lib/python3*/site-packages; do
    echo 'import time; time.time_ns = (lambda clock: lambda: clock() + 3600 * 10**9)(time.time_ns)' >"$packages/ahead.pth"
done
systemctl restart car-manual car-programmatic car-automatic
