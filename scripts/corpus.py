#!/usr/bin/env python3
"""Replay every capture of testdata/captures and check what comes out.

For each file `xdpsim replay FILE --ports 8 --broadcast --exclude-ingress --json -o DIR` runs,
at most five seconds. Frames arrive on port 1, so ports 2 to 8 get a copy of each. Checked:

- Exit code 0; or 2 with a message that names the file and either packet number and byte
  offset or the link type; or 4 for a capture without a frame. Anything else, a panic (101)
  or a signal among it, is a violation.
- An Ethernet capture that another reader reads to its end without complaint gives 0.
- The ledger, from the JSON: arrivals + clones = the sum of the frames of all fates.
- Each egress capture, read back with tcpdump: the input's frames in order, byte for byte;
  of a broken file, those in front of the break.

The input's frames are read with editcap, or with tcpdump where editcap gives up.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CAPTURES = ROOT / "testdata" / "captures"
NOT_CAPTURES = {"README.md", "LICENSE.tcpdump"}
EGRESS_PORTS = range(2, 9)
TIMEOUT_SECONDS = 5
ETHERNET = 1
CLASSIC_MAGICS = {0xA1B2C3D4, 0xA1B23C4D}

Frames = collections.namedtuple("Frames", "link_type frames whole")


def parse_classic(data):
    """The link type and the frames of a classic pcap file's bytes."""
    for order in "<>":
        if len(data) >= 24 and struct.unpack_from(order + "I", data)[0] in CLASSIC_MAGICS:
            break
    else:
        raise ValueError("not a classic pcap file")
    link_type = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    frames, at = [], 24
    while at < len(data):
        if at + 16 > len(data):
            raise ValueError(f"record header cut off at byte {at}")
        captured = struct.unpack_from(order + "I", data, at + 8)[0]
        at += 16
        if at + captured > len(data):
            raise ValueError(f"record cut off at byte {at}")
        frames.append(data[at : at + captured])
        at += captured
    return link_type, frames


def read_with_tcpdump(path):
    """The frames that tcpdump sees; it reads from its standard input, so it needs no rights."""
    with open(path, "rb") as file:
        run = subprocess.run(["tcpdump", "-r", "-", "-w", "-"], stdin=file, capture_output=True)
    if not run.stdout:
        return None
    link_type, frames = parse_classic(run.stdout)
    return Frames(link_type, frames, run.returncode == 0)


def read_with_editcap(path):
    """The frames that Wireshark's library sees."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        run = subprocess.run(["editcap", "-F", "pcap", str(path), file.name], capture_output=True)
        data = pathlib.Path(file.name).read_bytes()
    if not data:
        return None
    link_type, frames = parse_classic(data)
    whole = run.returncode == 0 and b"error occurred" not in run.stderr and b"cut short" not in run.stderr
    return Frames(link_type, frames, whole)


def read_input(path):
    """All that the other readers make of `path`, those that read something."""
    return [read for read in (read_with_editcap(path), read_with_tcpdump(path)) if read]


def squeeze(text):
    """The text without white space and frame characters: a report may break lines anywhere."""
    return re.sub(r"[\s\u2500-\u257f]+", "", text)


def message_faults(path, message):
    """What the message of exit code 2 fails to say."""
    words, faults = squeeze(message), []
    if squeeze(path.name) not in words:
        faults.append("the message does not name the file")
    place = re.search(r"(packet|frame)\D{0,12}\d", words, re.I) and re.search(r"(byte|offset)\D{0,12}\d", words, re.I)
    link = re.search(r"link-?type", words, re.I)
    if not place and not link:
        faults.append("the message names neither packet and byte offset nor the link type")
    return faults


def ledger_faults(report):
    """Whether every arrival and every clone has exactly one fate."""
    made = report["arrivals"] + report["clones"]
    ended = sum(fate["frames"] for fate in report["fates"])
    return [] if made == ended else [f"{made} frames arrived or were cloned, {ended} have a fate"]


def egress_faults(out, code, arrivals, inputs):
    """Whether each egress capture holds the input's frames."""
    faults, known = [], {}
    for port in EGRESS_PORTS:
        file = out / f"{port}.pcapng"
        if not file.is_file():
            if arrivals:
                faults.append(f"port {port}: {file.name} was not written")
            continue
        digest = hashlib.sha256(file.read_bytes()).digest()
        if digest not in known:
            known[digest] = compare(read_with_tcpdump(file), code, arrivals, inputs)
        if known[digest]:
            faults.append(f"port {port}: {known[digest]}")
    return faults


def compare(read, code, arrivals, inputs):
    """How the frames of one egress capture differ from the input's; empty if they do not."""
    if read is None or not read.whole:
        return "tcpdump cannot read the capture back"
    if len(read.frames) != arrivals:
        return f"{len(read.frames)} frames, but {arrivals} arrived"
    if not inputs:
        return "no other reader reads the input, so there is nothing to compare with"
    differences = []
    for expected in inputs:
        length = len(read.frames)
        different = next((i for i, pair in enumerate(zip(read.frames, expected.frames)) if pair[0] != pair[1]), None)
        if different is not None:
            differences.append(f"frame {different + 1} differs from the input's")
        elif length > len(expected.frames) or (code == 0 and length < len(expected.frames)):
            differences.append(f"{length} frames, the input has {len(expected.frames)}")
        else:
            return ""
    return differences[0]


def check(binary, path):
    """Replays one file; returns the exit code and the list of violations."""
    with tempfile.TemporaryDirectory(prefix="xdpsim-corpus-") as folder:
        out = pathlib.Path(folder)
        command = [binary, "replay", str(path), "--ports", "8", "--broadcast", "--exclude-ingress"]
        try:
            run = subprocess.run(
                [*command, "--json", "-o", str(out)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "timeout", [f"still running after {TIMEOUT_SECONDS} s"]
        return run.returncode, violations(path, out, run)


def violations(path, out, run):
    """All that is wrong with one finished run."""
    code, message = run.returncode, run.stderr.decode("utf-8", "replace")
    if code not in (0, 2, 4):
        return [f"exit code {code}: {message.strip()[-400:]}"]
    inputs = read_input(path)
    faults = []
    if code == 4 and any(read.frames for read in inputs):
        faults.append("exit code 4, but another reader finds frames")
    if code == 2:
        faults += message_faults(path, message)
        readable = [read for read in inputs if read.whole and read.frames and read.link_type == ETHERNET]
        if inputs and len(readable) == len(inputs):
            faults.append(f"refused, but others read it: {message.strip()[:400]}")
    if code == 0 and not run.stdout.strip():
        faults.append("exit code 0 without JSON")
    if run.stdout.strip():
        try:
            report = json.loads(run.stdout)
            faults += ledger_faults(report)
            faults += egress_faults(out, code, report["arrivals"], inputs)
        except (ValueError, KeyError, TypeError) as error:
            faults.append(f"unusable JSON ({type(error).__name__}: {error})")
    return faults


def main():
    """Checks all captures in parallel and prints the counts; exit code 1 on any violation."""
    default = os.environ.get("XDPSIM", ROOT / "target" / "release" / "xdpsim")
    parser = argparse.ArgumentParser(description="Replay every capture of testdata/captures and check the results.")
    parser.add_argument("--binary", default=default, help="the xdpsim command (default: %(default)s)")
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="captures (default: all of testdata/captures)")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"corpus: {options.binary} is not there; build it with `cargo build --release`")
    files = options.files or sorted(file for file in CAPTURES.iterdir() if file.name not in NOT_CAPTURES)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(lambda file: check(str(options.binary), file), files))
    bad = 0
    for file, (_, faults) in zip(files, results):
        for fault in faults:
            print(f"{file.name}: {fault}")
        bad += bool(faults)
    codes = collections.Counter(str(code) for code, _ in results)
    shown = ", ".join(f"{count} with {code}" for code, count in sorted(codes.items()))
    print(f"corpus: {len(files)} captures ({shown}), {bad} with violations")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
