//! Random groups, and frames that name two of them each.

use std::collections::{BTreeMap, BTreeSet};

use xdpsim_devmap::{DevId, Entry, IfIndex, difference};

/// Ports of the switch.
pub const PORTS: usize = 8;
/// Frames of a poll.
pub const POLL: usize = 64;
/// Entries of a group at most, and so a limit of keys.
const KEYS: u32 = 64;
/// The frames' EtherTypes begin here, a number for each frame of a poll.
const TYPES: u16 = 0x9000;
/// Numbers of exclude groups that nobody makes, and of forward groups.
const NO_EXCLUDE: u32 = 0xfff0;
const NO_FORWARD: u32 = 3 << 16;

/// A pair of map types: an object.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The object's name.
    pub name: &'static str,
    /// The groups' type, as scenarios write it.
    pub group: &'static str,
    /// Forward keys. An array of the object's size ends at 3 << 16.
    pub forward: &'static [u32],
    /// Is there a group 0, which both sides can name?
    pub zero: bool,
}

const FEW: &[u32] = &[1 << 16, 2 << 16];
const MANY: &[u32] = &[1 << 16, 2 << 16, 4 << 16, 5 << 16, 0x7fff << 16, 0xffff << 16];

/// Both map types of both.
pub const FORMS: [Form; 4] = [
    Form { name: "aa", group: "devmap", forward: FEW, zero: true },
    Form { name: "ah", group: "devmap_hash", forward: FEW, zero: false },
    Form { name: "ha", group: "devmap", forward: MANY, zero: false },
    Form { name: "hh", group: "devmap_hash", forward: MANY, zero: true },
];

/// Exclude numbers that there are, beside 0.
pub const EXCLUDES: [u32; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 100, 1000, 0x8000, 0xffff];

/// The ifindex of a port, as the switch of the kernel has it.
pub fn ifindex(port: usize) -> u32 {
    port as u32 + 2
}

/// A group's entries: key and port, each key once.
pub type Group = BTreeMap<u32, usize>;

/// One poll and the groups that it meets.
#[derive(Clone, Debug)]
pub struct Round {
    pub groups: BTreeMap<u32, Group>,
    pub ingress: usize,
    /// Of each frame.
    pub indexes: Vec<u32>,
}

/// Frame numbers by the port that they leave by.
pub type Left = Vec<Vec<usize>>;

impl Round {
    pub fn draw(form: &Form, random: &mut Random) -> Self {
        let mut groups = BTreeMap::new();
        for key in form.forward {
            groups.insert(*key, forward(random));
        }
        for key in EXCLUDES.into_iter().chain(form.zero.then_some(0)) {
            groups.insert(key, exclude(random));
        }
        let index = |random: &mut Random| {
            let forward = match random.below(16) {
                0 => NO_FORWARD,
                1 => 0,
                _ => random.pick(form.forward),
            };
            let exclude = match random.below(12) {
                0 => NO_EXCLUDE,
                1 => 0,
                _ => random.pick(&EXCLUDES),
            };
            forward | exclude
        };
        let indexes = (0..POLL).map(|_| index(random)).collect();
        Self { groups, ingress: random.below(PORTS), indexes }
    }

    /// The frame of this number.
    pub fn frame(&self, number: usize) -> Vec<u8> {
        let mut frame = vec![number as u8; 60];
        frame[..6].fill(0xff);
        frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, self.ingress as u8]);
        frame[12..14].copy_from_slice(&frame_type(number).to_be_bytes());
        frame
    }

    pub fn frames(&self) -> Vec<Vec<u8>> {
        (0..self.indexes.len()).map(|number| self.frame(number)).collect()
    }

    /// What the RFC means, in the default reading: a group that is missing excludes nothing; without a forward group
    /// nothing is sent.
    pub fn expected(&self) -> Left {
        self.left(|index| self.groups.get(&(index & 0xffff)))
    }

    /// If nothing were excluded.
    pub fn everything(&self) -> Left {
        self.left(|_| None)
    }

    fn left<'a>(&'a self, exclude: impl Fn(u32) -> Option<&'a Group>) -> Left {
        let mut left = vec![Vec::new(); PORTS];
        for (number, &index) in self.indexes.iter().enumerate() {
            let Some(all) = self.groups.get(&(index & 0xffff_0000)) else { continue };
            let excluded = exclude(index).into_iter().flat_map(entries);
            for entry in difference(entries(all), excluded) {
                left[entry.dev.0 as usize].push(number);
            }
        }
        left
    }

    /// Copies that broadcasts make: the last target gets the frame itself.
    pub fn clones(&self) -> usize {
        let group = |index: &u32| self.groups.get(&(index & 0xffff_0000)).map_or(0, Group::len);
        self.indexes.iter().map(|index| group(index).saturating_sub(1)).sum()
    }

    /// How many different exclude numbers the poll has.
    pub fn exclude_numbers(&self) -> usize {
        self.indexes.iter().map(|index| index & 0xffff).collect::<BTreeSet<_>>().len()
    }

    /// Exclude group `number` as a set of bits.
    pub fn mask(&self, number: u32) -> Option<u64> {
        Some(self.groups.get(&number)?.values().fold(0, |mask, port| mask | bit(*port)))
    }
}

/// A port's bit.
pub fn bit(port: usize) -> u64 {
    1 << (port * 7 % 64)
}

/// The type of a poll's frame of this number.
pub fn frame_type(number: usize) -> u16 {
    TYPES + number as u16
}

/// How many copies left.
pub fn copies(left: &Left) -> usize {
    left.iter().map(Vec::len).sum()
}

fn entries(group: &Group) -> impl Iterator<Item = Entry> + '_ {
    let entry =
        |&port: &usize| Entry { dev: DevId(port as u32), ifindex: IfIndex(ifindex(port)), prog: None };
    group.values().map(entry)
}

/// Any keys, so a port may be there several times.
fn forward(random: &mut Random) -> Group {
    match random.below(8) {
        0 => Group::new(),
        1 => subset(random, 8),
        2..=4 => subset(random, 5),
        _ => {
            (0..random.below(12)).map(|_| (random.below(KEYS as usize) as u32, random.below(PORTS))).collect()
        }
    }
}

/// Keyed by ifindex.
fn exclude(random: &mut Random) -> Group {
    match random.below(8) {
        0 => Group::new(),
        1 => subset(random, 8),
        2 | 3 => [random.below(PORTS)].map(|port| (ifindex(port), port)).into(),
        _ => subset(random, 3),
    }
}

/// Each port with a chance of so many eighths.
fn subset(random: &mut Random, eighths: usize) -> Group {
    let chosen = (0..PORTS).filter(|_| random.below(8) < eighths);
    chosen.map(|port| (ifindex(port), port)).collect()
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
