#!/usr/bin/env bash
# Runs every fuzzer of the module for FUZZTIME each. Their seed corpora also
# run with the ordinary tests.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-5s}
count=0
while IFS=: read -r file name; do
  echo "fuzz $name in $(dirname "$file") for $time"
  # By default a minute goes into shrinking each large input that is new.
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 10x "./$(dirname "$file")"
  count=$((count + 1))
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //')
[ "$count" -gt 0 ] || { echo "no fuzzer was found" >&2; exit 1; }
echo "$count fuzzers ran for $time each"
