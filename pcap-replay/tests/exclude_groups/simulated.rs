//! The same object on simulated ports.

use std::fmt::Write;

use xdpsim::object::{self, Options};
use xdpsim::scenario::{self, Source};
use xdpsim_core::{Batch, Delivery, Desc, DevId, FrameNo, Ingress, Nanos, Plan, Report, Sink, Timing};
use xdpsim_oracle::bench::Mode;
use xdpsim_vm::Engine;

use crate::cases::{EXCLUDES, Form, Left, PORTS, Round, bit, frame_type, ifindex};
use crate::{Programs, folder};

/// What the simulation shows.
pub struct Played {
    pub left: Left,
    /// Its books.
    pub report: Report,
}

/// Plays a round as one poll.
pub fn play(form: &Form, programs: Programs, mode: Mode, round: &Round) -> Played {
    let text = scenario_of(form, programs, mode, round);
    let source = Source::from_bytes("round.toml", text.as_bytes());
    let mut parsed = scenario::parse(&source).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let options = Options { engine: Engine::Interpreter, ..Options::default() };
    let made = object::in_scenario(&mut parsed, &folder(), &options);
    let (code, _) = made.unwrap_or_else(|problems| panic!("{problems}\n{text}")).expect("it names an object");
    let plan = Plan::with_programs(&parsed.scenario, code).unwrap_or_else(|error| panic!("{error}\n{text}"));

    let frames = round.frames();
    let bytes = frames.concat();
    let place = |number: usize| frames[..number].iter().map(Vec::len).sum::<usize>() as u32;
    let descs: Vec<Desc> = (0..frames.len())
        .map(|number| Desc::arrived(place(number), frames[number].len() as u32, FrameNo(number as u64)))
        .collect();
    let stamps = vec![Nanos(0); frames.len()];
    let ingress = Ingress::One(DevId(round.ingress as u32));
    let mut domain =
        plan.domain(0, Timing::Asap, true, Tape { frames: &frames, left: vec![Vec::new(); PORTS] });
    domain.feed(&Batch { first: FrameNo(0), bytes: &bytes, frames: &descs, stamps: &stamps, ingress });
    domain.finish();
    let mut report = Report::default();
    report.add(&plan, &domain);
    assert!(report.is_balanced(), "{report:?}");
    Played { left: domain.into_sink().left, report }
}

struct Tape<'a> {
    frames: &'a [Vec<u8>],
    left: Left,
}

impl Sink for Tape<'_> {
    const DELIVERIES: bool = true;

    fn delivered(&mut self, delivery: Delivery<'_>) {
        let number = delivery.frame.0 as usize;
        assert_eq!(delivery.bytes, self.frames[number], "frame {number} was changed");
        self.left[delivery.port.0 as usize].push(number);
    }
}

/// The round as a user would write it.
fn scenario_of(form: &Form, programs: Programs, mode: Mode, round: &Round) -> String {
    let mut text = String::new();
    let line = &mut text;
    for port in 0..PORTS {
        put(line, &format!("[[port]]\nname = \"p{port}\"\nifindex = {}\nxdp = \"forward\"", ifindex(port)));
        // As the switch is in the kernel.
        put(line, "kind = \"veth\"\npeer = { xdp = true }");
        if mode == Mode::Generic {
            put(line, "mode = \"generic\"\ngro = true");
        }
    }
    for (key, group) in &round.groups {
        let kind = form.group;
        put(line, &format!("[[map]]\nname = \"g{key}\"\ntype = \"{kind}\"\nmax_entries = 64\nentries = ["));
        let program = if *key == 0 || *key > 0xffff { ", program = \"filter\"" } else { "" };
        for (key, port) in group {
            put(line, &format!("{{ key = {key}, port = \"p{port}\"{program} }},"));
        }
        put(line, "]");
    }
    let (object, port, entry) = (form.name, programs.port(), programs.entry());
    put(line, &format!("[[program]]\nname = \"forward\"\nobject = \"{object}.o\"\nfunction = \"{port}\""));
    put(line, "[[program]]\nname = \"filter\"\nattach = \"devmap\"");
    put(line, &format!("object = \"{object}.o\"\nfunction = \"{entry}\""));
    put(line, "[contents.groups]");
    round.groups.keys().for_each(|key| put(line, &format!("{key} = \"g{key}\"")));
    put(line, "[contents.masks]");
    for number in EXCLUDES.into_iter().chain([0]) {
        if let Some(mask) = round.mask(number) {
            put(line, &format!("{number} = {mask}"));
        }
    }
    put(line, "[contents.bit_of]");
    (0..PORTS).for_each(|port| put(line, &format!("{} = {}", ifindex(port), bit(port))));
    put(line, "[contents]\nindex_of = [");
    for (number, index) in round.indexes.iter().enumerate() {
        let (port, kind) = (ifindex(round.ingress), frame_type(number));
        put(line, &format!("{{ key = {{ port = {port}, type = {kind} }}, value = {index} }},"));
    }
    put(line, "]");
    text
}

fn put(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("strings take everything");
}
