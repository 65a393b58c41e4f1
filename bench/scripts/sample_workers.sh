#!/bin/bash
# Print the stacks of a unit's workers, with how often py-spy saw each.
# usage: sample_workers.sh UNIT SECONDS
# With --gil it samples threads that hold Python's lock, and so not those that wait.
set -eu
for worker in $(pgrep --parent "$(systemctl show --value --property=MainPID "$1")"); do
    /root/py-spy record --pid "$worker" --duration "$2" --rate 200 --gil --threads \
        --full-filenames --format raw --output "/root/$worker.raw" >/dev/null 2>&1 &
done
wait
cat /root/*.raw
rm /root/*.raw
