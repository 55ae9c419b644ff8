#!/usr/bin/env bash
# The whole of the tests, under 60 minutes on 2 cores. LENDLOG_DATA names the
# directory with the real lending data; without it this fails rather than
# testing less.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LENDLOG_DATA:?set LENDLOG_DATA to the directory with the real lending data}"
[ -f "$LENDLOG_DATA/uci-taiwan/UCI_Credit_Card.csv" ] || { echo "LENDLOG_DATA holds no uci-taiwan/UCI_Credit_Card.csv" >&2; exit 1; }
LENDLOG_DATA=$(cd "$LENDLOG_DATA" && pwd)
export LENDLOG_DATA

step() { echo; echo "== $* ($(date -u +%H:%M:%S))"; }

step "checks"
scripts/check.sh
step "all tests, real data included, with more kills"
LENDLOG_KILLS=${LENDLOG_KILLS:-60} go test -count=1 -timeout 40m -tags alldata ./...
step "race detector"
go test -race -count=1 -timeout 20m ./ledger ./ledger/store ./ledger/fsck ./api/...
step "fuzzers"
FUZZTIME=${FUZZTIME:-5s} scripts/fuzz.sh
