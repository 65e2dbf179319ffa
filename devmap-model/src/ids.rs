//! The numbers that name things: interfaces, devices, namespaces, processors, queues, maps, programs.
//!
//! Each is a type of its own so that two of them can't be swapped in a call. What a number refers to is
//! the business of whoever handed it out; a value here is no proof that the thing exists.
//!
//! Rules: HLP-10.

use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

ids! {
    /// An interface index. Only unique within one network namespace; 0 names no device.
    IfIndex(u32);
    /// A place in the simulator's table of devices: unique over all namespaces and never reused.
    DevId(u32);
    /// A network namespace.
    NetnsId(u32);
    /// A simulated CPU.
    CpuId(u16);
    /// A receive queue of a device.
    QueueId(u16);
    /// The id of a map, from 1, as the tracepoints print it.
    MapId(u32);
    /// The id of a program, from 1, as the tracepoints print it.
    ProgId(u32);
    /// A key of a redirect map.
    MapKey(u32);
    /// A file descriptor given as a program. Zero and below mean "no program" (MAP-02).
    ProgFd(i32);
}

impl NetnsId {
    /// The namespace that exists from the start.
    pub const INIT: NetnsId = NetnsId(0);
}

impl MapKey {
    /// The key that a helper's 64-bit `key` argument selects: its low 32 bits (HLP-10).
    ///
    /// ```
    /// use xdpsim_devmap::MapKey;
    /// assert_eq!(MapKey::from_argument(1 << 32 | 7), MapKey(7));
    /// ```
    #[inline]
    pub const fn from_argument(key: u64) -> MapKey {
        MapKey(key as u32)
    }
}
