# make demo   install, run the pipeline on the embedded library, print the verdict
# make page   everything on one page that needs no network, data/page/index.html
# make test   install, run the tests
# make experiments   all experiments in a narrow table: what was changed, and what came of it
# make bench  speed, memory and agreement beside the tools people would otherwise use
# make fuzz   5,000 damaged copies of the embedded library's books are read; CORPUS=FOLDER takes your own, MINUTES=M ends it
# make study NAME=english LIBRARY=FOLDER   a study as its committed plan says; COUNT=1 counts its cost, SET='KEY=VALUE ...' departs
# make prove  the instrument on studies whose truth is known, four to five minutes
# make prove-flashes  planted truths and planted junk among late books: precision and recall of the stage flashes, some half an hour
# make prove-scenes   the choice of scenes against a reader's labels, central passages and a model that chose nothing
PYTHON ?= python3.11
# Where torch comes from, if not from pip's configured index: on Linux the public index serves CUDA builds (several GB);
# make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu takes the CPU build (about 200 MB).
TORCH_INDEX ?=

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export TOKENIZERS_PARALLELISM := false

.PHONY: demo page test check verdict experiments study prove prove-flashes prove-scenes bench fuzz

demo: .venv/ready
	@mkdir -p data/library
	dvc repro
	@python -m stages.saturation --show

page: .venv/page
	@python -m stages.page

test: .venv/peers
	python -m pytest

check: .venv/ready
	ruff check .
	ruff format --check .
	mypy

experiments: .venv/ready
	@dvc exp show --md --only-changed --hide-workspace \
		--drop 'Created|State|Executor|.*_(low|high|epsilon)|beats_.*|positive|js|order|chain|understanding|draws|score|epsilon|inits|books_(used|missing|rejected)|probe_.*|saturation.order|data/.*|stages/.*'

verdict: .venv/ready
	@python -m stages.saturation --show

.venv/ready: requirements.lock
	$(PYTHON) -m venv .venv
	pip install --disable-pip-version-check --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements.lock
	@! git rev-parse --git-dir > /dev/null 2>&1 || git config --get core.hooksPath > /dev/null || git config core.hooksPath .ci/hooks
	@touch $@

study: .venv/ready
	python -m studies $(NAME) --library $(LIBRARY) $(if $(COUNT),--count) $(if $(ONLY),--only $(ONLY)) \
		$(if $(SET),--set '$(SET)') $(if $(WITHOUT_MISSING),--without-missing)

prove: .venv/ready
	python -m stages.saturation.proof $(if $(SEEDS),--seeds $(SEEDS))

fuzz: .venv/ready
	PYTHONPATH=. python tests/fuzz.py $(if $(CORPUS),--corpus $(CORPUS)) $(if $(COUNT),--count $(COUNT)) \
		$(if $(FIRST),--first $(FIRST)) $(if $(MINUTES),--minutes $(MINUTES))

prove-flashes: .venv/ready
	python -m stages.flashes.proof $(if $(READING),--reading $(READING)) $(if $(EVERY),--every $(EVERY)) $(if $(LASTING),--lasting)

prove-scenes: .venv/ready
	python -m benchmarks.scenes_proof $(if $(ITEMS),--items $(ITEMS))

bench: .venv/peers
	python -m benchmarks.training
	python -m benchmarks.scoring
	python -m benchmarks.trunk
	python -m benchmarks.reading
	python -m benchmarks.fidelity --printed
	python -m benchmarks.scenes
	python -m benchmarks.gate
	python -m benchmarks.page
	python -m benchmarks.library
	@python -m benchmarks.table

.venv/page: .venv/ready requirements-page.lock
	pip install --disable-pip-version-check --quiet -r requirements-page.lock
	@touch $@

.venv/peers: .venv/page requirements-peers.lock
	pip install --disable-pip-version-check --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		-r requirements.lock -r requirements-peers.lock
	@touch $@
