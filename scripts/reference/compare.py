#!/usr/bin/env python3
"""Compares `xdpsim replay` with reference.py for each scenario here and each name in captures.txt.

    compare.py [--xdpsim PATH] [--captures DIR] [--jobs N]

Equal means: the same frames in the same order on each port, the same number of losses for each
errno (and without one), the same number of frames passed to the stack; and in xdpsim's own report
arrivals + clones = the sum of the fates. Exit code 1 on a difference, 3 if xdpsim failed, 4 if
there was nothing to compare.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import unittest

sys.dont_write_bytecode = True
import reference
import self_test

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NOT_LOST = ("delivered", "passed")


class Broken(Exception):
    """xdpsim could not be compared at all."""


def predict(scenario, capture):
    """The reference's report, with the frames themselves for the detail of a difference."""
    simulation = reference.Simulation(tomllib.loads(scenario.read_text()))
    report = simulation.replay(reference.read_capture(capture))
    frames = {name: [bytes(frame) for frame in port.delivered] for name, port in simulation.ports.items()}
    losses = report["errno"] | ({None: report["none"]} if report["none"] else {})
    return {"frames": frames, "losses": losses, "passed": report["passed"]}


def observe(xdpsim, scenario, capture):
    """The same from one run of xdpsim."""
    with tempfile.TemporaryDirectory() as output:
        command = [xdpsim, "replay", scenario, capture, "--json", "-o", output]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Broken(f"exit code {done.returncode} of: {' '.join(map(str, command))}\n{done.stderr}")
        report = json.loads(done.stdout)
        frames = {}
        for path in pathlib.Path(output).glob("*.pcapng"):
            frames[path.stem] = [data for _, data, _ in reference.read_capture(path)]
    total = sum(row["frames"] for row in report["fates"])
    if report["arrivals"] + report["clones"] != total:
        raise Broken(f"arrivals {report['arrivals']} + clones {report['clones']} are not the {total} fates")
    losses = collections.Counter()
    for row in report["fates"]:
        if row["fate"] not in NOT_LOST:
            losses[row["errno"]] += row["frames"]
    passed = sum(row["frames"] for row in report["fates"] if row["fate"] == "passed")
    return {"frames": frames, "losses": {errno: n for errno, n in losses.items() if n}, "passed": passed}


def differences(expected, got):
    """One line for each thing that is not equal."""
    for name in sorted(expected["frames"].keys() | got["frames"].keys()):
        wanted, seen = expected["frames"].get(name, []), got["frames"].get(name, [])
        if reference.digest(wanted) == reference.digest(seen):
            continue
        yield f"port {name}: the reference has {len(wanted)} frames, xdpsim {len(seen)}"
        pairs = enumerate(zip(wanted, seen))
        at, _ = next((pair for pair in pairs if pair[1][0] != pair[1][1]), (min(len(wanted), len(seen)), None))
        yield f"  first difference at frame {at}"
        for side, frames in (("reference", wanted), ("xdpsim", seen)):
            shown = [f"{len(frame)} bytes: {frame[:32].hex(' ')} …" for frame in frames[at:at + 1]]
            yield f"  {side:9} {shown[0] if shown else 'has no such frame'}"
    for errno in sorted(expected["losses"].keys() | got["losses"].keys(), key=str):
        wanted, seen = expected["losses"].get(errno, 0), got["losses"].get(errno, 0)
        if wanted != seen:
            yield f"losses with errno {errno or 'none'}: the reference has {wanted}, xdpsim {seen}"
    if expected["passed"] != got["passed"]:
        yield f"passed to the stack: the reference has {expected['passed']}, xdpsim {got['passed']}"


def compare(xdpsim, scenario, capture):
    """The lines that tell a difference, or none."""
    return list(differences(predict(scenario, capture), observe(xdpsim, scenario, capture)))


def arguments():
    parser = argparse.ArgumentParser(description="Compares xdpsim with the independent reference.")
    parser.add_argument("--xdpsim", type=pathlib.Path, default=os.environ.get("XDPSIM", ROOT / "target/release/xdpsim"))
    parser.add_argument("--captures", type=pathlib.Path, default=ROOT / "testdata/captures")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if not options.xdpsim.is_file():
        parser.error(f"{options.xdpsim} does not exist: run `cargo build --release` or give --xdpsim")
    options.xdpsim = options.xdpsim.resolve()
    return options


def main():
    options = arguments()
    tests = unittest.defaultTestLoader.loadTestsFromModule(self_test)
    if not unittest.TextTestRunner(verbosity=0).run(tests).wasSuccessful():
        return 1
    captures = [options.captures / name for name in (HERE / "captures.txt").read_text().split()]
    pairs = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for scenario in sorted(HERE.glob("*.toml")):
            runs = {capture: pool.submit(compare, options.xdpsim, scenario, capture) for capture in captures}
            for capture, run in runs.items():
                if lines := run.result():
                    print(f"{scenario.name} {capture.name}: different")
                    print("\n".join(f"  {line}" for line in lines))
                    return 1
                pairs += 1
            print(f"{scenario.name}: equal on {len(captures)} captures")
    print(f"{pairs} pairs equal")
    return 0 if pairs else 4


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as reason:
        print(f"compare.py: {reason}", file=sys.stderr)
        sys.exit(3)
