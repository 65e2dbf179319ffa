//! Which arguments of a helper point to memory, and whether it is read or written.

use crate::helpers::id;
use crate::host::HelperId;

/// What a helper does with the memory that an argument points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uses {
    pub reads: bool,
    pub writes: bool,
}

const NOT: Uses = Uses { reads: false, writes: false };
const READS: Uses = Uses { reads: true, writes: false };
const WRITES: Uses = Uses { reads: false, writes: true };
/// What must be assumed of an argument of which nothing is known.
const BOTH: Uses = Uses { reads: true, writes: true };

/// What a helper does with argument 1 to 5. Maps and the context are no memory in this sense: neither is on
/// the stack.
pub(super) fn uses(helper: HelperId, argument: u8) -> Uses {
    match (helper, argument) {
        (id::MAP_LOOKUP_ELEM | id::MAP_DELETE_ELEM | id::MAP_PUSH_ELEM | id::RINGBUF_OUTPUT, 2) => READS,
        (id::MAP_LOOKUP_PERCPU_ELEM, 2) | (id::MAP_UPDATE_ELEM, 2 | 3) => READS,
        (id::PERF_EVENT_OUTPUT, 4) | (id::XDP_STORE_BYTES, 3) => READS,
        (id::MAP_POP_ELEM | id::MAP_PEEK_ELEM, 2) | (id::XDP_LOAD_BYTES, 3) => WRITES,
        _ if KNOWN.contains(&helper) => NOT,
        _ => BOTH,
    }
}

/// Helpers whose other arguments are numbers, maps, the context, or memory of a ring buffer.
const KNOWN: [HelperId; 29] = [
    id::MAP_LOOKUP_ELEM,
    id::MAP_UPDATE_ELEM,
    id::MAP_DELETE_ELEM,
    id::KTIME_GET_NS,
    id::GET_PRANDOM_U32,
    id::GET_SMP_PROCESSOR_ID,
    id::TAIL_CALL,
    id::REDIRECT,
    id::PERF_EVENT_OUTPUT,
    id::GET_NUMA_NODE_ID,
    id::XDP_ADJUST_HEAD,
    id::REDIRECT_MAP,
    id::REDIRECT_MAP_MULTI,
    id::XDP_ADJUST_META,
    id::XDP_ADJUST_TAIL,
    id::MAP_PUSH_ELEM,
    id::MAP_POP_ELEM,
    id::MAP_PEEK_ELEM,
    id::KTIME_GET_BOOT_NS,
    id::RINGBUF_OUTPUT,
    id::RINGBUF_RESERVE,
    id::RINGBUF_SUBMIT,
    id::RINGBUF_DISCARD,
    id::RINGBUF_QUERY,
    id::KTIME_GET_COARSE_NS,
    id::XDP_GET_BUFF_LEN,
    id::XDP_LOAD_BYTES,
    id::XDP_STORE_BYTES,
    id::MAP_LOOKUP_PERCPU_ELEM,
];
