#!/bin/sh
# Builds tracer.bpf.o from the source beside it, into the directory given (default: here).
# The result depends on the compiler: the checked-in object is from the version in README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=$(cd "${1:-$here}" && pwd)
cd "$here"
clang -target bpf -mcpu=v3 -O2 -g -Wall -Werror -fdebug-compilation-dir=. -c tracer.bpf.c -o "$into/tracer.bpf.o"
# The types (BTF) stay, the debugger's own information goes.
strip=llvm-strip
command -v "$strip" >/dev/null || strip=$(ls /usr/bin/llvm-strip-* /usr/lib/llvm-*/bin/llvm-strip 2>/dev/null | sort -V | tail -n 1)
"$strip" -g "$into/tracer.bpf.o"
