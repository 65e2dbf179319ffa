//! The kernel's side: live frames of `BPF_PROG_TEST_RUN` through the row's program and map into veth pairs.
//!
//! The pairs are made once, for the row with the most ports; each row brings its map and its program. All
//! far ends drop what arrives in a native XDP program. A run is over when each copy has reached one of those
//! programs or was refused by a ring, by the devices' own counters; until then its clock runs.

mod stamp;
mod street;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use xdpsim_core::scenario::{EntryValue, MapSpec};
use xdpsim_oracle::bpf::{LiveFrames, Map, MapCreate, map_type};
use xdpsim_oracle::compile::{self, Loaded};

use crate::failure::{Failure, Tried};
use crate::measure::{Run, Side};
use crate::row::Row;
use crate::traffic::{POLL, ROUND, template};

use stamp::Stamp;
pub use street::Street;
use street::Traffic;

/// How long the last copies may be on their way.
const PATIENCE: Duration = Duration::from_secs(5);

/// A row's world in the kernel.
pub struct KernelSide<'a> {
    row: &'a Row,
    street: &'a mut Street,
    stamp: Stamp,
    /// Copies to each device of the street in a round.
    copies: Vec<u64>,
    template: Vec<u8>,
    _program: Loaded,
    _map: Map,
}

impl<'a> KernelSide<'a> {
    /// `copies` are those that each target of the row is to get in a round.
    pub fn new(row: &'a Row, street: &'a mut Street, copies: &[u64]) -> Result<Self, Failure> {
        let scenario = &row.scenario;
        let map = create(&scenario.maps[0], street)?;
        let program = compile::load(&scenario.programs[0], &mut |_| Some(map.as_fd()))
            .tried(|| format!("load the program of `{}`", row.name))?;
        let stamp = Stamp::before(&program.prog, street.ingress())?;
        let targets: Vec<String> = row.target_names().collect();
        let copies_to =
            |name: &str| targets.iter().position(|target| target == name).map_or(0, |n| copies[n]);
        let copies = street.names().map(copies_to).collect();
        let template = template().to_vec();
        Ok(Self { row, street, stamp, copies, template, _program: program, _map: map })
    }

    /// Waits until everything that was sent has arrived or was refused.
    fn settle(&mut self, before: &[Traffic], rounds: u64) -> Result<Vec<Traffic>, Failure> {
        let expected: Vec<u64> = self.copies.iter().map(|copies| copies * rounds).collect();
        let begin = Instant::now();
        loop {
            let now = self.street.traffic()?;
            let done: Vec<Traffic> = now.iter().zip(before).map(|(now, before)| now.since(before)).collect();
            let wrong = done.iter().zip(&expected).position(|(done, copies)| done.all() != *copies);
            match wrong {
                None => return Ok(done),
                Some(port) if begin.elapsed() > PATIENCE => {
                    return Err(self.differs(port, done[port], expected[port]));
                }
                Some(_) => {}
            }
        }
    }

    fn differs(&self, device: usize, done: Traffic, expected: u64) -> Failure {
        let Traffic { arrived, refused } = done;
        let port = self.street.names().nth(device).unwrap_or_default();
        let what = format!(
            "port `{port}` was given {expected} copies by the model; here {arrived} arrived and its ring \
             refused {refused}"
        );
        Failure::Differs { side: "kernel", row: self.row.name.clone(), what }
    }
}

/// The row's map, with its entries.
fn create(spec: &MapSpec, street: &Street) -> Result<Map, Failure> {
    let (name, entries) = (spec.name.as_str(), spec.max_entries);
    let map = MapCreate::new(map_type::DEVMAP, 4, spec.value_size, entries, name);
    let map = Map::create(&map).tried(|| format!("create the map `{name}`"))?;
    for entry in &spec.entries {
        let EntryValue::Port { port, .. } = &entry.value else { continue };
        // ifindex, then the descriptor of a program: 0 is none.
        let mut value = [0; 8];
        value[..4].copy_from_slice(&street.ifindex(port)?.0.to_ne_bytes());
        let written = map.update(&entry.key.to_ne_bytes(), &value, 0);
        written.tried(|| format!("write port `{port}` into the map `{name}`"))?;
    }
    Ok(map)
}

impl Side for KernelSide<'_> {
    fn run(&mut self, rounds: u64) -> Result<Run, Failure> {
        let repeat = u32::try_from(rounds * ROUND).tried(|| "count the frames of a sample".to_owned())?;
        self.stamp.restart()?;
        let before = self.street.traffic()?;
        let ingress_ifindex = self.street.ingress().0;
        let frames =
            LiveFrames { data: &self.template, repeat, batch_size: POLL, ingress_ifindex, rx_queue_index: 0 };
        let turn = self.street.take_turn()?;
        let start = Instant::now();
        let ran = self.stamp.prog().run_live(&frames);
        ran.tried(|| format!("run {repeat} live frames"))?;
        let done = self.settle(&before, rounds)?;
        let time = start.elapsed();
        drop(turn);
        Ok(Run { rounds, time, lost: done.iter().map(|traffic| traffic.refused).sum() })
    }
}
