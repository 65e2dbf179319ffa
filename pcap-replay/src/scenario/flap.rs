//! `fail = "flap"`: a port that goes down and up again, by itself.
//!
//! The core knows changes only; a flap is as many of them as it needs. It has either frames throughout
//! (`frame = 100`, `down = 5`) or spans of time (`time = "1s"`, `down = "10ms"`).

use xdpsim_core::batch::FrameNo;
use xdpsim_core::scenario::{Action, At, Change};
use xdpsim_core::time::Nanos;

use super::changes::read_moment;
use super::diag::Problem;
use super::fields::{Fields, Item, number, text};
use super::limits;
use super::parse::Cx;
use super::ports::read_unit;
use super::units;

/// The changes in order.
pub(super) fn read<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, port: &str) -> Option<Vec<Change>> {
    fields.need(&mut cx.sink, "down", "write how long it is down: `down = 5` frames, or `down = \"10ms\"`");
    let begin = read_moment(&mut cx.sink, fields);
    let times = fields.number(&mut cx.sink, "times", 1..=limits::FLAPS).map_or(1, |times| times.value);
    let (down, up) = (fields.item("down"), fields.item("up"));
    let begin = begin?;
    let down = length(cx, down?, begin, "down")?;
    let up = match up {
        Some(item) => length(cx, item, begin, "up")?,
        None => down,
    };
    let change = |after: u64, is_up| {
        let at = match begin {
            At::Frame(FrameNo(no)) => At::Frame(FrameNo(no.saturating_add(after))),
            At::Time(Nanos(time)) => At::Time(Nanos(time.saturating_add(after))),
            // Devices do not change in the middle of a poll, and `read_moment` reads no such moment.
            within_a_poll => within_a_poll,
        };
        Change { at, action: Action::SetUp { port: port.to_owned(), up: is_up } }
    };
    let round = |number: u64| {
        let begins = number.saturating_mul(down.saturating_add(up));
        [change(begins, false), change(begins.saturating_add(down), true)]
    };
    Some((0..times).flat_map(round).collect())
}

/// So many frames or nanoseconds, as the moment has them.
fn length<'a>(cx: &mut Cx<'a>, item: Item<'a>, begin: At, key: &str) -> Option<u64> {
    let what = || format!("`{key}` of the flapping port");
    let span = item.span();
    let length = match begin {
        At::Frame(_) | At::BeforeEnqueue(_) | At::InWalk { .. } => {
            number(&mut cx.sink, item, what, 1..=u64::MAX)?.value
        }
        At::Time(_) => {
            let span = text(&mut cx.sink, item, what, "a span of time such as \"10ms\", as `time` has one")?;
            read_unit(&mut cx.sink, &span, "span of time", units::duration)?.0
        }
    };
    if length == 0 {
        let message = format!("{} is nothing", what());
        cx.sink.error(|| Problem::error(message, span, "expected at least 1 ns"));
    }
    (length > 0).then_some(length)
}
