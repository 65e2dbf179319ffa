//! What looks inside: a driver that answers as told, a program that notes its context, and a run that
//! must not depend on how frames are fed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use xdpsim_core::driver::{Bulk, Driver, Xmit, XmitFlags};
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{MapSpec, PeerSpec, PortKind, PortSpec};
use xdpsim_core::{
    Ctx, Effects, Errno, Event, Fate, FrameMut, IfIndex, MapKind, Nanos, QueueId, XdpAction, XdpProgram,
};

/// Runs with batches of 1, of 3 and of everything: the result must be the same.
pub fn settled(lab: &mut Lab) -> Run {
    let whole = lab.batches_of(usize::MAX).run();
    for size in [1, 3] {
        let run = lab.batches_of(size).run();
        assert_eq!(run.report, whole.report, "the report of batches of {size}");
        assert_eq!(run.events, whole.events, "the events of batches of {size}");
        assert_eq!(run.deliveries(), whole.deliveries(), "the deliveries of batches of {size}");
        assert_eq!(run.changes_failed, whole.changes_failed, "the changes of batches of {size}");
    }
    assert!(whole.report.is_balanced(), "{:#?}", whole.report);
    whole
}

/// A devmap that holds these ports under 0, 1, 2 ….
pub fn devmap(ports: &[&str]) -> MapSpec {
    let map = MapSpec::new("ports", MapKind::Devmap, ports.len().max(1) as u32);
    ports.iter().enumerate().fold(map, |map, (key, port)| map.with(key as u32, port))
}

/// A veth port whose far end is like this.
pub fn behind(name: &str, far: PeerSpec) -> PortSpec {
    PortSpec::new(name, PortKind::Veth { peer: far, gro: false })
}

/// Frames with this fate, and the ports by which they were to leave.
pub fn fates(run: &Run, fate: Fate) -> Vec<(String, u64)> {
    let rows = run.report.ends.iter().filter(|(key, _)| key.fate == fate);
    rows.map(|(key, tally)| (key.egress.clone().unwrap_or_default(), tally.frames)).collect()
}

/// The tracepoints' names, in order.
pub fn names(run: &Run) -> Vec<&'static str> {
    run.events.iter().map(Event::name).collect()
}

/// (program, verdict, ifindex) of every `xdp_exception`, in order.
pub fn exceptions(run: &Run) -> Vec<(u32, u32, u32)> {
    let exception = |event: &Event| match *event {
        Event::Exception { prog_id, act, ifindex } => Some((prog_id.0, act.0, ifindex.0)),
        _ => None,
    };
    run.events.iter().filter_map(exception).collect()
}

/// (sent, drops, err) of every `xdp_bulk_tx`, in order.
pub fn bulk_txs(run: &Run) -> Vec<(u32, u32, Option<Errno>)> {
    let bulk_tx = |event: &Event| match *event {
        Event::BulkTx { drops, sent, err, .. } => Some((sent, drops, err)),
        _ => None,
    };
    run.events.iter().filter_map(bulk_tx).collect()
}

/// Frames that a device's driver took, over all `xdp_devmap_xmit` to it.
pub fn sent_to(run: &Run, ifindex: u32) -> u32 {
    super::xmits(run).iter().filter(|xmit| xmit.1 == ifindex).map(|xmit| xmit.2).sum()
}

/// A driver that answers its calls one after the other as told, then takes everything.
#[derive(Clone)]
pub struct Answers {
    answers: VecDeque<Xmit>,
    calls: Calls,
}

/// The calls of a driver: how many frames, and the flush flag.
pub type Calls = Arc<Mutex<Vec<(usize, bool)>>>;

impl Answers {
    /// The driver, and where its calls are noted.
    pub fn new(answers: &[Xmit]) -> (Box<Self>, Calls) {
        let calls = Calls::default();
        (Box::new(Self { answers: answers.iter().copied().collect(), calls: Arc::clone(&calls) }), calls)
    }
}

impl Driver for Answers {
    fn xmit(&mut self, bulk: Bulk<'_>, flags: XmitFlags, _: Nanos) -> Xmit {
        let flush = flags.contains(XmitFlags::FLUSH);
        self.calls.lock().expect("nobody panicked").push((bulk.len(), flush));
        self.answers.pop_front().unwrap_or(Xmit::all(bulk.len()))
    }

    fn clone_box(&self) -> Box<dyn Driver> {
        Box::new(self.clone())
    }
}

/// What a program saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub ingress: IfIndex,
    pub egress: Option<IfIndex>,
    pub queue: QueueId,
    /// First byte of the frame, its linear length and its whole length.
    pub mark: u8,
    pub linear: u32,
    pub len: u32,
    pub meta: Vec<u8>,
    /// Bytes by which the head can grow, and by which the tail can.
    pub head_room: i32,
    pub tail_room: i32,
}

pub type Notes = Arc<Mutex<Vec<Seen>>>;

/// Notes what it sees, adds one to the first byte and passes the frame.
#[derive(Clone, Default)]
pub struct Note {
    pub notes: Notes,
}

impl Note {
    /// Its notes, and the program in the form in which a lab takes it.
    pub fn called(name: &str) -> (Notes, BTreeMap<String, Box<dyn XdpProgram>>) {
        let program = Self::default();
        let notes = Arc::clone(&program.notes);
        (notes, BTreeMap::from([(name.to_owned(), Box::new(program) as Box<dyn XdpProgram>)]))
    }
}

impl XdpProgram for Note {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let seen = Seen {
            ingress: ctx.ingress_ifindex,
            egress: ctx.egress_ifindex,
            queue: ctx.rx_queue_index,
            mark: frame.data()[0],
            linear: frame.linear_len(),
            len: frame.len(),
            meta: frame.meta().to_vec(),
            head_room: room(|by| frame.adjust_head(-by).and_then(|()| frame.adjust_head(by)).is_ok()),
            tail_room: room(|by| frame.adjust_tail(by).and_then(|()| frame.adjust_tail(-by)).is_ok()),
        };
        self.notes.lock().expect("nobody panicked").push(seen);
        let first = frame.data()[0].wrapping_add(1);
        frame.data_mut()[0] = first;
        XdpAction::PASS
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }

    fn effects(&self) -> Effects {
        Effects { redirects: false }
    }
}

/// The largest number of bytes below 8192 that works.
fn room(mut works: impl FnMut(i32) -> bool) -> i32 {
    let (mut yes, mut no) = (0, 8192);
    while no - yes > 1 {
        let middle = (yes + no) / 2;
        if works(middle) { yes = middle } else { no = middle }
    }
    yes
}
