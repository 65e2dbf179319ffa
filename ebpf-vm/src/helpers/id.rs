//! Numbers of the helpers that are answered (`enum bpf_func_id`).
#![allow(missing_docs, reason = "the kernel's names")]

use crate::host::HelperId;

pub const MAP_LOOKUP_ELEM: HelperId = HelperId(1);
pub const MAP_UPDATE_ELEM: HelperId = HelperId(2);
pub const MAP_DELETE_ELEM: HelperId = HelperId(3);
pub const KTIME_GET_NS: HelperId = HelperId(5);
pub const TRACE_PRINTK: HelperId = HelperId(6);
pub const GET_PRANDOM_U32: HelperId = HelperId(7);
pub const GET_SMP_PROCESSOR_ID: HelperId = HelperId(8);
pub const TAIL_CALL: HelperId = HelperId(12);
pub const REDIRECT: HelperId = HelperId(23);
pub const PERF_EVENT_OUTPUT: HelperId = HelperId(25);
pub const CSUM_DIFF: HelperId = HelperId(28);
pub const GET_NUMA_NODE_ID: HelperId = HelperId(42);
pub const XDP_ADJUST_HEAD: HelperId = HelperId(44);
pub const REDIRECT_MAP: HelperId = HelperId(51);
pub const XDP_ADJUST_META: HelperId = HelperId(54);
pub const XDP_ADJUST_TAIL: HelperId = HelperId(65);
pub const FIB_LOOKUP: HelperId = HelperId(69);
pub const MAP_PUSH_ELEM: HelperId = HelperId(87);
pub const MAP_POP_ELEM: HelperId = HelperId(88);
pub const MAP_PEEK_ELEM: HelperId = HelperId(89);
pub const SPIN_LOCK: HelperId = HelperId(93);
pub const SPIN_UNLOCK: HelperId = HelperId(94);
pub const STRTOL: HelperId = HelperId(105);
pub const STRTOUL: HelperId = HelperId(106);
pub const PROBE_READ_KERNEL: HelperId = HelperId(113);
pub const PROBE_READ_KERNEL_STR: HelperId = HelperId(115);
pub const JIFFIES64: HelperId = HelperId(118);
pub const KTIME_GET_BOOT_NS: HelperId = HelperId(125);
pub const RINGBUF_OUTPUT: HelperId = HelperId(130);
pub const RINGBUF_RESERVE: HelperId = HelperId(131);
pub const RINGBUF_SUBMIT: HelperId = HelperId(132);
pub const RINGBUF_DISCARD: HelperId = HelperId(133);
pub const RINGBUF_QUERY: HelperId = HelperId(134);
pub const KTIME_GET_COARSE_NS: HelperId = HelperId(160);
pub const CHECK_MTU: HelperId = HelperId(163);
pub const FOR_EACH_MAP_ELEM: HelperId = HelperId(164);
pub const SNPRINTF: HelperId = HelperId(165);
pub const TRACE_VPRINTK: HelperId = HelperId(177);
pub const LOOP: HelperId = HelperId(181);
pub const STRNCMP: HelperId = HelperId(182);
pub const XDP_GET_BUFF_LEN: HelperId = HelperId(188);
pub const XDP_LOAD_BYTES: HelperId = HelperId(189);
pub const XDP_STORE_BYTES: HelperId = HelperId(190);
pub const MAP_LOOKUP_PERCPU_ELEM: HelperId = HelperId(195);
pub const KTIME_GET_TAI_NS: HelperId = HelperId(208);

/// Of patches that were never merged (MCAST-39): Linux never gave it a number, and has none like this.
pub const REDIRECT_MAP_MULTI: HelperId = HelperId(2_002_000_001);

/// All of them.
pub const ALL: [HelperId; 46] = [
    MAP_LOOKUP_ELEM,
    MAP_UPDATE_ELEM,
    MAP_DELETE_ELEM,
    KTIME_GET_NS,
    TRACE_PRINTK,
    GET_PRANDOM_U32,
    GET_SMP_PROCESSOR_ID,
    TAIL_CALL,
    REDIRECT,
    PERF_EVENT_OUTPUT,
    CSUM_DIFF,
    GET_NUMA_NODE_ID,
    XDP_ADJUST_HEAD,
    REDIRECT_MAP,
    XDP_ADJUST_META,
    XDP_ADJUST_TAIL,
    FIB_LOOKUP,
    MAP_PUSH_ELEM,
    MAP_POP_ELEM,
    MAP_PEEK_ELEM,
    SPIN_LOCK,
    SPIN_UNLOCK,
    STRTOL,
    STRTOUL,
    PROBE_READ_KERNEL,
    PROBE_READ_KERNEL_STR,
    JIFFIES64,
    KTIME_GET_BOOT_NS,
    RINGBUF_OUTPUT,
    RINGBUF_RESERVE,
    RINGBUF_SUBMIT,
    RINGBUF_DISCARD,
    RINGBUF_QUERY,
    KTIME_GET_COARSE_NS,
    CHECK_MTU,
    FOR_EACH_MAP_ELEM,
    SNPRINTF,
    TRACE_VPRINTK,
    LOOP,
    STRNCMP,
    XDP_GET_BUFF_LEN,
    XDP_LOAD_BYTES,
    XDP_STORE_BYTES,
    MAP_LOOKUP_PERCPU_ELEM,
    KTIME_GET_TAI_NS,
    REDIRECT_MAP_MULTI,
];
