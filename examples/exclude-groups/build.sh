#!/bin/sh
# Builds the objects from the source beside it, one for each pair of map types, into the directory given (default:
# here). The checked-in ones are from the compiler that README.md names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=$(cd "${1:-$here}" && pwd)
cd "$here"
CLANG=${CLANG:-clang}
strip=${STRIP:-llvm-strip}
command -v "$strip" >/dev/null || strip=$(ls /usr/bin/llvm-strip-* /usr/lib/llvm-*/bin/llvm-strip 2>/dev/null | sort -V | tail -n 1)
build() { # object, map of maps, its slots, groups
	"$CLANG" -target bpf -mcpu=v3 -O2 -g -Wall -Werror -fdebug-compilation-dir=. \
		-I/usr/include/"$(uname -m)"-linux-gnu \
		-DCONTAINER=BPF_MAP_TYPE_"$2" -DSLOTS="$3" -DGROUP=BPF_MAP_TYPE_"$4" -c exclude_groups.bpf.c -o "$into/$1.o"
	# The types (BTF) stay, the debugger's own information goes.
	"$strip" -g "$into/$1.o"
}
# An array has a slot for every key up to the highest: forward groups 0 to 3 end at 3 << 16.
build aa ARRAY_OF_MAPS "(3 << 16) + 1" DEVMAP
build ah ARRAY_OF_MAPS "(3 << 16) + 1" DEVMAP_HASH
build ha HASH_OF_MAPS 1024 DEVMAP
build hh HASH_OF_MAPS 1024 DEVMAP_HASH
