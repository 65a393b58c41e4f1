#!/bin/sh
# Install the packages of wheelhouse.tar, in the current folder, into an environment.
# usage: install_environment.sh PYTHON ENVIRONMENT SITE_PACKAGES
# An environment cannot be moved, so it is created in its place, by one run at a time, and marked complete at the end.
set -eu
python=$1 environment=$2 site_packages=$3

exec 9<"$(dirname "$environment")"
flock 9
[ ! -e "$environment/complete" ] || exit 0
trap '[ -e "$environment/complete" ] || rm -rf "$environment"' EXIT
rm -rf "$environment"

tar --extract --no-same-owner --file wheelhouse.tar
"$python" -m zipfile --extract uv-*.whl uv
mv uv/uv-*.data/scripts/uv uv/program
chmod u+x uv/program
uv() { uv/program --offline --no-cache --no-config "$@"; }

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
touch "$environment/complete"
