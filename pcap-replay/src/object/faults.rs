//! What programs did that no program may do: each fault once, with its count and its first frame.

use xdpsim_core::FrameNo;
use xdpsim_vm::machine::Story;
use xdpsim_vm::{self as vm, Machine, ProgIdx};

/// Faults that are told apart in a run; more are only counted.
pub const FAULTS_MAX: usize = 64;

/// A fault and how often it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened to the first frame.
    pub story: Story,
    /// Of how many runs of a program.
    pub count: u64,
    /// The first of the frames.
    pub first: FrameNo,
    /// The ifindex of the port that it came in at.
    pub ifindex: u32,
    place: Place,
}

/// Faults of one place are one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    program: ProgIdx,
    slot: u32,
}

/// The faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    others: u64,
}

impl Faults {
    /// One more. The machine must not have run since.
    pub(super) fn note(&mut self, machine: &Machine, fault: &vm::Fault, first: FrameNo, ifindex: u32) {
        let place = Place { program: fault.prog, slot: fault.pc };
        let is_full = self.list.len() == FAULTS_MAX;
        match self.list.iter_mut().find(|known| known.place == place) {
            Some(known) => known.count += 1,
            None if !is_full => {
                let story = machine.story(fault);
                self.list.push(Fault { story, count: 1, first, ifindex, place });
            }
            None => self.others += 1,
        }
    }

    /// By their first frames.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// How many happened at places beyond [`FAULTS_MAX`].
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.others + self.list.iter().map(|fault| fault.count).sum::<u64>()
    }

    /// Adds those of another copy of the same machine.
    pub fn add(&mut self, other: &Self) {
        for fault in &other.list {
            match self.list.iter_mut().find(|known| known.place == fault.place) {
                Some(known) => {
                    let count = known.count + fault.count;
                    if fault.first < known.first {
                        known.clone_from(fault);
                    }
                    known.count = count;
                }
                None => self.list.push(fault.clone()),
            }
        }
        self.others += other.others;
        self.list.sort_by_key(|fault| (fault.first, fault.place));
        self.others +=
            self.list.drain(FAULTS_MAX.min(self.list.len())..).map(|fault| fault.count).sum::<u64>();
    }
}
