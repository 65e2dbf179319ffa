#!/bin/sh
# The four-port example of the multicast RFC on four devices of this machine: `sudo ./load.sh eth1 eth2 eth3 eth4`.
# OBJECT=aa.o and so on chooses the maps, MODE=xdpgeneric with FORM=by_cpu the stack instead of the drivers.
# Undo it with `ip link set dev ethN xdp off` (or `xdpgeneric off`) for each, and `rm -r /sys/fs/bpf/exclude_groups`
# (AT chooses another place).
# Stock tools: ip, bpftool, python3 (entries.py says why).
set -eu
cd "$(dirname "$0")"
[ $# -eq 4 ] || { echo "usage: $0 PORT PORT PORT PORT" >&2; exit 2; }
: "${OBJECT:=hh.o}" "${MODE:=xdpdrv}" "${FORM:=by_note}" "${AT:=/sys/fs/bpf/exclude_groups}"
mkdir "$AT"
bpftool prog loadall "$OBJECT" "$AT/programs" pinmaps "$AT/maps"

number() { ip -o link show dev "$1" | cut -d: -f1; }
bytes() { echo "$(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))"; } # little endian
kind=devmap
case $OBJECT in *h.o) kind=devmap_hash ;; esac
commands= entries=
group() { # KEY PROGRAM PORT...: makes a group of these ports
	key=$1 program=$2 map=$AT/group_$1
	shift 2
	# A devmap needs more entries than the highest ifindex.
	commands="$commands
		map create $map type $kind key 4 value 8 entries 256 name group
		map update pinned $AT/maps/groups key $(bytes "$key") value pinned $map"
	for port in "$@"; do
		entries="$entries
			$map $(number "$port") $program"
	done
}
filter=$AT/programs/${FORM}_egress
group $((1 << 16)) "$filter" "$1" "$2" "$3" "$4" # forward group 1: all
group $((2 << 16)) "$filter" "$1" "$3"           # 2: IPv4
group $((3 << 16)) "$filter" "$2" "$4"           # 3: IPv6
group 1 - "$1"                                   # exclude group 1
group 2 - "$2"
group 3 - "$3" "$4"                              # as if the last two were a bond
exclude=1
for port in "$1" "$2" "$3" "$4"; do
	for pair in 0,1 2048,2 34525,3; do # EtherType (0: all others), forward group
		index=$((${pair#*,} << 16 | exclude))
		commands="$commands
			map update pinned $AT/maps/index_of key $(bytes "$(number "$port")") $(bytes "${pair%,*}") value $(bytes $index)"
	done
	[ $exclude = 3 ] || exclude=$((exclude + 1))
done
echo "$commands" | bpftool batch file -
echo "$entries" | python3 entries.py
for port in "$@"; do ip link set dev "$port" "$MODE" pinned "$AT/programs/$FORM"; done
