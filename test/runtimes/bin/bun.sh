#!/bin/sh
# Runs the Bun that npm put in node_modules for this machine, or the one on PATH where the registry has none.
self=$(readlink -f "$0")
for b in "$(dirname "$self")"/../../../node_modules/@oven/bun-*/bin/bun; do [ -x "$b" ] && exec "$b" "$@"; done
IFS=:
for d in $PATH; do [ -x "$d/bun" ] && [ "$(readlink -f "$d/bun")" != "$self" ] && exec "$d/bun" "$@"; done
echo "bun: no binary for this machine; run npm ci, or install Bun" >&2
exit 127
