//! Loading the tracer and reading what it wrote.

use std::fmt;

use aya::maps::{Array, HashMap, MapData, MapError, RingBuf};
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Btf, BtfError, Ebpf, EbpfError, include_bytes_aligned};
use thiserror::Error;

use super::event::{RawEvent, Tracepoint};

/// Why there are no events.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The kernel's types can't be read.
    #[error("/sys/kernel/btf/vmlinux can't be used: {0}; the kernel needs CONFIG_DEBUG_INFO_BTF")]
    Btf(#[from] BtfError),
    /// The object can't be loaded.
    #[error("the tracer's object can't be loaded: {0}; it needs CAP_BPF and CAP_PERFMON")]
    Object(#[from] EbpfError),
    /// A program can't be loaded or attached.
    #[error("the program for tracepoint {tracepoint} can't be loaded or attached: {source}")]
    Program {
        /// The tracepoint.
        tracepoint: &'static str,
        /// Why.
        source: ProgramError,
    },
    /// The object isn't the one that this code was written for.
    #[error("the tracer's object has no `{0}`: rebuild it with objects/build.sh")]
    Missing(&'static str),
    /// A map can't be read or written.
    #[error("the tracer's map `{map}` can't be used: {source}")]
    Map {
        /// The map.
        map: &'static str,
        /// Why.
        source: MapError,
    },
    /// Events found no room.
    #[error("{0} events were lost, the ring buffer was full: drain it more often")]
    Lost(u64),
    /// The object and this code differ.
    #[error("the tracer wrote an event of {0} bytes that is none: rebuild it with objects/build.sh")]
    Event(usize),
}

/// Records the XDP tracepoints of some namespaces until it is dropped.
pub struct Tracer {
    events: RingBuf<MapData>,
    lost: Array<MapData, u64>,
    namespaces: HashMap<MapData, u32, u32>,
    /// How many losses were reported.
    reported: u64,
    /// Holds the programs and their attachments.
    _programs: Ebpf,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("reported", &self.reported).finish_non_exhaustive()
    }
}

impl Tracer {
    /// Starts to record what happens in the namespaces with these inode numbers, at most 256. Takes some 50
    /// ms.
    ///
    /// # Errors
    /// What the kernel lacks or refuses.
    pub fn new(namespaces: &[u32]) -> Result<Self, TraceError> {
        let mut object = Ebpf::load(include_bytes_aligned!("../../objects/tracer.bpf.o"))?;
        let mut tracer = Self {
            events: map(&mut object, "events")?,
            lost: map(&mut object, "lost")?,
            namespaces: map(&mut object, "namespaces")?,
            reported: 0,
            _programs: object,
        };
        namespaces.iter().try_for_each(|inode| tracer.watch(*inode))?;
        let btf = Btf::from_sys_fs()?;
        Tracepoint::ALL.iter().try_for_each(|tracepoint| attach(&mut tracer._programs, *tracepoint, &btf))?;
        Ok(tracer)
    }

    /// Records this namespace, too.
    ///
    /// # Errors
    /// E2BIG if there are too many.
    pub fn watch(&mut self, inode: u32) -> Result<(), TraceError> {
        let inserted = self.namespaces.insert(inode, 1, 0);
        inserted.map_err(|source| TraceError::Map { map: "namespaces", source })
    }

    /// Hands out the events since the last time, in order. Never waits.
    ///
    /// # Errors
    /// If events were lost; those that were not have been handed out.
    pub fn drain(&mut self, mut take: impl FnMut(RawEvent)) -> Result<(), TraceError> {
        while let Some(bytes) = self.events.next() {
            take(RawEvent::read(&bytes).ok_or(TraceError::Event(bytes.len()))?);
        }
        let lost = self.lost.get(&0, 0).map_err(|source| TraceError::Map { map: "lost", source })?;
        let news = lost - self.reported;
        self.reported = lost;
        if news == 0 { Ok(()) } else { Err(TraceError::Lost(news)) }
    }
}

/// Takes a map out of the object.
fn map<T>(object: &mut Ebpf, name: &'static str) -> Result<T, TraceError>
where
    T: TryFrom<aya::maps::Map, Error = MapError>,
{
    let map = object.take_map(name).ok_or(TraceError::Missing(name))?;
    map.try_into().map_err(|source| TraceError::Map { map: name, source })
}

/// Each program has its tracepoint's name.
fn attach(object: &mut Ebpf, tracepoint: Tracepoint, btf: &Btf) -> Result<(), TraceError> {
    let name = tracepoint.name();
    let failed = |source| TraceError::Program { tracepoint: name, source };
    let program = object.program_mut(name).ok_or(TraceError::Missing(name))?;
    let program: &mut BtfTracePoint = program.try_into().map_err(failed)?;
    program.load(name, btf).map_err(failed)?;
    program.attach().map(drop).map_err(failed)
}
