# make demo   segments a motorcycle, coins and tissue on photographs that come with the installation
# make test   lint, types, import contracts and all tests
# make bench  how long everything takes on this machine
# make style · coverage · integrations · attack · fuzz · kills · soak · mutate · audit · sbom · licences · constraints · fresh · container   see docs/reliability.md
#
# Each makes its own environment in .venv first (only once, and again when pyproject.toml changes).
# Another place: make test VENV=/somewhere; another interpreter: make test PYTHON=python3.13

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
EXE := .exe
else
BIN := $(VENV)/bin
EXE :=
endif
OUT ?= demo_out

.PHONY: help demo graphs test bench format style coverage integrations attack fuzz kills soak mutate audit sbom licences constraints fresh container
help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -7

demo: $(VENV)/.ready
	$(BIN)/asgnet demo --out "$(OUT)"

# The bundled weights as graphs, for those without torch: again whenever the default network's code changes.
graphs: $(VENV)/.ready-dev
	$(BIN)/python -m asgnet.model.export
	$(BIN)/python -m asgnet.model.prompts.export

# One thread: the tests' tensors are tiny, and on a busy machine threads mostly wait for each other.
test: $(VENV)/.ready-dev
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n auto --dist loadfile

bench: $(VENV)/.ready-dev
	$(BIN)/python -m pytest benchmarks --benchmark-columns=median,iqr,rounds

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

style: $(VENV)/.ready-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && PYTHONPATH=src $(BIN)/lint-imports && $(BIN)/mypy

# Branches of the three rooms that everything rests on; the other tests run in make test alone.
coverage: $(VENV)/.ready-dev
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest tests/model tests/data tests/apply tests/test_files.py \
		--cov=asgnet.model --cov=asgnet.data --cov=asgnet.apply --cov-branch --cov-report=term-missing:skip-covered \
		--cov-fail-under=90

# The plugin in the real napari, without a screen, and conversions by the real packages: in an environment without torch.
integrations: $(VENV)/tools/.ready
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} "$(VENV)/tools/$(notdir $(BIN))/python" -m pytest \
		tests/faces/integrations/test_napari.py tests/faces/integrations/test_detections.py -o filterwarnings= -rs

# Everything that a stranger might try, ten minutes; the quick part of it is in make test.
attack: $(VENV)/.ready-dev
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest tests/attack -m ''

fuzz: $(VENV)/.ready-dev
	ASGNET_FUZZ=$(or $(TIMES),40) $(BIN)/python -m pytest tests/hard/test_fuzz.py

kills: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks.reliability.kills --kills $(or $(TIMES),100)

soak: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks.reliability.soak --minutes $(or $(MINUTES),60)
	$(BIN)/python -m benchmarks.reliability.soak_server --minutes $(or $(MINUTES),60)

mutate: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks.reliability.mutate

audit: $(VENV)/.ready-audit
	$(BIN)/python .ci/audit

SBOM ?= sbom.json
sbom: $(VENV)/.ready-audit
	$(BIN)/python .ci/sbom "$(SBOM)"

# What is installed: its licences, and its versions as constraints (MORE=/path/python: another environment, with OpenVINO).
licences: $(VENV)/.ready-dev
	$(BIN)/python .ci/licences

constraints: $(VENV)/.ready-dev
	$(BIN)/python .ci/constraints constraints.txt $(BIN)/python $(MORE)

PYTHONS ?= $(PYTHON)
fresh:
	.ci/fresh $(PYTHONS)

# Is built, and becomes healthy.
DOCKER ?= docker
container:
	$(DOCKER) build -t asgnet .
	$(DOCKER) run -d --rm --name asgnet-check -e ASGNET_TOKEN=0123456789abcdef0123456789abcdef asgnet
	for _ in $$(seq 60); do \
		[ "$$($(DOCKER) inspect -f '{{.State.Health.Status}}' asgnet-check)" = healthy ] && break; sleep 2; done; \
	[ "$$($(DOCKER) inspect -f '{{.State.Health.Status}}' asgnet-check)" = healthy ]; healthy=$$?; \
	$(DOCKER) stop asgnet-check; exit $$healthy

$(BIN)/python$(EXE):
	@test -n "$(PYTHON)" || { echo "asgnet needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments: install its venv package (Debian: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv "$(VENV)"

$(VENV)/.ready: pyproject.toml | $(BIN)/python$(EXE)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e .
	@touch $@

$(VENV)/.ready-dev: pyproject.toml | $(BIN)/python$(EXE)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[dev]'
	@touch $@ $(VENV)/.ready

$(VENV)/.ready-audit: pyproject.toml | $(VENV)/.ready-dev
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[audit]'
	@touch $@

# FiftyOne 1.22 reads a field of its own metadata that later versions of importlib-metadata refuse.
$(VENV)/tools/.ready: pyproject.toml | $(BIN)/python$(EXE)
	$(BIN)/python -m venv "$(VENV)/tools"
	"$(VENV)/tools/$(notdir $(BIN))/python" -m pip install --disable-pip-version-check --quiet -e '.[napari]' \
		PySide6-Essentials supervision fiftyone 'importlib-metadata<8' pytest
	@touch $@
