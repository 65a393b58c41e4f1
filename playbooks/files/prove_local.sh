#!/bin/sh
# Proves with a trace that the programs of `make local` work, and prints the result.
if ansible-playbook -i inventory/local.yml playbooks/prove_local.yml -e proof_file=.local/proof.txt > .local/proof.log 2>&1; then
    cat .local/proof.txt
else
    cat .local/proof.log
fi
# honcho ends all programs when one of them ends.
exec sleep infinity
