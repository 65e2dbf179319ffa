//! The owner of a map: which programs may share it.
//!
//! A map that holds programs takes its properties from the first program tied to it and keeps them for
//! life. Who ties a program, and when, is for the map (as an entry) and the table (at load) to say.
//!
//! Rules: MAP-07.

use crate::{ProgInfo, ProgType};

/// The properties that all programs tied to one map have in common.
///
/// ```
/// use xdpsim_devmap::{AttachType, Owner, ProgId, ProgInfo, ProgType};
/// let first = ProgInfo {
///     id: ProgId(1),
///     prog_type: ProgType::Xdp,
///     attach_type: AttachType::Devmap,
///     frags: true,
///     jited: true,
///     device_bound: false,
/// };
/// let mut owner = Owner::default();
/// assert!(owner.admit(&first));
/// assert!(!owner.admit(&ProgInfo { frags: false, ..first }));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner(Option<Properties>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Properties {
    prog_type: ProgType,
    jited: bool,
    frags: bool,
}

impl Owner {
    /// Ties a program: the first fixes the properties, a later one is admitted if it has the same.
    ///
    /// There is no way back: the kernel never resets an owner.
    pub fn admit(&mut self, prog: &ProgInfo) -> bool {
        let properties = Properties { prog_type: prog.prog_type, jited: prog.jited, frags: prog.frags };
        *self.0.get_or_insert(properties) == properties
    }

    /// Whether a program has been tied.
    pub const fn is_fixed(&self) -> bool {
        self.0.is_some()
    }
}
