#!/usr/bin/env bash
# Runs every fuzzer of the module for FUZZTIME each. Their seed corpora also
# run with the ordinary tests.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-5s}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
count=0
while IFS=: read -r file name; do
  echo "fuzz $name in $(dirname "$file") for $time"
  # By default a minute goes into shrinking each large input that is new.
  if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 10x "./$(dirname "$file")" >"$said" 2>&1; then
    cat "$said"
    # Go calls it a failure when the time runs out while an input is being
    # tried (golang/go#75804); a real one is written down, or says where it is.
    if ! grep -q '^    context deadline exceeded$' "$said" || grep -qE 'Failing input|panic|_test\.go:' "$said"; then
      exit 1
    fi
    echo "the time ran out in the middle of an input; nothing was found"
  else
    tail -n 2 "$said"
  fi
  count=$((count + 1))
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //')
[ "$count" -gt 0 ] || { echo "no fuzzer was found" >&2; exit 1; }
echo "$count fuzzers ran for $time each"
