#!/usr/bin/env bash
# The whole of the tests, with the time that each step takes: by its parts, about
# an hour on 2 quiet cores. LENDLOG_DATA names the directory with the real lending data;
# without it, or without strace, npm, python3 or chromium, this fails rather than testing less.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LENDLOG_DATA:?set LENDLOG_DATA to the directory with the real lending data}"
[ -f "$LENDLOG_DATA/uci-taiwan/UCI_Credit_Card.csv" ] || { echo "LENDLOG_DATA holds no uci-taiwan/UCI_Credit_Card.csv" >&2; exit 1; }
command -v strace >/dev/null || { echo "strace is missing: apt-get install strace" >&2; exit 1; }
command -v openssl >/dev/null || { echo "openssl is missing: apt-get install openssl" >&2; exit 1; }
command -v npm >/dev/null || { echo "npm is missing: install node" >&2; exit 1; }
command -v chromium >/dev/null || { echo "chromium is missing: apt-get install chromium" >&2; exit 1; }
command -v python3 >/dev/null || { echo "python3 is missing: apt-get install python3" >&2; exit 1; }
LENDLOG_DATA=$(cd "$LENDLOG_DATA" && pwd)
export LENDLOG_DATA

step() {
  local name=$1 began=$SECONDS
  shift
  printf '\n== %s (%s)\n' "$name" "$(date -u +%H:%M:%S)"
  "$@"
  times+=$(printf '%6d s  %s' $((SECONDS - began)) "$name")$'\n'
}
times=

# What these find is in how often they strike, so their counts are printed.
breaking='^(TestKill|TestSyscalls|TestSoak)$'
break_it() {
  LENDLOG_KILLS=${LENDLOG_KILLS:-200} LENDLOG_SOAK=${LENDLOG_SOAK:-10m} \
    go test -count=1 -timeout 40m -tags long -v -run "$breaking" ./cmd/lendlog | grep --line-buffered -vE '^ *(=== |--- PASS.*/.*/)'
}

# What is checked in has to be what its sources make, byte for byte.
contracts() {
  make contracts
  if [ -n "$(git status --porcelain -- contracts/out contracts/binding.go)" ]; then
    git diff --stat -- contracts/out contracts/binding.go
    echo "contracts/ is not what its sources make: commit what make contracts wrote" >&2
    exit 1
  fi
}

step "checks" scripts/check.sh
step "chains to test on" scripts/chains.sh anvil geth
step "kills, failing system calls, soak" break_it
step "all other tests, real data included" go test -count=1 -timeout 60m -tags 'alldata long' -skip "$breaking" ./...
# What does one thing after the other has no races, and takes most of the time: the
# race detector makes it several times slower, and looks at all the rest; at the audit in the soak.
serial=$(tr -s ' \n' '|' <<<'BlocksPastDamage Blocks BundlePeriods BundlesAreWhole Clock EveryStepOfARotationFailsOnce
EveryStepOfASubmitterKeyFailsOnce ForeignPartsAreRefused IndexRot LargestBatchFits Mirror MirrorRot OlderLedgerIsIndexed
Repair RestrictedReportsAreIndistinguishable RotIsNoErasure RotIsNotMirrored RotOfTheNewestIsNotHidden Rot RotateToKeeper
RotateVault SearchEqualsReadingEverything StoriesAreTheTimelines TallyEqualsReadingEverything TallyFindsFindings ValueLogRots
EveryRouteAndRole KeysAreNeverShown RecordsVerify ScopeHoldsEverywhere ScopeShowsWhatItNames TorchwoodReadsTheLog
AbuseMarkup HostileValues LongTimeline Pages SearchPages')
serial="^Test(${serial%|})\$"
step "race detector" go test -race -count=1 -timeout 40m -skip "$serial" ./ledger ./ledger/store ./api/...
step "programs of others" go -C api/interop test -count=1 -timeout 40m ./...
step "anchors on a chain of this machine" make anchor-demo
step "contracts" contracts
step "fuzzers" env FUZZTIME="${FUZZTIME:-5s}" scripts/fuzz.sh
printf '\n%s' "$times"
