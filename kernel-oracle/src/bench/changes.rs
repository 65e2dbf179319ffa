//! Timed changes, and putting the house back in order after a case.
//!
//! A change is made between bursts, as an operator would. What it touches of the house is noted, and put
//! back to what the house says when the case is over.

use std::collections::BTreeSet;

use xdpsim_core::scenario::{Action, PortKind};
use xdpsim_devmap::{Errno, IfIndex};

use super::contents::{Addresses, Contents};
use super::door::Door;
use super::error::{BenchError, answer};
use super::far::FarSpec;
use super::gate::{Flavour, Gate};
use super::rooms::Rooms;
use super::uppers;
use crate::case::House;
use crate::net::{Links, NetError};

/// What of a port is not as the house says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    /// A veth end is made right in the order gro, mtu, up.
    Gro(End),
    Mtu(End),
    Up(End),
    Master(String),
    Program(String),
}

/// One end of a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    port: String,
    far: bool,
}

impl End {
    /// `PORT` or `PORT.peer`.
    fn named(name: &str, doors: &[Door]) -> Result<Self, BenchError> {
        let far = name.strip_suffix(".peer").filter(|port| doors.iter().any(|door| door.name == **port));
        let end = Self { port: far.unwrap_or(name).to_owned(), far: far.is_some() };
        find(doors, &end.port).map(|_| end)
    }

    fn links<'a>(&self, rooms: &'a Rooms, doors: &[Door]) -> Result<(&'a Links, IfIndex), BenchError> {
        let door = find(doors, &self.port)?;
        Ok(match &door.far {
            Some(far) if self.far => (&rooms.far.links, far.ifindex),
            _ => (&rooms.room(door.room).links, door.ifindex),
        })
    }
}

/// What a change works on.
pub(super) struct Scene<'a> {
    pub house: &'a House,
    pub rooms: &'a Rooms,
    pub doors: &'a mut [Door],
    pub addresses: &'a Addresses,
}

/// Changes of one case.
#[derive(Debug, Default)]
pub(super) struct Changes {
    touched: BTreeSet<Touched>,
    /// Ends that have lost their NAPI meanwhile.
    renewed: BTreeSet<End>,
}

impl Changes {
    /// Makes a change; gives the kernel's answer.
    pub fn make(
        &mut self,
        action: &Action,
        contents: &Contents<'_>,
        scene: &mut Scene<'_>,
    ) -> Result<Result<(), Errno>, BenchError> {
        match action {
            Action::SetUp { port, up } => {
                let end = End::named(port, scene.doors)?;
                let (links, ifindex) = end.links(scene.rooms, scene.doors)?;
                let result = said(links.set_up(ifindex, *up))?;
                let door = find_mut(scene.doors, &end.port)?;
                if let (true, Some(far), Ok(())) = (end.far, &mut door.far, result) {
                    far.up = *up;
                }
                if !up {
                    self.renewed.insert(end.clone());
                }
                self.touched.insert(Touched::Up(end));
                Ok(result)
            }
            Action::SetMtu { port, mtu } => {
                let end = End::named(port, scene.doors)?;
                let (links, ifindex) = end.links(scene.rooms, scene.doors)?;
                self.touched.insert(Touched::Mtu(end));
                said(links.set_mtu(ifindex, *mtu))
            }
            Action::SetGro { port, on } => {
                let end = End::named(port, scene.doors)?;
                let (links, ifindex) = end.links(scene.rooms, scene.doors)?;
                let result = said(links.set_gro(ifindex, *on))?;
                let door = find_mut(scene.doors, &end.port)?;
                if !end.far && result.is_ok() {
                    door.gro = *on;
                }
                let far_program = door.far_spec().is_some_and(|far| far.xdp);
                let program = if end.far { far_program } else { door.has_native_program() };
                if !on && !program {
                    self.renewed.insert(end.clone());
                }
                self.touched.insert(Touched::Gro(end));
                Ok(result)
            }
            Action::AddUpper { port, upper } => self.set_master(port, upper, true, scene),
            Action::RemoveUpper { port, upper } => self.set_master(port, upper, false, scene),
            Action::SetXdp { port, program } => self.set_xdp(port, program.as_deref(), contents, scene),
            Action::UpdateEntry { map, key, value, flags } => {
                contents.update(scene.rooms, scene.addresses, map, *key, value, *flags)
            }
            Action::DeleteEntry { map, key } => contents.delete(map, *key),
            Action::SetNetns { port, .. } | Action::Unregister { port } => Err(BenchError::Case(format!(
                "`{port}` would leave the house; moving and deleting devices is the map campaign's business"
            ))),
        }
    }

    fn set_master(
        &mut self,
        port: &str,
        upper: &str,
        join: bool,
        scene: &mut Scene<'_>,
    ) -> Result<Result<(), Errno>, BenchError> {
        let bridge = uppers::bridge(&scene.house.ports, upper)?;
        let door = find(scene.doors, port)?;
        self.touched.insert(Touched::Master(port.to_owned()));
        let links = &scene.rooms.room(door.room).links;
        said(links.set_master(door.ifindex, join.then_some(bridge)))
    }

    fn set_xdp(
        &mut self,
        port: &str,
        program: Option<&str>,
        contents: &Contents<'_>,
        scene: &mut Scene<'_>,
    ) -> Result<Result<(), Errno>, BenchError> {
        self.touched.insert(Touched::Program(port.to_owned()));
        let (rooms, door) = (scene.rooms, find_mut(scene.doors, port)?);
        let Some(name) = program else {
            door.gate = None;
            if !door.gro {
                self.renewed.insert(End { port: port.to_owned(), far: false });
            }
            return Ok(Ok(()));
        };
        rooms.go_to(door.room)?;
        let mode = scene.house.ports[door.port].mode;
        let (prog, id) = contents.program(name)?;
        let flavour = contents.flavour(name);
        let made = match &mut door.gate {
            Some(gate) => gate.put(prog, flavour),
            None => Gate::new(door.ifindex, flavour, mode).and_then(|mut gate| {
                gate.put(prog, flavour)?;
                door.gate = Some(gate);
                Ok(())
            }),
        };
        if made.is_ok() {
            door.program = Some(id);
        }
        match made {
            Err(BenchError::Bpf { what, source }) => answer(Err(source.number), || what),
            made => made.map(Ok),
        }
    }

    /// Is there anything to put back?
    pub fn any(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Puts everything back to what the house says.
    pub fn undo(self, scene: &mut Scene<'_>) -> Result<(), BenchError> {
        let Self { touched, mut renewed } = self;
        for touched in touched {
            match touched {
                Touched::Gro(end) => {
                    if restore_gro(&end, scene)? {
                        renewed.insert(end);
                    }
                }
                Touched::Mtu(end) => {
                    let (links, ifindex) = end.links(scene.rooms, scene.doors)?;
                    links.set_mtu(ifindex, wanted(&end, scene)?.mtu)?;
                }
                Touched::Up(end) => restore_up(&end, scene)?,
                Touched::Master(port) => restore_master(&port, scene)?,
                Touched::Program(port) => restore_gate(&port, scene)?,
            }
        }
        for end in &renewed {
            find_mut(scene.doors, &end.port)?.renew_ring(end.far)?;
        }
        Ok(())
    }
}

/// What the house says about an end.
fn wanted(end: &End, scene: &Scene<'_>) -> Result<FarSpec, BenchError> {
    let door = find(scene.doors, &end.port)?;
    let near = &scene.house.ports[door.port];
    let near_gro = matches!(near.kind, PortKind::Veth { gro: true, .. });
    let near = FarSpec { mtu: near.mtu.unwrap_or(1500), gro: near_gro, up: near.up, xdp: near.xdp.is_some() };
    Ok(door.far_spec().filter(|_| end.far).unwrap_or(near))
}

/// Whether the *other* end is a redirect target follows GRO only when it changes, and only while this end is
/// up (DRV-01). So it is changed there and back, or an end that went down in between keeps what it had.
/// Says whether that cost the end its NAPI.
fn restore_gro(end: &End, scene: &mut Scene<'_>) -> Result<bool, BenchError> {
    let wanted = wanted(end, scene)?;
    let (links, ifindex) = end.links(scene.rooms, scene.doors)?;
    links.set_up(ifindex, true)?;
    links.set_gro(ifindex, !wanted.gro)?;
    links.set_gro(ifindex, wanted.gro)?;
    links.set_up(ifindex, wanted.up)?;
    let door = find_mut(scene.doors, &end.port)?;
    if !end.far {
        door.gro = wanted.gro;
    }
    let has_program = if end.far { wanted.xdp } else { door.has_native_program() };
    Ok(!has_program || !wanted.up)
}

fn restore_up(end: &End, scene: &mut Scene<'_>) -> Result<(), BenchError> {
    let wanted = wanted(end, scene)?;
    let (links, ifindex) = end.links(scene.rooms, scene.doors)?;
    links.set_up(ifindex, wanted.up)?;
    if let (true, Some(far)) = (end.far, &mut find_mut(scene.doors, &end.port)?.far) {
        far.up = wanted.up;
    }
    Ok(())
}

fn restore_master(port: &str, scene: &Scene<'_>) -> Result<(), BenchError> {
    let door = find(scene.doors, port)?;
    let master = scene.house.ports[door.port].uppers.first();
    let master = master.map(|upper| uppers::bridge(&scene.house.ports, upper)).transpose()?;
    Ok(scene.rooms.room(door.room).links.set_master(door.ifindex, master)?)
}

fn restore_gate(port: &str, scene: &mut Scene<'_>) -> Result<(), BenchError> {
    let door = find_mut(scene.doors, port)?;
    let wanted = scene.house.ports[door.port].xdp.is_some();
    if !wanted {
        door.gate = None;
    } else if door.gate.is_none() {
        scene.rooms.go_to(door.room)?;
        let flavour = door.far_spec().map_or(Flavour::Linear, |far| Flavour::needed_for(far.mtu));
        door.gate = Some(Gate::new(door.ifindex, flavour, scene.house.ports[door.port].mode)?);
    }
    Ok(())
}

/// The kernel's answer to a change of a link.
fn said(result: Result<(), NetError>) -> Result<Result<(), Errno>, BenchError> {
    match result {
        Err(error) if error.errno() == 0 => Err(error.into()),
        Err(error) => answer(Err(error.errno()), || error.what.clone()),
        Ok(()) => Ok(Ok(())),
    }
}

fn find<'a>(doors: &'a [Door], port: &str) -> Result<&'a Door, BenchError> {
    doors.iter().find(|door| door.name == port).ok_or_else(|| no_veth(port))
}

fn find_mut<'a>(doors: &'a mut [Door], port: &str) -> Result<&'a mut Door, BenchError> {
    doors.iter_mut().find(|door| door.name == port).ok_or_else(|| no_veth(port))
}

fn no_veth(port: &str) -> BenchError {
    BenchError::Case(format!("`{port}` is no veth of the house, so it can't be changed"))
}
