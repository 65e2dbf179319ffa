#!/bin/sh
# Builds the objects from the sources beside it, for each instruction set version, into the directory
# given (default: here). clang of README.md's first version makes v1 to v3, its second v4.
# Versions that no compiler here can make are left out.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=$(cd "${1:-$here}" && pwd)
cd "$here"
CLANG=${CLANG:-clang}
CLANG_V4=${CLANG_V4:-clang-19}
strip=${STRIP:-llvm-strip}
command -v "$strip" >/dev/null || strip=$(ls /usr/bin/llvm-strip-* /usr/lib/llvm-*/bin/llvm-strip 2>/dev/null | sort -V | tail -n 1)
build() { # compiler, version, source, object
	mkdir -p "$(dirname "$4")"
	"$1" -target bpf -mcpu="$2" -O2 -g -Wall -Werror -fdebug-compilation-dir=. \
		-I/usr/include/"$(uname -m)"-linux-gnu -c "$3" -o "$4"
	# The types (BTF) stay, the debugger's own information goes.
	"$strip" -g "$4"
}
for source in *.bpf.c; do
	name=${source%.bpf.c}
	# A first line `/* cpu: v3 v4 */` names the versions that have what the program needs.
	cpus=$(sed -n '1s|^/\* cpu: \(.*\) \*/$|\1|p' "$source")
	for cpu in ${cpus:-v1 v2 v3 v4}; do
		clang=$CLANG
		[ "$cpu" = v4 ] && clang=$CLANG_V4
		command -v "$clang" >/dev/null || continue
		build "$clang" "$cpu" "$source" "$into/$cpu/$name.o"
	done
done
command -v "$CLANG" >/dev/null || exit 0
for source in broken/*.bpf.c; do
	build "$CLANG" v3 "$source" "$into/${source%.bpf.c}.o"
done
