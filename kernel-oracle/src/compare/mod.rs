//! Where the model and a kernel first part, in words.
//!
//! Transcripts are compared in the order in which causes come before effects: results of map operations and
//! changes, tracepoints one by one, frames that left and frames that were passed port by port, what the maps
//! hold at the end, counters. [`compare`] finds the first place; [`Difference::report`] tells it: what each
//! side says there, the story of the frame concerned as the model sees it, with the rules that decided it, and
//! the case as a scenario.

mod case_text;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use xdpsim_core::driver::veth::VethCounters;
use xdpsim_core::{Errno, Event, FrameNo};
use xdpsim_devmap::MapInfo;

use crate::case::Case;
use crate::model::{self, Options, Played};
use crate::transcript::Transcript;

pub use case_text::scenario;
pub use story::tell;

/// What is compared, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The result of a map's entry or a change, by its place in [`Transcript::operations`].
    Operation(usize),
    /// A tracepoint, by its place in the order.
    Event(usize),
    /// A frame that left by a port, by its place in the port's order.
    Delivery(String, usize),
    /// A frame that a port passed to the stack, by its place in the port's order.
    Passed(String, usize),
    /// What a map holds at the end.
    Map(String),
    /// A port's counter.
    Counter(String, &'static str),
}

/// The first place where two transcripts part, and what each says there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub place: Place,
    /// What the model says.
    pub model: String,
    /// What the kernel says.
    pub kernel: String,
}

/// The first place where the two part; `None` if they say the same.
#[must_use]
pub fn compare(model: &Transcript, kernel: &Transcript, case: &Case) -> Option<Difference> {
    operations(model, kernel, case)
        .or_else(|| events(model, kernel))
        .or_else(|| frames(&model.deliveries, &kernel.deliveries, Place::Delivery))
        .or_else(|| frames(&model.passed, &kernel.passed, Place::Passed))
        .or_else(|| maps(&model.maps, &kernel.maps))
        .or_else(|| counters(&model.counters, &kernel.counters))
}

fn difference(place: Place, model: String, kernel: String) -> Difference {
    Difference { place, model, kernel }
}

/// The first place in which two lists differ.
fn first<T: PartialEq>(one: &[T], other: &[T]) -> Option<usize> {
    let longest = one.len().max(other.len());
    (0..longest).find(|&i| one.get(i) != other.get(i))
}

fn operations(model: &Transcript, kernel: &Transcript, case: &Case) -> Option<Difference> {
    let at = first(&model.operations, &kernel.operations)?;
    let what = case_text::operation(&case.scenario, at);
    let said = |side: &Transcript| match side.operations.get(at) {
        None => format!("{what} was not tried"),
        Some(Ok(())) => format!("{what} succeeds"),
        Some(Err(errno)) => format!("{what} fails: {errno}"),
    };
    Some(difference(Place::Operation(at), said(model), said(kernel)))
}

fn events(model: &Transcript, kernel: &Transcript) -> Option<Difference> {
    let at = first(&model.events, &kernel.events)?;
    let said = |side: &Transcript| side.events.get(at).map_or_else(|| "no further event".to_owned(), event);
    Some(difference(Place::Event(at), said(model), said(kernel)))
}

type Frames = BTreeMap<String, Vec<Vec<u8>>>;

fn frames(model: &Frames, kernel: &Frames, place: fn(String, usize) -> Place) -> Option<Difference> {
    let none = Vec::new();
    names(model, kernel).into_iter().find_map(|port| {
        let (ours, theirs) = (model.get(port).unwrap_or(&none), kernel.get(port).unwrap_or(&none));
        let at = first(ours, theirs)?;
        let said = |side: &[Vec<u8>]| match side.get(at) {
            None => format!("no further frame ({} in all)", side.len()),
            Some(bytes) => frame(bytes),
        };
        Some(difference(place(port.clone(), at), said(ours), said(theirs)))
    })
}

type Maps = BTreeMap<String, Vec<(u32, MapInfo)>>;

fn maps(model: &Maps, kernel: &Maps) -> Option<Difference> {
    let none = Vec::new();
    names(model, kernel).into_iter().find_map(|map| {
        let (ours, theirs) = (model.get(map).unwrap_or(&none), kernel.get(map).unwrap_or(&none));
        let said = |entries: &[(u32, MapInfo)]| entries.iter().map(entry).collect::<Vec<_>>().join(", ");
        (ours != theirs).then(|| difference(Place::Map(map.clone()), said(ours), said(theirs)))
    })
}

type Counters = BTreeMap<String, VethCounters>;

fn counters(model: &Counters, kernel: &Counters) -> Option<Difference> {
    let none = VethCounters::default();
    names(model, kernel).into_iter().find_map(|port| {
        let (ours, theirs) = (model.get(port).unwrap_or(&none), kernel.get(port).unwrap_or(&none));
        let ((name, ours), (_, theirs)) =
            counted(ours).into_iter().zip(counted(theirs)).find(|(one, other)| one != other)?;
        Some(difference(Place::Counter(port.clone(), name), ours.to_string(), theirs.to_string()))
    })
}

/// The names in either.
fn names<'a, T>(one: &'a BTreeMap<String, T>, other: &'a BTreeMap<String, T>) -> BTreeSet<&'a String> {
    one.keys().chain(other.keys()).collect()
}

/// A veth's counters by name, as `ethtool -S` and `ip -s link` have them.
fn counted(counters: &VethCounters) -> [(&'static str, u64); 11] {
    [
        ("xdp_packets", counters.xdp_packets),
        ("xdp_bytes", counters.xdp_bytes),
        ("xdp_redirect", counters.xdp_redirect),
        ("drops", counters.drops),
        ("xdp_drops", counters.xdp_drops),
        ("xdp_tx", counters.xdp_tx),
        ("xdp_tx_errors", counters.xdp_tx_errors),
        ("xdp_xmit", counters.xdp_xmit),
        ("xdp_xmit_errors", counters.xdp_xmit_errors),
        ("tx_dropped", counters.tx_dropped),
        ("rx_dropped", counters.rx_dropped),
    ]
}

/// A tracepoint as the kernel prints it.
#[must_use]
pub fn event(event: &Event) -> String {
    let number = |errno: &Option<Errno>| errno.map_or(0, |errno| -i64::from(errno.number()));
    let name = event.name();
    match event {
        Event::Exception { prog_id, act, ifindex } => {
            format!("{name}: prog_id={prog_id} action={act} ifindex={ifindex}")
        }
        Event::BulkTx { ifindex, drops, sent, err } => {
            format!("{name}: ifindex={ifindex} action=TX sent={sent} drops={drops} err={}", number(err))
        }
        Event::Redirect { prog_id, ifindex, err, to_ifindex, map_id, map_index } => format!(
            "{name}: prog_id={prog_id} action=REDIRECT ifindex={ifindex} to_ifindex={to_ifindex} err={} \
             map_id={map_id} map_index={map_index}",
            number(err)
        ),
        Event::DevmapXmit { from_ifindex, to_ifindex, drops, sent, err } => format!(
            "{name}: from_ifindex={from_ifindex} to_ifindex={to_ifindex} action=REDIRECT sent={sent} \
             drops={drops} err={}",
            number(err)
        ),
        other => format!("{name}: {other:?}"),
    }
}

fn entry((key, info): &(u32, MapInfo)) -> String {
    match info {
        MapInfo::Inner(map) => format!("{key}: map {map}"),
        MapInfo::Dev(info) => match info.prog_id {
            None => format!("{key}: ifindex {}", info.ifindex),
            Some(prog) => format!("{key}: ifindex {} with program {prog}", info.ifindex),
        },
    }
}

/// So many bytes of a frame tell it apart.
const SHOWN: usize = 32;

fn frame(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > SHOWN { " …" } else { "" };
    format!("{} bytes: {}{more}", bytes.len(), shown.join(" "))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(at) => write!(f, "the result of operation {}", at + 1),
            Self::Event(at) => write!(f, "tracepoint {}", at + 1),
            Self::Delivery(port, at) => write!(f, "frame {} of those that left by {port}", at + 1),
            Self::Passed(port, at) => write!(f, "frame {} of those that {port} passed to the stack", at + 1),
            Self::Map(map) => write!(f, "what map {map} holds at the end"),
            Self::Counter(port, counter) => write!(f, "counter {counter} of {port}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model and kernel part at {}", self.place)?;
        writeln!(f, "  model:  {}", self.model)?;
        write!(f, "  kernel: {}", self.kernel)
    }
}

impl Difference {
    /// The difference, the story of the frame concerned, and the case. `kernel` is what it was compared with.
    #[must_use]
    pub fn report(&self, case: &Case, kernel: &Transcript, options: &Options) -> String {
        let mut text = format!("{self}\n");
        // A case that was compared could be built.
        if let Ok(played) = model::tell(case, options)
            && let Some(frame) = self.frame(case, kernel, &played)
        {
            text.push_str(&format!("\nframe {} of the case in the model:\n", frame.0 + 1));
            text.push_str(&tell(&played, frame));
        }
        text.push_str("\nthe case:\n");
        text.push_str(&scenario(case));
        text
    }

    /// The frame concerned, if one is.
    fn frame(&self, case: &Case, kernel: &Transcript, played: &Played) -> Option<FrameNo> {
        match &self.place {
            Place::Event(at) => played.story.iter().rfind(|told| told.events <= *at).map(|told| told.frame),
            Place::Delivery(port, at) => {
                let ours = played.delivered.get(port).and_then(|frames| frames.get(*at)).copied();
                ours.or_else(|| arrived_as(case, kernel.deliveries.get(port)?.get(*at)?))
            }
            Place::Passed(port, at) => {
                let ours = played.passed.get(port).and_then(|frames| frames.get(*at)).copied();
                ours.or_else(|| arrived_as(case, kernel.passed.get(port)?.get(*at)?))
            }
            Place::Operation(_) | Place::Map(_) | Place::Counter(..) => None,
        }
    }
}

/// The frame of the case that has these bytes behind the Ethernet header, where its number is.
fn arrived_as(case: &Case, bytes: &[u8]) -> Option<FrameNo> {
    let number = bytes.get(14..19)?;
    let mut all = case.bursts.iter().flat_map(|burst| &burst.frames);
    all.position(|frame| frame.get(14..19) == Some(number)).map(|no| FrameNo(no as u64))
}
