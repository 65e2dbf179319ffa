//! What a step is called, and which rule decided it.

use xdpsim_core::redirect::multicast::Bug;
use xdpsim_core::rule::{self, RuleId};
use xdpsim_core::story::{DropReason, HelperCall};
use xdpsim_core::{DevId, Fate, IfIndex, ProgId, RedirectFlags, XdpAction};
use xdpsim_devmap::Entry;

use super::names::Names;
use super::tree::{Copy, CopyKind, End, Groups, Visit, Xmit};
use crate::output::advice;

/// A line and the rules behind it.
pub(super) type Said = (String, Vec<RuleId>);

/// The flags of `bpf_redirect_map()` by name.
pub(super) fn flags(flags: u64) -> String {
    let known = RedirectFlags::from_bits_truncate(flags);
    let mut names: Vec<String> = Vec::new();
    if known.contains(RedirectFlags::BROADCAST) {
        names.push("BPF_F_BROADCAST".to_owned());
    }
    if known.contains(RedirectFlags::EXCLUDE_INGRESS) {
        names.push("BPF_F_EXCLUDE_INGRESS".to_owned());
    }
    let low = flags & RedirectFlags::ACTION_MASK;
    if low != 0 {
        names.push(XdpAction(low as u32).to_string());
    }
    let unknown = flags & !(RedirectFlags::all().bits() | RedirectFlags::ACTION_MASK);
    if unknown != 0 {
        names.push(format!("{unknown:#x}"));
    }
    if names.is_empty() { "0".to_owned() } else { names.join(" | ") }
}

/// A helper call as a program writes it, and what came of it.
pub(super) fn call(names: Names<'_>, call: &HelperCall) -> (String, Said) {
    match *call {
        HelperCall::Redirect { ifindex, flags: 0, returned } => (
            format!("bpf_redirect({ifindex}, 0) = {returned}"),
            (format!("ifindex {ifindex} is armed, not looked up yet"), vec![rule::HLP_01]),
        ),
        HelperCall::Redirect { ifindex, flags: given, returned } => (
            format!("bpf_redirect({ifindex}, {given:#x}) = {returned}"),
            ("it takes no flags; what was armed before stays armed".to_owned(), vec![rule::HLP_01]),
        ),
        HelperCall::RedirectMap { map, key, flags: given, returned, found, refused } => {
            let call = format!("bpf_redirect_map(&{}, {key}, {}) = {returned}", names.map(map), flags(given));
            let (outcome, mut rules) = lookup(names, given, found, refused);
            if key > u64::from(u32::MAX) {
                rules.push(rule::HLP_10);
            }
            (call, (outcome, rules))
        }
        HelperCall::RedirectGroups { map, index, flags: given, returned, found, refused } => {
            let call =
                format!("bpf_redirect_map(&{}, {index}, {}) = {returned}", names.map(map), flags(given));
            let said = match found {
                _ if refused => ("flags above 3 are refused".to_owned(), vec![rule::MCAST_30]),
                Some(group) => {
                    let exclude = index.exclude();
                    let text = format!("forward group `{}`, exclude key {:#x}", names.map(group), exclude.0);
                    (text, vec![rule::MCAST_02, rule::MCAST_05])
                }
                None => ("no such forward group; the flags are returned".to_owned(), vec![rule::MCAST_07]),
            };
            (call, said)
        }
        HelperCall::RedirectMulti { map, ex_map, flags: given, returned, refused } => {
            let ex_map = ex_map.map_or_else(|| "NULL".to_owned(), |ex_map| format!("&{}", names.map(ex_map)));
            let call =
                format!("bpf_redirect_map_multi(&{}, {ex_map}, {given:#x}) = {returned}", names.map(map));
            let said = match refused {
                true => ("its flags or a map are refused".to_owned(), vec![rule::MCAST_39, rule::MCAST_40]),
                false => {
                    ("both maps are remembered, nothing is looked up yet".to_owned(), vec![rule::MCAST_41])
                }
            };
            (call, said)
        }
        HelperCall::Elsewhere { key, found: true, .. } => (
            format!("bpf_redirect_map(.., {key}, ..) = XDP_REDIRECT"),
            ("a CPU or an AF_XDP socket, which are not modelled".to_owned(), vec![rule::RED_01]),
        ),
        HelperCall::Elsewhere { found: false, .. } => {
            let text = "no such CPU or socket; the fallback verdict is returned, and an ifindex is armed";
            ("bpf_redirect_map(..)".to_owned(), (text.to_owned(), vec![rule::HLP_04, rule::HLP_12]))
        }
    }
}

/// Step by step what `bpf_redirect_map()` did.
fn lookup(names: Names<'_>, given: u64, found: Option<Entry>, refused: bool) -> (String, Vec<RuleId>) {
    if refused {
        let text = "flags that the map type does not know; what was armed before stays armed";
        return (text.to_owned(), vec![rule::HLP_03, rule::HLP_05]);
    }
    if given & RedirectFlags::BROADCAST.bits() != 0 {
        return ("the whole map is the target, whatever the key".to_owned(), vec![rule::HLP_08]);
    }
    match found {
        Some(entry) => {
            let program =
                entry.prog.map_or_else(String::new, |prog| format!(", program `{}`", names.program(prog)));
            (format!("the entry points to {}{program}", names.port(entry.dev)), vec![rule::HLP_03])
        }
        None => (
            "no such entry; the fallback verdict is returned, and an ifindex is armed".to_owned(),
            vec![rule::HLP_04, rule::HLP_12],
        ),
    }
}

/// The poll that took the frame.
pub(super) fn polled(names: Names<'_>, visit: &Visit) -> Said {
    let Visit { dev, queue, cpu, time, position, of, len, .. } = visit;
    let (port, ifindex, place) = (names.port(*dev), names.ifindex(*dev), position + 1);
    let text = format!(
        "{port} (ifindex {ifindex}): polled from queue {queue} on CPU {cpu} at {time} s, \
         frame {place} of {of}, {len} bytes"
    );
    (text, vec![if visit.from.is_some() { rule::DRV_07 } else { rule::RSS_08 }])
}

/// The port's program and its verdict.
pub(super) fn verdict(act: XdpAction) -> Said {
    let (what, rule) = match act {
        XdpAction::ABORTED => ("dropped, with an exception event", rule::HLP_13),
        XdpAction::DROP => ("dropped", rule::HLP_13),
        XdpAction::PASS => ("to the stack", rule::HLP_13),
        XdpAction::TX => ("back out of the port it came in on", rule::HLP_13),
        XdpAction::REDIRECT => ("to the armed target", rule::RED_01),
        _ => ("no verdict: dropped, with an exception event", rule::HLP_15),
    };
    (format!("verdict {act}: {what}"), vec![rule])
}

/// A failed lookup whose verdict was ignored.
pub(super) fn miss(ifindex: IfIndex) -> Said {
    let text = format!("after the failed lookup the old index {ifindex} is taken as an ifindex");
    (text, vec![rule::HLP_12])
}

/// A target that an earlier frame had armed.
pub(super) fn stale() -> Said {
    let text = "no helper was called for this frame: an earlier frame's target is still armed".to_owned();
    (text, vec![rule::HLP_21])
}

/// An skb that the stack frees.
pub(super) fn freed(reason: DropReason) -> Said {
    (format!("the skb is freed, drop reason {}", reason.name()), vec![rule::GEN_09])
}

/// The groups that were found when the verdict was acted on.
pub(super) fn groups(names: Names<'_>, groups: Groups) -> Said {
    let Groups { index, forward, exclude, .. } = groups;
    let (to, but) = (index.forward().0, index.exclude().0);
    let to = match forward {
        Some(group) => format!("to all of `{}` (key {to:#x})", names.map(group)),
        None => format!("there is no forward group any more (key {to:#x})"),
    };
    let but = match exclude {
        Some(group) => format!("but not to `{}` (key {but:#x})", names.map(group)),
        None => format!("there is no exclude group (key {but:#x})"),
    };
    let missing = if exclude.is_none() { vec![rule::MCAST_09] } else { vec![] };
    (format!("{to}, {but}"), [vec![rule::MCAST_05], missing].concat())
}

/// What the posted patches would have done here.
pub(super) fn bug(bug: Bug) -> Said {
    (format!("{}, as posted: {}", bug.event_name(), bug.what()), vec![bug.rule()])
}

/// Entry into a bulk queue; in generic mode there is none.
pub(super) fn queued(names: Names<'_>, copy: &Copy, broadcast: Option<RuleId>) -> Said {
    let port = names.port(copy.dev);
    let what = match copy.kind {
        CopyKind::Clone => "a clone",
        CopyKind::Original if broadcast.is_some() => "the frame itself",
        CopyKind::Original => "the frame",
        CopyKind::Tx if copy.skb => {
            return (format!("the frame goes back to {port} at once"), vec![rule::GEN_01]);
        }
        CopyKind::Tx => {
            return (format!("the frame goes into the XDP_TX queue of {port}"), vec![rule::DRV_08]);
        }
    };
    if copy.skb {
        let text = format!("{what} goes to {port} at once");
        let other = match broadcast {
            None => rule::GEN_03,
            Some(rule::BRD_01) => rule::GEN_07,
            Some(rule) => rule,
        };
        return (text, vec![rule::GEN_01, other]);
    }
    let place = copy.position.map_or(0, |position| u16::from(position) + 1);
    let text = format!("{what} goes into the bulk queue of {port}, place {place} of 16");
    (text, vec![broadcast.unwrap_or(rule::RED_04), rule::ENQ_01])
}

/// Whose program will run, where that is not the entry's own.
pub(super) fn other_program(names: Names<'_>, copy: &Copy) -> Option<Said> {
    if copy.prog == copy.own_prog {
        return None;
    }
    let named = |prog: Option<_>| {
        prog.map_or_else(|| "no program".to_owned(), |prog| format!("`{}`", names.program(prog)))
    };
    let text = format!(
        "the queue's first frame decided: {} runs, not {} of this entry",
        named(copy.prog),
        named(copy.own_prog)
    );
    Some((text, vec![rule::ENQ_04]))
}

/// A devmap program runs.
pub(super) fn entry_program(names: Names<'_>, copy: &Copy, prog: ProgId) -> Said {
    let name = names.program(prog);
    match copy.skb {
        true => (format!("devmap program `{name}` runs now, on a private copy"), vec![rule::GEN_06]),
        false => (format!("devmap program `{name}` runs at the flush"), vec![rule::DVP_01]),
    }
}

/// What a devmap program's verdict means.
pub(super) fn entry_verdict(act: XdpAction) -> Said {
    let what = match act {
        XdpAction::PASS => "kept",
        XdpAction::DROP => "dropped",
        XdpAction::ABORTED => "dropped, with an exception event",
        _ => "not supported here: dropped, with an exception event",
    };
    (format!("verdict {act}: {what}"), vec![rule::DVP_02])
}

/// What the driver did with the bulk.
pub(super) fn xmit(copy: &Copy, xmit: &Xmit) -> Said {
    if copy.skb {
        let took = if xmit.taken() { "the device takes it" } else { "the device does not take it" };
        return (format!("transmitted past the qdisc: {took}"), vec![rule::GEN_01, rule::GEN_05]);
    }
    let (when, rule) = match (copy.kind, xmit.flush) {
        (CopyKind::Tx, _) => ("XDP_TX queue transmitted", rule::DRV_08),
        (_, true) => ("final flush, with XDP_XMIT_FLUSH", rule::FLU_04),
        (_, false) => ("partial flush, without XDP_XMIT_FLUSH", rule::ENQ_03),
    };
    let (place, of) = (xmit.position + 1, xmit.of);
    let took = match (xmit.err, xmit.sent == of) {
        (Some(errno), _) => format!("the driver answers {errno}"),
        (None, true) => "the driver takes all".to_owned(),
        (None, false) => format!("the driver takes {}", xmit.sent),
    };
    (format!("{when}, frame {place} of {of}: {took}"), vec![rule])
}

/// Into a veth's ring.
pub(super) fn hop(names: Names<'_>, copy: &Copy, to: DevId, woken: bool) -> Said {
    if copy.skb {
        return (format!("it waits for the far end {}, which is woken", names.port(to)), vec![rule::GEN_01]);
    }
    let waits = if woken { "which is woken" } else { "which nobody wakes for now" };
    (format!("it is in the ring of the far end {}, {waits}", names.port(to)), vec![rule::DRV_03])
}

/// How it ended, on one line: step, errno, rule.
pub(super) fn end(names: Names<'_>, end: &End) -> String {
    let rule = end.fate.rule();
    let port = end.egress.map(|dev| names.port(dev));
    match (end.fate, port) {
        (Fate::Delivered, Some(port)) => format!("delivered: left by {port}"),
        (Fate::Passed, _) => "passed to the stack".to_owned(),
        (Fate::OrigFreed, _) => "its copies were sent, the frame itself is freed".to_owned(),
        _ => {
            let step = end.fate.step().name();
            let to = port.map_or_else(String::new, |port| format!(" to {port}"));
            let errno = end.errno.map_or_else(|| "no errno".to_owned(), |errno| errno.to_string());
            format!("lost at {step}{to}: {errno} by {rule} {}", rule.title())
        }
    }
}

/// Why, and what to do.
pub(super) fn advice(end: &End) -> Option<(String, String)> {
    if end.fate.is_arrival() || end.fate == Fate::OrigFreed {
        return None;
    }
    let advice::Advice { why, hint } = advice::of_fate(end.fate);
    Some((why.to_owned(), hint.to_owned()))
}
