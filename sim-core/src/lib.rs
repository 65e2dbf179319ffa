//! The XDP redirect pipeline of Linux as a deterministic simulation: frames and virtual time in,
//! deliveries, events and a fate for every frame out.
//!
//! ```
//! use xdpsim_core::lab::Lab;
//! use xdpsim_core::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
//! use xdpsim_core::{Fate, MapKind, RedirectFlags};
//!
//! // Three ports; what comes in on the first goes to all others.
//! let mut scenario = Scenario::default();
//! scenario.ports = ["eth0", "eth1", "eth2"].map(PortSpec::ideal).to_vec();
//! scenario.maps = vec![
//!     MapSpec::new("ports", MapKind::Devmap, 3).with(0, "eth0").with(1, "eth1").with(2, "eth2"),
//! ];
//! let flags = RedirectFlags::EXCLUDE_INGRESS;
//! scenario.programs = vec![ProgramSpec::xdp("fan", ProgramKind::Broadcast { map: "ports".into(), flags })];
//! scenario.ports[0].xdp = Some("fan".into());
//!
//! let mut lab = Lab::new(&scenario)?;
//! lab.send("eth0", &[0u8; 60]);
//! let run = lab.run();
//! assert_eq!(run.frames("eth1"), [vec![0u8; 60]]);
//! assert_eq!(run.frames("eth2").len(), 1);
//! assert!(run.is_silent("eth0"));
//! assert_eq!(run.count(Fate::Delivered), 2);
//! # Ok::<(), xdpsim_core::BuildError>(())
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod batch;
pub mod driver;
pub mod engine;
pub mod fate;
pub mod frame;
pub mod kin;
pub mod kit;
pub mod lab;
pub mod ledger;
pub mod mutation;
pub mod netdev;
pub mod poll;
pub mod profile;
pub mod program;
pub mod programs;
pub mod redirect;
pub mod report;
pub mod rss;
pub mod rules;
pub mod scenario;
pub mod sink;
pub mod story;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod time;
pub mod trace;
pub mod world;

pub use batch::{Batch, Desc, FrameNo, Ingress};
pub use engine::changes::ChangeFailed;
pub use engine::cpu::PathCounts;
pub use engine::domain::{Domain, Steered, Timing};
pub use fate::{Fate, PipelineStep, Skip};
pub use frame::FrameMut;
pub use kin::Kin;
pub use mutation::Mutations;
pub use profile::{KernelVersion, Path, Profile};
pub use program::{Ctx, Effects, Sharing, XdpProgram};
pub use report::Report;
pub use rules::Rules;
pub use scenario::Scenario;
pub use sink::{Delivery, NullSink, Recorder, Sink, StoryBook};
pub use time::{BitRate, Nanos};
pub use trace::{Event, Stamp};
pub use world::{BuildError, Plan};
pub use xdpsim_devmap::{
    AttachType, CpuId, DevId, Errno, GroupIndex, IfIndex, MapId, MapKey, MapKind, NetnsId, ProgId, QueueId,
    RedirectFlags, UpdateFlags, XdpAction, rule,
};
