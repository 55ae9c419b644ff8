#!/usr/bin/env bash
# Runs every fuzzer of every module here for FUZZTIME each. Their seed corpora also
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
  for attempt in first second last; do
    if go -C "$(dirname "$file")" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 10x . >"$said" 2>&1; then
      tail -n 2 "$said"
      break
    fi
    cat "$said"
    # Go may call it a failure that the time is over (golang/go#75804, until Go
    # 1.27). Seldom enough that it is tried again twice, and not taken for good:
    # an input that hangs looks the same.
    if [ "$attempt" = last ] || ! grep -q '^    context deadline exceeded$' "$said" || grep -q 'Failing input' "$said"; then
      exit 1
    fi
  done
  count=$((count + 1))
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //')
[ "$count" -gt 0 ] || { echo "no fuzzer was found" >&2; exit 1; }
echo "$count fuzzers ran for $time each"
