#!/usr/bin/env bash
# Anchors a ledger on a real chain that runs on this machine, verifies that
# offline, and then tries to roll the ledger back. It needs npm, from which it gets
# the chain (anvil), and nothing of it is left behind.
#
#   make anchor-demo
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/bin
export PATH=$bin:$PATH
scripts/chains.sh anvil
work=$(mktemp -d "${TMPDIR:-/tmp}/anchor-demo.XXXXXX")
cleanup() {
  for p in $(jobs -p); do kill "$p" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

say() { printf '\n%s\n' "$*"; }
run() { # shows a command of lendlog, and runs it
  printf '   $ %s\n' "$*"
  "$@" | sed 's/^/   /'
}
fails() { # wants an exit code of a command: fails CODE COMMAND…
  local want=$1 got=0
  shift
  printf '   $ %s\n' "$*"
  { "$@" 2>&1 || got=$?; } >"$work/out"
  sed '/ says$/,/^[A-Z]/{/^[A-Z]/!d}' "$work/out" | fold -sw 110 | sed 's/^/   /'
  [ "$got" = "$want" ] || { echo "it ended with $got, and not with $want" >&2; exit 1; }
  printf '   (exit code %d)\n' "$got"
}
first() { sed -n "s/.*$1.*/\\1/p" | head -1; } # what a pattern catches first

say "1. A chain starts on this machine, with a block a second"
: >"$work/chain" # it is read before anvil may have opened it
.tmp/chains/anvil --block-time 1 --host 127.0.0.1 --port 0 >"$work/chain" &
for _ in $(seq 1200); do
  rpc=$(first 'Listening on \(127\.0\.0\.1:[0-9]*\)' <"$work/chain")
  [ -n "$rpc" ] && break
  sleep 0.1
done
[ -n "$rpc" ] || { cat "$work/chain" >&2; exit 1; }
rpc=http://$rpc
call() { # call METHOD PARAMS
  curl -sS -H 'Content-Type: application/json' -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}" "$rpc"
}
echo "   anvil, chain 31337. A block is taken for final when two more follow it."

say "2. A ledger, a new key, and a file that says where to anchor"
cd "$work"
export DEMO_KEY
DEMO_KEY=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
lendlog init --quiet --dir ledger --origin ledger.example/demo >/dev/null 2>&1
cat >anchors.yaml <<END
targets:
  - name: demo
    ethereum:
      chain: 31337
      network: anvil
      testnet: true
      rpc: ["$rpc"]
      finality: 2
      key: {env: DEMO_KEY}
    every: 1h
    poll: 200ms
END
sed 's/^/   /' anchors.yaml
account=$(lendlog anchor status --json --dir ledger --anchors anchors.yaml | first '"account":"\(0x[0-9a-f]*\)"')
call anvil_setBalance "[\"$account\",\"0x8ac7230489e80000\"]" >/dev/null
echo "   Its account, $account, is given 10 ether, as a faucet does on a testnet."

say "3. The contract is put on the chain; nobody owns it"
run lendlog anchor deploy demo --quiet --anchors anchors.yaml

serve() {
  : >"$work/serving" # or the address of the one before is read
  lendlog serve --json --dir ledger --anchors anchors.yaml --listen 127.0.0.1:0 >"$work/serving" 2>>"$work/log" &
  server=$!
  url=
  for _ in $(seq 1200); do
    url=$(first '"url":"\([^"]*\)"' <"$work/serving")
    [ -n "$url" ] && return
    kill -0 $server || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
  done
  exit 1
}
stop() {
  kill $server
  wait $server || true
}
event() { # event NUMBER
  printf '{"specversion":"1.0","id":"payment-%s","source":"urn:demo:core","type":"org.lendlog.payment.received.v1","subject":"line/7","party":"C-1","time":"2026-11-30T10:00:00Z","data":{"amount":{"amount":"%s.00","currency":"EUR"}}}' "$1" "$1" >"event-$1.json"
  lendlog submit --quiet "event-$1.json" --server "$url" --json | first '"index":\([0-9]*\)'
}

say "4. Payments are recorded, and the newest checkpoint is anchored"
serve
for i in 1 2 3; do index=$(event $i); done
run lendlog anchor now --quiet --server "$url"
run lendlog anchor audit demo --anchors anchors.yaml --server "$url"

say "5. A stranger verifies a payment offline; what is left to find out is one block hash"
contract=$(lendlog anchor deploy demo --quiet --json --anchors anchors.yaml | first '"address":"\(0x[0-9a-f]*\)"')
lendlog trust --dir ledger --chain "31337:$contract:$account" --quiet >trust.json
echo "   A trust file asks for anchors by $account in that contract."
lendlog prove "$index" --quiet --server "$url" --trust trust.json -o payment.json
fails 4 lendlog-verify --trust trust.json payment.json
block=$(lendlog-verify --trust trust.json payment.json 2>&1 | grep -o '31337:[0-9]*:0x[0-9a-f]*' | tail -1 || true) # that of the newest anchor covers all
echo "   Whoever looked that block up, in their own node or an explorer, says so:"
fails 0 lendlog-verify --trust trust.json --block "$block" payment.json
echo "   lendlog verify --rpc asks endpoints of the chain for it, once that takes the block for final."

say "6. The lender keeps a copy of everything, goes on, and anchors again"
stop
cp -r ledger copy
serve
for i in 4 5; do index=$(event $i); done
run lendlog anchor now --quiet --server "$url"
stop
echo "   Payments 4 and 5 are recorded and anchored. Then the lender regrets payment 4."

say "7. The copy is put back, head file, mirror and archive along with it: all that the lender has"
rm -rf ledger
mv copy ledger
echo "   It opens, and its own audit says VALID: nothing on this machine knows of payment 4."
run lendlog audit --quiet --dir ledger
serve
index=$(event 6)
echo "   A new payment takes its place, as record $index. The chain remembers:"
fails 1 lendlog anchor now --quiet --wait 20s --server "$url"
fails 3 lendlog anchor audit demo --anchors anchors.yaml --server "$url"
stop

say "What was shown"
cat <<'END'
   Whoever knows the hash of a block knows, offline and for ever, what the ledger had when
   the block was made. What was anchored cannot be taken back, not even with everything that
   the lender has: the ledger that was rolled back can never be anchored again under its name,
   and anybody can see why. What an anchor is worth depends on the chain it is on: this one
   ends with the demonstration, and a testnet ends one day.
END
