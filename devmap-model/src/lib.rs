//! The kernel's redirect maps as pure data: what every map operation answers, to the errno.
//!
//! This crate owns DEVMAP, DEVMAP_HASH and the two map-in-map types, the table that numbers them, the
//! set operations on what they hold ([`groups`]), and the words that every other crate shares: the id
//! types, [`Errno`], [`XdpAction`] and the flag sets. All checks run in the kernel's order, so that a
//! call that is wrong in two ways fails with the errno a kernel would give.
//!
//! It leaves to others whether a device or a program exists (they answer through [`UpdateEnv`]), who may
//! call what (access modes belong to a file descriptor), frames, queues, time and processors. Nothing here
//! reads a clock, draws a random number, or iterates in an order that could differ between two runs.
//!
//! Rules: MAP-01 to MAP-13, MAP-15, BRD-02, BRD-03, HLP-05, HLP-10, HLP-16, MCAST-02, MCAST-34.
//!
//! ```
//! use xdpsim_devmap::{
//!     DevId, DevmapValue, Errno, IfIndex, MapAttr, MapKey, MapTable, MapValue, ProgFd, ProgInfo,
//!     UpdateEnv, UpdateFlags,
//! };
//!
//! /// A caller whose namespace holds the interfaces 1 to 9.
//! struct Caller;
//! impl UpdateEnv for Caller {
//!     fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
//!         (1..=9).contains(&ifindex.0).then_some(DevId(ifindex.0))
//!     }
//!     fn prog_by_fd(&self, _: ProgFd) -> Option<ProgInfo> {
//!         None
//!     }
//! }
//!
//! let mut maps = MapTable::default();
//! let tx_ports = maps.create(&MapAttr::devmap("tx_ports", 4))?;
//! let port = MapValue::Dev(DevmapValue::device(IfIndex(3)));
//! maps.update(tx_ports, MapKey(0), port, UpdateFlags::ANY, &Caller)?;
//! // An array slot always "exists", so BPF_NOEXIST can't succeed, even on an empty one (MAP-03).
//! let refused = maps.update(tx_ports, MapKey(1), port, UpdateFlags::NOEXIST, &Caller);
//! assert_eq!(refused, Err(Errno::EEXIST));
//!
//! assert_eq!(maps.redirect_lookup(tx_ports, MapKey(0)).unwrap().dev, DevId(3));
//! assert_eq!(maps.redirect_lookup(tx_ports, MapKey(1)), None);
//! # Ok::<(), Errno>(())
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod action;
pub mod devmap;
pub mod devmap_hash;
pub mod env;
pub mod errno;
pub mod flags;
pub mod groups;
pub mod ids;
pub mod map;
pub mod map_in_map;
pub mod mutation;
pub mod owner;
pub mod prog;
pub mod rule;
pub mod table;
pub mod targets;
pub mod value;

mod heap;
mod key_hash;
mod node;
mod slots;

pub use action::XdpAction;
pub use devmap::Devmap;
pub use devmap_hash::DevmapHash;
pub use env::UpdateEnv;
pub use errno::Errno;
pub use flags::{MapFlags, RedirectFlags, UpdateFlags};
pub use groups::{GroupIndex, GroupPair, difference};
pub use ids::{CpuId, DevId, IfIndex, MapId, MapKey, NetnsId, ProgFd, ProgId, QueueId};
pub use map::{Map, MapAttr, MapKind};
pub use map_in_map::{ArrayOfMaps, HashOfMaps, InnerShape};
pub use mutation::MapMutations;
pub use owner::Owner;
pub use prog::{AttachType, ProgInfo, ProgType};
pub use table::{MapInfo, MapTable, MapValue};
pub use targets::{Cursor, Targets};
pub use value::{DevmapInfo, DevmapValue, Entry};
