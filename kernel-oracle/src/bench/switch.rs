//! Ports in a row with one program on all of them: what a multicast forwarder is played on.
//!
//! A [`super::Bench`] plays cases of scenarios, which bring programs of their own; a switch is given loaded programs and
//! maps, of stock objects for example. The thread that builds it stays on one CPU. Each port is the near end of a
//! veth pair; its ifindex is [`Switch::ifindex`]. At the far ends a program copies what left.
//!
//! Errors: [`BenchError`].

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use xdpsim_devmap::IfIndex;

use super::DEPTH;
use super::catcher::{Catcher, Method};
use super::error::{BenchError, Tried};
use super::far::FarEnd;
use super::feeder::{Feeder, Target};
use super::fence::Fence;
use super::pinned::Pinned;
use super::rooms::{RoomNo, Rooms};
use super::turn::Turns;
use crate::bpf::{Map, Prog, XdpLink};
use crate::net::VethEnd;
use crate::trace::Tracer;

/// How long copies that should come are waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// How programs are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To the driver.
    Native,
    /// To the stack, on skbs.
    Generic,
}

/// The switch.
#[derive(Debug)]
pub struct Switch {
    mode: Mode,
    links: Vec<XdpLink>,
    /// Frames to here come in by the port, and leave by it.
    inward: Vec<Target>,
    outward: Vec<Target>,
    feeder: Feeder,
    fence: Fence,
    catcher: Catcher,
    room: RoomNo,
    rooms: Rooms,
    turns: Turns,
    _cpu: Pinned,
}

impl Switch {
    /// Builds one with so many ports, without a program.
    ///
    /// # Errors
    /// What the kernel refuses.
    ///
    /// # Panics
    /// If there are more than 4096 ports.
    pub fn new(ports: usize, mode: Mode) -> Result<Self, BenchError> {
        assert!(ports <= 4096, "{ports} ports");
        let cpu = Pinned::somewhere()?;
        let rooms = Rooms::new(&[])?;
        let home = rooms.leave_home()?;
        let room = rooms.find(None).ok_or_else(|| BenchError::Case("there is no room".to_owned()))?;
        let mut catcher = Catcher::new(FarEnd::ifindex(ports).0, Method::Copies)?;
        let mut feeder = Feeder::new(2 * ports, &rooms.far)?;
        let (mut inward, mut outward) = (Vec::new(), Vec::new());
        for port in 0..ports {
            let (near, far) = (Self::ifindex(port), FarEnd::ifindex(port));
            let (near_name, far_name) = (format!("p{port}"), format!("f{port}"));
            let (here, there) = (&rooms.room(room).netns, &rooms.far.netns);
            let links = &rooms.room(room).links;
            links.veth(&VethEnd::new(&near_name, near, here), &VethEnd::new(&far_name, far, there))?;
            rooms.go_far()?;
            inward.push(feeder.add_target(far)?);
            catcher.attach(far)?;
            rooms.far.links.set_up(far, true)?;
            rooms.go_to(room)?;
            links.set_up(near, true)?;
            // Somebody must poll the ring, the driver's program or GRO. The far end learns of it from a port that is up.
            links.set_gro(near, mode == Mode::Generic)?;
            outward.push(feeder.add_target(near)?);
        }
        let fence = Fence::new(&rooms.far)?;
        drop(home);
        let turns = Turns::on(cpu.cpu)?;
        let links = Vec::new();
        Ok(Self { mode, links, inward, outward, feeder, fence, catcher, room, rooms, turns, _cpu: cpu })
    }

    /// How many ports it has.
    #[must_use]
    pub fn ports(&self) -> usize {
        self.inward.len()
    }

    /// How its programs are attached.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The ifindex of the n-th port.
    #[must_use]
    pub fn ifindex(port: usize) -> IfIndex {
        FarEnd::ifindex(port)
    }

    /// Puts a program on all ports, in place of the one before.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn attach(&mut self, prog: &Prog) -> Result<(), BenchError> {
        let _home = self.rooms.leave_home()?;
        self.rooms.go_to(self.room)?;
        for port in 0..self.ports() {
            let ifindex = Self::ifindex(port).0;
            let what = || format!("attach a program to ifindex {ifindex}");
            match self.links.get(port) {
                Some(link) => link.update(prog).tried(what)?,
                None => {
                    let link = match self.mode {
                        Mode::Native => XdpLink::native(prog, ifindex),
                        Mode::Generic => XdpLink::generic(prog, ifindex),
                    };
                    self.links.push(link.tried(what)?);
                }
            }
        }
        Ok(())
    }

    /// Runs `work` in the ports' namespace, where they are called `p0`, `p1` and so on.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn inside<R>(&self, work: impl FnOnce() -> R) -> Result<R, BenchError> {
        let _home = self.rooms.leave_home()?;
        self.rooms.go_to(self.room)?;
        Ok(work())
    }

    /// Records the tracepoints of the ports from now on.
    ///
    /// # Errors
    /// What the kernel lacks or refuses.
    pub fn tracer(&self) -> Result<Tracer, BenchError> {
        Ok(Tracer::new(&self.rooms.inodes())?)
    }

    /// Writes entries of a map of devices: key, port, and the program of the entry, where values have 8 bytes.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn fill(&self, map: &Map, entries: &[(u32, usize)], prog: Option<&Prog>) -> Result<(), BenchError> {
        let _home = self.rooms.leave_home()?;
        self.rooms.go_to(self.room)?;
        for &(key, port) in entries {
            let mut value = [0; 8];
            value[..4].copy_from_slice(&Self::ifindex(port).0.to_ne_bytes());
            value[4..].copy_from_slice(&prog.map_or(-1, AsRawFd::as_raw_fd).to_ne_bytes());
            map.update(&key.to_ne_bytes(), &value, 0).tried(|| format!("put port {port} at key {key}"))?;
        }
        Ok(())
    }

    /// Lets frames (1 to 64) in by a port, all in one poll, and takes what leaves: by port, in order. Waits until
    /// `expected` copies have left, if they come.
    ///
    /// # Errors
    /// What the kernel refuses; copies that left before.
    pub fn poll(
        &mut self,
        port: usize,
        frames: &[Vec<u8>],
        expected: usize,
    ) -> Result<Vec<Vec<Vec<u8>>>, BenchError> {
        let home = self.rooms.leave_home()?;
        let mut before = Vec::new();
        self.catcher.take(&mut before)?;
        if !before.is_empty() {
            return Err(BenchError::Case(format!("{} copies left that nobody waited for", before.len())));
        }
        let turn = self.turns.take()?;
        self.rooms.go_far()?;
        self.feeder.feed(self.inward[port], frames)?;
        let seen = caught(&mut self.fence, &mut self.catcher, expected)?;
        drop((turn, home));
        self.by_port(seen)
    }

    /// Wakes all far ends, whatever their rings hold: copies that nobody was woken for (FLU-06) leave now.
    ///
    /// # Errors
    /// As [`Switch::poll`].
    pub fn wake(&mut self, expected: usize) -> Result<Vec<Vec<Vec<u8>>>, BenchError> {
        let mut kick = vec![0; 60];
        kick[12..14].copy_from_slice(&[0x88, 0xb5]);
        let home = self.rooms.leave_home()?;
        let turn = self.turns.take()?;
        self.rooms.go_far()?;
        for target in &self.outward {
            self.feeder.feed(*target, std::slice::from_ref(&kick))?;
        }
        let mut seen = caught(&mut self.fence, &mut self.catcher, expected + self.outward.len())?;
        seen.retain(|(_, frame)| *frame != kick);
        drop((turn, home));
        self.by_port(seen)
    }

    fn by_port(&self, seen: Vec<(IfIndex, Vec<u8>)>) -> Result<Vec<Vec<Vec<u8>>>, BenchError> {
        let mut left = vec![Vec::new(); self.ports()];
        for (far, frame) in seen {
            let port = (0..left.len()).find(|port| FarEnd::ifindex(*port) == far);
            left[port.ok_or_else(|| BenchError::Case(format!("a copy left by ifindex {far}")))?].push(frame);
        }
        Ok(left)
    }
}

/// What the far ends got when softirqs have come to rest, and so many frames were there or nobody waits any longer.
fn caught(
    fence: &mut Fence,
    catcher: &mut Catcher,
    expected: usize,
) -> Result<Vec<(IfIndex, Vec<u8>)>, BenchError> {
    let (mut seen, since) = (Vec::new(), Instant::now());
    loop {
        fence.wait(DEPTH)?;
        catcher.take(&mut seen)?;
        if seen.len() >= expected || since.elapsed() > PATIENCE {
            return Ok(seen);
        }
    }
}
