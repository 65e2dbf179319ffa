//! The helpers of XDP programs, with the kernel's arguments, results and errnos.
//!
//! [`Helpers`] answers what concerns maps and the packet, and asks a [`World`] for the rest: time, randomness,
//! redirects. A wrong call that the kernel's verifier would have refused is a fault; one that it accepts and the
//! kernel answers with an errno gets that errno.
//!
//! | | helpers |
//! |---|---|
//! | maps | map_lookup_elem, update, delete; map_push, pop, peek; lookup_percpu_elem; spin_lock, unlock |
//! | ring buffer | ringbuf_output, reserve, submit, discard, query |
//! | packet | xdp_adjust_head, tail, meta; xdp_get_buff_len, load_bytes, store_bytes |
//! | control | tail_call, loop, for_each_map_elem |
//! | routing | fib_lookup, check_mtu |
//! | text | trace_printk, trace_vprintk, snprintf, strtol, strtoul, strncmp |
//! | bytes | csum_diff, probe_read_kernel and its form for strings |
//! | world | redirect, redirect_map, redirect_map_multi (of no kernel), ktime_get_ns and its kin, jiffies64, get_prandom_u32, get_smp_processor_id, get_numa_node_id |
//! | events | perf_event_output |
//!
//! Of redirect maps a program learns whether an entry is there; the entry itself cannot be read (of XSKMAP nobody can, of
//! DEVMAP and CPUMAP that is a fault here). [`check()`] refuses objects that call anything else.

pub mod check;
mod csum;
mod each;
mod fib;
mod format;
pub mod id;
mod lock;
mod map;
pub mod names;
mod packet;
mod print;
mod probe;
mod table;
mod text;

use xdpsim_devmap::{CpuId, Errno, IfIndex};

use crate::fault::{Fault, HelperFault};
use crate::fib::Fib;
use crate::host::{HelperCall, HelperId, Host, Outcome, ProgIdx};
use crate::maps::Kind;
use crate::memory::{MapIdx, Memory, handle_map};

pub use check::{Status, check, check_program, status};
pub use table::{CreateError, Entry, MapSet};

/// What a program's surroundings answer. All of it must be deterministic.
pub trait World {
    /// The CPU that the program runs on.
    fn cpu(&self) -> CpuId;

    /// `bpf_ktime_get_ns()` and its kin: virtual time.
    fn now(&self) -> u64;

    /// `bpf_get_prandom_u32()`: seeded.
    fn random(&mut self) -> u32;

    /// `bpf_redirect()`: the verdict.
    fn redirect(&mut self, ifindex: IfIndex, flags: u64) -> u64;

    /// `bpf_redirect_map()`: the verdict.
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64;

    /// Of runs that follow each other: `bpf_redirect_map()` where the program ends with what it answers. `true`: the
    /// surroundings keep the call, to carry out several at once, and nobody asks for the verdict; all that is asked of them
    /// later is answered as if it had been carried out already. By default nothing is kept, and
    /// [`World::redirect_map`] is asked.
    fn keep_redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> bool {
        _ = (map, key, flags);
        false
    }

    /// `bpf_redirect_map()` on a map of maps of devices: the verdict, where the rules take groups (MCAST-01). By default
    /// they do not, as in a kernel.
    fn redirect_groups(&mut self, map: MapIdx, index: u64, flags: u64) -> Option<u64> {
        _ = (map, index, flags);
        None
    }

    /// `bpf_redirect_map_multi()`: the verdict, where the rules have it (MCAST-39). By default they do not, as in a
    /// kernel. Maps are device maps of the surroundings, or not theirs.
    fn redirect_map_multi(&mut self, map: MapIdx, ex_map: Option<MapIdx>, flags: u64) -> Option<u64> {
        _ = (map, ex_map, flags);
        None
    }

    /// Is there an entry in a redirect map? By default there is none.
    fn has_target(&mut self, map: MapIdx, key: u32) -> bool {
        _ = (map, key);
        false
    }

    /// `bpf_perf_event_output()`: an event in the buffer that this slot of the map stands for. The default
    /// has none, as when nobody has opened one.
    ///
    /// # Errors
    /// The kernel's: ENOENT if nobody listens.
    fn event(&mut self, map: MapIdx, slot: u32, data: &[u8]) -> Result<(), Errno> {
        _ = (map, slot, data);
        Err(Errno::ENOENT)
    }

    /// `bpf_redirect_map()` on a CPUMAP or XSKMAP, which the machine keeps: the entry that was found, and the verdict
    /// then (the default is XDP_REDIRECT). None: nothing was found, which takes back an earlier redirect.
    fn redirect_elsewhere(&mut self, target: Option<(MapIdx, Kind, u64)>) -> u64 {
        _ = target;
        4
    }

    /// Text that a program prints, without its end and of less than 1024 bytes. By default nobody reads it.
    fn print(&mut self, text: &[u8]) {
        _ = text;
    }

    /// Devices, routes and neighbours. By default there are none.
    fn fib(&self) -> &Fib {
        static NONE: Fib = Fib::new();
        &NONE
    }

    /// The kernel's version, where helpers differ: `bpf_csum_diff()` before 6.13.
    fn kernel(&self) -> (u16, u16) {
        (6, 18)
    }
}

/// Nanoseconds of a jiffy: 250 a second, as distributions build kernels.
const JIFFY: u64 = 4_000_000;

/// What a helper returns: a number, or a negative errno.
type Answer = Result<u64, Errno>;

/// As R0 has it.
fn signed(answer: Answer) -> u64 {
    answer.unwrap_or_else(|errno| (-i64::from(errno.number())) as u64)
}

/// Answers helper calls of XDP programs.
pub struct Helpers<'a, W> {
    /// The maps that programs name.
    pub maps: &'a mut MapSet,
    /// The surroundings.
    pub world: &'a mut W,
    /// The call that took the spin lock that is held.
    lock: Option<HelperCall>,
}

impl<'a, W: World> Helpers<'a, W> {
    /// For runs with these maps.
    #[inline]
    pub fn new(maps: &'a mut MapSet, world: &'a mut W) -> Self {
        let mut helpers = Self { maps, world, lock: None };
        helpers.forget();
        helpers
    }

    /// A run has ended so: its verdict, and the next one can begin.
    #[inline(always)]
    pub(crate) fn end(&mut self, r0: Result<u64, Box<Fault>>) -> Result<u32, Box<Fault>> {
        match r0 {
            Ok(r0) if self.lock.is_none() => Ok(r0 as u32),
            r0 => self.end_badly(r0),
        }
    }

    /// A run ends with this redirect: do the surroundings keep it?
    #[inline(always)]
    pub(crate) fn keep_redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> bool {
        self.lock.is_none() && self.world.keep_redirect_map(map, key, flags)
    }

    #[cold]
    fn end_badly(&mut self, r0: Result<u64, Box<Fault>>) -> Result<u32, Box<Fault>> {
        let r0 = r0.and_then(|r0| self.finish().map(|()| r0 as u32));
        self.forget();
        r0
    }

    /// Forgets what a run that a fault ended has left: walks, and a lock.
    #[inline]
    fn forget(&mut self) {
        self.maps.walks.clear();
        self.lock = None;
    }

    fn tail_call(&mut self, map: u64, index: u64) -> Result<Outcome, HelperFault> {
        let map = map_argument(map, 2)?;
        let found = self.maps.own(map).and_then(|map| map.reference(&(index as u32).to_le_bytes()));
        Ok(found.map_or(Outcome::Unchanged, |program| Outcome::TailCall(ProgIdx(program))))
    }

    fn perf_event(&mut self, memory: &Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
        const CURRENT_CPU: u64 = 0xffff_ffff;
        /// How much of the packet follows the event.
        const CONTEXT: u64 = 0xf_ffff << 32;
        let [ctx, map, flags, data, len] = args;
        packet::context(ctx)?;
        let map = map_argument(map, 2)?;
        let data = memory.bytes(data, length(len, 5)?)?;
        if flags & !(CONTEXT | CURRENT_CPU) != 0 {
            return Ok(signed(Err(Errno::EINVAL)));
        }
        let Some(packet) = memory.packet().frame().get(..((flags & CONTEXT) >> 32) as usize) else {
            return Ok(signed(Err(Errno::EFAULT)));
        };
        let cpu = u64::from(self.world.cpu().0);
        let slot = if flags & CURRENT_CPU == CURRENT_CPU { cpu } else { flags & CURRENT_CPU } as u32;
        let slots = self.maps.own(map).map_or(0, |map| map.spec().max_entries);
        if slot >= slots {
            return Ok(signed(Err(Errno::E2BIG)));
        }
        let event = &mut self.maps.scratch[0];
        event.clear();
        event.extend_from_slice(data);
        event.extend_from_slice(packet);
        Ok(signed(self.world.event(map, slot, event).map(|()| 0)))
    }

    fn csum_form(&self) -> csum::Form {
        if self.world.kernel() < (6, 13) { csum::Form::Partial } else { csum::Form::Folded }
    }
}

/// An argument that names a map.
fn map_argument(arg: u64, number: u8) -> Result<MapIdx, HelperFault> {
    handle_map(arg).ok_or(HelperFault::Argument { number, expected: "a map" })
}

/// An argument that is a length in bytes.
fn length(arg: u64, number: u8) -> Result<u32, HelperFault> {
    u32::try_from(arg).map_err(|_| HelperFault::Argument { number, expected: "a length below 4 GiB" })
}

impl<W: World> Host for Helpers<'_, W> {
    #[inline]
    fn lookup(&mut self, map: MapIdx, key: u64, memory: &Memory) -> Option<Result<u64, HelperFault>> {
        if self.lock.is_some() {
            return None;
        }
        let cpu = self.world.cpu();
        let own =
            self.maps.own(map).filter(|own| !matches!(own.kind(), Kind::ArrayOfMaps | Kind::HashOfMaps))?;
        let key = match memory.bytes(key, own.spec().key_size) {
            Ok(key) => key,
            Err(denied) => return Some(Err(denied.into())),
        };
        let slot = own.lookup(key, crate::maps::Caller::Program(cpu));
        Some(Ok(slot.map_or(0, |slot| crate::memory::slab_address(map, memory.slab(map).offset(slot)))))
    }

    #[inline]
    fn quick_lookup(&mut self, map: MapIdx, key: u64, memory: &Memory) -> Option<u64> {
        if self.lock.is_some() {
            return None;
        }
        let slot = self.maps.own(map)?.quick_lookup(key, memory, self.world.cpu())?;
        Some(slot.map_or(0, |slot| crate::memory::slab_address(map, memory.slab(map).offset(slot))))
    }

    #[inline]
    fn maps(&mut self) -> Option<&mut MapSet> {
        Some(self.maps)
    }

    #[inline]
    fn cpu(&self) -> u16 {
        self.world.cpu().0
    }

    #[inline]
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> Option<u64> {
        match self.maps.get(map) {
            Some(Entry::Outside(..)) if self.lock.is_none() => Some(self.world.redirect_map(map, key, flags)),
            _ => None,
        }
    }

    // Engines that know the number when they are compiled have only its part here.
    #[inline]
    fn call(&mut self, call: &HelperCall, memory: &mut Memory) -> Result<Outcome, HelperFault> {
        let [a, b, c, d, _] = call.args;
        self.callable(call.id)?;
        let result = match call.id {
            id::MAP_LOOKUP_ELEM => self.lookup(memory, a, b, self.world.cpu())?,
            id::MAP_LOOKUP_PERCPU_ELEM => self.lookup_percpu(memory, a, b, c)?,
            id::MAP_UPDATE_ELEM => self.update(memory, [a, b, c, d])?,
            id::MAP_DELETE_ELEM => self.delete(memory, a, b)?,
            id::MAP_PUSH_ELEM => self.push(memory, a, b, c)?,
            id::MAP_POP_ELEM => self.pop(memory, a, b)?,
            id::MAP_PEEK_ELEM => self.peek(memory, a, b)?,
            HelperId(130..=134) => self.ring(call.id, memory, [a, b, c, d])?,
            id::KTIME_GET_NS | id::KTIME_GET_BOOT_NS | id::KTIME_GET_COARSE_NS | id::KTIME_GET_TAI_NS => {
                self.world.now()
            }
            id::GET_PRANDOM_U32 => self.world.random().into(),
            id::GET_SMP_PROCESSOR_ID => self.world.cpu().0.into(),
            id::GET_NUMA_NODE_ID => 0,
            id::TAIL_CALL => return self.tail_call(b, c),
            id::LOOP => return Ok(each::bpf_loop(call.args, 0)),
            id::FOR_EACH_MAP_ELEM => return self.for_each(call, memory),
            id::REDIRECT => self.world.redirect(IfIndex(a as u32), b),
            id::REDIRECT_MAP => self.redirect_map(a, b, c)?,
            id::REDIRECT_MAP_MULTI => self.redirect_map_multi(a, b, c)?,
            id::PERF_EVENT_OUTPUT => self.perf_event(memory, call.args)?,
            id::CSUM_DIFF => csum::diff(memory, call.args, self.csum_form())?,
            id::FIB_LOOKUP => self.fib_lookup(memory, call.args)?,
            id::CHECK_MTU => self.check_mtu(memory, call.args)?,
            id::SPIN_LOCK => self.spin_lock(call, memory)?,
            id::SPIN_UNLOCK => self.spin_unlock(call, memory)?,
            id::JIFFIES64 => self.world.now() / JIFFY,
            id::TRACE_PRINTK => self.trace_printk(memory, call.args)?,
            id::TRACE_VPRINTK => self.trace_vprintk(memory, call.args)?,
            id::SNPRINTF => print::snprintf(memory, call.args)?,
            id::STRTOL => text::number(memory, call.args, true)?,
            id::STRTOUL => text::number(memory, call.args, false)?,
            id::STRNCMP => text::compare(memory, call.args)?,
            id::PROBE_READ_KERNEL => probe::read(memory, call.args)?,
            id::PROBE_READ_KERNEL_STR => probe::read_str(memory, call.args)?,
            _ => packet_helper(call, memory)?,
        };
        Ok(Outcome::Return(result))
    }

    fn resume(
        &mut self,
        call: &HelperCall,
        state: u64,
        r0: u64,
        memory: &mut Memory,
    ) -> Result<Outcome, HelperFault> {
        if call.id == id::FOR_EACH_MAP_ELEM {
            return self.walked(call, memory, state, r0);
        }
        let done = state + 1;
        // A callback that returns 1 ends the loop; the verifier lets it return 0 and 1 only.
        Ok(if r0 != 0 { Outcome::Return(done) } else { each::bpf_loop(call.args, done) })
    }
}

fn packet_helper(call: &HelperCall, memory: &mut Memory) -> Result<u64, HelperFault> {
    let HelperCall { id: HelperId(number), args: [ctx, b, c, d, _], .. } = *call;
    let known = [
        id::XDP_ADJUST_HEAD,
        id::XDP_ADJUST_META,
        id::XDP_ADJUST_TAIL,
        id::XDP_GET_BUFF_LEN,
        id::XDP_LOAD_BYTES,
        id::XDP_STORE_BYTES,
    ];
    if !known.contains(&HelperId(number)) {
        return Err(HelperFault::Unknown);
    }
    packet::context(ctx)?;
    match call.id {
        id::XDP_ADJUST_HEAD => Ok(signed(packet::adjust_head(memory, b))),
        id::XDP_ADJUST_META => Ok(signed(packet::adjust_meta(memory, b))),
        id::XDP_ADJUST_TAIL => Ok(signed(packet::adjust_tail(memory, b))),
        id::XDP_LOAD_BYTES => packet::copy(memory, packet::Way::Load, [b, c, d]),
        id::XDP_STORE_BYTES => packet::copy(memory, packet::Way::Store, [b, c, d]),
        _ => Ok(packet::buff_len(memory)),
    }
}
