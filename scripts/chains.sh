#!/usr/bin/env bash
# Puts programs that run Ethereum chains into .tmp/chains, unless they are there:
# anvil from npm, geth built from its source. They are for tests and for trying
# things out; nothing of lendlog links them.
#
#   scripts/chains.sh anvil geth
set -euo pipefail
cd "$(dirname "$0")/.."
locks=$PWD/ledger/anchor/ethereum/ethtest/testdata
to=$PWD/.tmp/chains
mkdir -p "$to"
# Several tests may ask at once.
exec 9>"$to/lock"
flock 9
for program in "$@"; do
  sum=$(cat "$locks/$program"/* | sha256sum | cut -c1-16)
  [ -x "$to/$program-$sum" ] && continue
  case $program in
  anvil)
    tmp=$(mktemp -d "$to/npm.XXXXXX")
    cp "$locks"/anvil/package*.json "$tmp"
    (cd "$tmp" && npm ci --no-audit --no-fund --ignore-scripts >&2)
    mv "$tmp/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil" "$to/anvil-$sum"
    rm -r "$tmp"
    ;;
  geth)
    # With its profile, Go would build all it depends on anew, for ten minutes.
    go -C "$locks/geth" build -pgo=off -o "$to/geth-$sum.new" github.com/ethereum/go-ethereum/cmd/geth
    mv "$to/geth-$sum.new" "$to/geth-$sum"
    ;;
  *)
    echo "there is no chain $program: anvil and geth are" >&2
    exit 1
    ;;
  esac
  ln -sf "$program-$sum" "$to/$program"
done
