#!/bin/sh
# Prints what the roles must know of a host before they change it. The arguments are the folders that they need.
sudo --non-interactive --list --other-user="$SUDO_USER" 2> /dev/null | grep -oE '!?requiretty' | tail -n 1 | sed 's/^/has /'
{ command -v python3 || test -x /usr/libexec/platform-python; } > /dev/null && echo 'has Python'
command -v ss > /dev/null && echo 'has ss'
# The test of sd_booted(3): the fact service_mgr trusts /sbin/init, also where systemd is installed but not running.
test -d /run/systemd/system && echo 'has systemd'
for folder; do
    test -d "$folder" || { ! test -e "$folder" && ! test -L "$folder"; } || echo "no folder: $folder"
done
ss --no-header --listening --tcp --udp --numeric --processes --cgroup
systemctl list-sockets --no-legend --no-pager --full
# On a terminal, which raw has, it would be coloured.
systemctl list-units --state=not-found --type=socket --plain --no-legend --full | cat
