#!/usr/bin/env python3
"""Cases for reference.py that were worked out on paper or seen on a running kernel.

The numbers stand in docs/semantics/redirect.md, under the rules that the tests name.
"""
import struct
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from reference import Map, Port, Simulation, digest, read_capture


def simulate(cycle, frames, entries=(), ports=(), uppers=(), times=None, devmap=(), **scenario):
    """Runs a script on eth0 (ifindex 1); `ports` are tables from ifindex 2 on, named p2, p3, …"""
    tables = [{"name": "eth0", "ifindex": 1, "xdp": "main", "uppers": list(uppers)}]
    tables += [{"name": f"p{n}", "ifindex": n} | table for n, table in enumerate(ports, 2)]
    programs = [{"name": "main", "kind": "script", "cycle": cycle}]
    programs += [{"name": name, "kind": "script", "cycle": steps} for name, steps in devmap]
    table = {"name": "m", "type": "devmap", "max_entries": 32, "entries": list(entries)}
    world = {"port": tables, "program": programs, "map": [table]} | scenario
    simulation = Simulation(world)
    stamped = zip(times or range(len(frames)), frames)
    report = simulation.replay([(time, frame, len(frame)) for time, frame in stamped])
    sent = {name: [bytes(frame) for frame in port.delivered] for name, port in simulation.ports.items()}
    return sent, report["errno"], report["none"], report["passed"]


def numbered(count, length=60):
    return [bytes([n]) * length for n in range(count)]


ASAP = {"timing": "asap"}
TO_2 = ["redirect 2", "return helper"]


class Reference(unittest.TestCase):
    def test_length_limit_and_order_of_checks(self):
        """RED-04: mtu 200 takes 218 bytes, not 219; down and too long is ENETDOWN."""
        sent, errno, _, _ = simulate([TO_2], [bytes(218), bytes(219)], ports=[{"mtu": 200}])
        self.assertEqual((sent["p2"], errno), ([bytes(218)], {"EMSGSIZE": 1}))
        _, errno, _, _ = simulate([TO_2], [bytes(219)], ports=[{"mtu": 200, "up": False}])
        self.assertEqual(errno, {"ENETDOWN": 1})
        _, errno, _, _ = simulate([TO_2], [bytes(60)], ports=[{"kind": "veth", "up": False}])
        self.assertEqual(errno, {"EOPNOTSUPP": 1})

    def test_ring_capacity(self):
        """DRV-06: after 0, 1, 5, 15, 16, 20 packets a burst of 384 had so many accepted."""
        for before, accepted in [(0, 256), (1, 255), (5, 251), (15, 241), (16, 256), (20, 252)]:
            port = Port({"ifindex": 2, "kind": "veth", "peer": {"gro": True, "consumed": before}})
            self.assertEqual(port.transmit(numbered(200) + numbered(184), True), (accepted, None))

    def test_one_too_long_frame_kills_the_tail(self):
        """DRV-04: peer mtu 200; small, big, small, small: sent = 1, drops = 3."""
        veth = {"kind": "veth", "mtu": 1500, "peer": {"mtu": 200, "gro": True}}
        frames = [bytes(218), bytes(219), bytes(60), bytes(60)]
        sent, errno, none, _ = simulate([TO_2], frames, ports=[veth], replay=ASAP)
        self.assertEqual((sent["p2"], errno, none), ([bytes(218)], {}, 3))

    def test_peer_down_is_an_errno_of_the_bulk(self):
        """DRV-03.c, DRV-01.c: the port stays a target, its transmit fails."""
        veth = {"kind": "veth", "peer": {"gro": True}}
        down = {"frame": 1, "do": "port_down", "port": "p2.peer"}
        sent, errno, none, _ = simulate([TO_2], numbered(3), ports=[veth], change=[down])
        self.assertEqual((len(sent["p2"]), errno, none), (1, {"ENXIO": 2}, 0))

    def test_hash_walk(self):
        """BRD-03: 8 buckets, insert 1, 9, 2: 9, 1, 2; update 1: 1, 9, 2."""
        table = Map()
        table.buckets = 8
        for key in (1, 9, 2):
            table.write(key, key)
        self.assertEqual([port for port, _ in table.walk()], [9, 1, 2])
        table.write(1, 1)
        self.assertEqual([port for port, _ in table.walk()], [1, 9, 2])

    def test_first_program_wins(self):
        """ENQ-04: [none, P]: no program for either; [P, none]: P for both."""
        entries = [{"key": 0, "port": "p2"}, {"key": 1, "port": "p2", "program": "P"}]
        first, second = (["redirect_map m 0", "return helper"], ["redirect_map m 1", "return helper"])
        drop = [("P", [["return drop"]])]
        for cycle, delivered in [([first, second], 2), ([second, first], 0)]:
            sent, _, none, _ = simulate(cycle, numbered(2), entries, [{}], devmap=drop, replay=ASAP)
            self.assertEqual((len(sent["p2"]), none), (delivered, 2 - delivered))

    def test_nobody_is_woken(self):
        """FLU-06: 16 PASS and 1 DROP: all 16 stay in the ring until the next frame."""
        entries = [{"key": 0, "port": "p2", "program": "P"}]
        veth = {"kind": "veth", "peer": {"gro": True}}
        tide = [("P", [["return pass"]] * 16 + [["return drop"]])]
        cycle = [["redirect_map m 0", "return helper"]]
        sent, _, none, _ = simulate(cycle, numbered(17), entries, [veth], devmap=tide, replay=ASAP)
        self.assertEqual((sent["p2"], none), ([], 17))
        sent, _, none, _ = simulate(cycle, numbered(18), entries, [veth], devmap=tide, times=[0] * 17 + [1])
        self.assertEqual((len(sent["p2"]), none), (17, 1))

    def test_flush_is_last_in_first_out(self):
        """FLU-03: first enqueues C, B, D, then B: flushed D, B, C; the drop is the third frame's."""
        entries = [{"key": n, "port": f"p{n}", "program": "P"} for n in (2, 3, 4)]
        cycle = [[f"redirect_map m {n}", "return helper"] for n in (3, 2, 4, 2)]
        third = [("P", [["return pass"], ["return pass"], ["return drop"], ["return pass"]])]
        sent, _, none, _ = simulate(cycle, numbered(4), entries, [{}] * 3, devmap=third, replay=ASAP)
        self.assertEqual([len(sent[f"p{n}"]) for n in (2, 3, 4)], [1, 1, 1])
        self.assertEqual((sent["p2"][0][0], none), (1, 1))

    def test_stale_info(self):
        """HLP-19.c, HLP-21.a, HLP-22.b: used by the next frame of the poll, once; not in the next poll."""
        cycle = [["redirect 2", "return pass"], ["return redirect"], ["return redirect"]]
        sent, errno, _, passed = simulate(cycle, numbered(3), ports=[{}], replay=ASAP)
        self.assertEqual((len(sent["p2"]), errno, passed), (1, {"EBADRQC": 1}, 1))
        sent, errno, _, _ = simulate(cycle, numbered(3), ports=[{}])
        self.assertEqual((len(sent["p2"]), errno), (0, {"EBADRQC": 2}))
        sent, errno, _, _ = simulate(cycle, numbered(3), ports=[{}], kernel="6.6", replay=ASAP)
        self.assertEqual((len(sent["p2"]), errno), (0, {"EBADRQC": 2}))  # HLP-20.d

    def test_failed_lookup_arms_an_ifindex(self):
        """HLP-12: after bpf_redirect(2) port 2; after key 3 the ifindex 3; at first EINVAL."""
        entries, absent = [{"key": 3, "port": "p2"}], "redirect_map m 9"
        for steps, port in [(["redirect 2"], "p2"), (["redirect_map m 3"], "p3")]:
            sent, _, _, _ = simulate([steps + [absent, "return redirect"]], numbered(1), entries, [{}, {}])
            self.assertEqual(len(sent[port]), 1)
        _, errno, _, _ = simulate([[absent, "return redirect"]], numbered(1), entries, [{}, {}])
        self.assertEqual(errno, {"EINVAL": 1})

    def test_devmap_program_arms_in_a_partial_flush(self):
        """DVP-09: 17 frames to B, whose program asks for C; the 18th, without a helper, goes to C."""
        entries = [{"key": 0, "port": "p2", "program": "P"}, {"key": 1, "port": "p3"}]
        cycle = [["redirect_map m 0", "return helper"]] * 17 + [["return redirect"]]
        asks = [("P", [["redirect_map m 1", "return pass"]])]
        sent, errno, _, _ = simulate(cycle, numbered(18), entries, [{}, {}], devmap=asks, replay=ASAP)
        self.assertEqual((len(sent["p2"]), [frame[0] for frame in sent["p3"]], errno), (17, [17], {}))

    def test_uppers(self):
        """BRD-08: 8 uppers are left out, 9 are EOVERFLOW."""
        ports, names = [{}] * 9, [f"p{n}" for n in range(2, 11)]
        entries = [{"key": n, "port": f"p{n}"} for n in range(2, 11)] + [{"key": 1, "port": "eth0"}]
        cycle = [["redirect_map m 0 24", "return helper"]]
        sent, errno, _, _ = simulate(cycle, numbered(1), entries, ports, names[:8])
        self.assertEqual(({name for name in sent if sent[name]}, errno), ({"p10"}, {}))
        _, errno, _, _ = simulate(cycle, numbered(1), entries, ports, names)
        self.assertEqual(errno, {"EOVERFLOW": 1})

    def test_changes_and_waiting_frames(self):
        """A change before frame 65 is seen by frame 64, which waits, and not by the poll before."""
        down = {"frame": 65, "do": "port_down", "port": "p2"}
        sent, errno, _, _ = simulate([TO_2], numbered(70), ports=[{}], change=[down], replay=ASAP)
        self.assertEqual((len(sent["p2"]), errno), (64, {"ENETDOWN": 6}))
        early = [down | {"frame": 2}]  # frame 2 has an older time stamp than frame 1: one poll
        sent, errno, _, _ = simulate([TO_2], numbered(3), ports=[{}], times=[5, 9, 3], change=early)
        self.assertEqual((len(sent["p2"]), errno), (1, {"ENETDOWN": 2}))

    def test_readers(self):
        """pcap in both byte orders and resolutions; pcapng."""
        record = (7, 5, 2, 60)
        for magic, order, time in [(0xa1b2c3d4, "<", 7000005), (0xa1b2c3d4, ">", 7000005),
                                   (0xa1b23c4d, "<", 7000000005), (0xa1b23c4d, ">", 7000000005)]:
            data = struct.pack(order + "I", magic) + bytes(20) + struct.pack(order + "4I", *record) + b"ab"
            self.assertEqual(self.read(data), [(time, b"ab", 60)])
        block = struct.pack("<7I", 6, 36, 0, 1, 2, 2, 60) + b"ab\0\0" + struct.pack("<I", 36)
        section = struct.pack("<6I", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, 0) + struct.pack("<I", 28)
        self.assertEqual(self.read(section + block), [(2**32 + 2, b"ab", 60)])

    def read(self, data):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return list(read_capture(file.name))

    def test_digest(self):
        """The digest tells [ab, c] from [a, bc]."""
        self.assertNotEqual(digest([b"ab", b"c"]), digest([b"a", b"bc"]))


if __name__ == "__main__":
    unittest.main()
