//! Steps of a script: `"redirect_map ports 1"`.
//!
//! Owns their grammar, with errors that point into the string where it has no escapes.

use std::ops::RangeInclusive;

use xdpsim_core::rules::Rules;
use xdpsim_core::scenario::Op;
use xdpsim_devmap::{IfIndex, XdpAction};

use super::diag::Problem;
use super::fields::{self, Fields, Loc, clip};
use super::limits;
use super::names::MapWanted;
use super::parse::{Cx, inside_quotes};
use super::source::Span;
use super::{groups, suggest, units};

/// The steps and how they are written.
const STEPS: [(&str, &str); 9] = [
    ("redirect", "redirect IFINDEX [FLAGS]"),
    ("redirect_map", "redirect_map MAP KEY [FLAGS]"),
    ("redirect_inner", "redirect_inner MAP OUTER KEY [FLAGS]"),
    ("redirect_multi", "redirect_multi MAP EXCLUDE_MAP|null [FLAGS]"),
    ("set_byte", "set_byte OFFSET VALUE"),
    ("adjust_head", "adjust_head N"),
    ("adjust_meta", "adjust_meta N"),
    ("adjust_tail", "adjust_tail N"),
    ("return", "return pass|drop|aborted|tx|redirect|helper|NUMBER"),
];

/// Reads `cycle`: a list of scripts, each a list of steps.
pub(super) fn read<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<Vec<Vec<Op>>> {
    const WANTED: &str = "a list of scripts such as [[\"return pass\"]]";
    fields.need(&mut cx.sink, "cycle", "write the scripts that run in turn: `cycle = [[\"return pass\"]]`");
    let scripts = fields.list(&mut cx.sink, "cycle", WANTED)?;
    limits::check_count(&mut cx.sink, "scripts", scripts.value.len(), limits::SCRIPTS, Some(&scripts.span));
    if scripts.value.is_empty() {
        cx.sink.error(|| {
            Problem::error(
                format!("{} has no script", fields.what),
                scripts.span,
                format!("expected {WANTED}"),
            )
        });
        return None;
    }
    let mut cycle = Vec::new();
    for item in scripts.value {
        let what = format!("a script of {}", fields.what);
        let Some(steps) = item.get_ref().as_array() else {
            fields::wrong_type(
                &mut cx.sink,
                item.span(),
                &what,
                item.get_ref(),
                "a list of steps such as [\"return pass\"]",
            );
            continue;
        };
        limits::check_count(&mut cx.sink, "steps", steps.len(), limits::SCRIPTS, Some(&item.span()));
        let mut script = Vec::new();
        for step in steps.iter() {
            let wanted = "a step such as \"return pass\"";
            let Some(text) =
                fields::text(&mut cx.sink, step, || format!("a step of {}", fields.what), wanted)
            else {
                continue;
            };
            warn_unreachable(cx, &script, &text);
            script.extend(read_step(cx, &text));
        }
        cycle.push(script);
    }
    Some(cycle)
}

fn warn_unreachable(cx: &mut Cx<'_>, before: &[Op], text: &Loc<&str>) {
    if matches!(before.last(), Some(Op::Return(_) | Op::ReturnHelper)) {
        cx.sink.warn(|| Problem::error("this step never runs", text.span.clone(), "the script has returned"));
    }
}

/// A step with what is wrong with it: a word, and what was expected there.
#[derive(Debug, PartialEq, Eq)]
struct Mistake {
    at: Span,
    message: String,
    expected: String,
    help: Option<String>,
}

fn read_step(cx: &mut Cx<'_>, text: &Loc<&str>) -> Option<Op> {
    let place = |at: Span| match inside_quotes(cx.text, text) {
        Some(start) => start + at.start..start + at.end,
        None => text.span.clone(),
    };
    match parse_step(text.value, cx.rules) {
        Ok((op, maps)) => {
            for (name, wanted) in maps {
                let name = Loc::new(name.value, place(name.span));
                cx.names.map(&mut cx.sink, &name, wanted)?;
            }
            if let Op::RedirectMulti { ex_map, .. } = &op {
                groups::check_multi(cx, "step `redirect_multi`", &text.span, ex_map.is_some());
            }
            Some(op)
        }
        Err(Mistake { at, message, expected, help }) => {
            let at = place(at);
            cx.sink.error(|| Problem::error(message, at, expected).help_if(help));
            None
        }
    }
}

/// With the maps that it names.
type Step<'t> = (Op, Vec<(Loc<&'t str>, MapWanted)>);

fn parse_step(text: &str, rules: Rules) -> Result<Step<'_>, Mistake> {
    let mut words = Words::new(text);
    let step = words.next("a step")?;
    let Some((name, form)) = STEPS.iter().find(|(name, _)| *name == step.value) else {
        let help = suggest::did_you_mean(step.value, STEPS.iter().map(|(name, _)| *name));
        let message = format!("there is no step `{}`", clip(step.value));
        return Err(Mistake { at: step.span, message, expected: "unknown step".to_owned(), help });
    };
    words.form = form;
    let parsed = match *name {
        "redirect" => {
            (Op::Redirect { ifindex: IfIndex(words.number_u32("IFINDEX")?), flags: words.flags()? }, vec![])
        }
        "redirect_map" => {
            let (map, key) = (words.next("MAP")?, words.number("KEY", 0..=u64::MAX)?);
            let op = Op::RedirectMap { map: map.owned(), key, flags: words.flags()? };
            (op, vec![(map, MapWanted::Target(rules))])
        }
        "redirect_inner" => {
            let (map, outer) = (words.next("MAP")?, words.number_u32("OUTER")?);
            let key = words.number("KEY", 0..=u64::MAX)?;
            let op = Op::RedirectInner { map: map.owned(), outer, key, flags: words.flags()? };
            (op, vec![(map, MapWanted::Maps)])
        }
        "redirect_multi" => {
            let (map, ex_map) = (words.next("MAP")?, words.next("EXCLUDE_MAP")?);
            let ex_map = Some(ex_map).filter(|ex_map| ex_map.value != "null");
            let name = ex_map.as_ref().map(Loc::owned);
            let op = Op::RedirectMulti { map: map.owned(), ex_map: name, flags: words.flags()? };
            let first = (map, groups::first_map(rules));
            (op, std::iter::once(first).chain(ex_map.map(|map| (map, MapWanted::Devices))).collect())
        }
        "set_byte" => {
            let offset = words.number("OFFSET", 0..=u64::from(limits::OFFSET))? as u32;
            (Op::SetByte { offset, value: words.number("VALUE", 0..=255)? as u8 }, vec![])
        }
        "adjust_head" => (Op::AdjustHead(words.signed()?), vec![]),
        "adjust_meta" => (Op::AdjustMeta(words.signed()?), vec![]),
        "adjust_tail" => (Op::AdjustTail(words.signed()?), vec![]),
        _ => (words.verdict()?, vec![]),
    };
    words.end()?;
    Ok(parsed)
}

/// The words of a step with their places.
struct Words<'t> {
    text: &'t str,
    at: usize,
    form: &'static str,
}

impl<'t> Words<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, form: "" }
    }

    fn peek(&self) -> Option<Loc<&'t str>> {
        let rest = &self.text[self.at..];
        let word = rest.trim_start();
        let start = self.at + rest.len() - word.len();
        let len = word.find(char::is_whitespace).unwrap_or(word.len());
        (len > 0).then(|| Loc::new(&word[..len], start..start + len))
    }

    fn next(&mut self, wanted: &str) -> Result<Loc<&'t str>, Mistake> {
        let Some(word) = self.peek() else {
            let end = self.text.len();
            return Err(self.mistake(
                end..end,
                "the step ends too early".to_owned(),
                format!("expected {wanted}"),
            ));
        };
        self.at = word.span.end;
        Ok(word)
    }

    fn number(&mut self, wanted: &str, range: RangeInclusive<u64>) -> Result<u64, Mistake> {
        let word = self.next(wanted)?;
        match units::number(word.value).filter(|value| range.contains(value)) {
            Some(value) => Ok(value),
            None => {
                let message = format!("{wanted} is `{}`", clip(word.value));
                let expected = format!("expected a number from {} to {}", range.start(), range.end());
                Err(self.mistake(word.span, message, expected))
            }
        }
    }

    fn number_u32(&mut self, wanted: &str) -> Result<u32, Mistake> {
        self.number(wanted, 0..=u64::from(u32::MAX)).map(|value| value as u32)
    }

    fn signed(&mut self) -> Result<i32, Mistake> {
        let word = self.next("N")?;
        let value = units::signed(word.value).and_then(|value| i32::try_from(value).ok());
        value.ok_or_else(|| {
            let message = format!("N is `{}`", clip(word.value));
            self.mistake(word.span.clone(), message, "expected a number of bytes, such as -14".to_owned())
        })
    }

    fn flags(&mut self) -> Result<u64, Mistake> {
        if self.peek().is_none() { Ok(0) } else { self.number("FLAGS", 0..=u64::MAX) }
    }

    fn verdict(&mut self) -> Result<Op, Mistake> {
        let word = self.next("a verdict")?;
        let action = match word.value {
            "helper" => return Ok(Op::ReturnHelper),
            "aborted" => XdpAction::ABORTED,
            "drop" => XdpAction::DROP,
            "pass" => XdpAction::PASS,
            "tx" => XdpAction::TX,
            "redirect" => XdpAction::REDIRECT,
            other => match units::number(other).and_then(|value| u32::try_from(value).ok()) {
                Some(value) => XdpAction(value),
                None => {
                    let message = format!("`{}` is no verdict", clip(other));
                    return Err(self.mistake(word.span, message, "expected a verdict".to_owned()));
                }
            },
        };
        Ok(Op::Return(action))
    }

    fn end(&mut self) -> Result<(), Mistake> {
        match self.peek() {
            None => Ok(()),
            Some(word) => {
                let message = format!("`{}` is too much", clip(word.value));
                Err(self.mistake(word.span, message, "expected the step to end".to_owned()))
            }
        }
    }

    fn mistake(&self, at: Span, message: String, expected: String) -> Mistake {
        let help = Some(self.form)
            .filter(|form| !form.is_empty())
            .map(|form| format!("the step is written `{form}`"));
        Mistake { at, message, expected, help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(text: &str) -> Op {
        parse_step(text, Rules::default()).expect(text).0
    }

    #[test]
    fn every_step_in_every_form() {
        let map = || "ports".to_owned();
        let cases = [
            ("redirect 3", Op::Redirect { ifindex: IfIndex(3), flags: 0 }),
            ("  redirect  3\t0x1 ", Op::Redirect { ifindex: IfIndex(3), flags: 1 }),
            ("redirect_map ports 1", Op::RedirectMap { map: map(), key: 1, flags: 0 }),
            (
                "redirect_map ports 0x100000001 24",
                Op::RedirectMap { map: map(), key: (1 << 32) + 1, flags: 24 },
            ),
            ("redirect_inner ports 2 1", Op::RedirectInner { map: map(), outer: 2, key: 1, flags: 0 }),
            ("redirect_inner ports 2 1 8", Op::RedirectInner { map: map(), outer: 2, key: 1, flags: 8 }),
            (
                "redirect_multi ports others 1",
                Op::RedirectMulti { map: map(), ex_map: Some("others".to_owned()), flags: 1 },
            ),
            ("redirect_multi ports null", Op::RedirectMulti { map: map(), ex_map: None, flags: 0 }),
            ("set_byte 5 0xff", Op::SetByte { offset: 5, value: 255 }),
            ("adjust_head -14", Op::AdjustHead(-14)),
            ("adjust_meta 4", Op::AdjustMeta(4)),
            ("adjust_tail 200", Op::AdjustTail(200)),
            ("return pass", Op::Return(XdpAction::PASS)),
            ("return drop", Op::Return(XdpAction::DROP)),
            ("return aborted", Op::Return(XdpAction::ABORTED)),
            ("return tx", Op::Return(XdpAction::TX)),
            ("return redirect", Op::Return(XdpAction::REDIRECT)),
            ("return 7", Op::Return(XdpAction(7))),
            ("return helper", Op::ReturnHelper),
        ];
        for (text, expected) in cases {
            assert_eq!(op(text), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_point_at_the_word() {
        let cases = [
            ("", 0..0),
            ("jump 3", 0..4),
            ("redirect", 8..8),
            ("redirect x", 9..10),
            ("redirect 3 0 0", 13..14),
            ("redirect 4294967296", 9..19),
            ("redirect_map ports", 18..18),
            ("redirect_inner m 4294967296 1", 17..27),
            ("redirect_multi ports", 20..20),
            ("redirect_multi ports null x", 26..27),
            ("set_byte 65536 0", 9..14),
            ("set_byte 0 256", 11..14),
            ("adjust_head ü", 12..14),
            ("adjust_head 2147483648", 12..22),
            ("return never", 7..12),
            ("return 4294967296", 7..17),
        ];
        for (text, at) in cases {
            assert_eq!(parse_step(text, Rules::default()).expect_err(text).at, at, "{text}");
        }
    }
}
