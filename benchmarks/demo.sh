#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tour of the README as one command: build, 200 MB of bank changes, ingest, query, verify.
set -euo pipefail
cd "$(dirname "$0")/.."
demo=build/demo
build=build/release

step() { printf '\n== %s\n' "$*"; }

step "build"
mkdir -p build
[ -f $build/build.ninja ] || meson setup $build --buildtype=release >build/demo-setup.txt ||
    { tail -20 build/demo-setup.txt; exit 1; }
ninja -C $build >build/demo-build.txt || { tail -20 build/demo-build.txt; exit 1; }
rm -rf $demo && mkdir -p $demo

step "200 MB of changes of a small bank, as Debezium emits them, schemas embedded"
echo "\$ cupel-gen --bytes 200M --form dump --schema on --out $demo/bank.dump"
$build/benchmarks/gen/cupel-gen --bytes 200M --form dump --schema on --out $demo/bank.dump --truth $demo/truth

step "ingest"
echo "\$ cupel run --input '$demo/*.dump' --lake $demo/lake --until-end"
$build/control/cupel run --input "$demo/*.dump" --lake $demo/lake --until-end

step "silver, read by DuckDB"
build/demo-venv/bin/python benchmarks/demo_query.py $demo/lake $demo/truth

step "verify"
echo "\$ cupel verify $demo/lake"
$build/control/cupel verify $demo/lake
