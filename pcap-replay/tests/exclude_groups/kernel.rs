//! An object on the running kernel's data path.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use xdpsim_oracle::bench::{BenchError, Switch};
use xdpsim_oracle::bpf::{Map, MapCreate, map_type};
use xdpsim_oracle::object::KernelObject;
use xdpsim_vm::load::Object;

use crate::Programs;
use crate::cases::{EXCLUDES, Form, Left, PORTS, Round, bit, copies, frame_type, ifindex};

/// The object, its groups and what they hold.
pub struct Kernel {
    object: KernelObject,
    programs: Programs,
    groups: BTreeMap<u32, (Map, Vec<u32>)>,
}

impl Kernel {
    /// Loads the object, makes the form's groups and attaches the program of ports.
    pub fn new(
        form: &Form,
        object: &Object,
        programs: Programs,
        switch: &mut Switch,
    ) -> Result<Self, BenchError> {
        let object = KernelObject::load(object, &[])?;
        switch.attach(object.program(programs.port())?)?;
        let kind = if form.group == "devmap" { map_type::DEVMAP } else { map_type::DEVMAP_HASH };
        let mut kernel = Self { object, programs, groups: BTreeMap::new() };
        let zero = form.zero.then_some(0);
        for key in form.forward.iter().copied().chain(EXCLUDES).chain(zero) {
            kernel.add_group(kind, key);
        }
        let bits = kernel.object.map("bit_of")?;
        for port in 0..PORTS {
            bits.update(&ifindex(port).to_ne_bytes(), &bit(port).to_ne_bytes(), 0)
                .expect("room for all ports");
        }
        Ok(kernel)
    }

    fn add_group(&mut self, kind: u32, key: u32) {
        let group = Map::create(&MapCreate::new(kind, 4, 8, 64, "group")).expect("a group");
        let groups = self.object.map("groups").expect("the object's");
        groups.set_fd(key, group.as_fd()).unwrap_or_else(|error| panic!("group {key:#x}: {error}"));
        self.groups.insert(key, (group, Vec::new()));
    }

    /// Makes groups, masks and the frames' indexes those of a round.
    pub fn set(&mut self, round: &Round, switch: &Switch) -> Result<(), BenchError> {
        let program = self.object.program(self.programs.entry())?;
        for (key, (map, there)) in &mut self.groups {
            for old in there.drain(..) {
                map.delete(&old.to_ne_bytes()).expect("it was there");
            }
            let entries: Vec<(u32, usize)> =
                round.groups[key].iter().map(|(key, port)| (*key, *port)).collect();
            // Exclude groups need no programs; group 0 is both.
            let both = *key == 0 || *key > 0xffff;
            switch.fill(map, &entries, both.then_some(program))?;
            there.extend(entries.iter().map(|(key, _)| *key));
        }
        let masks = self.object.map("masks")?;
        for number in EXCLUDES.into_iter().chain([0]) {
            if let Some(mask) = round.mask(number) {
                masks.update(&number.to_ne_bytes(), &mask.to_ne_bytes(), 0).expect("room for all masks");
            }
        }
        let indexes = self.object.map("index_of")?;
        for (number, index) in round.indexes.iter().enumerate() {
            let arrival = [ifindex(round.ingress), frame_type(number).into()].map(u32::to_ne_bytes).concat();
            indexes.update(&arrival, &index.to_ne_bytes(), 0).expect("room for all frames");
        }
        Ok(())
    }

    /// Plays a round as one poll, and waits for what is expected.
    pub fn play(&self, round: &Round, expected: &Left, switch: &mut Switch) -> Result<Left, BenchError> {
        let frames = round.frames();
        let left = switch.poll(round.ingress, &frames, copies(expected))?;
        Ok(numbers(&frames, &left))
    }

    /// Copies that nobody was woken for (FLU-06): those of a bulk behind which the programs of entries dropped all.
    pub fn wake(&self, round: &Round, expected: usize, switch: &mut Switch) -> Result<Left, BenchError> {
        Ok(numbers(&round.frames(), &switch.wake(expected)?))
    }

    /// Plays a round as one poll a frame.
    pub fn play_one_by_one(&self, round: &Round, switch: &mut Switch) -> Result<Left, BenchError> {
        let frames = round.frames();
        let expected = round.expected();
        let mut all = vec![Vec::new(); PORTS];
        for (number, frame) in frames.iter().enumerate() {
            let due = expected.iter().flatten().filter(|one| **one == number).count();
            let left = switch.poll(round.ingress, std::slice::from_ref(frame), due)?;
            all.iter_mut()
                .zip(numbers(&frames, &left))
                .for_each(|(all, left): (&mut Vec<_>, _)| all.extend(left));
        }
        Ok(all)
    }
}

/// Which frames these are; none may be changed.
pub fn numbers(frames: &[Vec<u8>], left: &[Vec<Vec<u8>>]) -> Left {
    let number = |frame: &Vec<u8>| {
        let known = frames.iter().position(|one| one == frame);
        known.unwrap_or_else(|| panic!("a frame left that nobody sent: {frame:02x?}"))
    };
    left.iter().map(|frames| frames.iter().map(number).collect()).collect()
}
