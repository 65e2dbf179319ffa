//! The machine around the pipeline: CPUs, softirqs, receive queues, virtual time.
//!
//! A [`Domain`](domain::Domain) is what runs on one thread: CPUs that share nothing with the CPUs of
//! other domains. It owns all its state; the plan ([`crate::world`]) says which CPUs are in it.

pub(crate) mod arrival;
pub(crate) mod backlog;
pub(crate) mod changes;
pub(crate) mod changing_poll;
pub(crate) mod cpu;
pub mod domain;
pub(crate) mod env;
pub(crate) mod faults;
pub(crate) mod generic;
pub(crate) mod napi;
pub(crate) mod softirq;
pub(crate) mod start_xmit;
pub(crate) mod xmit;
