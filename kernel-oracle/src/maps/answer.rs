//! What model and kernel say to an operation, in the same words.

use std::fmt;

use xdpsim_devmap::{Errno, MapId, MapInfo, MapKey};

use crate::bpf::BpfError;

/// What a side says to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Done,
    /// A map was made; the flags that it reports.
    Created(u32),
    /// An entry of a device map: interface index and program id, 0 for none.
    Device(u32, u32),
    /// An entry of a map of maps; `None` for a map that was never made here.
    Inner(Option<MapId>),
    /// A key.
    Key(u32),
    /// All keys of a map, in the order of its walk; ascending if the order means nothing.
    Keys(Vec<u32>),
    /// No, with this number.
    Refused(i32),
    /// There was nothing to do it to.
    Skipped,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("ok"),
            Self::Created(flags) => write!(f, "created, flags {flags:#x}"),
            Self::Device(ifindex, 0) => write!(f, "ifindex {ifindex}, no program"),
            Self::Device(ifindex, id) => write!(f, "ifindex {ifindex}, program {id}"),
            Self::Inner(Some(id)) => write!(f, "map {id}"),
            Self::Inner(None) => f.write_str("an unknown map"),
            Self::Key(key) => write!(f, "key {key}"),
            Self::Keys(keys) => write!(f, "keys {keys:?}"),
            Self::Refused(number) => match Errno::from_number(*number) {
                Some(errno) => write!(f, "{errno}"),
                None => write!(f, "errno {number}"),
            },
            Self::Skipped => f.write_str("nothing to do it to"),
        }
    }
}

impl<T: Into<Self>> From<Result<T, Errno>> for Answer {
    fn from(result: Result<T, Errno>) -> Self {
        result.map_or_else(|errno| Self::Refused(errno.number()), Into::into)
    }
}

impl<T: Into<Self>> From<Result<T, BpfError>> for Answer {
    fn from(result: Result<T, BpfError>) -> Self {
        result.map_or_else(|error| Self::Refused(error.number), Into::into)
    }
}

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::Done
    }
}

impl From<MapKey> for Answer {
    fn from(key: MapKey) -> Self {
        Self::Key(key.0)
    }
}

impl From<MapInfo> for Answer {
    fn from(info: MapInfo) -> Self {
        match info {
            MapInfo::Dev(info) => Self::Device(info.ifindex.0, info.prog_id.map_or(0, |id| id.0)),
            MapInfo::Inner(id) => Self::Inner(Some(id)),
        }
    }
}

/// What both sides say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The model.
    pub model: Answer,
    /// The kernel.
    pub kernel: Answer,
}

impl Answers {
    pub(super) const SKIPPED: Self = Self { model: Answer::Skipped, kernel: Answer::Skipped };

    /// Do they agree?
    pub fn agree(&self) -> bool {
        self.model == self.kernel
    }
}

/// What a descriptor says that may not be used like that.
pub(super) const EPERM: Answer = Answer::Refused(Errno::EPERM.number());
