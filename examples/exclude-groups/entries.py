"""Writes entries of pinned maps of devices. Reads a line `MAP IFINDEX PROGRAM` for each; `-` is no program.

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


def bpf(command, attributes, what):
    buffer = ctypes.create_string_buffer(attributes, 128)
    answer = ctypes.CDLL(None, use_errno=True).syscall(BPF, command, buffer, 128)
    if answer < 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")
    return answer


def pinned(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(OBJ_GET, struct.pack("=Q", ctypes.addressof(name)), path)


for line in sys.stdin:
    if line.strip():
        group, ifindex, program = line.split()
        fds = [pinned(group), -1 if program == "-" else pinned(program)]
        key = ctypes.create_string_buffer(struct.pack("=I", int(ifindex)), 4)
        value = ctypes.create_string_buffer(struct.pack("=Ii", int(ifindex), fds[1]), 8)
        addresses = [ctypes.addressof(key), ctypes.addressof(value)]
        bpf(MAP_UPDATE_ELEM, struct.pack("=IIQQQ", fds[0], 0, *addresses, 0), line.strip())
        for fd in fds:
            if fd >= 0:
                os.close(fd)
