"""Writes an entry of a pinned map of devices: entry.py MAP IFINDEX PROGRAM, where PROGRAM is pinned, or - for none.

bpftool cannot: a value of `struct bpf_devmap_val` has the number of a descriptor, and bpftool opens descriptors only for
the values of maps of maps and of program arrays.
"""

import ctypes
import os
import platform
import struct
import sys

MAP_UPDATE_ELEM, OBJ_GET = 2, 7
BPF = {"x86_64": 321}.get(platform.machine(), 280)  # the number of bpf(2); 280 on arm64, riscv64 and other newer ones


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    answer = ctypes.CDLL(None, use_errno=True).syscall(BPF, command, buffer, 128)
    if answer < 0:
        sys.exit(f"{' '.join(sys.argv)}: {os.strerror(ctypes.get_errno())}")
    return answer


def pinned(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(OBJ_GET, struct.pack("=Q", ctypes.addressof(name)))


group, ifindex, program = sys.argv[1:]
key = ctypes.create_string_buffer(struct.pack("=I", int(ifindex)), 4)
fd = -1 if program == "-" else pinned(program)
value = ctypes.create_string_buffer(struct.pack("=Ii", int(ifindex), fd), 8)
map_fd = pinned(group)
bpf(MAP_UPDATE_ELEM, struct.pack("=IIQQQ", map_fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
