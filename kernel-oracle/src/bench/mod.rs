//! The kernel's side of a case: a house of veth pairs in anonymous namespaces, and cases played in it.
//!
//! A [`Bench`] is built once and reused. A case creates its maps and loads its programs, which costs
//! microseconds; nothing is attached or detached for it. All work is done on one CPU by the thread that
//! built the bench, so softirqs run where the model's only CPU does.
//!
//! Two benches, in one process or several, share nothing. Whatever happens to the process, the kernel takes
//! everything apart: namespaces, links, maps and programs have no names, only descriptors.
//!
//! Errors: [`BenchError`], which is never a difference between model and kernel.

mod catcher;
mod changes;
mod contents;
mod door;
mod error;
mod events;
mod far;
mod feeder;
mod fence;
mod gate;
mod pinned;
mod rooms;
mod seen;
mod switch;
mod turn;
mod uppers;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use xdpsim_core::driver::veth::VethCounters;
use xdpsim_core::scenario::{At, PeerSpec, PortKind, PortSpec};

pub use error::BenchError;
pub use switch::{Mode, Switch};

use crate::case::{Burst, Case, House, Inject};
use crate::model::Options;
use crate::net::{Drops, Inside};
use crate::transcript::Transcript;
use catcher::{Catcher, Method};
use changes::{Changes, Scene};
use contents::{Addresses, Contents};
use door::Door;
use events::Events;
use far::{FarEnd, FarSpec};
use feeder::{Feeder, Target};
use fence::Fence;
use pinned::Pinned;
use rooms::{RoomNo, Rooms};
use seen::{Frames, Seen};
use turn::Turns;

/// How long frames that the model announces are waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// How deep polls start one another: the near end's starts the far ends', and what waits for a second turn
/// takes one more.
const DEPTH: usize = 3;

/// A house in the kernel.
#[derive(Debug)]
pub struct Bench {
    house: House,
    doors: Vec<Door>,
    addresses: Addresses,
    feeder: Feeder,
    fence: Fence,
    events: Events,
    /// Must redirect info be left with nothing armed before each burst (HLP-20.d)?
    disarms: bool,
    /// Has nothing moved since the counters were read?
    counted: bool,
    /// Frames that came in before a case began.
    strays: Vec<(String, Vec<u8>)>,
    // Before the namespaces, so that programs are detached from devices that still exist.
    catcher: Catcher,
    rooms: Rooms,
    turns: Turns,
    _cpu: Pinned,
}

impl Bench {
    /// Builds the house. The thread that calls this is the one that plays, and stays on one CPU until the
    /// bench is dropped.
    ///
    /// # Errors
    /// What the kernel refuses, and ports that can't be built: other kinds than veths with far ends and
    /// uppers, ifindexes that are missing or below 2, several queues.
    pub fn new(house: &House) -> Result<Self, BenchError> {
        let cpu = Pinned::somewhere()?;
        let rooms = Rooms::new(&house.netns)?;
        let inside = rooms.leave_home()?;
        let disarms = Options::host().map_err(BenchError::Case)?.redirect_info_stays();
        // A program that calls no redirect helper leaves redirect info alone.
        let method = if disarms { Method::Copies } else { method(house) };
        let mut catcher = Catcher::new(FarEnd::ifindex(house.ports.len()).0, method)?;
        let mut feeder = Feeder::new(2 * house.ports.len(), &rooms.far)?;
        let veths = || (0..house.ports.len()).filter(|port| house.ports[*port].kind != PortKind::Upper);
        for port in veths() {
            door::build_pair(&house.ports, port, &rooms)?;
        }
        let mut doors = Vec::new();
        for port in veths() {
            rooms.go_far()?;
            let far = FarSpec::of(&house.ports[port]);
            let far = far.map(|spec| FarEnd::new(port, spec, &rooms, &mut catcher, &mut feeder));
            doors.push(Door::new(&house.ports, port, far.transpose()?, &rooms, &mut feeder)?);
        }
        uppers::build(&house.ports, &rooms)?;
        let address =
            |spec: &PortSpec| Ok::<_, BenchError>((spec.name.clone(), door::address(spec, &rooms)?));
        let addresses = house.ports.iter().map(address).collect::<Result<_, _>>()?;
        let fence = Fence::new(&rooms.far)?;
        let events = Events::of(&rooms)?;
        drop(inside);
        let turns = Turns::on(cpu.cpu)?;
        let (strays, counted) = (Vec::new(), false);
        let house = house.clone();
        Ok(Self {
            house,
            doors,
            addresses,
            feeder,
            fence,
            events,
            disarms,
            counted,
            strays,
            catcher,
            rooms,
            turns,
            _cpu: cpu,
        })
    }

    /// The house.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Frames that were there before a case began, each with the port that it left by or came in on. There
    /// should be none: each is a frame that nobody waited for long enough.
    pub fn take_strays(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.strays)
    }

    /// Looks for frames that came in after the last case was over.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn look_again(&mut self) -> Result<(), BenchError> {
        let home = self.rooms.leave_home()?;
        self.fence.wait(DEPTH)?;
        self.collect_strays()?;
        drop(home);
        Ok(())
    }

    /// How many frames each receive ring has polled since it was made, by the name of the veth end: a port,
    /// or `PORT.peer` for its far end (DRV-06).
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn polled(&mut self) -> Result<BTreeMap<String, u64>, BenchError> {
        let mut polled = BTreeMap::new();
        for door in &mut self.doors {
            let (near, far) = door.polled_since_made()?;
            polled.insert(door.name.clone(), near);
            polled.extend(far.map(|far| (format!("{}.peer", door.name), far)));
        }
        Ok(polled)
    }

    /// Plays a case of this house. `expected` says how many frames are worth waiting for; what is expected
    /// beyond that has no influence.
    ///
    /// # Errors
    /// What the kernel refuses beside the operations of the case, and what the bench does not do.
    pub fn play(&mut self, case: &Case, expected: &Transcript) -> Result<Transcript, BenchError> {
        if case.scenario.ports != self.house.ports || case.scenario.netns != self.house.netns {
            return Err(BenchError::Case("it was made for another house".to_owned()));
        }
        let home = self.rooms.leave_home()?;
        let contents = Contents::load(&case.scenario)?;
        let mut changes = Changes::default();
        let played = self.play_in(case, &contents, &mut changes, expected, &home);
        let restored = self.restore(changes, played.as_ref().ok());
        let transcript = played?;
        restored.map(|()| transcript)
    }

    fn play_in(
        &mut self,
        case: &Case,
        contents: &Contents<'_>,
        changes: &mut Changes,
        expected: &Transcript,
        _away: &Inside,
    ) -> Result<Transcript, BenchError> {
        let mut operations = contents.fill(&self.rooms, &self.addresses)?;
        let filled = operations.len();
        operations.resize(filled + case.scenario.changes.len(), Ok(()));
        self.attach(case, contents)?;
        self.begin()?;
        let mut seen = Seen::default();
        let mut first = 0;
        for burst in &case.bursts {
            let behind = first + burst.frames.len() as u64;
            for (index, action) in due(case, first, behind)? {
                let mut scene = scene(&self.house, &self.rooms, &mut self.doors, &self.addresses);
                operations[filled + index] = changes.make(action, contents, &mut scene)?;
            }
            self.inject(burst)?;
            seen.drain(&mut self.doors, &mut self.catcher)?;
            self.events.read(contents, &self.doors)?;
            first = behind;
        }
        self.await_rest(&mut seen, expected)?;
        self.events.read(contents, &self.doors)?;
        Ok(Transcript {
            operations,
            events: self.events.take(),
            maps: contents.dump()?,
            counters: self.count(&seen.passed, expected)?,
            deliveries: seen.left,
            passed: seen.passed,
        })
    }

    /// Puts the case's programs behind the ports' dispatchers, where they replace those of the case before.
    fn attach(&mut self, case: &Case, contents: &Contents<'_>) -> Result<(), BenchError> {
        for door in &mut self.doors {
            let program = case.scenario.ports[door.port].xdp.as_deref();
            if let (Some(gate), Some(name)) = (&mut door.gate, program) {
                let (prog, id) = contents.program(name)?;
                gate.put(prog, contents.flavour(name))?;
                door.program = Some(id);
            }
        }
        Ok(())
    }

    /// Nothing is left of what was before, and counting begins.
    fn begin(&mut self) -> Result<(), BenchError> {
        self.collect_strays()?;
        if !self.counted {
            let drops = drops(&mut self.rooms)?;
            for door in &mut self.doors {
                door.begin_count(of(&drops, door))?;
            }
        }
        self.counted = false;
        self.events.begin()
    }

    fn collect_strays(&mut self) -> Result<(), BenchError> {
        let mut seen = Seen::default();
        seen.drain(&mut self.doors, &mut self.catcher)?;
        if !seen.is_empty() {
            self.counted = false;
        }
        for (port, frames) in seen.left.into_iter().chain(seen.passed) {
            self.strays.extend(frames.into_iter().map(|frame| (port.clone(), frame)));
        }
        Ok(())
    }

    fn inject(&mut self, burst: &Burst) -> Result<(), BenchError> {
        let door = self.doors.iter_mut().find(|door| door.port == burst.port);
        let door = door.ok_or_else(|| {
            BenchError::Case(format!("frames come in on port number {}, which is no veth", burst.port))
        })?;
        let inward = door.way_in(burst.how)?.inward;
        let _turn = self.turns.take()?;
        self.rooms.go_far()?;
        if self.disarms {
            self.feeder.disarm()?;
        }
        if burst.how == Inject::Poll {
            self.feeder.feed(inward, &burst.frames)?;
            return self.fence.wait(DEPTH);
        }
        let before = door.polled()?;
        for (n, frame) in burst.frames.iter().enumerate() {
            if n > 0 {
                // The poll of the one before is over, or this one would join it.
                self.fence.wait(1)?;
            }
            door.inject(frame)?;
        }
        self.fence.wait(DEPTH)?;
        let polled = door.polled()? - before;
        door.were_skbs(polled);
        door.came_by_backlog(&burst.frames);
        Ok(())
    }

    /// Frames that the model announces may still be on their way on a busy machine.
    fn await_rest(&mut self, seen: &mut Seen, expected: &Transcript) -> Result<(), BenchError> {
        let since = Instant::now();
        while seen.lacks(expected, &self.doors) && since.elapsed() < PATIENCE {
            self.fence.wait(DEPTH)?;
            seen.drain(&mut self.doors, &mut self.catcher)?;
        }
        Ok(())
    }

    fn count(
        &mut self,
        passed: &Frames,
        expected: &Transcript,
    ) -> Result<BTreeMap<String, VethCounters>, BenchError> {
        let drops = drops(&mut self.rooms)?;
        let mut counters = BTreeMap::new();
        for door in &mut self.doors {
            let mut counted = door.counted(of(&drops, door))?;
            // A passed frame that nobody in the stack wanted counts as dropped, too, in the same counter:
            // between none of them and all.
            let unwanted = passed.get(&door.name).map_or(0, Vec::len) as u64;
            if let Some(expected) = expected.counters.get(&door.name)
                && (expected.rx_dropped..=expected.rx_dropped + unwanted).contains(&counted.rx_dropped)
            {
                counted.rx_dropped = expected.rx_dropped;
            }
            counters.insert(door.name.clone(), counted);
        }
        self.counted = true;
        Ok(counters)
    }

    /// Puts the house back in order.
    fn restore(&mut self, changes: Changes, seen: Option<&Transcript>) -> Result<(), BenchError> {
        if changes.any() {
            let mut scene = scene(&self.house, &self.rooms, &mut self.doors, &self.addresses);
            changes.undo(&mut scene)?;
            self.counted = false;
        }
        let stuck = |door: &Door| seen.is_none_or(|seen| has_stuck_frames(door, seen));
        let stuck: Vec<_> = self.doors.iter().filter(|door| stuck(door)).map(|door| door.outward).collect();
        if stuck.is_empty() {
            return Ok(());
        }
        self.release(&stuck)
    }

    /// Frames that wait in a ring for a wake-up that nobody gives (FLU-06, DRV-08) go out with one that
    /// wakes their reader. No program of the case may see them.
    fn release(&mut self, stuck: &[Target]) -> Result<(), BenchError> {
        self.counted = false;
        for gate in self.doors.iter().filter_map(|door| door.gate.as_ref()) {
            gate.clear();
        }
        let mut kick = vec![0; 60];
        kick[12..14].copy_from_slice(&[0x88, 0xb5]);
        self.rooms.go_far()?;
        let _turn = self.turns.take()?;
        for target in stuck {
            self.feeder.feed(*target, std::slice::from_ref(&kick))?;
        }
        self.fence.wait(2 * DEPTH)?;
        Seen::default().drain(&mut self.doors, &mut self.catcher)
    }
}

/// Where ports are each other's ends, several programs of a case run in one softirq.
fn method(house: &House) -> Method {
    let both_are_ports =
        |port: &PortSpec| matches!(&port.kind, PortKind::Veth { peer: PeerSpec::Port(_), .. });
    if house.ports.iter().any(both_are_ports) { Method::Copies } else { Method::Sockets }
}

/// Did the other end's ring take more frames than came out of it?
fn has_stuck_frames(door: &Door, seen: &Transcript) -> bool {
    let counters = |name: &str| seen.counters.get(name).copied().unwrap_or_default();
    let sent = counters(&door.name);
    let came_out = match &door.peer {
        Some(peer) => counters(peer).xdp_packets,
        None => seen.deliveries.get(&door.name).map_or(0, Vec::len) as u64,
    };
    sent.xdp_xmit + sent.xdp_tx > came_out
}

fn scene<'a>(
    house: &'a House,
    rooms: &'a Rooms,
    doors: &'a mut [Door],
    addresses: &'a Addresses,
) -> Scene<'a> {
    Scene { house, rooms, doors, addresses }
}

/// Changes before the frame `first`, of a burst that ends before the frame `behind`.
fn due(
    case: &Case,
    first: u64,
    behind: u64,
) -> Result<Vec<(usize, &xdpsim_core::scenario::Action)>, BenchError> {
    let mut due = Vec::new();
    for (index, change) in case.scenario.changes.iter().enumerate() {
        match change.at {
            At::Frame(no) if no.0 == first => due.push((index, &change.action)),
            At::Frame(no) if no.0 < first || no.0 >= behind => {}
            at => {
                let why = format!("change {index} is due at {at:?}, which is not the first frame of a burst");
                return Err(BenchError::Case(why));
            }
        }
    }
    Ok(due)
}

type AllDrops = Vec<(RoomNo, BTreeMap<String, Drops>)>;

fn drops(rooms: &mut Rooms) -> Result<AllDrops, BenchError> {
    rooms.iter_mut().map(|(no, room)| Ok((no, room.drops.read()?))).collect()
}

fn of(drops: &AllDrops, door: &Door) -> Drops {
    let room = drops.iter().find(|(no, _)| *no == door.room);
    room.and_then(|(_, devices)| devices.get(door.device())).copied().unwrap_or_default()
}
