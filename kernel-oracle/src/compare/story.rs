//! A frame's way through the model, a line a step, with the rule that decided it.

use xdpsim_core::rule::{self, RuleId};
use xdpsim_core::story::{HelperCall, Step};
use xdpsim_core::{DevId, FrameNo, MapId, ProgId, RedirectFlags, Skip, XdpAction};

use crate::model::Played;

/// The steps of one frame of a case that was told, in order.
#[must_use]
pub fn tell(played: &Played, frame: FrameNo) -> String {
    let words = Words { played };
    let steps = played.story.iter().filter(|told| told.frame == frame);
    let lines = steps.map(|told| {
        let (text, rules) = words.step(told.step);
        let rules: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
        format!("  {text}  [{}]\n", rules.join(" "))
    });
    lines.map(|line| line.replace("  []", "")).collect()
}

struct Words<'a> {
    played: &'a Played,
}

type Said = (String, Vec<RuleId>);

impl Words<'_> {
    fn port(&self, dev: DevId) -> &str {
        &self.played.plan.device(dev).name
    }

    fn map(&self, map: MapId) -> &str {
        self.played.plan.maps().get(map).map_or("?", |map| &map.attr().name)
    }

    fn program(&self, prog: Option<ProgId>) -> String {
        prog.map_or_else(
            || "no program".to_owned(),
            |prog| format!("`{}`", self.played.plan.program_name(prog)),
        )
    }

    fn step(&self, step: Step) -> Said {
        match step {
            Step::Polled { dev, position, of, len, .. } => (
                format!("polled on {}, frame {} of {of}, {len} bytes", self.port(dev), position + 1),
                vec![rule::DRV_07],
            ),
            Step::Program { prog, .. } => (format!("{} runs", self.program(prog)), vec![]),
            Step::Helper(call) => self.call(call),
            Step::Verdict { act } => (format!("verdict {act}"), vec![verdict(act)]),
            Step::StaleTarget => {
                ("no call for this frame: an earlier target is still armed".to_owned(), vec![rule::HLP_21])
            }
            Step::MissAsIfIndex { ifindex } => {
                (format!("the failed lookup has armed ifindex {ifindex}"), vec![rule::HLP_12])
            }
            Step::Skipped { dev, skip } => {
                (format!("{} is left out: {}", self.port(dev), why(skip)), vec![skip.rule()])
            }
            Step::Enqueued { dev, position, clone, prog, own_prog } => {
                let what = if clone { "a clone" } else { "the frame" };
                let whose = match prog == own_prog {
                    true => String::new(),
                    false => format!(", whose first frame brought {}", self.program(prog)),
                };
                let text =
                    format!("{what} is number {} in the queue of {}{whose}", position + 1, self.port(dev));
                (text, if prog == own_prog { vec![rule::ENQ_01] } else { vec![rule::ENQ_01, rule::ENQ_04] })
            }
            Step::GenericRedirect { dev, clone, prog } => {
                let what = if clone { "a clone" } else { "the skb" };
                (format!("{what} goes to {}, {}", self.port(dev), self.program(prog)), vec![rule::GEN_01])
            }
            Step::StartXmit { dev, taken } => {
                let took = if taken { "taken" } else { "not taken" };
                (format!("transmitted by {}: {took}", self.port(dev)), vec![rule::GEN_05])
            }
            Step::Freed { reason } => (format!("freed, reason {}", reason.name()), vec![rule::GEN_09]),
            Step::Groups { index, forward, exclude, .. } => {
                let group = |group: Option<MapId>| group.map_or("none", |map| self.map(map));
                let text = format!("index {index}: to {}, but not to {}", group(forward), group(exclude));
                (text, vec![rule::MCAST_05])
            }
            Step::Bug { bug } => (bug.what().to_owned(), vec![bug.rule()]),
            Step::PartialFlush { dev } => (
                format!("the queue of {} is full: its 16 frames go first", self.port(dev)),
                vec![rule::ENQ_03],
            ),
            Step::EntryProgram { dev, prog, act } => (
                format!("devmap program {} of {}: verdict {act}", self.program(Some(prog)), self.port(dev)),
                vec![rule::DVP_02],
            ),
            Step::Xmit { dev, position, of, sent, err, flush } => {
                let took = err.map_or_else(|| format!("{sent} taken"), |errno| errno.to_string());
                let when = if flush { "with" } else { "without" };
                let text = format!(
                    "frame {} of {of} at the driver of {}, {when} XDP_XMIT_FLUSH: {took}",
                    position + 1,
                    self.port(dev)
                );
                (text, vec![rule::FLU_04])
            }
            Step::Hop { to, woken, .. } => {
                let woken = if woken { "is woken" } else { "is not woken" };
                (format!("in the ring of {}, which {woken}", self.port(to)), vec![rule::DRV_03])
            }
            Step::End { fate, egress, errno } => {
                let by = egress.map_or_else(String::new, |dev| format!(" at {}", self.port(dev)));
                let errno = errno.map_or_else(String::new, |errno| format!(", {errno}"));
                (format!("ends: {}{by}{errno}", fate.name()), vec![fate.rule()])
            }
        }
    }

    fn call(&self, call: HelperCall) -> Said {
        match call {
            HelperCall::Redirect { ifindex, flags, returned } => {
                (format!("bpf_redirect({ifindex}, {flags:#x}) = {returned}"), vec![rule::HLP_01])
            }
            HelperCall::RedirectGroups { map, index, flags, returned, .. } => {
                let text = format!("bpf_redirect_map(&{}, {index}, {flags:#x}) = {returned}", self.map(map));
                (text, vec![rule::MCAST_02])
            }
            HelperCall::RedirectMulti { map, flags, returned, .. } => {
                let text = format!("bpf_redirect_map_multi(&{}, .., {flags:#x}) = {returned}", self.map(map));
                (text, vec![rule::MCAST_41])
            }
            HelperCall::Elsewhere { key, flags, returned, .. } => {
                let text = format!("bpf_redirect_map(.., {key:#x}, {flags:#x}) = {returned}: not modelled");
                (text, vec![rule::RED_01])
            }
            HelperCall::RedirectMap { map, key, flags, returned, found, refused } => {
                let found = match (refused, found) {
                    (true, _) => "flags refused".to_owned(),
                    (_, Some(entry)) => format!("finds {}", self.port(entry.dev)),
                    (_, None) => "finds nothing".to_owned(),
                };
                let broadcast =
                    if flags & RedirectFlags::BROADCAST.bits() != 0 { rule::HLP_08 } else { rule::HLP_03 };
                let text = format!(
                    "bpf_redirect_map(&{}, {key:#x}, {flags:#x}) = {returned}: {found}",
                    self.map(map)
                );
                (text, vec![broadcast])
            }
        }
    }
}

fn verdict(act: XdpAction) -> RuleId {
    match act {
        XdpAction::REDIRECT => rule::RED_01,
        XdpAction::TX => rule::DRV_08,
        act if act.0 > 4 => rule::HLP_15,
        _ => rule::HLP_13,
    }
}

fn why(skip: Skip) -> &'static str {
    match skip {
        Skip::NoXmit => "it is no target",
        Skip::NoSg => "it takes no fragments",
        Skip::Down => "it is down",
        Skip::TooLong => "the frame is too long for it",
        Skip::Ingress => "it has the ifindex of the ingress",
        Skip::Upper => "it has the ifindex of an upper device of the ingress",
        Skip::ExcludeGroup => "it is in the exclude group",
    }
}
