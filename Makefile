# Two commands for a newcomer (demo, test); the rest is for whoever works on docdex.
PYTHON ?= python3
BIN := .venv/bin
DATA := $(or $(DOCDEX_DATA),../shared/data)
.PHONY: setup setup-test demo test check docs benchmarks own-pages evaluate text-benchmarks ablation clean

setup: .venv/.base
setup-test: .venv/.test

.venv/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# The CPU build of torch is what the tests need; an index that only has CUDA builds works too, it is only larger.
.venv/.test: .venv/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,report,study,text,train]'
	@touch $@

demo: setup
	$(BIN)/docdex demo demo

test: setup-test
	$(BIN)/python -m pytest

check: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup-test
	$(BIN)/python docs/generate.py

# Best on a quiet machine; search needs 4.2 GB of memory and as much disk, partial_fc 3 GB of memory.
benchmarks: setup-test
	for name in decoding imports model_cost partial_fc pipeline reduced_decoding search text_cost training_step views; do \
		$(BIN)/python benchmarks/$$name.py > results/$$name.json || exit 1; done
	$(BIN)/python benchmarks/pipeline.py --model small > results/pipeline_small.json

# The recipe for a user's own folder, before and after: half an hour on two quiet cores.
own-pages: setup-test
	$(BIN)/python benchmarks/own_pages.py > results/own_pages.json

# Beside models of other recipes, which docs/benchmark.md says how to train first.
PUBLISHED := docdex:runs/hour_published/hour_published.onnx
PEERS := docdex:base docdex:small docdex:runs/hour_lcnet/hour.onnx $(PUBLISHED) \
	docdex:runs/published_2/published_2.onnx docdex:runs/published_3/published_3.onnx \
	phash thumbnail hog lite0-grid lite0-cells-pca sift
evaluate: setup-test
	$(BIN)/docdex evaluate $(DATA)/dev $(PEERS:%=--peer %) --against $(PUBLISHED) -o results/benchmark.json
	$(BIN)/python benchmarks/mistakes.py $(DATA)/dev docs/mistakes.jpg > results/mistakes.json

# By words: with the extras `ocr` and `text`, and MiniLM's weights as docs/text-model.md says.
text-benchmarks: setup-test
	$(BIN)/python benchmarks/text_benchmark.py > results/text_benchmark.json
	$(BIN)/python benchmarks/text_receipts.py $(DATA)/dev --ocr runs/read > results/text_receipts.json

# An hour and a half on two quiet cores; stopped, it goes on where it was.
ablation: setup-test
	$(BIN)/docdex ablate configs/ablation.toml

clean:
	rm -rf .venv demo build dist
