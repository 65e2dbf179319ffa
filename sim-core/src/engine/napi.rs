//! One NAPI poll on one CPU: run the program on each frame, act on the verdicts, flush.
//!
//! Rules: HLP-13 to HLP-15, FLU-01, FLU-07, DRV-07 to DRV-09, DRV-12, RED-11.

use xdpsim_devmap::{DevId, ProgId, QueueId};

use super::cpu::Cpu;
use super::env::Env;
use super::softirq::NapiId;
use crate::driver::veth::{By, Waiting};
use crate::driver::{Bulk, DriverState, XmitFlags};
use crate::fate::Fate;
use crate::frame::FrameMut;
use crate::mutation::Mutations;
use crate::netdev::Kind as DeviceKind;
use crate::poll::{Kind, NAPI_BUDGET, POLL_SLOTS};
use crate::profile::KernelVersion;
use crate::program::{Ctx, PollFrames, XdpProgram};
use crate::redirect::info::Note;
use crate::sink::Sink;
use crate::story::Step;
use crate::trace::Event;

impl Cpu {
    /// Begins a poll; frames that an earlier one left queued come first (FLU-07).
    pub(crate) fn begin_poll<S: Sink>(&mut self, env: &mut Env<'_, S>, dev: DevId, queue: QueueId) {
        // Before the poll forgets where its frames came in.
        if self.flush_list.is_empty() {
            self.poll.clear();
        } else {
            self.carry_over(env);
        }
        let device = env.world.devices.get(dev);
        self.set_source(dev, device.ifindex, queue, device.prog);
        self.generic = device.runs_generic() && !env.mutated(Mutations::GENERIC_IS_NATIVE);
    }

    /// Runs the program, or passes everything, and ends the poll as the port's driver does.
    pub(crate) fn run_poll<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        self.open_poll(env);
        match self.current_prog {
            None => self.pass_all(env),
            Some(id) if self.generic => return self.run_generic(env, id),
            Some(id) => self.run_program(env, id),
        }
        self.end_poll(env);
    }

    /// Before the first frame.
    #[inline]
    pub(super) fn open_poll<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        if S::STORY {
            self.tell_polled(env);
        }
        if env.mutated(Mutations::RI_PER_POLL) {
            self.ri = Default::default();
        }
    }

    /// The program on one frame of the poll, and no more: what is to be done with it comes later.
    #[cold]
    pub(super) fn decide_one<S: Sink>(&mut self, env: &mut Env<'_, S>, id: ProgId, slot: usize) {
        self.decided_first = false;
        if self.generic {
            self.make_skb(slot, env.world.devices.get(self.poll.dev).prog_frags);
        }
        let Some(mut program) = self.take_program(env, id) else { return };
        self.run_on(env, slot, program.as_mut());
        self.put_program(env, id, program);
        self.paths.frames += 1;
    }

    fn run_program<S: Sink>(&mut self, env: &mut Env<'_, S>, id: ProgId) {
        self.decided_first = env.world.decide_first && !S::STORY && self.poll.leftover.is_empty();
        if self.decided_first {
            self.decide_all(env, id);
            if !self.pass_through(env) {
                self.poll.measure();
                self.act_on_all(env);
            }
            return;
        }
        let Some(mut program) = self.take_program(env, id) else { return };
        let (from, to) = (self.poll.leftover.len(), self.poll.len());
        for slot in from..to {
            self.run_on(env, slot, program.as_mut());
            self.act(env, slot as u8);
        }
        self.paths.frames += (to - from) as u64;
        self.put_program(env, id, program);
    }

    /// All verdicts before the first enqueue.
    fn decide_all<S: Sink>(&mut self, env: &mut Env<'_, S>, id: ProgId) {
        let index = id.0 as usize - 1;
        let own = self.programs[index].as_deref_mut();
        let Some(program) = own.or(env.shared[index].as_deref_mut()) else { return };
        let mut ctx = Ctx {
            ri: &mut self.ri,
            maps: &env.world.maps,
            random: &mut self.random,
            log: None,
            mutations: env.world.profile.mutations,
            rules: env.world.profile.rules,
            keep_keys: S::EVENTS,
            latest: env.arrivals.latest,
            ingress_ifindex: self.poll.ifindex,
            egress_ifindex: None,
            rx_queue_index: self.poll.queue,
            cpu: self.id,
            now: env.stamp.time,
        };
        let bounds = env.world.profile.bounds();
        let mut frames = PollFrames { poll: &mut self.poll, store: env.store, input: env.input, bounds };
        program.run_poll(&mut ctx, &mut frames, &mut self.decided);
    }

    /// One verdict.
    pub(super) fn run_on<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: usize,
        program: &mut dyn XdpProgram,
    ) {
        let mut desc = self.poll.desc(slot as u8);
        let mut frame = FrameMut::new(env.store, env.input, &mut desc, env.world.profile.bounds());
        let mut ctx = self.ctx::<S>(env.world, env.stamp, env.arrivals.latest);
        ctx.begin();
        if env.world.disarms() {
            ctx.ri.disarm();
        }
        if env.world.profile.mutations.has(Mutations::RI_PER_FRAME) {
            *ctx.ri = Default::default();
        }
        let act = program.run(&mut ctx, &mut frame);
        *self.poll.desc_mut(slot) = desc;
        if S::STORY {
            self.tell_verdict(env, slot as u8, act);
        }
        if env.world.profile.rules.is_literal() {
            self.tell_first_call(env, slot as u8);
        }
        self.decided.record(slot, act, &mut self.ri, S::EVENTS);
    }

    /// What the driver does with a verdict.
    #[inline]
    pub(crate) fn act<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8) {
        let decision = self.decided.of(usize::from(slot));
        let missed = decision.detail == Note::Missed as u8;
        match decision.kind {
            Kind::Pass => self.end_slot(env, slot, None, Fate::Passed),
            Kind::Drop => {
                self.done.verdict_drops += 1;
                let fate = if missed { Fate::LookupDropped } else { Fate::Dropped };
                self.end_slot(env, slot, None, fate);
            }
            Kind::Aborted => {
                let fate = match decision.detail {
                    detail if detail == Note::BadFlags as u8 => Fate::FlagsRefused,
                    _ if missed => Fate::LookupAborted,
                    _ => Fate::Aborted,
                };
                self.exception(env, slot, decision.value, fate);
            }
            Kind::Unknown => self.exception(env, slot, decision.value, Fate::UnknownVerdict),
            Kind::Tx => self.xdp_tx(env, slot),
            Kind::Elsewhere => self.end_slot(env, slot, None, Fate::NotModelled),
            _ => self.xdp_do_redirect(env, slot, decision),
        }
    }

    fn exception<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, act: u32, fate: Fate) {
        self.done.verdict_drops += 1;
        let (prog_id, ifindex) = (self.prog_id(), self.poll.ifindex);
        env.event(Event::Exception { prog_id, act: xdpsim_devmap::XdpAction(act), ifindex });
        self.end_slot(env, slot, None, fate);
    }

    /// XDP_TX: a queue of 16 of its own, flushed at the 17th frame (DRV-08).
    fn xdp_tx<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8) {
        if !self.converts(env, slot) {
            self.done.drops += 1;
            let (prog_id, ifindex) = (self.prog_id(), self.poll.ifindex);
            env.event(Event::Exception { prog_id, act: xdpsim_devmap::XdpAction::TX, ifindex });
            return self.end_slot(env, slot, None, Fate::TxNotConverted);
        }
        if self.tx_queue.is_full() {
            self.tx_flush(env);
        }
        self.tx_queue.push(slot, self.poll.desc(slot).len);
        self.done.tx += 1;
    }

    /// Transmits the XDP_TX queue, without waking anybody.
    fn tx_flush<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        let dev = self.poll.dev;
        let bulk = Bulk { slots: self.tx_queue.slots(), table: self.poll.table() };
        let xmit = env.ndo_xdp_xmit(self.id, dev, bulk, dev, By::Tx, XmitFlags::empty(), &mut self.poll_list);
        if S::STORY {
            env.tell_xmit(dev, bulk, &xmit, false);
        }
        env.book_one_by_one(&mut self.ledger, dev, bulk, &xmit, |_| dev, By::Tx);
        let (sent, drops) = (xmit.sent as u64, (bulk.len() - xmit.sent) as u64);
        if let Some(peer) = env.world.devices.get(dev).peer() {
            env.event(Event::BulkTx {
                ifindex: self.poll.ifindex,
                drops: drops as u32,
                sent: sent as u32,
                err: xmit.err,
            });
            env.count_veth(dev, |own| {
                own.xdp_tx += sent;
                own.xdp_tx_errors += drops;
                own.tx_dropped += drops;
            });
            env.count_veth(peer, |rx| rx.rx_dropped += drops);
        }
        self.tx_queue.clear();
    }

    /// `xdp_do_flush()` and the rest of the driver's poll. veth flushes only what succeeded (FLU-07).
    pub(super) fn end_poll<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        let is_veth = env.world.devices.get(self.poll.dev).is_veth();
        if !is_veth || self.done.redirect_ok > 0 || env.mutated(Mutations::FLUSH_ALWAYS) {
            self.xdp_do_flush(env);
        }
        if self.done.tx > 0 {
            self.tx_flush(env);
            self.wake_tx_peer(env);
        }
        let done = self.done;
        if is_veth {
            env.count_veth(self.poll.dev, |own| {
                own.xdp_redirect += done.redirect_ok;
                own.drops += done.drops;
                own.rx_dropped += done.drops;
                own.xdp_drops += done.verdict_drops;
            });
        }
    }

    /// `veth_xdp_flush()`: after XDP_TX, the peer is woken only if it has a program (DRV-08).
    fn wake_tx_peer<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        let Some(peer) = env.world.devices.get(self.poll.dev).peer() else { return };
        let end = env.world.devices.get(peer);
        if !end.napi || (!end.has_program() && !env.mutated(Mutations::TX_WAKES_ANYBODY)) {
            return;
        }
        let DriverState::Veth(rx) = &mut env.drivers[peer.0 as usize] else { return };
        let queue = rx.select_rxq(self.id);
        if !rx.rq[queue].notify_masked {
            rx.rq[queue].notify_masked = true;
            let napi = NapiId { dev: peer, queue: QueueId(queue as u16) };
            if env.world.profile.kernel >= KernelVersion::TX_BEFORE_COMPLETE {
                self.poll_list.push_back(napi);
            } else {
                self.woken_last = Some(napi);
            }
        }
    }

    fn pass_all<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        for slot in self.poll.leftover.len()..self.poll.len() {
            self.end_slot(env, slot as u8, None, Fate::Passed);
        }
    }

    /// Takes up to a budget of frames out of a veth ring into the poll; says how many were taken.
    pub(crate) fn fill_from_ring<S: Sink>(&mut self, env: &mut Env<'_, S>, napi: NapiId) -> usize {
        let sender = env.world.devices.get(napi.dev).peer();
        let mut taken = 0;
        let mut bytes = 0;
        let mut hopped = (0, 0);
        while taken < NAPI_BUDGET {
            let Some(mut waiting) = env.take_waiting(napi) else { break };
            taken += 1;
            // Of an skb the driver counts what follows the Ethernet header.
            let header = if waiting.by == By::Skb { crate::netdev::Device::ETH_HLEN } else { 0 };
            bytes += u64::from(waiting.desc.len.saturating_sub(header));
            if waiting.by != By::Arrival {
                hopped = (hopped.0 + 1, hopped.1 + u64::from(waiting.desc.len));
                if let (Some(port), true) = (sender, S::DELIVERIES) {
                    env.deliver_one(port, waiting.desc, env.stamp.time);
                }
                // Compared before it is counted, so that a limit of 255 is one too.
                if waiting.desc.hops >= env.world.hops_max {
                    self.end_hops(env, napi.dev, waiting);
                    continue;
                }
                waiting.desc.hops += 1;
            }
            self.poll.push(waiting.desc);
        }
        if let Some(port) = sender {
            self.ledger.hopped(port, hopped.0, hopped.1);
        }
        env.count_veth(napi.dev, |own| {
            own.xdp_packets += taken as u64;
            own.xdp_bytes += bytes;
        });
        taken
    }

    #[cold]
    pub(super) fn end_hops<S: Sink>(&mut self, env: &mut Env<'_, S>, dev: DevId, waiting: Waiting) {
        let number = env.arrivals.number(waiting.desc);
        self.ledger.end(dev, None, Fate::HopLimit, 1, u64::from(waiting.desc.len), |_| number);
        if S::STORY {
            env.tell_end(waiting.desc, None, Fate::HopLimit);
        }
    }

    /// The far end's stack takes everything: delivered by the port on this side.
    pub(crate) fn poll_far_end<S: Sink>(&mut self, env: &mut Env<'_, S>, napi: NapiId) -> usize {
        let Some(port) = env.world.devices.get(napi.dev).peer() else { return 0 };
        let DriverState::Veth(mut end) = std::mem::replace(env.driver(napi.dev), DriverState::Ideal) else {
            return 0;
        };
        let ring = &mut end.rq[usize::from(napi.queue.0)].ring;
        let mut taken = 0;
        let mut bytes = 0;
        while taken < NAPI_BUDGET && !ring.is_empty() {
            let stretch = ring.consume_run(NAPI_BUDGET - taken);
            taken += stretch.len();
            for run in stretch.chunk_by(|a, b| a.from == b.from) {
                bytes += self.end_at_far_end(env, port, run);
            }
        }
        end.counters.xdp_packets += taken as u64;
        end.counters.xdp_bytes += bytes;
        *env.driver(napi.dev) = DriverState::Veth(end);
        taken
    }

    /// Frames that came in on one port leave by another; says how many bytes.
    #[inline]
    pub(super) fn end_at_far_end<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        port: DevId,
        run: &[Waiting],
    ) -> u64 {
        let bytes = run.iter().map(|waiting| u64::from(waiting.desc.len)).sum();
        let arrivals = env.arrivals;
        let number = |i: usize| arrivals.number(run[i].desc);
        self.ledger.end(DevId(run[0].from), Some(port), Fate::Delivered, run.len() as u64, bytes, number);
        for waiting in run {
            if S::DELIVERIES {
                env.deliver_one(port, waiting.desc, env.stamp.time);
            }
            if S::STORY {
                env.tell_end(waiting.desc, Some(port), Fate::Delivered);
            }
        }
        bytes
    }

    /// Frames that an unflushed poll left queued become the first slots of this one (FLU-07). More than
    /// fit beside a full poll are flushed at once; only a long fault plan gets there.
    #[cold]
    fn carry_over<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        let mut moved: [Option<u8>; POLL_SLOTS] = [None; POLL_SLOTS];
        let mut frames = Vec::new();
        for dev in self.flush_list.iter() {
            self.queues[dev.0 as usize].renumber(|slot| {
                *moved[usize::from(slot)].get_or_insert_with(|| {
                    frames.push((self.poll.desc(slot), self.poll.ingress_of(slot)));
                    frames.len() as u8 - 1
                })
            });
        }
        self.poll.clear();
        for (desc, ingress) in frames {
            self.poll.push(desc);
            self.poll.leftover.push(ingress);
        }
        if self.poll.len() > POLL_SLOTS - NAPI_BUDGET {
            self.xdp_do_flush(env);
            self.poll.clear();
        }
    }

    fn tell_polled<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        let first = self.poll.leftover.len();
        let of = (self.poll.len() - first) as u16;
        for slot in first..self.poll.len() {
            let step = Step::Polled {
                dev: self.poll.dev,
                queue: self.poll.queue,
                cpu: self.id,
                time: env.stamp.time,
                position: (slot - first) as u16,
                of,
                len: self.poll.desc(slot as u8).len,
            };
            self.tell(env, slot as u8, step);
            let prog = env.world.devices.get(self.poll.dev).prog;
            self.tell(env, slot as u8, Step::Program { dev: self.poll.dev, prog });
        }
    }

    fn tell_verdict<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, act: xdpsim_devmap::XdpAction) {
        for call in std::mem::take(&mut self.log) {
            self.tell(env, slot, Step::Helper(call));
        }
        self.tell(env, slot, Step::Verdict { act });
        let armed = self.ri.map_type.is_some() || self.ri.ifindex_armed();
        if act == xdpsim_devmap::XdpAction::REDIRECT && self.ri.note == Note::NoCall && armed {
            self.tell(env, slot, Step::StaleTarget);
        }
    }
}

impl<S: Sink> Env<'_, S> {
    /// What stands behind a device.
    #[inline]
    fn driver(&mut self, dev: DevId) -> &mut DriverState {
        &mut self.drivers[dev.0 as usize]
    }

    /// The next frame in a veth ring.
    #[inline]
    fn take_waiting(&mut self, napi: NapiId) -> Option<Waiting> {
        match &mut self.drivers[napi.dev.0 as usize] {
            DriverState::Veth(end) => end.rq[usize::from(napi.queue.0)].ring.consume(),
            _ => None,
        }
    }

    /// Is this the end of a pair that the scenario does not name, with nothing on it?
    pub(crate) fn is_plain_far_end(&self, dev: DevId) -> bool {
        let device = self.world.devices.get(dev);
        matches!(device.kind, DeviceKind::Veth { far_end: true, .. })
    }
}
