//! The page "My frame vanished": from what people see to the rule behind it and to what helps.
//!
//! Owns which symptom can have which causes; what a cause means and what helps is [`advice`]'s, rules and
//! errnos are the fates' own. `cargo xtask vanished` writes the page to `docs/vanished.md`.

use std::fmt::Write as _;

use xdpsim_core::rule::RuleId;
use xdpsim_core::{Errno, Fate, PipelineStep, Skip};

use super::advice::{self, Advice};

/// Something that people see, and the fates that can be behind it.
struct Symptom {
    title: &'static str,
    /// How it shows, and where to begin.
    text: &'static str,
    causes: &'static [Fate],
}

const SYMPTOMS: &[Symptom] = &[
    Symptom {
        title: "The container or virtual machine gets nothing at all",
        text: "The program returns XDP_REDIRECT, its own counters rise, nothing arrives behind the veth. \
               A veth is a target only while somebody polls its far end.",
        causes: &[
            Fate::NoXmit,
            Fate::NoNapi,
            Fate::TxNoNapi,
            Fate::TxStuck,
            Fate::PeerDown,
            Fate::Down,
            Fate::NotReceived,
        ],
    },
    Symptom {
        title: "Only large frames vanish",
        text: "Ping works, a download hangs. Each target is asked for its mtu when the frame is queued, and \
               the far end of a veth once more.",
        causes: &[
            Fate::TooLong,
            Fate::PeerTooLong,
            Fate::Behind,
            Fate::StaleTooLong,
            Fate::NoSg,
            Fate::CloneFrags,
        ],
    },
    Symptom {
        title: "Some frames of a burst vanish, the rest arrives",
        text: "The redirect itself succeeded: `xdp_redirect` counts no error. What is lost is lost at the \
               flush, where `xdp_devmap_xmit` counts `drops` without saying which frames.",
        causes: &[
            Fate::TxRingFull,
            Fate::RingFull,
            Fate::BacklogFull,
            Fate::Behind,
            Fate::CloneFailed,
            Fate::DriverShort,
            Fate::DriverFault,
        ],
    },
    Symptom {
        title: "A frame arrives late, or only with the next traffic",
        text: "It lies in the ring of a veth, and nobody was woken to take it.",
        causes: &[Fate::Stuck, Fate::TxStuck, Fate::Purged],
    },
    Symptom {
        title: "The program says XDP_REDIRECT, the kernel counts xdp_redirect_err",
        text: "The errno of the tracepoint tells most: see [By errno](#by-errno).",
        causes: &[
            Fate::NoTarget,
            Fate::NoMap,
            Fate::NoDevice,
            Fate::NoXmit,
            Fate::Down,
            Fate::TooLong,
            Fate::NotConverted,
            Fate::TooManyUppers,
        ],
    },
    Symptom {
        title: "A frame leaves by a port that the program never chose, or is lost on the way there",
        text: "The lookup failed, or no helper was called, and XDP_REDIRECT was returned all the same. Then \
               the kernel uses what it finds: what an earlier call had named, taken as an ifindex (HLP-12), \
               or what an earlier frame had armed (HLP-21).",
        causes: &[
            Fate::StaleNoDevice,
            Fate::StaleNoXmit,
            Fate::StaleDown,
            Fate::StaleTooLong,
            Fate::NoTarget,
        ],
    },
    Symptom {
        title: "Nothing is redirected, and no redirect error is counted",
        text: "The helper did not return XDP_REDIRECT, and the program returned what it did return.",
        causes: &[
            Fate::FlagsRefused,
            Fate::LookupAborted,
            Fate::LookupDropped,
            Fate::Passed,
            Fate::Dropped,
            Fate::Aborted,
            Fate::UnknownVerdict,
        ],
    },
    Symptom {
        title: "A broadcast reaches nobody, or only some",
        text: "Whom it left out is in [Left out by a broadcast](#left-out-by-a-broadcast): no frame is lost \
               by that, and nothing is counted.",
        causes: &[Fate::Nobody, Fate::TooManyUppers, Fate::CloneFailed, Fate::CloneFrags, Fate::NoMap],
    },
    Symptom {
        title: "A group of the multicast patches reaches nobody, or only some",
        text: "Only under their rules (`rules = \"rfc-v1\"`, `\"two-maps\"`): no kernel that was released has them. \
               Both groups are looked up again when the frame is queued, and a port that refuses ends the walk.",
        causes: &[
            Fate::NoForwardGroup,
            Fate::NoExcludeGroup,
            Fate::EmptyForwardMap,
            Fate::SkbCloneFailed,
            Fate::OrigFreed,
        ],
    },
    Symptom {
        title: "It began with a program on a map entry",
        text: "A devmap program runs at the flush, after the redirect was counted as a success. If several \
               entries with different programs point at one port, the first frame in its queue decides which \
               of them runs for all (ENQ-04).",
        causes: &[
            Fate::EntryDropped,
            Fate::EntryAborted,
            Fate::EntryUnsupported,
            Fate::EntryOverrun,
            Fate::Stuck,
        ],
    },
    Symptom {
        title: "It began when the program moved the start of the data",
        text: "The kernel keeps its own record of a redirected frame in the headroom in front of it.",
        causes: &[Fate::NotConverted, Fate::TxNotConverted, Fate::EntryOverrun],
    },
    Symptom {
        title: "It began when a device was taken down or removed",
        text: "A port that goes down is not deleted from maps (it stays a target that refuses); one that is \
               unregistered is.",
        causes: &[Fate::Down, Fate::NotReceived, Fate::Purged, Fate::DeviceGone, Fate::StaleDown],
    },
    Symptom {
        title: "The program redirects to CPUs or to AF_XDP sockets",
        text: "Their maps can be filled and the helper answers as in a kernel, but nothing is behind them in \
               this model. `xdpsim replay` then exits with 1.",
        causes: &[Fate::NotModelled],
    },
    Symptom {
        title: "A processor is busy, and frames go round",
        text: "Two programs that redirect to each other pass a frame on for ever: nothing counts hops.",
        causes: &[Fate::HopLimit],
    },
];

const HEAD: &str = "\
# My frame vanished

<!-- Generated by `cargo xtask vanished` from the table of fates: do not edit. -->

What you see, which rule is behind it, and what helps. With a capture and a scenario of the host you need
not guess:

```console
$ xdpsim explain host.toml in.pcap --fate lost        # every way in which frames were lost, with counts
$ xdpsim explain host.toml in.pcap --port veth0       # all that has to do with one port
$ xdpsim explain host.toml in.pcap --frame 42         # one frame, step by step
$ xdpsim ask host.toml --dst 10.0.0.2 --length 1514   # a packet that you have no capture of
```

On the host itself, `xdp_redirect_err` and `xdp_redirect_map_err` tell of losses at the enqueue, with an errno;
`xdp_devmap_xmit` of losses at the flush, with `drops` and an errno; `xdp_exception` of XDP_ABORTED and of
verdicts that are none. No tracepoint says which packet it was (TRC-11), and what waits in a ring shows
nowhere.

A fate in the last column is a word for `--fate`. Rules are those of [semantics](semantics/redirect.md).
";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## By symptom\n");
    for symptom in SYMPTOMS {
        _ = write!(page, "\n### {}\n\n{}\n\n", symptom.title, symptom.text);
        page.push_str(&table(symptom.causes.iter().copied()));
    }
    page.push_str("\n## By errno\n");
    for &errno in Errno::ALL {
        let mut fates = Fate::ALL.iter().copied().filter(|fate| fate.errno() == Some(errno)).peekable();
        if fates.peek().is_some() {
            _ = write!(page, "\n### {errno}\n\n{}", table(fates));
        }
    }
    page.push_str("\n## By step, without an errno\n");
    for &step in PipelineStep::ALL {
        let silent = |fate: &Fate| fate.step() == step && fate.errno().is_none() && !fate.is_arrival();
        let mut fates = Fate::ALL.iter().copied().filter(silent).peekable();
        if fates.peek().is_some() {
            _ = write!(page, "\n### {}\n\n{}", heading(step), table(fates));
        }
    }
    page.push_str("\n## Left out by a broadcast\n\n");
    page.push_str(&left_out());
    page
}

fn heading(step: PipelineStep) -> &'static str {
    match step {
        PipelineStep::Receive => "Before any program ran",
        PipelineStep::Helper => "In the helper call",
        PipelineStep::Verdict => "By the program's verdict",
        PipelineStep::Enqueue => "At the enqueue (`xdp_do_redirect`)",
        PipelineStep::Flush => "At the flush (`xdp_do_flush`)",
        PipelineStep::Driver => "Behind the driver",
    }
}

fn table(fates: impl Iterator<Item = Fate>) -> String {
    let mut rows = "| what happened | at | rule | what helps | fate |\n|---|---|---|---|---|\n".to_owned();
    for fate in fates {
        let Advice { why, hint } = advice::of_fate(fate);
        let errno = fate.errno().map_or_else(String::new, |errno| format!(", {errno}"));
        let (step, rule) = (fate.step().name(), rule(fate.rule()));
        _ = writeln!(rows, "| {why} | {step}{errno} | {rule} | {hint} | `{}` |", fate.name());
    }
    rows
}

fn left_out() -> String {
    let mut rows = "| why a target got nothing | rule | what helps | fate |\n|---|---|---|---|\n".to_owned();
    for &skip in Skip::ALL {
        let Advice { why, hint } = advice::of_skip(skip);
        _ = writeln!(rows, "| {why} | {} | {hint} | `{}` |", rule(skip.rule()), skip.name());
    }
    rows
}

/// The rule's ID, and its heading behind it.
fn rule(rule: RuleId) -> String {
    format!("{rule} {}", rule.title())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_not_to_arrive_is_behind_some_symptom() {
        for fate in Fate::ALL.iter().filter(|fate| !fate.is_arrival()) {
            assert!(SYMPTOMS.iter().any(|symptom| symptom.causes.contains(fate)), "{fate:?}");
        }
    }

    #[test]
    fn the_page_in_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vanished.md");
        let present = std::fs::read_to_string(path).unwrap_or_default();
        assert!(present == page(), "docs/vanished.md is stale: run `cargo xtask vanished`");
    }
}
