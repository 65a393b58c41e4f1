#!/bin/sh
# Install the packages of wheelhouse.tar, in the current folder, into an environment.
# usage: install_environment.sh PYTHON ENVIRONMENT SITE_PACKAGES LIST
# An environment cannot be moved, so it is created in its place, by one run at a time. At the end, the command LIST writes
# what is in it to the file `complete`.
set -eu
python=$1 environment=$2 site_packages=$3 list=$4
is_complete() { cd "$environment" 2> /dev/null && sh -c "$list" | cmp --silent - complete; }

exec 9<"$(dirname "$environment")"
flock 9
! (is_complete) || exit 0
trap '(is_complete) || rm -rf "$environment"' EXIT
rm -rf "$environment"

# The archive's folder would give its age to this one, which another run would then remove.
tar --extract --no-same-owner --touch --file wheelhouse.tar
"$python" -m zipfile --extract uv-*.whl uv
mv uv/uv-*.data/scripts/uv uv/program
chmod u+x uv/program
# Options do not override all of its variables.
uv() { env --ignore-environment uv/program --offline --no-cache --no-config "$@"; }

uv venv --quiet --python "$python" "$environment"
compile=--compile-bytecode
[ ! -e bytecode.tar ] || compile=--no-compile-bytecode
# The hashes are checked once more, against what has arrived.
uv pip install --quiet --python "$environment/bin/python" --no-index --find-links . \
    --require-hashes --no-deps "$compile" --requirements requirements.txt
if [ -e bytecode.tar ]; then
    sha256sum --quiet --check bytecode.tar.sha256
    tar --extract --no-same-owner --file bytecode.tar --directory "$site_packages"
fi
chmod -R u=rwX,go=rX "$environment"
cd "$environment"
sh -c "$list" > ../.partial.complete
chmod 0644 ../.partial.complete
mv ../.partial.complete complete
