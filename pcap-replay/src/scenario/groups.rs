//! Groups and exclude groups: which patches are the rules of the run, and the programs that only these have.
//!
//! Owns `rules` at the top, and the keys of `redirect_group` and `redirect_multi`.
//!
//! Rules: MCAST-01, MCAST-02, MCAST-12, MCAST-39, MCAST-40.

use toml::de::DeValue;
use xdpsim_core::rules::Rules;
use xdpsim_core::scenario::{ETHERTYPES, ExcludeSource, GroupSource, ProgramKind};
use xdpsim_devmap::IfIndex;

use super::diag::{Problem, Sink};
use super::fields::{self, Fields, Item, Loc, Words, clip};
use super::names::MapWanted;
use super::parse::Cx;
use super::programs::{read_flags, read_map};
use super::source::Span;
use super::{suggest, units};

/// Group numbers have 16 bits (MCAST-12).
const NUMBERS: std::ops::RangeInclusive<u32> = 0..=0xffff;

/// The one flag of `bpf_redirect_map_multi()` (MCAST-40).
const MULTI_FLAGS: Words<u64> = Words { known: &[("exclude_ingress", 1)], refused: &[] };

/// Reads `rules` at the top.
pub(super) fn read_rules<'a>(sink: &mut Sink, top: &mut Fields<'a>) -> Option<Rules> {
    let found = top.text(sink, "rules", "a string such as \"mainline\" or \"rfc-v1\"")?;
    let rules = found.value.parse();
    if rules.is_err() {
        sink.error(|| {
            let message = format!("unknown rules `{}`", clip(found.value));
            let label = "expected \"mainline\", \"rfc-v1\", \"rfc-v1-literal\", \"two-maps\", or \"two-maps-v2\" to \
                         \"two-maps-v20\"";
            Problem::error(message, found.span.clone(), label)
        });
    }
    rules.ok()
}

/// Reads a program that redirects by the numbers of two groups.
pub(super) fn redirect_group<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<ProgramKind> {
    if !matches!(cx.rules, Rules::RfcV1 { .. }) && !cx.rules_unknown {
        let message = format!("{} needs a kernel with the RFC of 2020", fields.what);
        let label = "its groups are maps in a map, which mainline refuses with EINVAL (MCAST-K01)";
        let span = fields.span.clone();
        cx.sink.error(|| {
            Problem::error(message, span, label).help("write `rules = \"rfc-v1\"` at the top of the file")
        });
    }
    let map = read_map(cx, fields, MapWanted::Maps);
    let (group, exclude) = (read_group(&mut cx.sink, fields), read_exclude(cx, fields));
    let flags = read_flags(&mut cx.sink, fields);
    Some(ProgramKind::RedirectGroup { map: map?, group: group?, exclude: exclude?, flags: flags? })
}

fn read_group(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<GroupSource> {
    fields.need(sink, "group", "write `group = 1`, or `group = { ipv4 = 2, ipv6 = 3, other = 1 }`");
    let item = fields.item("group")?;
    let DeValue::Table(table) = item.get_ref() else {
        return fields.number_u32(sink, "group", NUMBERS).map(|group| GroupSource::Const(group.value as u16));
    };
    let what = format!("`group` of {}", fields.what);
    let mut by = fields::table(sink, item, &what, "a table")?;
    by.need(sink, "other", "write the group of all other frames: `other = 1`");
    let other = by.number_u32(sink, "other", NUMBERS).map(|other| other.value as u16);
    let cases = table.iter().filter(|(key, _)| key.get_ref() != "other");
    let cases = cases.filter_map(|(key, item)| {
        let ethertype = read_ethertype(sink, &Loc::new(key.get_ref(), key.span()));
        let group = fields::number(sink, item, || format!("a group of {what}"), 0..=0xffff);
        Some((ethertype?, group?.value as u16))
    });
    let mut cases: Vec<(u16, u16)> = cases.collect();
    cases.sort_unstable();
    Some(GroupSource::Ethertype { cases, other: other? })
}

fn read_ethertype(sink: &mut Sink, key: &Loc<&str>) -> Option<u16> {
    let word = ETHERTYPES.iter().find(|(word, _)| *word == key.value).map(|(_, ethertype)| *ethertype);
    let number = || units::number(key.value).and_then(|number| u16::try_from(number).ok());
    let found = word.or_else(number);
    if found.is_none() {
        sink.error(|| {
            let message = format!("`{}` is no ethertype", clip(key.value));
            let words = ETHERTYPES.iter().map(|(word, _)| *word);
            let help = suggest::did_you_mean(key.value, words.chain(["other"]));
            Problem::error(
                message,
                key.span.clone(),
                "expected ipv4, ipv6, arp, other, or a number such as 0x88cc",
            )
            .help_if(help)
        });
    }
    found
}

fn read_exclude<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<ExcludeSource> {
    const INGRESS: Words<()> = Words { known: &[("ingress_ifindex", ())], refused: &[] };
    let help = "write `exclude = 1`, `exclude = \"ingress_ifindex\"` or `exclude = { ports = { eth0 = 1 }, other = 0 }`";
    fields.need(&mut cx.sink, "exclude", help);
    let item = fields.item("exclude")?;
    match item.get_ref() {
        DeValue::Table(_) => read_by_ingress(cx, fields, item),
        DeValue::String(_) => {
            fields.word(&mut cx.sink, "exclude", &INGRESS).map(|()| ExcludeSource::IngressIfindex)
        }
        _ => {
            let number = fields.number_u32(&mut cx.sink, "exclude", NUMBERS);
            number.map(|exclude| ExcludeSource::Const(exclude.value as u16))
        }
    }
}

/// `{ ports = { eth0 = 1 }, other = 0 }`, or ifindexes instead of names.
fn read_by_ingress<'a>(cx: &mut Cx<'a>, fields: &Fields<'a>, item: Item<'a>) -> Option<ExcludeSource> {
    let what = format!("`exclude` of {}", fields.what);
    let mut by = fields::table(&mut cx.sink, item, &what, "a table")?;
    by.need(&mut cx.sink, "other", "write the exclude group of frames from all other ports: `other = 0`");
    let other = by.number_u32(&mut cx.sink, "other", NUMBERS);
    let mut cases = Vec::new();
    for (key, named) in [("ports", true), ("ifindexes", false)] {
        let Some(item) = by.item(key) else { continue };
        let DeValue::Table(table) = item.get_ref() else {
            let wanted = if named { "a table: `{ eth0 = 1 }`" } else { "a table: `{ 3 = 1 }`" };
            fields::wrong_type(
                &mut cx.sink,
                item.span(),
                &format!("`{key}` of {what}"),
                item.get_ref(),
                wanted,
            );
            continue;
        };
        for (key, item) in table {
            let key = Loc::new(key.get_ref().as_ref(), key.span());
            let ifindex = if named { port(cx, &key) } else { ifindex(&mut cx.sink, &key) };
            let exclude = fields::number(&mut cx.sink, item, || format!("a group of {what}"), 0..=0xffff);
            cases.extend(ifindex.zip(exclude).map(|(ifindex, exclude)| (ifindex, exclude.value as u16)));
        }
    }
    by.finish(&mut cx.sink);
    cases.sort_unstable();
    Some(ExcludeSource::Ingress { cases, other: other?.value as u16 })
}

fn port(cx: &mut Cx<'_>, name: &Loc<&str>) -> Option<IfIndex> {
    cx.names.port(&mut cx.sink, name)?;
    cx.names.ifindex(name.value)
}

fn ifindex(sink: &mut Sink, key: &Loc<&str>) -> Option<IfIndex> {
    let found = units::number(key.value).and_then(|number| u32::try_from(number).ok());
    if found.is_none() {
        sink.error(|| {
            let message = format!("`{}` is no ifindex", clip(key.value));
            Problem::error(message, key.span.clone(), "expected a number")
                .help("names of ports stand in `ports`")
        });
    }
    found.map(IfIndex)
}

/// Reads a program that redirects with two maps.
pub(super) fn redirect_multi<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<ProgramKind> {
    let map = read_map(cx, fields, first_map(cx.rules));
    let ex_map = fields.text(&mut cx.sink, "exclude_map", "the name of a map");
    if let Some(ex_map) = &ex_map {
        cx.names.map(&mut cx.sink, ex_map, MapWanted::Devices);
    }
    check_multi(cx, &fields.what, &fields.span, fields.has("exclude_map"));
    let flags = match fields.item("flags").map(|item| item.get_ref()) {
        None => Some(0),
        Some(DeValue::Integer(_)) => {
            fields.number(&mut cx.sink, "flags", 0..=u64::MAX).map(|flags| flags.value)
        }
        Some(_) => {
            let names = fields.texts(&mut cx.sink, "flags", "a number, or the list [\"exclude_ingress\"]")?;
            let what = format!("a flag of {}", fields.what);
            let bits = names.iter().filter_map(|name| fields::word(&mut cx.sink, name, &what, &MULTI_FLAGS));
            Some(bits.fold(0, |all, bit| all | bit))
        }
    };
    Some(ProgramKind::RedirectMulti { map: map?, ex_map: ex_map.map(|map| map.owned()), flags: flags? })
}

/// What `bpf_redirect_map_multi()` takes as its first map (MCAST-39).
pub(super) fn first_map(rules: Rules) -> MapWanted {
    match rules {
        Rules::TwoMaps { version } if version.leaves_first_map_unchecked() => MapWanted::Any,
        _ => MapWanted::Devices,
    }
}

/// Is there such a helper, and may it be called so?
pub(super) fn check_multi(cx: &mut Cx<'_>, what: &str, at: &Span, has_exclude_map: bool) {
    let (message, label, help) = match cx.rules {
        _ if cx.rules_unknown => return,
        Rules::TwoMaps { version } if has_exclude_map || version.takes_no_exclude_map() => return,
        Rules::TwoMaps { version } => (
            format!("{what} has no exclude map"),
            format!("{version} of the helper refuses NULL with EINVAL (MCAST-39)"),
            "name an empty map, or choose v9 or later: `rules = \"two-maps\"`",
        ),
        _ => (
            format!("{what} needs a kernel with `bpf_redirect_map_multi()`"),
            "no kernel that was released has this helper".to_owned(),
            "write `rules = \"two-maps\"` at the top of the file",
        ),
    };
    cx.sink.error(|| Problem::error(message, at.clone(), label).help(help));
}
