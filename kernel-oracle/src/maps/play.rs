//! One sequence, played on the kernel and on the model at once.
//!
//! Owns the translation between the two: descriptors and map ids (a program keeps the kernel's id in the
//! model). What a descriptor may be used for is no business of the model's (`BPF_F_RDONLY`,
//! `BPF_F_WRONLY`); the EPERM of such a descriptor is foretold here.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use xdpsim_devmap::{
    AttachType, DevmapValue, IfIndex, MapAttr, MapFlags, MapId, MapKey, MapKind, MapTable, MapValue, ProgFd,
    ProgId, ProgInfo, ProgType, UpdateFlags,
};

use super::answer::{Answer, Answers, EPERM};
use super::exercise::Exercised;
use super::machine::{GUEST_ID, Machine, MachineError};
use super::observe::{Asked, Seen};
use super::op::{CreateOp, DeviceOp, InnerRef, LoadFor, MapOp, MapRef, ProgRef, Space, Value};
use crate::bpf::asm::{Asm, Helper, Insn, R1, R2, R3, R10, Size};
use crate::bpf::{BpfError, Map, MapCreate, Prog, ProgLoad, attach_type, load_flag};
use crate::net::Inside;

/// A map on both sides.
struct Held {
    kernel: Map,
    id: MapId,
    kind: MapKind,
    max_entries: u32,
    flags: MapFlags,
}

impl Held {
    /// What the kernel says to a write, if the descriptor is read-only.
    fn refuses_writes(&self) -> Option<Answer> {
        self.flags.contains(MapFlags::RDONLY).then_some(EPERM)
    }

    /// What the kernel says to a read, if the descriptor is write-only.
    fn refuses_reads(&self) -> Option<Answer> {
        self.flags.contains(MapFlags::WRONLY).then_some(EPERM)
    }
}

/// The descriptor that is never open, as the model's map id.
const NO_MAP: MapId = MapId(u32::MAX);

/// The state of a sequence.
pub struct Play<'a> {
    machine: &'a mut Machine,
    exercised: &'a mut Exercised,
    model: MapTable,
    maps: Vec<Held>,
    /// Kernel's and model's ids of all maps that were ever made in this sequence.
    ids: Vec<(u32, MapId)>,
    space: Space,
    /// Brings the thread home at the end.
    _inside: Inside,
}

impl<'a> Play<'a> {
    /// Begins in the first namespace, with an empty table.
    pub fn new(
        machine: &'a mut Machine,
        model: MapTable,
        exercised: &'a mut Exercised,
    ) -> Result<Self, MachineError> {
        let _inside = machine.space(Space::First).enter()?;
        Ok(Self { machine, exercised, model, maps: vec![], ids: vec![], space: Space::First, _inside })
    }

    /// Plays an operation on both sides.
    pub fn step(&mut self, op: &MapOp) -> Result<Answers, MachineError> {
        Ok(match *op {
            MapOp::Create(ref create) => self.create(create)?,
            MapOp::Update { map, key, value, flags } => self.update(map, key, value, flags),
            MapOp::Delete { map, key } => self.delete(map, key),
            MapOp::Lookup { map, key } => self.on(map, |play, at| play.lookup(at, key)),
            MapOp::NextKey { map, key } => self.on(map, |play, at| play.next_key(at, key)),
            MapOp::Close { map } => self.close(map),
            MapOp::Enter(space) => self.enter(space)?,
            MapOp::Load { program, frags, ref maps } => self.load(program, frags, maps),
            MapOp::Device(op) => self.device(op)?,
        })
    }

    /// Everything that can be read from all maps, map by map: the number of calls, and the first that
    /// differs.
    pub fn sweep(&mut self) -> (u64, Option<(MapOp, Answers)>) {
        let mut calls = 0;
        for at in 0..self.maps.len() {
            let map = MapRef(u8::try_from(at).unwrap_or(u8::MAX));
            let (keys, walk) = self.walk(at);
            calls += keys.len() as u64 + 1;
            if !walk.agree() {
                return (calls, Some((MapOp::NextKey { map, key: None }, walk)));
            }
            for key in keys {
                let answers = self.lookup(at, key);
                calls += 1;
                if !answers.agree() {
                    return (calls, Some((MapOp::Lookup { map, key }, answers)));
                }
            }
        }
        (calls, None)
    }

    fn index(&self, map: MapRef) -> Option<usize> {
        usize::from(map.0).checked_rem(self.maps.len())
    }

    fn on(&mut self, map: MapRef, call: impl FnOnce(&mut Self, usize) -> Answers) -> Answers {
        match self.index(map) {
            Some(at) => call(self, at),
            None => Answers::SKIPPED,
        }
    }

    fn inner(&self, inner: InnerRef) -> (RawFd, MapId) {
        match inner {
            InnerRef::Map(map) => match self.index(map) {
                Some(at) => (self.maps[at].kernel.as_raw_fd(), self.maps[at].id),
                None => (RawFd::MAX, NO_MAP),
            },
            InnerRef::Closed => (RawFd::MAX, NO_MAP),
        }
    }

    fn create(&mut self, create: &CreateOp) -> Result<Answers, MachineError> {
        let CreateOp { kind, key_size, value_size, max_entries, flags, inner } = *create;
        let (inner_map_fd, template) = self.inner(inner);
        let attr = MapCreate::new(kind.number(), key_size, value_size, max_entries, "campaign");
        let kernel = Map::create(&MapCreate { flags, inner_map_fd, ..attr });
        let flags = MapFlags::from_bits_retain(flags);
        let name = String::new();
        let attr = MapAttr { kind, name, key_size, value_size, max_entries, flags, inner: Some(template) };
        let model = self.model.create(&attr);
        let answers = Answers {
            model: match model {
                Ok(id) => Answer::Created(self.model.get(id).map_or(0, |map| map.attr().flags.bits())),
                Err(errno) => Answer::Refused(errno.number()),
            },
            kernel: match &kernel {
                Ok(map) => Answer::Created(map.facts()?.flags),
                Err(error) => Answer::Refused(error.number),
            },
        };
        self.exercised.create(create, &answers.kernel);
        if let (Ok(kernel), Ok(id)) = (kernel, model) {
            self.ids.push((kernel.id()?, id));
            self.maps.push(Held { kernel, id, kind, max_entries, flags });
        }
        Ok(answers)
    }

    fn update(&mut self, map: MapRef, key: u32, value: Value, flags: u64) -> Answers {
        let Some(at) = self.index(map) else { return Answers::SKIPPED };
        let held = &self.maps[at];
        let (fd, inner) = self.inner(value.inner);
        let prog = ProgFd(self.machine.fd(value.prog));
        let ifindex = IfIndex(value.ifindex);
        let (bytes, written) = if held.kind.is_map_of_maps() {
            (pair(fd.cast_unsigned(), 0), MapValue::Inner(inner))
        } else {
            let written = DevmapValue::with_program(ifindex, prog);
            (pair(value.ifindex, prog.0.cast_unsigned()), MapValue::Dev(written))
        };
        let kernel = held.kernel.update(&key.to_ne_bytes(), &bytes, flags).into();
        if let Some(model) = held.refuses_writes() {
            return Answers { model, kernel };
        }
        let flags = UpdateFlags::from_bits_retain(flags);
        let before = self.model.get(held.id).map(|map| Seen::before(map, MapKey(key)));
        let caller = self.machine.caller(self.space);
        let model = self.model.update(held.id, MapKey(key), written, flags, &caller).into();
        if let Some(before) = before {
            // A kernel without such a program was asked about a closed descriptor.
            let prog = if prog.0 == RawFd::MAX { ProgRef::Closed } else { value.prog };
            let asked = Asked { space: self.space, key, ifindex: value.ifindex, prog, flags };
            self.exercised.update(&before, &asked, &kernel);
        }
        Answers { model, kernel }
    }

    fn delete(&mut self, map: MapRef, key: u32) -> Answers {
        let Some(at) = self.index(map) else { return Answers::SKIPPED };
        let held = &self.maps[at];
        let kernel = held.kernel.delete(&key.to_ne_bytes()).into();
        if let Some(model) = held.refuses_writes() {
            return Answers { model, kernel };
        }
        let before = self.model.get(held.id).map(|map| Seen::before(map, MapKey(key)));
        let model = self.model.delete(held.id, MapKey(key)).into();
        if let Some(before) = before {
            self.exercised.delete(&before, &kernel);
        }
        Answers { model, kernel }
    }

    fn lookup(&mut self, at: usize, key: u32) -> Answers {
        let held = &self.maps[at];
        let mut bytes = [0; 8];
        let kernel = match held.kernel.lookup(&key.to_ne_bytes(), &mut bytes) {
            Ok(()) => self.read(held.kind, bytes),
            Err(error) => Answer::Refused(error.number),
        };
        if let Some(model) = held.refuses_reads() {
            return Answers { model, kernel };
        }
        let model = self.model.lookup(held.id, MapKey(key)).into();
        self.exercised.lookup(held.kind, &kernel);
        Answers { model, kernel }
    }

    fn read(&self, kind: MapKind, bytes: [u8; 8]) -> Answer {
        let [a, b, c, d, prog @ ..] = bytes;
        let first = u32::from_ne_bytes([a, b, c, d]);
        if !kind.is_map_of_maps() {
            return Answer::Device(first, u32::from_ne_bytes(prog));
        }
        Answer::Inner(self.ids.iter().find(|(kernel, _)| *kernel == first).map(|(_, id)| *id))
    }

    fn next_key(&mut self, at: usize, key: Option<u32>) -> Answers {
        let held = &self.maps[at];
        if held.kind == MapKind::HashOfMaps {
            // Its order is seeded at random.
            return self.walk(at).1;
        }
        let kernel = kernel_next(&held.kernel, key).into();
        if let Some(model) = held.refuses_reads() {
            return Answers { model, kernel };
        }
        let model = self.model.get_next_key(held.id, key.map(MapKey)).into();
        let present = key.is_some_and(|key| self.model.lookup(held.id, MapKey(key)).is_ok());
        self.exercised.next_key((held.kind, held.max_entries), key, present, &kernel);
        Answers { model, kernel }
    }

    /// All keys of a map, by asking for each next one.
    fn walk(&self, at: usize) -> (Vec<u32>, Answers) {
        let held = &self.maps[at];
        if held.refuses_reads().is_some() {
            return (vec![], Answers::SKIPPED);
        }
        let model = |key: Option<u32>| self.model.get_next_key(held.id, key.map(MapKey)).ok();
        let mut kernel = walk(|key| kernel_next(&held.kernel, key).ok());
        let mut model = walk(model);
        if held.kind == MapKind::HashOfMaps {
            kernel.sort_unstable();
            model.sort_unstable();
        }
        let answers = Answers { model: Answer::Keys(model), kernel: Answer::Keys(kernel.clone()) };
        (kernel, answers)
    }

    fn close(&mut self, map: MapRef) -> Answers {
        let Some(at) = self.index(map) else { return Answers::SKIPPED };
        let held = self.maps.remove(at);
        self.model.destroy(held.id);
        Answers::SKIPPED
    }

    fn enter(&mut self, space: Space) -> Result<Answers, MachineError> {
        if space != self.space {
            self.machine.space(space).join()?;
            self.space = space;
        }
        Ok(Answers::SKIPPED)
    }

    fn device(&mut self, op: DeviceOp) -> Result<Answers, MachineError> {
        let in_a_map =
            self.maps.iter().any(|held| self.model.targets(held.id).any(|(_, e)| e.dev == GUEST_ID));
        let gone = self.machine.device(op)?;
        gone.into_iter().for_each(|dev| self.model.device_gone(dev));
        if in_a_map && (gone.is_some() || matches!(op, DeviceOp::Up(_))) {
            self.exercised.device(op);
        }
        Ok(Answers::SKIPPED)
    }

    fn load(&mut self, program: LoadFor, frags: bool, maps: &[MapRef]) -> Answers {
        let used: Vec<usize> = maps.iter().filter_map(|map| self.index(*map)).collect();
        let insns = using(used.iter().map(|at| &self.maps[*at]));
        let load = match program {
            LoadFor::Device => ProgLoad::xdp("uses_maps", &insns),
            LoadFor::Entry => ProgLoad::devmap("uses_maps", &insns),
        };
        let kernel = Prog::load_quietly(&load.with_flags(if frags { load_flag::XDP_HAS_FRAGS } else { 0 }));
        let info = ProgInfo {
            id: ProgId(0),
            prog_type: ProgType::Xdp,
            attach_type: match load.attach_type {
                attach_type::XDP => AttachType::Xdp,
                _ => AttachType::Devmap,
            },
            frags,
            jited: self.machine.program(ProgRef::Entry).is_some_and(|entry| entry.jited),
            device_bound: false,
        };
        let ids: Vec<MapId> = used.iter().map(|at| self.maps[*at].id).collect();
        let before: Vec<Seen> = ids.iter().filter_map(|id| self.model.get(*id)).map(Seen::of).collect();
        let model = self.model.load_program(&info, &ids);
        let kernel = kernel.map(drop).into();
        self.exercised.load(&before, &kernel);
        Answers { model: model.into(), kernel }
    }
}

fn pair(low: u32, high: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (low.to_ne_bytes(), high.to_ne_bytes());
    [a, b, c, d, e, f, g, h]
}

fn kernel_next(map: &Map, key: Option<u32>) -> Result<MapKey, BpfError> {
    let mut next = [0; 4];
    let key = key.map(u32::to_ne_bytes);
    map.next_key(key.as_ref().map(<[u8; 4]>::as_slice), &mut next)?;
    Ok(MapKey(u32::from_ne_bytes(next)))
}

/// Longest walk; the campaign's maps have at most 64 entries.
const WALK_MAX: usize = 100;

fn walk(next: impl Fn(Option<u32>) -> Option<MapKey>) -> Vec<u32> {
    let mut keys: Vec<u32> = Vec::new();
    while let Some(key) = next(keys.last().copied()) {
        keys.push(key.0);
        if keys.len() > WALK_MAX {
            break;
        }
    }
    keys
}

/// A program that uses these maps in this order, as far as the verifier can see.
fn using<'m>(maps: impl Iterator<Item = &'m Held>) -> Vec<Insn> {
    let mut asm = Asm::new();
    for held in maps {
        asm.map(R1, held.kernel.as_fd());
        if held.kind.is_map_of_maps() {
            asm.store_imm(Size::W, R10, -4, 0).mov_reg(R2, R10).add(R2, -4).call(Helper::MapLookupElem);
        } else {
            asm.mov(R2, 0).mov(R3, 0).call(Helper::RedirectMap);
        }
    }
    asm.ret(2);
    asm.finish().unwrap_or_default()
}
