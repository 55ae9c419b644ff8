#!/usr/bin/env bash
# Runs every fuzzer of every module here for FUZZTIME each. Their seed corpora also
# run with the ordinary tests.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-5s}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cache=$(go env GOCACHE)/fuzz
count=0
# By default a minute goes into shrinking each large input that is new.
fuzz() { # fuzz DIRECTORY NAME
  (cd "$1" && "$work/test" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$time" -test.fuzzminimizetime 10x \
    -test.fuzzcachedir "$cache/$(go list .)")
}
while read -r dir; do
  go -C "$dir" test -c -fuzz . -o "$work/test" . # once for all fuzzers of a package
  for name in $(git ls-files "$dir/*_test.go" | grep "^$dir/[^/]*\$" | xargs grep -hoE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //'); do
    echo "fuzz $name in $dir for $time"
    for attempt in first second last; do
      if fuzz "$dir" "$name" >"$work/said" 2>&1; then
        tail -n 2 "$work/said"
        break
      fi
      cat "$work/said"
      # Go may call it a failure that the time is over (golang/go#75804, until Go
      # 1.27). Seldom enough that it is tried again twice, and not taken for good:
      # an input that hangs looks the same.
      if [ "$attempt" = last ] || ! grep -q '^    context deadline exceeded$' "$work/said" || grep -q 'Failing input' "$work/said"; then
        exit 1
      fi
    done
    count=$((count + 1))
  done
done < <(git ls-files '*_test.go' | xargs grep -lE '^func Fuzz[A-Za-z0-9_]+' | xargs -n1 dirname | sort -u)
[ "$count" -gt 0 ] || { echo "no fuzzer was found" >&2; exit 1; }
echo "$count fuzzers ran for $time each"
