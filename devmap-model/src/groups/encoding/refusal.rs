//! Why an encoding does not do something.
//!
//! What a design cannot express is refused, never approximated. After a refusal everything is as before.

use super::{Design, Exclude, GroupId, Member, NotCarried, Side};
use crate::{Errno, IfIndex};
use std::fmt;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// Port numbers.
    Ports,
    /// Forward groups.
    ForwardGroups,
    /// Exclude groups.
    ExcludeGroups,
    /// Pairs of a forward group and an exclude set.
    Pairs,
    /// Keys of the map that holds the groups.
    Keys,
    /// Members of all groups together.
    Members,
    /// Instances of a port.
    Instances,
    /// Devices directly above a port.
    Uppers,
    /// Bytes of memory.
    Bytes,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quantity::Ports => "port numbers",
            Quantity::ForwardGroups => "forward groups",
            Quantity::ExcludeGroups => "exclude groups",
            Quantity::Pairs => "pairs of forward group and exclude set",
            Quantity::Keys => "keys of the containing map",
            Quantity::Members => "members of all groups",
            Quantity::Instances => "instances of a port",
            Quantity::Uppers => "upper devices of a port",
            Quantity::Bytes => "bytes",
        })
    }
}

/// Why an encoding does not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More than the design can have, or was created for.
    Limit {
        /// Of what.
        what: Quantity,
        /// How many were wanted.
        asked: u64,
        /// How many there can be.
        most: u64,
    },
    /// A group's number is 0 or too high.
    Group {
        /// On which side.
        side: Side,
        /// The number.
        group: GroupId,
        /// The highest number.
        most: u32,
    },
    /// A port's number is 0 or too high.
    Port {
        /// The number.
        port: IfIndex,
        /// The highest number.
        most: u32,
    },
    /// The design has no way to leave these ports out.
    Exclude {
        /// The design; `None` for one that is not of the catalogue.
        design: Option<Design>,
        /// What was to be left out.
        exclude: Exclude,
    },
    /// A member under another key than its port's number, where the design knows ports only: it could be a repeat.
    Keyed {
        /// On which side.
        side: Side,
        /// The member.
        member: Member,
    },
    /// The design has no mask.
    NoMask,
    /// The caller's mask has another length than the design's.
    MaskLength {
        /// Words that the caller has.
        words: usize,
        /// Words that are needed.
        needed: usize,
    },
    /// A map refused the update.
    Map(Errno),
    /// No kernel has a form of it.
    NotCarried(NotCarried),
}

impl Refusal {
    /// [`Refusal::Limit`] if there are more than `most`.
    ///
    /// # Errors
    /// That one.
    pub fn above(what: Quantity, asked: impl Into<u64>, most: impl Into<u64>) -> Result<(), Refusal> {
        let (asked, most) = (asked.into(), most.into());
        if asked > most { Err(Refusal::Limit { what, asked, most }) } else { Ok(()) }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal::Map(errno)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Limit { what, asked, most } => {
                write!(
                    f,
                    "{asked} {what} are wanted, at most {most} are possible: choose another design, or create it for more"
                )
            }
            Refusal::Group { side, group, most } => {
                write!(
                    f,
                    "{side} group {group}: expected a number from 1 to {most}, as the encoding was created for"
                )
            }
            Refusal::Port { port, most } => {
                write!(f, "port {port}: expected a number from 1 to {most}, as the encoding was created for")
            }
            Refusal::Exclude { design: Some(design), exclude } => {
                write!(f, "{design} cannot leave out {exclude}: see what the design can express")
            }
            Refusal::Exclude { design: None, exclude } => {
                write!(f, "this encoding cannot leave out {exclude}")
            }
            Refusal::Keyed { side, member } => write!(
                f,
                "{side} member under key {}, port {}: this design finds ports by their number, so the key has to be \
                 the port's number and a port is in a group once",
                member.key, member.port
            ),
            Refusal::NoMask => f.write_str("this design has no mask: ask for the ports"),
            Refusal::MaskLength { words, needed } => {
                write!(f, "a mask of {words} words: expected {needed}, 64 ports in each")
            }
            Refusal::Map(errno) => write!(f, "the map refused the update: {errno}"),
            Refusal::NotCarried(why) => write!(f, "no kernel carries it: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}
