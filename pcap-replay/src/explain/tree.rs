//! A frame's steps as a tree: visits to ports, and the copies that each visit sends on.
//!
//! Steps name no copy (the kernel has no names for them either). They are told apart by device and
//! order: queues, bulks and rings are first in, first out.

use std::collections::VecDeque;

use xdpsim_core::redirect::multicast::Bug;
use xdpsim_core::story::{DropReason, HelperCall, Step};
use xdpsim_core::{
    CpuId, DevId, Errno, Fate, IfIndex, Nanos, PipelineStep, ProgId, QueueId, Skip, Stamp, XdpAction,
};
use xdpsim_devmap::{GroupIndex, MapId};

/// All that happened to one captured frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Visits to ports in the order of polls.
    pub visits: Vec<Visit>,
    /// What was queued somewhere, in order.
    pub copies: Vec<Copy>,
    /// How it ended, if it was never polled.
    pub end: Option<End>,
}

/// The frame, or a copy of it, in a poll of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The copy that came here over a veth; none for the arrival.
    pub from: Option<usize>,
    /// The port.
    pub dev: DevId,
    /// Its queue.
    pub queue: QueueId,
    /// The CPU that polls.
    pub cpu: CpuId,
    /// Virtual time.
    pub time: Nanos,
    /// Place in the poll, from 0.
    pub position: u16,
    /// Frames in the poll.
    pub of: u16,
    /// Bytes.
    pub len: u32,
    /// The program, if there is one.
    pub prog: Option<ProgId>,
    /// Its helper calls.
    pub calls: Vec<HelperCall>,
    /// Its verdict.
    pub verdict: Option<XdpAction>,
    /// Did it use a target that an earlier frame had armed?
    pub stale: bool,
    /// The ifindex that a failed lookup had armed.
    pub miss: Option<IfIndex>,
    /// The groups that a multicast found when it was acted on.
    pub groups: Option<Groups>,
    /// What the posted patches would have done to memory.
    pub bugs: Vec<Bug>,
    /// What followed, in order.
    pub happened: Vec<Happened>,
    /// The drop reason, if it was freed here in generic mode (GEN-09).
    pub freed: Option<DropReason>,
    /// How it ended, if it ended here.
    pub end: Option<End>,
}

/// The groups of a multicast by index (MCAST-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The containing map.
    pub map: MapId,
    /// Both keys.
    pub index: GroupIndex,
    /// The forward group.
    pub forward: Option<MapId>,
    /// The exclude group.
    pub exclude: Option<MapId>,
}

/// Something that followed a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A broadcast left a port out.
    Skipped(DevId, Skip),
    /// A full queue was flushed to make room.
    PartialFlush(DevId),
    /// A copy was queued; its place in [`Story::copies`].
    Queued(usize),
}

/// What a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CopyKind {
    /// The frame itself.
    Original,
    /// A clone that a broadcast made.
    Clone,
    /// The frame itself, by XDP_TX.
    Tx,
}

/// One thing in a bulk queue, or transmitted without one in generic mode, and its way from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The device that is to transmit it.
    pub dev: DevId,
    /// What it is.
    pub kind: CopyKind,
    /// Was it transmitted at once, as an skb, past all queues (GEN-01)?
    pub skb: bool,
    /// Place in the queue, from 0; none for XDP_TX.
    pub position: Option<u8>,
    /// The program of the queue's first frame.
    pub prog: Option<ProgId>,
    /// The program of this frame's own entry.
    pub own_prog: Option<ProgId>,
    /// What the devmap program did.
    pub entry: Option<EntryRun>,
    /// What the driver did.
    pub xmit: Option<Xmit>,
    /// The veth end whose ring took it, and whether that end was woken.
    pub hop: Option<(DevId, bool)>,
    /// The visit at that end; its place in [`Story::visits`].
    pub next: Option<usize>,
    /// How it ended.
    pub end: Option<End>,
}

/// A devmap program's run on one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRun {
    /// The program.
    pub prog: ProgId,
    /// Its helper calls.
    pub calls: Vec<HelperCall>,
    /// Its verdict.
    pub act: XdpAction,
}

/// A bulk at its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xmit {
    /// Place in the bulk, from 0.
    pub position: u8,
    /// Frames in the bulk.
    pub of: u8,
    /// Frames that the driver took.
    pub sent: u8,
    /// Or its errno.
    pub err: Option<Errno>,
    /// With XDP_XMIT_FLUSH?
    pub flush: bool,
}

impl Xmit {
    /// Was this very frame taken?
    #[must_use]
    pub fn taken(&self) -> bool {
        self.position < self.sent
    }
}

/// An end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub fate: Fate,
    /// By which port, if it was to leave by one.
    pub egress: Option<DevId>,
    /// The errno.
    pub errno: Option<Errno>,
    /// When.
    pub time: Nanos,
}

impl Story {
    /// Tells copies apart.
    #[must_use]
    pub fn new<'a>(steps: impl IntoIterator<Item = &'a (Stamp, Step)>) -> Self {
        let mut builder = Builder::default();
        for (at, step) in steps {
            builder.add(*at, *step);
        }
        builder.story
    }

    /// Did nothing happen to the frame, that is, was there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visits.is_empty() && self.end.is_none()
    }

    /// All ends, in the order in which the tree is told.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        let visits = self.visits.iter().filter_map(|visit| visit.end.as_ref());
        let copies = self.copies.iter().filter_map(|copy| copy.end.as_ref());
        self.end.iter().chain(visits).chain(copies)
    }
}

#[derive(Default)]
struct Builder {
    story: Story,
    /// Calls of a program whose verdict is still to come: the port's, or a devmap program's.
    calls: Vec<HelperCall>,
    /// Visits whose program is still to run, in order.
    waiting: VecDeque<usize>,
    /// Visits without a program, whose end is still to come.
    plain: VecDeque<usize>,
    /// The visit whose program ran last.
    current: Option<usize>,
}

impl Builder {
    fn add(&mut self, at: Stamp, step: Step) {
        match step {
            Step::Polled { dev, queue, cpu, time, position, of, len } => {
                self.visit(Visit {
                    from: None,
                    dev,
                    queue,
                    cpu,
                    time,
                    position,
                    of,
                    len,
                    prog: None,
                    calls: Vec::new(),
                    verdict: None,
                    stale: false,
                    groups: None,
                    bugs: Vec::new(),
                    miss: None,
                    happened: Vec::new(),
                    freed: None,
                    end: None,
                });
            }
            Step::Program { prog, .. } => self.program(prog),
            Step::Helper(call) => self.calls.push(call),
            Step::Verdict { act } => self.verdict(act),
            Step::StaleTarget => self.here(|visit| visit.stale = true),
            Step::MissAsIfIndex { ifindex } => self.here(|visit| visit.miss = Some(ifindex)),
            Step::Skipped { dev, skip } => {
                self.here(|visit| visit.happened.push(Happened::Skipped(dev, skip)))
            }
            Step::PartialFlush { dev } => self.here(|visit| visit.happened.push(Happened::PartialFlush(dev))),
            Step::Groups { map, index, forward, exclude } => {
                self.here(|visit| visit.groups = Some(Groups { map, index, forward, exclude }));
            }
            Step::Bug { bug } => self.here(|visit| visit.bugs.push(bug)),
            Step::Enqueued { dev, position, clone, prog, own_prog } => {
                let kind = if clone { CopyKind::Clone } else { CopyKind::Original };
                self.queue(Copy { position: Some(position), prog, own_prog, ..copy(dev, kind) });
            }
            Step::GenericRedirect { dev, clone, prog } => {
                let kind = if clone { CopyKind::Clone } else { CopyKind::Original };
                self.queue(Copy { skb: true, prog, own_prog: prog, ..copy(dev, kind) });
            }
            Step::StartXmit { dev, taken } => {
                if let Some(copy) = self.oldest(dev, |copy| copy.xmit.is_none()) {
                    let sent = u8::from(taken);
                    copy.skb = true;
                    copy.xmit = Some(Xmit { position: 0, of: 1, sent, err: None, flush: false });
                }
            }
            Step::Freed { reason } => self.here(|visit| visit.freed = Some(reason)),
            Step::EntryProgram { dev, prog, act } => {
                let calls = std::mem::take(&mut self.calls);
                let ran = EntryRun { prog, calls, act };
                if let Some(copy) = self.oldest(dev, |copy| copy.entry.is_none() && copy.xmit.is_none()) {
                    copy.entry = Some(ran);
                }
            }
            Step::Xmit { dev, position, of, sent, err, flush } => {
                if let Some(copy) = self.oldest(dev, |copy| copy.xmit.is_none()) {
                    copy.xmit = Some(Xmit { position, of, sent, err, flush });
                }
            }
            Step::Hop { from, to, woken } => {
                let taken = |copy: &Copy| copy.xmit.is_some_and(|xmit| xmit.taken());
                if let Some(copy) = self.oldest(from, |copy| taken(copy) && copy.hop.is_none()) {
                    copy.hop = Some((to, woken));
                }
            }
            Step::End { fate, egress, errno } => self.end(End { fate, egress, errno, time: at.time }),
        }
    }

    fn visit(&mut self, visit: Visit) {
        let in_ring = |copy: &Copy| copy.hop.is_some_and(|(to, _)| to == visit.dev) && copy.is_open();
        let from = self.story.copies.iter().position(in_ring);
        let place = self.story.visits.len();
        if let Some(from) = from {
            self.story.copies[from].next = Some(place);
        }
        self.story.visits.push(Visit { from, ..visit });
        self.current = None;
    }

    fn program(&mut self, prog: Option<ProgId>) {
        let Some(place) = self.story.visits.len().checked_sub(1) else { return };
        self.story.visits[place].prog = prog;
        match prog {
            Some(_) => self.waiting.push_back(place),
            None => self.plain.push_back(place),
        }
    }

    fn verdict(&mut self, act: XdpAction) {
        self.current = self.waiting.pop_front();
        let calls = std::mem::take(&mut self.calls);
        self.here(|visit| (visit.verdict, visit.calls) = (Some(act), calls));
        if let (XdpAction::TX, Some(place)) = (act, self.current) {
            self.queue(copy(self.story.visits[place].dev, CopyKind::Tx));
        }
    }

    fn here(&mut self, change: impl FnOnce(&mut Visit)) {
        if let Some(visit) = self.current.and_then(|place| self.story.visits.get_mut(place)) {
            change(visit);
        }
    }

    fn queue(&mut self, copy: Copy) {
        let place = self.story.copies.len();
        self.story.copies.push(copy);
        self.here(|visit| visit.happened.push(Happened::Queued(place)));
    }

    /// The oldest copy on a device that is still on its way and fits.
    fn oldest(&mut self, dev: DevId, fits: impl Fn(&Copy) -> bool) -> Option<&mut Copy> {
        self.story.copies.iter_mut().find(|copy| copy.dev == dev && copy.is_open() && fits(copy))
    }

    fn end(&mut self, end: End) {
        match (end.fate.step(), end.egress) {
            (PipelineStep::Flush | PipelineStep::Driver, Some(dev)) => self.end_copy(dev, end),
            _ if end.fate == Fate::HopLimit => self.end_hops(end),
            _ => self.end_visit(end),
        }
    }

    fn end_visit(&mut self, end: End) {
        let Some(place) = self.current.or_else(|| self.plain.pop_front()) else {
            self.story.end = Some(end);
            return;
        };
        let visit = &mut self.story.visits[place];
        visit.end = Some(end);
        if end.fate == Fate::TxNotConverted {
            // It never got into the queue that the verdict was to put it into.
            visit.happened.clear();
            self.story.copies.pop();
        }
    }

    fn end_copy(&mut self, dev: DevId, end: End) {
        let arrived = matches!(end.fate, Fate::Delivered | Fate::Stuck | Fate::TxStuck | Fate::Purged);
        let fits = |copy: &Copy| copy.xmit.is_some_and(|xmit| xmit.taken() == arrived);
        let unsent = |copy: &Copy| copy.xmit.is_none();
        let found = match self.oldest(dev, fits) {
            Some(copy) => Some(copy),
            None => {
                self.story.copies.iter_mut().find(|copy| copy.dev == dev && copy.is_open() && unsent(copy))
            }
        };
        if let Some(copy) = found {
            copy.end = Some(end);
            return;
        }
        let guessed =
            |copy: &&mut Copy| copy.dev == dev && copy.end.is_some_and(|end| end.fate == Fate::HopLimit);
        if let Some(copy) = self.story.copies.iter_mut().find(guessed)
            && let Some(hops) = copy.end.replace(end)
        {
            self.end_hops(hops);
        }
    }

    /// A hop limit names no port, so this is a guess among the copies in rings; one that is delivered after
    /// all gives it back.
    fn end_hops(&mut self, end: End) {
        let in_ring = |copy: &&mut Copy| copy.hop.is_some() && copy.is_open();
        match self.story.copies.iter_mut().find(in_ring) {
            Some(copy) => copy.end = Some(end),
            None => self.story.end = Some(end),
        }
    }
}

impl Copy {
    /// Is it still on its way: neither at its end nor polled elsewhere?
    fn is_open(&self) -> bool {
        self.end.is_none() && self.next.is_none()
    }
}

fn copy(dev: DevId, kind: CopyKind) -> Copy {
    Copy {
        dev,
        kind,
        skb: false,
        position: None,
        prog: None,
        own_prog: None,
        entry: None,
        xmit: None,
        hop: None,
        next: None,
        end: None,
    }
}
