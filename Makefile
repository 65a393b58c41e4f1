# The lab's commands; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# What the caller's shell sets for other programs changes nothing here. Of pip's settings, only those that say how it
# reaches an index count. `su` keeps the user's path, which lacks root's programs.
export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
pip_index := CACHE_DIR CERT CLIENT_CERT CONFIG_FILE DEFAULT_TIMEOUT EXTRA_INDEX_URL FIND_LINKS INDEX_URL KEYRING_PROVIDER \
    NO_CACHE_DIR NO_INDEX PROXY RETRIES TIMEOUT TRUSTED_HOST USE_FEATURE
unexport $(filter-out ANSIBLE_CONFIG ANSIBLE_VAULT_PASSWORD_FILE OTEL_LAB_% $(pip_index:%=PIP_%), \
    $(filter ANSIBLE_% BASH_% CDPATH GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE OTEL_% PG% PIP_% PORT PYTHON% SHELLOPTS,$(.VARIABLES)))

PYTHON := python3
# Number of requests that `make traffic` sends to each mode.
N := 10
# 1: only to the first mode's /chain, which goes through all three.
CHAIN := 0
# The other systems that `make lab` installs beside Jaeger, such as "prometheus zipkin", or "all" that can be had.
BACKENDS :=
# The exercise of docs/course that `make exercise` deploys and `make check` checks.
EXERCISE :=
# The language of what `make exercise` and `make check` print: en or ru.
COURSE_LANGUAGE := en
# The number of students for whom `make lab` creates a host each, and the one whose host a command is for.
STUDENTS :=
STUDENT :=
# The host on which `make shell` opens one; the first if empty.
HOST :=
first_host = $(shell awk '$$1 == "Host" { print $$2; exit }' .lab/ssh_config)
# The programs that `make local` starts; all if empty.
PROGRAMS :=
labs = $(wildcard $(if $(STUDENT),.students,.lab))
lab_folder := $(if $(STUDENT),.students/student-$(STUDENT),.lab)
missing_lab := $(if $(STUDENT),host of student $(STUDENT): create those of 8 students with `make lab STUDENTS=8,lab here yet: create it with `make lab)
report_file := report$(if $(STUDENT),-student-$(STUDENT)).html
course := python -m course --language='$(COURSE_LANGUAGE)' $(if $(STUDENT),--student='$(STUDENT)')
students := python -m course.students
on_lab := ansible-playbook -i $(lab_folder)/inventory.yml
# With what failed or changed alone: what a student sees of a working copy that does not start.
on_lab_briefly := ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false $(on_lab)
on_local := ansible-playbook -i inventory/local.yml
status_file := $(lab_folder)/status.txt
proof_file := $(lab_folder)/proof.txt
write_proof := -e proof_file=$(proof_file)
write_status := playbooks/status.yml -e status_file=$(status_file)
vagrant_packages := vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils \
    dnsmasq-base iptables nftables iproute2 rsync openssh-client debootstrap e2fsprogs gnupg procps

.PHONY: help
help: ## list these commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 22

.PHONY: lab
ifneq ($(STUDENTS),)
lab: for-all-students can-create-hosts .venv/.complete
	@$(students) plan '$(STUDENTS)' '$(BACKENDS)'
	@settings=$$($(students) settings '$(STUDENTS)'); ansible-playbook lab/create.yml -e "$$settings"
	@fresh=$$($(students) fresh); [ -z "$$fresh" ] || ansible-playbook $$fresh site.yml # Elsewhere a student's code runs.
	@echo; $(students) page
	@echo
	@echo 'Next: make exercise EXERCISE=1 STUDENT=1    deploys a working copy of student 1; so do the other commands'
	@echo '      make students                         checks every exercise and writes the page again'
	@echo '      make reset STUDENT=1                  makes a host new'
	@echo '      make destroy                          removes all hosts'
else
lab: for-all-students can-create-hosts .venv/.complete ## create a systemd host on this machine and install the lab on it, or STUDENTS=8 hosts
	@ansible-playbook lab/create.yml -e '{"lab_backends": "$(BACKENDS)"}' # Else Ansible splits it at spaces.
	@$(on_lab) lab/elasticsearch.yml lab/cassandra.yml lab/kafka.yml site.yml $(write_proof)
	@out=$$($(on_lab) playbooks/traffic.yml $(write_status) -e traffic_requests=1 --skip-tags traces) || { echo "$$out" >&2; exit 1; }
	@echo; echo 'The lab is ready, and Jaeger has a trace of one request to each mode:'; echo
	@grep . $(status_file)
	@echo; grep . $(proof_file)
	@echo
	@echo 'Next: make verify    compares the three traces with the expected ones'
	@echo '      make report    shows how they differ, here and as a page in report.html'
	@echo '      make traffic   sends more requests (N=10)'
	@echo '      make shell     opens a shell on the host: journalctl -u car-manual, systemctl cat jaeger'
	@echo '      make destroy   removes the host'
endif

.PHONY: students
students: has-class .venv/.complete ## check the exercise of every student and write the page of the class
	@$(students) check

.PHONY: reset
reset: can-create-hosts has-student has-lab .venv/.complete ## make the host of a student new (STUDENT=3) and put the working copy aside
	@$(students) set-aside '$(STUDENT)'
	@settings=$$($(students) settings); \
	    ansible-playbook lab/destroy.yml --tags machines -e "$$settings" -e '{"lab_hosts": [{"name": "student-$(STUDENT)"}]}'; \
	    ansible-playbook lab/create.yml -e "$$settings"
	@$(on_lab) site.yml
	@$(students) page

.PHONY: status
status: has-lab .venv/.complete ## print a line for each endpoint; fails if one does not answer
	@out=$$($(on_lab) $(write_status) $(write_proof)) || { echo "$$out" >&2; exit 1; }
	@sed 's/ is .*//' $(status_file) | grep .; grep . $(proof_file)

.PHONY: verify
verify: has-lab .venv/.complete ## verify the lab's units, listeners and traces
	@$(on_lab) playbooks/verify.yml

.PHONY: traffic
traffic: has-lab .venv/.complete ## send N requests (default 10) to each mode, or with CHAIN=1 through all three
	@$(on_lab) playbooks/traffic.yml -e traffic_requests=$(N) -e traffic_chain=$(CHAIN)

.PHONY: report
report: has-lab .venv/.complete ## compare the traces of a request to each mode, here and in report.html
	@out=$$($(on_lab) playbooks/report.yml -e report_file=$(report_file)) || { echo "$$out" >&2; exit 1; }
	@cat $(report_file:.html=.md); echo
	@python -c 'import pathlib; print("The same as a page:", pathlib.Path("$(report_file)").absolute().as_uri())'

.PHONY: exercise
exercise: has-lab .venv/.complete ## deploy your working copy of an exercise (EXERCISE=1), see docs/course/README.md
	@$(course) prepare '$(EXERCISE)'
	@settings=$$($(course) settings '$(EXERCISE)'); \
	    out=$$($(on_lab_briefly) playbooks/car_app.yml -e "$$settings") || { echo "$$out" >&2; exit 1; }
	@$(course) next '$(EXERCISE)'

.PHONY: check
check: has-lab .venv/.complete ## check the traces of an exercise (EXERCISE=1)
	@settings=$$($(course) settings '$(EXERCISE)'); \
	    out=$$($(on_lab_briefly) playbooks/send_exercise.yml -e "$$settings") || { echo "$$out" >&2; exit 1; }
	@$(course) check '$(EXERCISE)'

.PHONY: shell
shell: has-lab .venv/.complete ## open a shell on the lab's host, where there are several on HOST
	@ssh -F $(if $(STUDENT),.students/ssh_config student-$(STUDENT),.lab/ssh_config $(or $(HOST),$(first_host)))

.PHONY: destroy
destroy: for-all-students lab-is-readable .venv/.complete ## remove the lab's host and those of all students
	@ansible-playbook lab/destroy.yml
	@rm -f $(status_file) $(proof_file)
	@[ ! -e .students ] || { $(students) set-aside; settings=$$($(students) settings); \
	    ansible-playbook lab/destroy.yml -e "$$settings"; rm -r .students; rm -f students.html; }

.PHONY: clean-cache
clean-cache: .venv/.complete ## remove what the lab keeps in ~/.cache/otel-lab between runs
	@ansible-playbook lab/clean_cache.yml

.PHONY: local
local: .venv/.complete .venv-app/.complete ## without a host: run Jaeger and the three servers in this terminal, until Ctrl-C
	@$(on_local) playbooks/local.yml -e '{"local_programs": "$(PROGRAMS)"}'
	@honcho --env /dev/null --procfile .local/Procfile start $(PROGRAMS) || [ $$? = 130 ] # The status after Ctrl-C.

.PHONY: verify-local
verify-local: .venv/.complete ## compare the traces of `make local` with the expected ones
	@$(on_local) playbooks/local.yml playbooks/verify.yml --tags running,traces

.PHONY: test
test: lint test-unit ## run all tests but those of make test-nightly and test-vagrant; needs root on a Debian-like Linux
	@pytest tests/lab --numprocesses=2 --dist=loadfile

.PHONY: test-unit
test-unit: .venv/.dev .venv-app/.complete ## run the tests that need neither root nor a host (under a minute)
	@pytest tests/unit --numprocesses=2

.PHONY: test-nightly
test-nightly: .venv/.dev .venv-app/.complete ## run the tests that take too long for make test; needs root on a Debian-like Linux
	@pytest tests/lab -m long --long --numprocesses=2 --dist=loadfile

.PHONY: reliability
reliability: .venv/.dev .venv-app/.complete ## write docs/reliability.md and docs/setups.md from tests; needs root on a Debian-like Linux
	@pytest -m measured --long --tables=docs tests/unit tests/lab

.PHONY: bench
bench: .venv/.dev ## measure the lab's speed into docs/performance.md (about an hour); needs root on a Debian-like Linux
	@command -v ab >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends apache2-utils >/dev/null; }
	@python -m bench $(BENCHMARKS)

.PHONY: pictures
pictures: .venv/.dev ## take docs/report-*.png of a live lab's report; needs root on a Debian-like Linux
	@pytest tests/lab/test_report.py -k live --pictures=docs

.PHONY: test-vagrant
test-vagrant: .venv/.dev ## test `vagrant up` to `vagrant destroy` on an emulated processor; needs root on a Debian-like Linux
	@dpkg-query --show $(vagrant_packages) >/dev/null 2>&1 || { echo 'Installing Vagrant, libvirt and QEMU ...'; apt-get update -qq; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(vagrant_packages) >/dev/null; }
	@pytest --exitfirst --capture=no tests/vagrant

.PHONY: lint
lint: .venv/.dev ## run the linters
	@pre-commit run --all-files

.PHONY: readmes
readmes: .venv/.dev ## write the roles' READMEs from their argument specifications
	@for role in roles/*/; do aar-doc "$$role" markdown; done

.PHONY: lock
lock: .venv/.dev ## update the lock files
	@lock() { uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command 'make lock' "$$@"; }; \
	lock --universal --group dev pyproject.toml --output-file requirements-dev.txt; \
	lock --universal --constraint requirements-dev.txt pyproject.toml --output-file requirements.txt; \
	lock --python-platform linux app/requirements.in --output-file app/requirements.txt; \
	lock --universal lab/mirror/requirements.in --output-file lab/mirror/requirements.txt; \
	lock --universal roles/car_app/files/uv.in --output-file roles/car_app/files/uv.txt

.PHONY: can-create-hosts
can-create-hosts:
	@[ "$$(uname -s)" = Linux ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
	    echo 'make $(MAKECMDGOALS) needs root on a Debian-like Linux. Nothing was changed. Other ways to run the lab:' >&2; \
	    echo '  make local                                   no host: plain processes in this terminal, on any Linux' >&2; \
	    echo '  vagrant up                                   a virtual machine' >&2; \
	    echo '  ansible-playbook -i <inventory> site.yml     a real server, over SSH' >&2; \
	    exit 1; }

.PHONY: lab-is-readable
lab-is-readable:
	@for lab in $(labs); do find "$$lab" -maxdepth 2 >/dev/null 2>&1 || { \
	    echo "The lab in $$PWD/$$lab belongs to $$(stat -c %U "$$lab"), and $$(id -un) cannot read it: sudo make $(MAKECMDGOALS) $(MAKEOVERRIDES)" >&2; exit 1; }; done

students: labs = $(wildcard .students)
destroy: labs = $(wildcard .lab .students)

.PHONY: has-lab
has-lab: lab-is-readable
	@[ -e '$(lab_folder)/inventory.yml' ] || { echo 'There is no $(missing_lab)`.' >&2; exit 1; }

.PHONY: has-class
has-class: lab-is-readable
	@[ -e .students ] || { echo 'There is no class here yet: create it with `make lab STUDENTS=8`.' >&2; exit 1; }

.PHONY: for-all-students
for-all-students:
	@[ -z '$(STUDENT)' ] || { echo 'STUDENT is $(STUDENT), but make $(MAKECMDGOALS) is for all hosts. Nothing was changed.' >&2; \
	    echo 'make reset STUDENT=3 makes one host new, and make lab STUDENTS=8 creates those of 8 students.' >&2; exit 1; }

.PHONY: has-student
has-student:
	@[ -n '$(STUDENT)' ] || { echo 'Name a student, such as STUDENT=3. Nothing was changed.' >&2; exit 1; }

# pip's configuration file may name another place. $(1) is the environment, $(2) the options.
install = .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes \
    --no-user --root=/ --prefix="$$PWD/$(1)" --target= $(2)

# Debian's python3 comes without venv. Only what is used is compiled, because ansible has many modules.
.venv/.complete: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo '$(PYTHON) is older than 3.11. Name a newer one: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	    apt-get install -qq --no-install-recommends python3-venv >/dev/null; } || { \
	    echo '$(PYTHON) cannot create environments. Install its venv (Debian: apt-get install python3-venv).' >&2; exit 1; }
	@echo 'Installing the tools into .venv ...'
	@rm -rf .venv # Not --clear, which would empty the folder that a link leads to.
	@$(PYTHON) -m venv .venv
	@$(call install,.venv,--no-compile --requirement requirements.txt)
	@touch $@

.venv/.dev: .venv/.complete requirements-dev.txt
	@echo 'Installing the tools of development into .venv (half a minute) ...'
	@$(call install,.venv,--no-compile --requirement requirements-dev.txt)
	@touch $@

.venv-app/.complete: app/requirements.txt | .venv/.complete
	@echo "Installing the app's packages into .venv-app ..."
	@rm -rf .venv-app
	@$(PYTHON) -m venv --without-pip .venv-app
	@PIP_PYTHON=.venv-app $(call install,.venv-app,--no-deps --requirement app/requirements.txt)
	@touch $@
