# The lab's commands; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)

PYTHON ?= python3
# Requests that `make traffic` sends to each mode.
N ?= 10
# 1: to the first mode only, whose /chain goes through all three.
CHAIN ?= 0
# Which of its programs `make local` starts; all if empty.
PROGRAMS ?=
on_lab := ansible-playbook -i .lab/inventory.yml
on_local := ansible-playbook -i inventory/local.yml
vagrant_packages := vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils \
    dnsmasq-base iptables nftables iproute2 rsync openssh-client debootstrap e2fsprogs gnupg procps

.PHONY: help
help: ## list these commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 22

.PHONY: lab
lab: can-make-hosts .venv/.complete ## make a systemd host here and put the lab on it
	@ansible-playbook playbooks/lab.yml
	@$(on_lab) site.yml
	@$(on_lab) playbooks/traffic.yml -e traffic_requests=1
	@echo; echo 'The lab stands, and one request to each mode waits in Jaeger:'; echo
	@$(MAKE) --no-print-directory status SHOWN='\1 \2 is \3'
	@echo
	@echo 'Next: make verify    compares the three traces with what they must be'
	@echo '      make report    shows how they differ: here, and as a page in report.html'
	@echo '      make traffic   sends more requests (N=10)'
	@echo '      make shell     opens a shell on the host: journalctl -u car-manual, systemctl cat jaeger'
	@echo '      make destroy   takes the host away'

.PHONY: status
status: SHOWN ?= \1 \2
status: has-lab ## a line for each endpoint; fails if one does not answer
	@out=$$($(on_lab) playbooks/status.yml) || rc=$$?; \
	sed -nE 's/^ +msg: ([a-z-]+) (http[^ ]+) is (.*)/$(SHOWN)/p' <<<"$$out"; \
	[ -z "$${rc-}" ] || { echo "$$out" >&2; exit "$$rc"; }

.PHONY: verify
verify: has-lab ## check the lab's units, listeners and traces
	@$(on_lab) playbooks/verify.yml

.PHONY: traffic
traffic: has-lab ## send N requests to each mode (10 if not told), or with CHAIN=1 through all three
	@$(on_lab) playbooks/traffic.yml -e traffic_requests=$(N) -e traffic_chain=$(CHAIN)

.PHONY: report
report: has-lab ## compare the traces of a request to each mode, line by line: here and in report.html
	@out=$$($(on_lab) playbooks/report.yml) || { echo "$$out" >&2; exit 1; }
	@cat report.md; echo; echo 'The same as a page: file://$(CURDIR)/report.html'

.PHONY: shell
shell: has-lab ## open a shell on the lab's host
	@ssh -i .lab/lab/id_ed25519 -o UserKnownHostsFile=.lab/known_hosts lab@$$(cut -d' ' -f1 .lab/known_hosts)

.PHONY: destroy
destroy: .venv/.complete ## take the lab's host away
	@ansible-playbook playbooks/destroy.yml

.PHONY: local
local: .venv/.complete .venv-app/.complete ## without a host: Jaeger and the three servers in this terminal, until Ctrl-C
	@$(on_local) playbooks/local.yml
	@honcho --procfile .local/Procfile start $(PROGRAMS) || [ $$? = 130 ] # which is Ctrl-C

.PHONY: verify-local
verify-local: .venv/.complete ## compare the traces of `make local` with what they must be
	@$(on_local) playbooks/local.yml playbooks/verify.yml --tags running,traces

.PHONY: test
test: lint ## run the tests; needs root on a Debian-like Linux
	@pytest

.PHONY: reliability
reliability: .venv/.complete ## write docs/reliability.md from the tests of faults; needs root on a Debian-like Linux
	@pytest -m measured --table=docs/reliability.md

.PHONY: bench
bench: .venv/.complete ## measure the lab's speed into docs/performance.md (40 minutes); needs root on a Debian-like Linux
	@command -v ab >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends apache2-utils >/dev/null; }
	@python -m bench

.PHONY: pictures
pictures: .venv/.complete ## take docs/report-*.png of a live lab's report; needs root on a Debian-like Linux
	@pytest tests/test_report.py -k live --pictures=docs

.PHONY: test-vagrant
test-vagrant: .venv/.complete ## try `vagrant up` to `vagrant destroy` on an emulated processor; needs root on a Debian-like Linux
	@dpkg-query --show $(vagrant_packages) >/dev/null 2>&1 || { echo 'Installing Vagrant, libvirt and QEMU ...'; apt-get update -qq; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(vagrant_packages) >/dev/null; }
	@pytest --exitfirst --capture=no tests/vagrant/check_vagrant.py

.PHONY: lint
lint: .venv/.complete ## check the code's form
	@pre-commit run --all-files

.PHONY: readmes
readmes: .venv/.complete ## write the roles' READMEs from their specifications
	@for role in roles/*/; do aar-doc "$$role" markdown; done

.PHONY: lock
lock: .venv/.complete ## resolve the locked lists of packages anew
	@lock() { uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command 'make lock' "$$@"; }; \
	lock --universal --group dev pyproject.toml --output-file requirements.txt; \
	lock --python-platform linux app/requirements.in --output-file app/requirements.txt; \
	lock --universal mirror/requirements.in --output-file mirror/requirements.txt; \
	lock --universal --no-deps bench/collector/requirements.in --output-file bench/collector/requirements.txt; \
	lock --universal roles/car_app/files/uv.in --output-file roles/car_app/files/uv.txt

.PHONY: can-make-hosts
can-make-hosts:
	@[ "$$(uname -s)" = Linux ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
	    echo 'make lab needs root on a Debian-like Linux. Nothing was changed. Other doors:' >&2; \
	    echo '  make local                                   no host: plain processes in this terminal, on any Linux' >&2; \
	    echo '  vagrant up                                   a virtual machine' >&2; \
	    echo '  ansible-playbook -i <inventory> site.yml     a real server, over SSH' >&2; \
	    exit 1; }

.PHONY: has-lab
has-lab: .venv/.complete
	@[ -e .lab/inventory.yml ] || { echo 'There is no lab here yet: make lab makes one.' >&2; exit 1; }

# Debian's python3 comes without venv.
.venv/.complete: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo '$(PYTHON) is older than 3.11. Name a newer one: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	    apt-get install -qq --no-install-recommends python3-venv >/dev/null; } || { \
	    echo '$(PYTHON) cannot make environments. Install its venv (Debian: apt-get install python3-venv).' >&2; exit 1; }
	@echo 'Installing the tools into .venv (half a minute) ...'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $@

.venv-app/.complete: app/requirements.txt
	@echo "Installing the app's packages into .venv-app ..."
	@$(PYTHON) -m venv --clear .venv-app
	@.venv-app/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement app/requirements.txt
	@touch $@
