//! The helpers of XDP programs, with the kernel's arguments, results and errnos.
//!
//! [`Helpers`] answers what concerns maps and the packet, and asks a [`World`] for the rest: time, randomness,
//! redirects. A wrong call that the kernel's verifier would have refused is a fault; one that it accepts and the
//! kernel answers with an errno gets that errno.
//!
//! | | helpers |
//! |---|---|
//! | maps | map_lookup_elem, update, delete; map_push, pop, peek; lookup_percpu_elem |
//! | ring buffer | ringbuf_output, reserve, submit, discard, query |
//! | packet | xdp_adjust_head, tail, meta; xdp_get_buff_len, load_bytes, store_bytes |
//! | control | tail_call, loop |
//! | world | redirect, redirect_map, ktime_get_ns and its kin, get_prandom_u32, get_smp_processor_id, get_numa_node_id |
//! | events | perf_event_output |
//!
//! Of redirect maps a program learns whether an entry is there; the entry itself cannot be read (of XSKMAP nobody can, of
//! DEVMAP that is a fault here).

pub mod check;
mod map;
pub mod names;
mod packet;
mod table;

use xdpsim_devmap::{CpuId, Errno, IfIndex};

use crate::fault::HelperFault;
use crate::host::{Callback, HelperCall, HelperId, Host, Outcome, ProgIdx};
use crate::memory::{MapIdx, Memory, handle_map};

pub use check::{Status, check, check_program, status};
pub use table::{CreateError, Entry, MapSet};

/// Numbers of helpers (`enum bpf_func_id`).
#[allow(missing_docs, reason = "the kernel's names")]
pub mod id {
    use crate::host::HelperId;

    pub const MAP_LOOKUP_ELEM: HelperId = HelperId(1);
    pub const MAP_UPDATE_ELEM: HelperId = HelperId(2);
    pub const MAP_DELETE_ELEM: HelperId = HelperId(3);
    pub const KTIME_GET_NS: HelperId = HelperId(5);
    pub const GET_PRANDOM_U32: HelperId = HelperId(7);
    pub const GET_SMP_PROCESSOR_ID: HelperId = HelperId(8);
    pub const TAIL_CALL: HelperId = HelperId(12);
    pub const REDIRECT: HelperId = HelperId(23);
    pub const PERF_EVENT_OUTPUT: HelperId = HelperId(25);
    pub const GET_NUMA_NODE_ID: HelperId = HelperId(42);
    pub const XDP_ADJUST_HEAD: HelperId = HelperId(44);
    pub const REDIRECT_MAP: HelperId = HelperId(51);
    pub const XDP_ADJUST_META: HelperId = HelperId(54);
    pub const XDP_ADJUST_TAIL: HelperId = HelperId(65);
    pub const MAP_PUSH_ELEM: HelperId = HelperId(87);
    pub const MAP_POP_ELEM: HelperId = HelperId(88);
    pub const MAP_PEEK_ELEM: HelperId = HelperId(89);
    pub const KTIME_GET_BOOT_NS: HelperId = HelperId(125);
    pub const RINGBUF_OUTPUT: HelperId = HelperId(130);
    pub const RINGBUF_RESERVE: HelperId = HelperId(131);
    pub const RINGBUF_SUBMIT: HelperId = HelperId(132);
    pub const RINGBUF_DISCARD: HelperId = HelperId(133);
    pub const RINGBUF_QUERY: HelperId = HelperId(134);
    pub const KTIME_GET_COARSE_NS: HelperId = HelperId(160);
    pub const LOOP: HelperId = HelperId(181);
    pub const XDP_GET_BUFF_LEN: HelperId = HelperId(188);
    pub const XDP_LOAD_BYTES: HelperId = HelperId(189);
    pub const XDP_STORE_BYTES: HelperId = HelperId(190);
    pub const MAP_LOOKUP_PERCPU_ELEM: HelperId = HelperId(195);
    pub const KTIME_GET_TAI_NS: HelperId = HelperId(208);
}

/// The most iterations of `bpf_loop()` (`BPF_MAX_LOOPS`).
const MAX_LOOPS: u64 = 8 << 20;

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
}

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
}

impl<'a, W: World> Helpers<'a, W> {
    /// For runs with these maps.
    pub fn new(maps: &'a mut MapSet, world: &'a mut W) -> Self {
        Self { maps, world }
    }

    fn tail_call(&mut self, map: u64, index: u64) -> Result<Outcome, HelperFault> {
        let map = map_argument(map, 2)?;
        let found = self.maps.own(map).and_then(|map| map.reference(&(index as u32).to_le_bytes()));
        Ok(found.map_or(Outcome::Unchanged, |program| Outcome::TailCall(ProgIdx(program))))
    }

    fn perf_event(&mut self, memory: &Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
        const CURRENT_CPU: u64 = 0xffff_ffff;
        /// The length of the packet that follows the event, which is not modelled.
        const CONTEXT: u64 = 0xf_ffff << 32;
        let [ctx, map, flags, data, len] = args;
        packet::context(ctx)?;
        let map = map_argument(map, 2)?;
        let data = memory.bytes(data, length(len, 5)?)?;
        if flags & !(CONTEXT | CURRENT_CPU) != 0 {
            return Ok(signed(Err(Errno::EINVAL)));
        }
        if flags & CONTEXT != 0 {
            return Err(HelperFault::Misuse(
                "bytes of the packet behind an event are not modelled: pass only the CPU",
            ));
        }
        let cpu = u64::from(self.world.cpu().0);
        let slot = if flags & CURRENT_CPU == CURRENT_CPU { cpu } else { flags & CURRENT_CPU } as u32;
        let slots = self.maps.own(map).map_or(0, |map| map.spec().max_entries);
        if slot >= slots {
            return Ok(signed(Err(Errno::E2BIG)));
        }
        Ok(signed(self.world.event(map, slot, data).map(|()| 0)))
    }
}

/// `bpf_loop()`: from the number of iterations that are done.
fn bpf_loop(args: [u64; 5], done: u64) -> Outcome {
    let [count, function, context, flags, _] = args;
    let count = count & 0xffff_ffff;
    match () {
        () if flags != 0 => Outcome::Return(signed(Err(Errno::EINVAL))),
        () if count > MAX_LOOPS => Outcome::Return(signed(Err(Errno::E2BIG))),
        () if done == count => Outcome::Return(count),
        () => Outcome::Callback(Callback { function, args: [done, context, 0, 0, 0], state: done }),
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
    fn call(&mut self, call: &HelperCall, memory: &mut Memory) -> Result<Outcome, HelperFault> {
        let [a, b, c, d, _] = call.args;
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
            id::LOOP => return Ok(bpf_loop(call.args, 0)),
            id::REDIRECT => self.world.redirect(IfIndex(a as u32), b),
            id::REDIRECT_MAP => self.world.redirect_map(map_argument(a, 1)?, b, c),
            id::PERF_EVENT_OUTPUT => self.perf_event(memory, call.args)?,
            _ => packet_helper(call, memory)?,
        };
        Ok(Outcome::Return(result))
    }

    fn resume(
        &mut self,
        call: &HelperCall,
        state: u64,
        r0: u64,
        _: &mut Memory,
    ) -> Result<Outcome, HelperFault> {
        let done = state + 1;
        // A callback that returns 1 ends the loop; the verifier lets it return 0 and 1 only.
        Ok(if r0 != 0 { Outcome::Return(done) } else { bpf_loop(call.args, done) })
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
