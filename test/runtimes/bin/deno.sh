#!/bin/sh
# Runs the Deno that npm put in node_modules for this machine, or the one on PATH where the registry has none.
self=$(readlink -f "$0")
for b in "$(dirname "$self")"/../../../node_modules/@deno/*/deno; do [ -x "$b" ] && exec "$b" "$@"; done
IFS=:
for d in $PATH; do [ -x "$d/deno" ] && [ "$(readlink -f "$d/deno")" != "$self" ] && exec "$d/deno" "$@"; done
echo "deno: no binary for this machine; run npm ci, or install Deno" >&2
exit 127
