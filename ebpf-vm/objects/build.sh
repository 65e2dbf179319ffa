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
for source in *.bpf.c; do
	name=${source%.bpf.c}
	# A first line `/* cpu: v3 v4 */` names the versions that have what the program needs.
	cpus=$(sed -n '1s|^/\* cpu: \(.*\) \*/$|\1|p' "$source")
	for cpu in ${cpus:-v1 v2 v3 v4}; do
		clang=$CLANG
		[ "$cpu" = v4 ] && clang=$CLANG_V4
		command -v "$clang" >/dev/null || continue
		mkdir -p "$into/$cpu"
		"$clang" -target bpf -mcpu="$cpu" -O2 -g -Wall -Werror -fdebug-compilation-dir=. \
			-I/usr/include/"$(uname -m)"-linux-gnu -c "$source" -o "$into/$cpu/$name.o"
		# The types (BTF) stay, the debugger's own information goes.
		"$strip" -g "$into/$cpu/$name.o"
	done
done
