#!/usr/bin/env python3
"""Replay a capture of any size from a pipe and measure the memory that this takes.

The capture is made while it is read: a block of frames over and over, with timestamps that go
on, so it is never stored. Checked: exit code 0, every frame counted once (arrivals + clones =
the sum of the frames of all fates), and a peak of resident memory below 50 MB.

    scripts/big.py                  # 500 MB, what the tests run
    scripts/big.py --gigabytes 10   # the size for which the project vouches

XDPSIM names the command; without it target/release/xdpsim is run.
"""

import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEAK_MAX_BYTES = 50 * 1000 * 1000
# A classic pcap in nanoseconds, Ethernet.
HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
SIZES = (60, 60, 594, 60, 60, 1514, 60, 594, 60, 60, 594, 594)
FRAMES_PER_SECOND = 2500  # so that a second of the capture is one block


def block():
    """One second of frames; where the seconds stand is in the second value."""
    data, seconds = bytearray(), []
    for number in range(FRAMES_PER_SECOND):
        size = SIZES[number % len(SIZES)]
        nanos = number * (1_000_000_000 // FRAMES_PER_SECOND)
        seconds.append(len(data))
        data += struct.pack("<IIII", 0, nanos, size, size)
        frame = bytes.fromhex("020000000001020000000002") + struct.pack(">HH", 0x88B5, number)
        data += frame.ljust(size, b"\xa5")
    return data, seconds


def feed(pipe, size):
    """Writes the capture; returns how many frames it has."""
    data, seconds = block()
    pipe.write(HEADER)
    written, second = len(HEADER), 1_700_000_000
    while written < size:
        for place in seconds:
            struct.pack_into("<I", data, place, second)
        pipe.write(data)
        written += len(data)
        second += 1
    pipe.close()
    return (second - 1_700_000_000) * FRAMES_PER_SECOND


def peak_bytes(process):
    """Waits for a process; the most memory it ever had resident, and how it ended."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=0.5)
    parser.add_argument("flags", nargs="*", help="of `xdpsim replay`, behind --")
    options = parser.parse_args()
    xdpsim = os.environ.get("XDPSIM", str(ROOT / "target" / "release" / "xdpsim"))
    flags = options.flags or ["--ports", "4", "--broadcast", "--exclude-ingress"]
    command = [xdpsim, "replay", "-", "--json", *flags]
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said = []
    reader = threading.Thread(target=lambda: said.append(process.stdout.read()))
    reader.start()
    try:
        frames = feed(process.stdin, options.gigabytes * 1e9)
    except BrokenPipeError:
        frames = None
    reader.join()
    peak = peak_bytes(process)
    seconds = time.monotonic() - began
    if process.returncode != 0 or frames is None:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}")
    report = json.loads(said[0])
    ended = sum(row["frames"] for row in report["fates"])
    if report["arrivals"] != frames or report["arrivals"] + report["clones"] != ended:
        sys.exit(f"{frames} frames were written; the report has {report['arrivals']}, {ended} ended")
    print(
        f"{options.gigabytes:g} GB, {frames:,} frames through a pipe in {seconds:.1f} s, "
        f"at most {peak / 1e6:.1f} MB of memory"
    )
    if peak >= PEAK_MAX_BYTES:
        sys.exit(f"expected less than {PEAK_MAX_BYTES / 1e6:g} MB")


if __name__ == "__main__":
    main()
