//! Several domains: each thread reads, steers and feeds its share of every epoch.
//!
//! An epoch has one table per thread. While a thread sorts the frames of its table by domain, another
//! reads its table of the next epoch; then all wait for each other, and each thread runs its domains
//! over all tables in order. The calling thread is one of them.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use xdpsim_core::{DevId, Domain, FrameNo, Ingress, Plan, Sink, Steered};

use super::barrier::{Broken, LeaveOnDrop, SpinBarrier};
use super::{Finished, RunProgress, Settings, Source};
use crate::capture::{CaptureError, Progress};

/// One table of an epoch, and its frames by domain.
struct Slot<T> {
    table: T,
    full: bool,
    lists: Vec<Vec<Steered>>,
}

/// The capture, read by whoever's turn it is.
struct Reading<'a, C> {
    source: &'a mut C,
    /// Tables filled so far: the next one is filled by thread `turn % threads`.
    turn: usize,
    frames: u64,
    progress: Progress,
    ended: bool,
    stopped: Option<CaptureError>,
}

struct Shared<'a, S, C: Source> {
    plan: &'a Plan,
    ingress: DevId,
    settings: Settings,
    threads: usize,
    reading: Mutex<Reading<'a, C>>,
    /// Two per thread: one is fed while the other is read.
    slots: Vec<[RwLock<Slot<C::Table>>; 2]>,
    /// Sinks that a batch filled, by domain.
    filled: Vec<Mutex<Option<S>>>,
    barrier: SpinBarrier,
    make_sink: &'a (dyn Fn(usize) -> S + Sync),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn run<S, C, E>(
    plan: &Plan,
    ingress: DevId,
    source: &mut C,
    settings: &Settings,
    threads: usize,
    make_sink: &(dyn Fn(usize) -> S + Sync),
    collect: &mut dyn FnMut(Vec<S>, RunProgress) -> Result<(), E>,
) -> Result<Finished, E>
where
    S: Sink + Send,
    C: Source,
{
    let domains = plan.domains();
    let slot = || {
        let lists = (0..domains).map(|_| Vec::new()).collect();
        RwLock::new(Slot { table: C::Table::default(), full: false, lists })
    };
    let progress = source.progress();
    let reading = Reading { source, turn: 0, frames: 0, progress, ended: false, stopped: None };
    let shared = Shared {
        plan,
        ingress,
        settings: *settings,
        threads,
        reading: Mutex::new(reading),
        slots: (0..threads).map(|_| [slot(), slot()]).collect(),
        filled: (0..domains).map(|_| Mutex::new(None)).collect(),
        barrier: SpinBarrier::new(threads),
        make_sink,
    };
    std::thread::scope(|scope| {
        let shared = &shared;
        let others: Vec<_> = (1..threads)
            .map(|me| scope.spawn(move || shared.work(me, &mut |_| Ok::<(), Infallible>(()))))
            .collect();
        let mut finished = Finished::new(None);
        let own = shared.work(0, &mut |progress| collect(shared.take_filled(), progress));
        for other in others {
            let domains = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            domains.into_iter().flatten().for_each(|domain| finished.add(plan, &domain));
        }
        match own {
            Ok(domains) => domains.iter().for_each(|domain| finished.add(plan, domain)),
            Err(Stop::Collect(error)) => return Err(error),
            // A thread left early in a panic, which was passed on above.
            Err(Stop::Broken) => {}
        }
        finished.stopped = lock(&shared.reading).stopped.take();
        Ok(finished)
    })
}

/// Why a thread stops before the end.
enum Stop<E> {
    Broken,
    Collect(E),
}

impl<E> From<Broken> for Stop<E> {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

impl<'a, S: Sink + Send, C: Source> Shared<'a, S, C> {
    /// One thread's part of the run. `collect` is called when all domains have handed over their sinks.
    fn work<E>(
        &self,
        me: usize,
        collect: &mut dyn FnMut(RunProgress) -> Result<(), E>,
    ) -> Result<Vec<Domain<S>>, Stop<E>> {
        let guard = LeaveOnDrop(&self.barrier);
        let mine: Vec<usize> = (me..self.plan.domains()).step_by(self.threads).collect();
        let (timing, ledger) = (self.settings.timing, self.settings.ledger);
        let mut domains: Vec<Domain<S>> =
            mine.iter().map(|&i| self.plan.domain(i, timing, ledger, (self.make_sink)(i))).collect();
        self.fill(me, 0);
        let mut epoch = 0;
        loop {
            // One half of the threads reads first, the other steers first.
            if me.is_multiple_of(2) {
                self.fill(me, epoch + 1);
                self.steer(me, epoch);
            } else {
                self.steer(me, epoch);
                self.fill(me, epoch + 1);
            }
            self.barrier.wait()?;
            let mut any = false;
            for table in 0..self.threads {
                any |= self.feed(table, epoch, &mine, &mut domains);
            }
            if !any {
                domains.iter_mut().for_each(Domain::finish);
            }
            self.hand_over(&mine, &mut domains);
            self.barrier.wait()?;
            collect(self.progress()).map_err(Stop::Collect)?;
            if !any {
                std::mem::forget(guard);
                return Ok(domains);
            }
            epoch += 1;
        }
    }

    /// Reads this thread's table of an epoch when it is its turn.
    fn fill(&self, me: usize, epoch: usize) {
        let turn = epoch * self.threads + me;
        let mut slot = self.slots[me][epoch % 2].write().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut reading = lock(&self.reading);
            if reading.turn == turn {
                slot.full = reading.fill(&mut slot.table, self.ingress);
                reading.turn += 1;
                return;
            }
            drop(reading);
            std::hint::spin_loop();
        }
    }

    /// Sorts the frames of this thread's table by domain.
    fn steer(&self, me: usize, epoch: usize) {
        let mut slot = self.slots[me][epoch % 2].write().unwrap_or_else(PoisonError::into_inner);
        let Slot { table, full, lists } = &mut *slot;
        lists.iter_mut().for_each(Vec::clear);
        if !*full {
            return;
        }
        let batch = C::batch(table, Ingress::One(self.ingress));
        for (i, desc) in batch.frames.iter().enumerate() {
            let bytes = &batch.bytes[desc.off as usize..desc.off as usize + desc.len as usize];
            let port = batch.ingress.of(i);
            let queue = self.plan.queue(port, bytes, FrameNo(batch.first.0 + i as u64));
            lists[self.plan.domain_of(port, queue)].push(Steered { index: i as u32, queue });
        }
    }

    /// Feeds one table to this thread's domains; `false` if there was nothing in it.
    fn feed(&self, table: usize, epoch: usize, mine: &[usize], domains: &mut [Domain<S>]) -> bool {
        let slot = self.slots[table][epoch % 2].read().unwrap_or_else(PoisonError::into_inner);
        if !slot.full {
            return false;
        }
        let batch = C::batch(&slot.table, Ingress::One(self.ingress));
        for (&index, domain) in mine.iter().zip(domains) {
            domain.feed_steered(&batch, &slot.lists[index]);
        }
        true
    }

    fn hand_over(&self, mine: &[usize], domains: &mut [Domain<S>]) {
        for (&index, domain) in mine.iter().zip(domains) {
            let filled = std::mem::replace(domain.sink_mut(), (self.make_sink)(index));
            *lock(&self.filled[index]) = Some(filled);
        }
    }

    fn take_filled(&self) -> Vec<S> {
        self.filled.iter().filter_map(|filled| lock(filled).take()).collect()
    }

    fn progress(&self) -> RunProgress {
        let reading = lock(&self.reading);
        RunProgress { frames: reading.frames, read: reading.progress }
    }
}

impl<C: Source> Reading<'_, C> {
    /// Fills a table; `false` at the end or at a break.
    fn fill(&mut self, table: &mut C::Table, ingress: DevId) -> bool {
        if self.ended {
            return false;
        }
        match self.source.fill(table) {
            Ok(true) => {
                self.frames += C::batch(table, Ingress::One(ingress)).frames.len() as u64;
                self.progress = self.source.progress();
                return true;
            }
            Ok(false) => {}
            Err(error) => self.stopped = Some(error),
        }
        self.ended = true;
        false
    }
}
