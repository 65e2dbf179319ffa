//! The house's namespaces: one for each of the scenario's, its initial one included, and one more in which
//! all far ends are.
//!
//! Map entries are written from the namespace of the port they name (MAP-12), so the bench's thread moves
//! about; it goes home when a case is over.

use std::cell::Cell;

use xdpsim_devmap::IfIndex;

use super::error::BenchError;
use crate::net::{DropsReader, Inside, Links, Netns};

/// A namespace and what is needed to work in it.
#[derive(Debug)]
pub(super) struct Room {
    pub name: Option<String>,
    pub netns: Netns,
    pub links: Links,
    pub drops: DropsReader,
}

impl Room {
    fn new(name: Option<String>) -> Result<Self, BenchError> {
        let netns = Netns::new()?;
        let (links, drops) = (Links::of(&netns)?, DropsReader::open(&netns)?);
        Ok(Self { name, netns, links, drops })
    }
}

/// Index of a [`Room`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoomNo(usize);

/// All namespaces.
#[derive(Debug)]
pub(super) struct Rooms {
    rooms: Vec<Room>,
    pub far: Room,
    /// Which one the thread is in, if it is known to be in one.
    here: Cell<Option<RoomNo>>,
}

impl Rooms {
    pub fn new(netns: &[String]) -> Result<Self, BenchError> {
        let init = Room::new(None)?;
        let named = netns.iter().map(|name| Room::new(Some(name.clone())));
        let rooms = std::iter::once(Ok(init)).chain(named).collect::<Result<_, _>>()?;
        let far = Room::new(Some("(far ends)".to_owned()))?;
        // The fence's marker goes over it.
        far.links.set_up(LO, true)?;
        Ok(Self { rooms, far, here: Cell::new(None) })
    }

    /// The room with a scenario's name.
    pub fn find(&self, name: Option<&str>) -> Option<RoomNo> {
        self.rooms.iter().position(|room| room.name.as_deref() == name).map(RoomNo)
    }

    pub fn room(&self, no: RoomNo) -> &Room {
        &self.rooms[no.0]
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (RoomNo, &mut Room)> {
        self.rooms.iter_mut().enumerate().map(|(no, room)| (RoomNo(no), room))
    }

    /// Inode numbers of all of them but the far ends'.
    pub fn inodes(&self) -> Vec<u32> {
        self.rooms.iter().map(|room| room.netns.inode()).collect()
    }

    /// Begins to move about: the thread is where it was when the guard is gone.
    pub fn leave_home(&self) -> Result<Inside, BenchError> {
        self.here.set(None);
        Ok(self.far.netns.enter()?)
    }

    /// Moves the thread, which has left home, into a room.
    pub fn go_to(&self, no: RoomNo) -> Result<(), BenchError> {
        if self.here.get() != Some(no) {
            self.rooms[no.0].netns.join()?;
            self.here.set(Some(no));
        }
        Ok(())
    }

    /// Moves the thread, which has left home, to the far ends.
    pub fn go_far(&self) -> Result<(), BenchError> {
        self.here.set(None);
        Ok(self.far.netns.join()?)
    }
}

/// The loopback device, in every namespace.
pub(super) const LO: IfIndex = IfIndex(1);
