#!/usr/bin/env bash
# gofmt, go vet and staticcheck over the whole module. Prints what is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
  printf 'gofmt would change:\n%s\n' "$unformatted" >&2
  exit 1
fi
go vet -tags 'alldata long' ./... # all files but one, of a constant
go tool staticcheck -tags 'alldata long' ./...
