//! What a fate or a skip means to somebody who has never read the rules, and what to do about it.
//!
//! The one place of these texts: tables, JSON and stories all take them from here.

use xdpsim_core::{Fate, Skip};

/// What happened and what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened, as the end of a line.
    pub why: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

const fn advice(why: &'static str, hint: &'static str) -> Advice {
    Advice { why, hint }
}

/// How a frame ended, in words.
#[must_use]
pub fn of_fate(fate: Fate) -> Advice {
    match fate {
        Fate::Delivered | Fate::Passed | Fate::Dropped | Fate::Aborted | Fate::UnknownVerdict => {
            of_verdict(fate)
        }
        Fate::FlagsRefused | Fate::LookupAborted | Fate::LookupDropped => of_helper(fate),
        _ => match fate.step() {
            xdpsim_core::PipelineStep::Enqueue => of_enqueue(fate),
            xdpsim_core::PipelineStep::Flush => of_flush(fate),
            _ => of_way(fate),
        },
    }
}

fn of_verdict(fate: Fate) -> Advice {
    match fate {
        Fate::Delivered => advice("left by the port", "nothing to do"),
        Fate::Passed => advice("passed to the stack", "nothing to do, if the stack was to have it"),
        Fate::Dropped => advice("the program returned XDP_DROP", "nothing to do, if the program means it"),
        Fate::Aborted => {
            advice("the program returned XDP_ABORTED", "look for the error path that the program took")
        }
        _ => advice(
            "the program returned a number that is no verdict",
            "return one of XDP_ABORTED, DROP, PASS, TX, REDIRECT (0 to 4)",
        ),
    }
}

fn of_helper(fate: Fate) -> Advice {
    match fate {
        Fate::FlagsRefused => advice(
            "the helper refused its flags and returned XDP_ABORTED",
            "use only the map type's flags; the low two bits are the fallback verdict",
        ),
        Fate::LookupAborted => advice(
            "the key is not in the map, the fallback verdict is XDP_ABORTED",
            "fill the entry, or put another verdict into the low two bits of the flags",
        ),
        _ => advice(
            "the key is not in the map, the fallback verdict is XDP_DROP",
            "fill the entry, or use XDP_PASS as fallback (flags = 2)",
        ),
    }
}

const CHECK_HELPER: &str =
    "return what the helper returned: after a failed lookup that is the fallback verdict";

fn of_enqueue(fate: Fate) -> Advice {
    match fate {
        Fate::NotModelled => advice(
            "redirected to a CPU or an AF_XDP socket, which are not modelled",
            "what becomes of it there is not known here; what its program did until then is",
        ),
        Fate::NotConverted | Fate::TxNotConverted => advice(
            "no room for the frame header in front of the data",
            "leave 40 bytes of headroom in front of data and metadata",
        ),
        Fate::NoTarget => advice(
            "XDP_REDIRECT, but no helper had armed a target",
            "call bpf_redirect() or bpf_redirect_map() for each frame before returning XDP_REDIRECT",
        ),
        Fate::NoMap => advice("broadcast without a map", "call bpf_redirect_map() with BPF_F_BROADCAST"),
        Fate::NoDevice => advice(
            "the ingress's namespace has no port with that ifindex",
            "use the ifindex that the target has in the namespace of the ingress, or a devmap",
        ),
        Fate::StaleNoDevice => {
            advice("the lookup failed; no port has the ifindex that was armed instead", CHECK_HELPER)
        }
        Fate::StaleNoXmit => advice(
            "the lookup failed; the ifindex armed instead is of a port that is no target",
            CHECK_HELPER,
        ),
        Fate::StaleDown => {
            advice("the lookup failed; the ifindex armed instead is of a port that is down", CHECK_HELPER)
        }
        Fate::StaleTooLong => {
            advice("the lookup failed; the ifindex armed instead is of a port with a small mtu", CHECK_HELPER)
        }
        Fate::NoXmit => advice(
            "the port is no redirect target (no NDO_XMIT)",
            "veth: switch GRO on at the far end, or attach an XDP program there",
        ),
        Fate::NoSg => advice(
            "the frame has fragments, the port does not take them (no NDO_XMIT_SG)",
            "keep frames within one page, or use a port that takes fragments",
        ),
        Fate::Down => advice("the port is down", "ip link set PORT up, or delete its entry"),
        Fate::TooLong => advice(
            "the frame is longer than the port's mtu + 18",
            "raise the port's mtu, or let the program keep longer frames away from it",
        ),
        Fate::Nobody => advice(
            "broadcast to a map without a single target for this frame",
            "see the targets that were left out; the kernel counts this as a success",
        ),
        Fate::OrigFreed => advice(
            "its copies were made; the frame itself is freed, not sent",
            "nothing to do: RFC v1 and v2 make one copy for each target",
        ),
        Fate::NoForwardGroup => advice(
            "the forward group went between the helper call and the redirect",
            "write the new group over the old one instead of deleting its key",
        ),
        Fate::NoExcludeGroup => advice(
            "no exclude group under that key: RFC v1 as it was posted then sends to nobody",
            "store an empty group there, or take the rules as they were meant (rfc-v1)",
        ),
        Fate::SkbCloneFailed => advice(
            "an skb could not be cloned; the targets behind it got nothing",
            "memory pressure: RFC v1 and v2 report it as EOVERFLOW",
        ),
        Fate::EmptyForwardMap => advice(
            "the forward map is a devmap_hash without entries",
            "an error in generic mode only; native mode sends to nobody and calls that a success",
        ),
        Fate::TooManyUppers => advice(
            "the ingress has more than 8 upper devices",
            "broadcast without BPF_F_EXCLUDE_INGRESS, or stack fewer devices on the ingress",
        ),
        Fate::CloneFailed => advice(
            "a copy could not be made; the targets behind it got nothing",
            "memory pressure: the copies made before it were sent all the same",
        ),
        _ => advice(
            "a frame with fragments cannot be copied",
            "keep frames that are broadcast within one page, or broadcast to one target",
        ),
    }
}

fn of_flush(fate: Fate) -> Advice {
    match fate {
        Fate::EntryDropped => {
            advice("the devmap program returned XDP_DROP", "nothing to do, if the program means it")
        }
        Fate::EntryAborted => {
            advice("the devmap program returned XDP_ABORTED", "look for the error path that the program took")
        }
        Fate::EntryUnsupported => advice(
            "the devmap program returned neither XDP_PASS nor XDP_DROP",
            "a devmap program cannot send a frame elsewhere: return XDP_PASS or XDP_DROP",
        ),
        Fate::EntryOverrun => advice(
            "the devmap program left no room for the frame header",
            "leave 40 bytes of headroom in front of data and metadata",
        ),
        Fate::NoNapi | Fate::TxNoNapi => advice(
            "the far end of the veth is down or has no NAPI",
            "set the far end up; it needs GRO on or an XDP program",
        ),
        Fate::PeerTooLong => advice(
            "the frame is longer than the mtu + 18 of the veth's far end",
            "give both ends of the veth the same mtu",
        ),
        Fate::Behind => advice(
            "it stood behind a frame that was too long for the veth's far end",
            "give both ends of the veth the same mtu",
        ),
        Fate::RingFull => advice(
            "the ring of the veth's far end is full",
            "256 frames fit: spread the traffic over queues, or send shorter bursts",
        ),
        Fate::TxRingFull => advice(
            "the TX ring is full",
            "the line is slower than the traffic: a longer ring only helps against bursts",
        ),
        Fate::DriverFault => advice("the fault plan made the driver fail", "a `[[fault]]` of the scenario"),
        Fate::DriverShort => {
            advice("the fault plan made the driver take only some frames", "a `[[fault]]` of the scenario")
        }
        _ => advice("the device was removed while the frame was queued", "a `[[change]]` of the scenario"),
    }
}

fn of_way(fate: Fate) -> Advice {
    match fate {
        Fate::NotReceived => advice("the port was down, or gone, when the frame came", "ip link set PORT up"),
        Fate::Stuck => advice(
            "sent, but nobody was woken to take it (the bulk behind it was dropped whole)",
            "it leaves with the next redirected frame; a devmap program that drops whole bulks causes this",
        ),
        Fate::TxStuck => advice(
            "XDP_TX to a far end with GRO but without a program: nobody is woken",
            "attach an XDP program at the far end",
        ),
        Fate::Purged => {
            advice("it waited in a veth's ring when that end went down", "it is lost with the ring")
        }
        Fate::PeerDown => advice(
            "the far end of the veth is down, and an skb that is sent there is freed",
            "set the far end up; in generic mode the redirect counts as a success",
        ),
        Fate::BacklogFull => advice(
            "more than 1000 packets waited in the backlog of the CPU",
            "send shorter bursts, or raise net.core.netdev_max_backlog",
        ),
        Fate::HopLimit => advice(
            "it went round and round: more veth hops than `limits.hops`",
            "a kernel would not stop it: break the loop of redirects, or raise the limit",
        ),
        _ => advice("it ended on its way", "see the rule"),
    }
}

/// Why a target got nothing, in words.
#[must_use]
pub fn of_skip(skip: Skip) -> Advice {
    match skip {
        Skip::NoXmit => advice(
            "it is no redirect target (no NDO_XMIT)",
            "veth: switch GRO on at the far end, or attach an XDP program there",
        ),
        Skip::NoSg => advice("it does not take fragments (no NDO_XMIT_SG)", "keep frames within one page"),
        Skip::Down => advice("it is down", "ip link set PORT up"),
        Skip::TooLong => advice("the frame is longer than its mtu + 18", "raise its mtu"),
        Skip::Ingress => {
            advice("it has the ifindex on which the frame came in", "nothing to do: BPF_F_EXCLUDE_INGRESS")
        }
        Skip::Upper => advice(
            "it has the ifindex of an upper device of the ingress",
            "nothing to do: BPF_F_EXCLUDE_INGRESS leaves out direct upper devices too",
        ),
        Skip::ExcludeGroup => {
            advice("it is in the exclude group", "nothing to do, if it is meant to be there")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_has_words_of_its_own() {
        let mut seen = std::collections::BTreeMap::new();
        for &fate in Fate::ALL {
            let Advice { why, hint } = of_fate(fate);
            assert!(!why.is_empty() && !hint.is_empty(), "{fate:?}");
            let same_words = [Fate::NotConverted, Fate::TxNotConverted, Fate::NoNapi, Fate::TxNoNapi];
            if let (Some(other), false) = (seen.insert(why, fate), same_words.contains(&fate)) {
                panic!("{fate:?} and {other:?} read the same");
            }
        }
        assert!(seen.len() > 30);
    }

    #[test]
    fn no_fate_falls_through_to_the_words_of_last_resort() {
        for &fate in Fate::ALL {
            assert_ne!(of_fate(fate).why, "it ended on its way", "{fate:?}");
            if fate != Fate::DeviceGone {
                assert!(!of_fate(fate).why.starts_with("the device was removed"), "{fate:?}");
            }
            if fate != Fate::CloneFrags {
                assert!(!of_fate(fate).why.starts_with("a frame with fragments"), "{fate:?}");
            }
        }
    }

    #[test]
    fn every_skip_has_words() {
        let words: std::collections::BTreeSet<&str> =
            Skip::ALL.iter().map(|&skip| of_skip(skip).why).collect();
        assert_eq!(words.len(), Skip::ALL.len());
    }
}
