#!/bin/bash
# Print the seconds of processor time that each unit's processes have used so far, a line for each.
# usage: processor_time.sh UNIT...
set -eu
for unit in "$@"; do
    main=$(systemctl show --value --property=MainPID "$unit")
    for process in "$main" $(pgrep --parent "$main"); do
        cat "/proc/$process/stat"
    done | sed 's/.*) //' | # the process's name, which may have spaces
        awk -v ticks="$(getconf CLK_TCK)" '{ time += $12 + $13 } END { print time / ticks }'
done
