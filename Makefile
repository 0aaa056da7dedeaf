# SPDX-License-Identifier: Apache-2.0
# Every target is one command on a fresh Debian 12. The text behind ## is what `make help` prints.
.PHONY: deps build demo test test-long bench bench-epochs format clean help
.DEFAULT_GOAL := build

deps: ## install everything that building, testing and benchmarks need
	@tests/tools/deps test
	@tests/tools/deps bench

build: ## build the release programs into build/release
	@tests/tools/deps build
	@mkdir -p build
	@test -f build/release/build.ninja || meson setup build/release --buildtype=release
	@ninja -C build/release

demo: ## build, make 200 MB of bank changes, ingest, query with DuckDB, verify
	@tests/tools/deps demo
	@benchmarks/demo.sh

test: ## build three presets and run every test; the last line counts them
	@tests/tools/deps test
	@python3 tests/tools/run_tests.py

test-long: ## the same and the tests that take long
	@tests/tools/deps long
	@python3 tests/tools/run_tests.py --long

bench: ## measure the whole job against memcpy, igzip and DuckDB; adds a record to benchmarks/records
	@tests/tools/deps bench
	@$(MAKE) --no-print-directory build
	@build/demo-venv/bin/python benchmarks/bench/bench.py --build build/release

bench-epochs: ## measure what one-second epochs cost, on this disk and on a slow one (needs root)
	@tests/tools/deps test
	@$(MAKE) --no-print-directory build
	@tests/tools/venv-python benchmarks/epochs/epochs.py --build build/release

format: ## format every C file with clang-format 14
	@tests/tools/deps test
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format-14 -i

clean: ## remove what was built; keeps the installed Python environments and jars
	@rm -rf build/release build/asan build/tsan build/demo

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14
