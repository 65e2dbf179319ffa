//! `[[program]]`, and the steps of scripts.

use xdpsim_devmap::{AttachType, RedirectFlags, XdpAction};

use super::{Page, list, quoted};
use crate::scenario::{ETHERTYPES, ExcludeSource, GroupSource, KeySource, Op, ProgramKind, ProgramSpec};

pub(super) fn write(page: &mut Page, program: &ProgramSpec) {
    page.section("program");
    page.key("name", quoted(&program.name));
    page.key_unless(program.attach != AttachType::Devmap, "attach", "\"devmap\"");
    page.key_unless(!program.frags, "frags", program.frags);
    kind(page, &program.kind);
}

fn kind(page: &mut Page, kind: &ProgramKind) {
    match kind {
        ProgramKind::Verdict(act) => keys(page, "verdict", &[("value", act.0.to_string())]),
        ProgramKind::Redirect { ifindex, flags } => {
            keys(page, "redirect", &[("ifindex", ifindex.to_string()), ("flags", format!("{flags:#x}"))]);
        }
        ProgramKind::RedirectMap { map, key, flags } => redirect_map(page, map, self::key(key), *flags),
        ProgramKind::Broadcast { map, flags } => broadcast(page, map, *flags),
        ProgramKind::RedirectGroup { map, group, exclude, flags } => {
            let numbers = [("group", self::group(group)), ("exclude", self::exclude(exclude))];
            let [group, exclude] = numbers;
            let flags = ("flags", format!("{flags:#x}"));
            keys(page, "redirect_group", &[("map", quoted(map)), group, exclude, flags]);
        }
        ProgramKind::RedirectMulti { map, ex_map, flags } => {
            keys(page, "redirect_multi", &[("map", quoted(map))]);
            ex_map.iter().for_each(|ex_map| page.key("exclude_map", quoted(ex_map)));
            page.key("flags", format!("{flags:#x}"));
        }
        ProgramKind::LearningSwitch { map, table_max } => {
            keys(page, "learning_switch", &[("map", quoted(map)), ("table_max", table_max.to_string())]);
        }
        ProgramKind::FlowHash { map, targets } => {
            keys(page, "flow_hash", &[("map", quoted(map)), ("targets", targets.to_string())]);
        }
        ProgramKind::Rewrite { offset, bytes } => {
            keys(page, "rewrite", &[("offset", offset.to_string()), ("bytes", format!("{bytes:?}"))]);
        }
        ProgramKind::Object { object, function, .. } => {
            page.key("object", quoted(object));
            function.iter().for_each(|name| page.key("function", quoted(name)));
        }
        ProgramKind::Script(cycle) => {
            keys(page, "script", &[]);
            page.line(format_args!("cycle = ["));
            for script in cycle {
                page.line(format_args!("  {},", list(script, |op| quoted(&step(op)))));
            }
            page.line(format_args!("]"));
        }
    }
}

fn keys(page: &mut Page, kind: &str, keys: &[(&str, String)]) {
    page.key("kind", quoted(kind));
    keys.iter().for_each(|(key, value)| page.key(key, value));
}

fn redirect_map(page: &mut Page, map: &str, key: String, flags: u64) {
    keys(page, "redirect_map", &[("map", quoted(map)), ("key", key), ("flags", format!("{flags:#x}"))]);
}

/// The word `broadcast` has one flag of its own; with others it is the helper call that it stands for.
fn broadcast(page: &mut Page, map: &str, flags: RedirectFlags) {
    if RedirectFlags::EXCLUDE_INGRESS.contains(flags) {
        let exclude = flags.contains(RedirectFlags::EXCLUDE_INGRESS);
        keys(page, "broadcast", &[("map", quoted(map)), ("exclude_ingress", exclude.to_string())]);
    } else {
        redirect_map(page, map, "0".to_owned(), (RedirectFlags::BROADCAST | flags).bits());
    }
}

fn key(key: &KeySource) -> String {
    match key {
        KeySource::Const(key) => format!("{key:#x}"),
        KeySource::IngressIfindex => quoted("ingress_ifindex"),
        KeySource::RxQueueIndex => quoted("rx_queue_index"),
        KeySource::FrameByte { offset, modulo } => format!("{{ byte = {offset}, modulo = {modulo} }}"),
    }
}

fn group(group: &GroupSource) -> String {
    match group {
        GroupSource::Const(group) => group.to_string(),
        GroupSource::Ethertype { cases, other } => {
            let word = |ethertype: u16| match ETHERTYPES.iter().find(|(_, known)| *known == ethertype) {
                Some((word, _)) => (*word).to_owned(),
                None => format!("{ethertype:#06x}"),
            };
            let cases: Vec<_> =
                cases.iter().map(|(ethertype, group)| format!("{} = {group}, ", word(*ethertype))).collect();
            format!("{{ {}other = {other} }}", cases.concat())
        }
    }
}

fn exclude(exclude: &ExcludeSource) -> String {
    match exclude {
        ExcludeSource::Const(exclude) => exclude.to_string(),
        ExcludeSource::IngressIfindex => quoted("ingress_ifindex"),
        ExcludeSource::Ingress { cases, other } => {
            let cases: Vec<_> =
                cases.iter().map(|(ifindex, exclude)| format!("{ifindex} = {exclude}")).collect();
            format!("{{ ifindexes = {{ {} }}, other = {other} }}", cases.join(", "))
        }
    }
}

fn step(op: &Op) -> String {
    match op {
        Op::Redirect { ifindex, flags } => format!("redirect {ifindex} {flags:#x}"),
        Op::RedirectMap { map, key, flags } => format!("redirect_map {map} {key:#x} {flags:#x}"),
        Op::RedirectInner { map, outer, key, flags } => {
            format!("redirect_inner {map} {outer} {key:#x} {flags:#x}")
        }
        Op::RedirectMulti { map, ex_map, flags } => {
            format!("redirect_multi {map} {} {flags:#x}", ex_map.as_deref().unwrap_or("null"))
        }
        Op::SetByte { offset, value } => format!("set_byte {offset} {value}"),
        Op::AdjustHead(by) => format!("adjust_head {by}"),
        Op::AdjustMeta(by) => format!("adjust_meta {by}"),
        Op::AdjustTail(by) => format!("adjust_tail {by}"),
        Op::Return(act) => format!("return {}", verdict(*act)),
        Op::ReturnHelper => "return helper".to_owned(),
    }
}

fn verdict(act: XdpAction) -> String {
    match act {
        XdpAction::ABORTED => "aborted".to_owned(),
        XdpAction::DROP => "drop".to_owned(),
        XdpAction::PASS => "pass".to_owned(),
        XdpAction::TX => "tx".to_owned(),
        XdpAction::REDIRECT => "redirect".to_owned(),
        other => other.0.to_string(),
    }
}
