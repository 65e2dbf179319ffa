#!/usr/bin/env python3
"""What Linux does with the frames of a capture, predicted without any of xdpsim's code:
`reference.py SCENARIO CAPTURE` prints the frames of each port and the losses by errno as JSON.
From docs/semantics/redirect.md (rule IDs stand beside the code) and docs/scenario.md, for one CPU,
an ideal ingress port, programs that are scripts or rewrites, and veth far ends that pass all."""
import collections, hashlib, json, pathlib, struct, sys, tomllib, types

ABORTED, DROP, PASS, TX, REDIRECT = range(5)
VERDICTS = {"aborted": ABORTED, "drop": DROP, "pass": PASS, "tx": TX, "redirect": REDIRECT}
BROADCAST, EXCLUDE_INGRESS, LOW_BITS, BULK, POLL, RING, CLEARED_TOGETHER = 8, 16, 3, 16, 64, 256, 16
FRESH = lambda: types.SimpleNamespace(index=0, kind=None)  # redirect info; kind: None, "ifindex", "map"

def read_capture(path):  # yields (time in the capture's ticks, captured bytes, original length)
    data = pathlib.Path(path).read_bytes()
    at = 0 if data[0] == 0x0a else 24
    while data[0] == 0x0a and at < len(data):  # pcapng, little endian; blocks of kind 6 are frames
        kind, length, _, high, low, size, original = struct.unpack_from("<7I", data + bytes(16), at)
        if kind == 6:
            yield high << 32 | low, data[at + 28:at + 28 + size], original
        at += length
    order, ticks = ">" if data[0] == 0xa1 else "<", 10**9 if b"\x3c" in data[:4] else 10**6
    while at < len(data):  # pcap
        seconds, fraction, size, original = struct.unpack_from(order + "4I", data, at)
        yield seconds * ticks + fraction, data[at + 16:at + 16 + size], original
        at += 16 + size

class Port:
    """A device with its bulk queue (ENQ-01); a veth port's peer has a ring."""
    def __init__(self, table):
        self.kind, self.ifindex, self.netns = table.get("kind"), table["ifindex"], table.get("netns", "init")
        self.mtu = table.get("mtu", 1500 if self.kind else 65535)
        self.up, self.uppers, self.xdp = table.get("up", True), table.get("uppers", []), table.get("xdp")
        self.peer = {"mtu": 1500, "up": True, "ring": [], "consumed": 0, "woken": False} | table.get("peer", {})
        self.queue, self.program, self.delivered = [], None, []

    def refusal(self, length):  # RED-04, BRD-05; DRV-01.b: a veth port is a target as its peer is
        if self.kind == "upper" or self.kind == "veth" and not (self.peer.get("gro") or self.peer.get("xdp")):
            return "EOPNOTSUPP"
        return "ENETDOWN" if not self.up else "EMSGSIZE" if length > self.mtu + 14 + 4 else None

    def transmit(self, frames, last):  # the driver: how many frames it took, and an errno (DRV-03)
        if self.kind != "veth":
            self.delivered += frames
            return len(frames), None
        if not self.peer["up"]:
            return 0, "ENXIO"
        self.peer["woken"] |= last  # DRV-03.h
        for taken, frame in enumerate(frames):  # DRV-04: all behind a refused frame is lost too
            free = RING - len(self.peer["ring"]) - self.peer["consumed"] % CLEARED_TOGETHER  # DRV-06
            if len(frame) > self.peer["mtu"] + 14 + 4 or not free:
                return taken, None
            self.peer["ring"].append(frame)
        return len(frames), None

class Map(dict):  # a devmap: key to (port, program), in order of writing
    def write(self, key, port, program=None):
        self.pop(key, None)  # BRD-03.c: an update makes a new entry
        self[key] = (port, program)

    def walk(self):  # BRD-03: buckets ascending, newest first; BRD-02: as with a bucket for each index
        return [self[key] for key in sorted(reversed(self), key=lambda key: key % self.buckets)]

class Simulation:
    def __init__(self, scenario):
        self.kernel = tuple(map(int, scenario.get("kernel", "6.12").split(".")))
        replay, self.changes = scenario.get("replay", {}), scenario.get("change", [])
        self.asap, self.pad = replay.get("timing") == "asap", replay.get("truncated") == "pad"
        self.ports = {table["name"]: Port(table) for table in scenario["port"]}
        self.ingress = self.ports[scenario["port"][0]["name"]]
        self.programs = {table["name"]: table for table in scenario["program"]}
        self.maps = {table["name"]: Map() for table in scenario["map"]}
        for table in scenario["map"]:
            self.maps[table["name"]].buckets = 2 ** (table["max_entries"] - 1).bit_length()
            for entry in table["entries"]:
                self.maps[table["name"]].write(entry["key"], self.ports[entry["port"]], entry.get("program"))
        self.info, self.turns, self.lost = FRESH(), collections.Counter(), collections.Counter()
        self.waiting, self.flush_list, self.passed = [], [], 0

    def replay(self, capture):
        """An interrupt serves the frames of one arrival time, or 64 that came back to back."""
        now = -1
        for number, (time, data, original) in enumerate(capture):
            if len(self.waiting) == POLL if self.asap else time > now:
                self.softirqs()
            now = max(now, time)
            for change in (change for change in self.changes if change["frame"] == number):
                self.change(**change)
            self.waiting.append(bytearray(data.ljust(original, b"\0") if self.pad else data))
        self.softirqs()
        self.lost[None] += sum(len(port.peer["ring"]) for port in self.ports.values())  # FLU-06: not woken
        ports = {name: digest(port.delivered) for name, port in self.ports.items()}
        return {"ports": ports, "none": self.lost.pop(None), "errno": dict(+self.lost), "passed": self.passed}

    def change(self, do, port="", map=None, key=None, to=None, program=None, upper=None, mtu=None, **_):
        device = self.ports.get(port.removesuffix(".peer"))
        end = device.peer if port.endswith(".peer") else vars(device) if port else {}
        match do:
            case "port_up": end["up"] = True
            case "port_down": end.update(up=False, ring=[], consumed=0)  # a far end's ring goes with it
            case "set_mtu": end["mtu"] = mtu
            case "add_upper": end["uppers"].append(upper)
            case "remove_upper": end["uppers"].remove(upper)
            case "update_entry": self.maps[map].write(key, self.ports[to], program)
            case "delete_entry": del self.maps[map][key]

    def softirqs(self):
        """Polls the port, then each far end that was woken, 64 frames each, until all is quiet."""
        while self.waiting or any(port.peer["woken"] for port in self.ports.values()):
            self.info = FRESH() if self.kernel >= (6, 11) else self.info  # HLP-20.b: a run for each poll
            frames, self.waiting = self.waiting[:POLL], self.waiting[POLL:]
            for frame in frames:
                self.receive(frame)
            while self.flush_list:  # FLU-01, FLU-03, FLU-08
                self.flush(self.flush_list.pop(), last=True)
            for port in (port for port in self.ports.values() if port.peer["woken"]):  # DRV-07
                polled, port.peer["ring"] = port.peer["ring"][:POLL], port.peer["ring"][POLL:]
                port.peer.update(consumed=port.peer["consumed"] + len(polled), woken=len(polled) == POLL)
                port.delivered += polled

    def receive(self, frame):
        verdict = self.run(self.ingress.xdp, frame)
        errno = self.redirect(frame) if verdict == REDIRECT else None
        self.passed += verdict == PASS
        self.ingress.delivered += [frame] if verdict == TX else []
        self.lost[errno] += bool(errno) or verdict not in (PASS, TX, REDIRECT)  # HLP-15.b

    def run(self, name, frame):
        """The verdict of a program, which may write into the frame and into the redirect info."""
        self.info.kind = self.info.kind if self.kernel >= (6, 11) else None  # HLP-20.d
        program = self.programs.get(name, {"kind": "script", "cycle": [["return pass"]]})
        if program["kind"] == "rewrite":
            start, end = program["offset"], program["offset"] + len(program["bytes"])
            frame[start:end] = program["bytes"] if end <= len(frame) else frame[start:end]
            return PASS if end <= len(frame) else DROP
        turn, self.turns[name] = self.turns[name] % len(program["cycle"]), self.turns[name] + 1
        for step, what, *numbers in map(str.split, program["cycle"][turn]):
            if step == "redirect":
                verdict = self.bpf_redirect(*map(int, [what, *numbers]))
            elif step == "redirect_map":
                verdict = self.bpf_redirect_map(self.maps[what], *map(int, numbers))
            elif what != "helper":  # "return helper" gives what the last helper returned
                verdict = VERDICTS[what] if what in VERDICTS else int(what)
        return verdict

    def bpf_redirect(self, ifindex, flags=0):  # HLP-01, HLP-02
        if not flags:
            self.info.index, self.info.kind = ifindex, "ifindex"
        return ABORTED if flags else REDIRECT

    def bpf_redirect_map(self, table, key, flags=0):  # HLP-03 to HLP-11
        if flags & ~(BROADCAST | EXCLUDE_INGRESS | LOW_BITS):
            return ABORTED
        self.info.entry = table.get(key % 2**32)
        if not self.info.entry and not flags & BROADCAST:
            self.info.kind = "ifindex"  # HLP-12: to whatever index there is
            return flags & LOW_BITS
        self.info.index, self.info.kind, self.info.map, self.info.flags = key, "map", table, flags
        return REDIRECT

    def redirect(self, frame):  # xdp_do_redirect: queues the frame, or returns the errno (RED-01)
        kind, self.info.kind = self.info.kind, None  # HLP-19
        if kind == "map" and self.info.flags & BROADCAST:
            return self.broadcast(frame, self.info.flags & EXCLUDE_INGRESS)
        here = {port.ifindex: port for port in self.ports.values() if port.netns == self.ingress.netns}
        port, program = self.info.entry if kind == "map" else (here.get(self.info.index), None)  # RED-03
        errno = "EBADRQC" if not kind else port.refusal(len(frame)) if port else "EINVAL"
        return errno or self.enqueue(frame, port, program)

    def broadcast(self, frame, exclude):  # BRD-01, BRD-05, BRD-08
        if exclude and len(self.ingress.uppers) > 8:
            return "EOVERFLOW"
        excluded = [port.ifindex for port in (self.ingress, *map(self.ports.get, self.ingress.uppers))]
        targets = [(port, program) for port, program in self.info.map.walk()
                   if not port.refusal(len(frame)) and not (exclude and port.ifindex in excluded)]
        self.lost[None] += not targets  # BRD-06: freed, and no error
        for target in targets:
            self.enqueue(bytearray(frame), *target)  # DVP-05: each copy has bytes of its own

    def enqueue(self, frame, port, program):
        if not port.queue:  # ENQ-02: the entry of the first frame decides on the program
            port.program = program
            self.flush_list.append(port)
        if len(port.queue) == BULK:  # ENQ-03: the 17th frame finds the queue full
            self.flush(port, last=False)
        port.queue.append(frame)

    def flush(self, port, last):  # FLU-04, DVP-01, DVP-02
        kept = [frame for frame in port.queue if self.run(port.program, frame) == PASS]
        sent, errno = port.transmit(kept, last) if kept else (0, None)  # FLU-06: not even called
        self.lost[None] += len(port.queue) - len(kept)
        self.lost[errno] += len(kept) - sent
        port.queue = []

def digest(frames):  # over each frame's length and bytes, in order
    stream = b"".join(struct.pack("<I", len(frame)) + frame for frame in frames)
    return {"frames": len(frames), "sha256": hashlib.sha256(stream).hexdigest()}

if __name__ == "__main__":
    simulation = Simulation(tomllib.loads(pathlib.Path(sys.argv[1]).read_text()))
    print(json.dumps(simulation.replay(read_capture(sys.argv[2])), indent=1))
