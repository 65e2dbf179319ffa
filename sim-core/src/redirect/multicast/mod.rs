//! Multicast with an exclude group, as it was proposed between April 2020 and February 2021.
//!
//! None of this is in a kernel: it runs under [`Rules::RfcV1`](crate::rules::Rules) and
//! [`Rules::TwoMaps`](crate::rules::Rules) only, and then frame by frame, in native and in generic mode ([`send`]). A helper remembers *what to look up*
//! in the [`RedirectInfo`](super::RedirectInfo); `xdp_do_redirect()` then looks it up and walks:
//!
//! | helper ([`helper`]) | is kept | walk |
//! |---|---|---|
//! | `bpf_redirect_map(C, index, flags)` | `map` = C, `tgt_index` = index, [`early`](super::info::Early) = what the helper's own lookup found | [`rfc`] |
//! | `bpf_redirect_map_multi(map, ex_map, flags)` | `map`, `ex_map`, `flags`; `tgt_index` = 0 | [`two_maps`] |
//!
//! Bugs of the posted patches whose effect no model can show (memory that is corrupted, lost, or read through a
//! wrong pointer) are told as a [`Bug`]; the model then does what was meant. Bugs that show as packets are
//! modelled, for v1 in literal mode.
//!
//! Rules: MCAST-01 to MCAST-49, MCAST-55.

pub mod bug;
pub mod exclude;
pub mod helper;
pub mod rfc;
pub mod send;
pub mod two_maps;

pub use bug::Bug;
