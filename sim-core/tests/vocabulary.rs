//! Names and numbers that reports, captures of events and scenarios are made of: they must not change by
//! accident.

use proptest::prelude::*;
use xdpsim_core::netdev::Refusal;
use xdpsim_core::profile::KernelVersionError;
use xdpsim_core::trace::MAP_ID_IFINDEX;
use xdpsim_core::{
    BitRate, CpuId, Errno, Event, Fate, FrameNo, IfIndex, KernelVersion, Nanos, Path, PipelineStep, Profile,
    ProgId, Skip, Stamp, XdpAction,
};

/// Fate, name, step, rule, errno; in the order of the pipeline.
const FATES: &[(Fate, &str, &str, &str, &str)] = &[
    (Fate::Delivered, "delivered", "driver", "FLU-04", "-"),
    (Fate::Passed, "passed", "verdict", "HLP-13", "-"),
    (Fate::Dropped, "dropped", "verdict", "HLP-13", "-"),
    (Fate::Aborted, "aborted", "verdict", "HLP-13", "-"),
    (Fate::UnknownVerdict, "unknown_verdict", "verdict", "HLP-15", "-"),
    (Fate::FlagsRefused, "flags_refused", "helper", "HLP-03", "-"),
    (Fate::LookupAborted, "lookup_aborted", "helper", "HLP-04", "-"),
    (Fate::LookupDropped, "lookup_dropped", "helper", "HLP-04", "-"),
    (Fate::NotReceived, "not_received", "receive", "RSS-10", "-"),
    (Fate::NotModelled, "not_modelled", "enqueue", "RED-01", "-"),
    (Fate::NotConverted, "not_converted", "enqueue", "RED-02", "EOVERFLOW"),
    (Fate::NoTarget, "no_target", "enqueue", "HLP-14", "EBADRQC"),
    (Fate::NoMap, "no_map", "enqueue", "RED-07", "ENOENT"),
    (Fate::NoDevice, "no_device", "enqueue", "RED-03", "EINVAL"),
    (Fate::StaleNoDevice, "stale_no_device", "enqueue", "HLP-12", "EINVAL"),
    (Fate::StaleNoXmit, "stale_no_xmit", "enqueue", "HLP-12", "EOPNOTSUPP"),
    (Fate::StaleDown, "stale_down", "enqueue", "HLP-12", "ENETDOWN"),
    (Fate::StaleTooLong, "stale_too_long", "enqueue", "HLP-12", "EMSGSIZE"),
    (Fate::NoXmit, "no_xmit", "enqueue", "RED-04", "EOPNOTSUPP"),
    (Fate::NoSg, "no_sg", "enqueue", "RED-04", "EOPNOTSUPP"),
    (Fate::Down, "down", "enqueue", "RED-04", "ENETDOWN"),
    (Fate::TooLong, "too_long", "enqueue", "RED-04", "EMSGSIZE"),
    (Fate::Nobody, "nobody", "enqueue", "BRD-06", "-"),
    (Fate::TooManyUppers, "too_many_uppers", "enqueue", "BRD-08", "EOVERFLOW"),
    (Fate::CloneFailed, "clone_failed", "enqueue", "BRD-10", "ENOMEM"),
    (Fate::CloneFrags, "clone_frags", "enqueue", "BRD-09", "EOPNOTSUPP"),
    (Fate::OrigFreed, "orig_freed", "enqueue", "MCAST-17", "-"),
    (Fate::NoForwardGroup, "no_forward_group", "enqueue", "MCAST-08", "EBADRQC"),
    (Fate::NoExcludeGroup, "no_exclude_group", "enqueue", "MCAST-09", "-"),
    (Fate::SkbCloneFailed, "skb_clone_failed", "enqueue", "MCAST-29", "EOVERFLOW"),
    (Fate::EmptyForwardMap, "empty_forward_map", "enqueue", "MCAST-47", "ENOENT"),
    (Fate::EntryDropped, "entry_dropped", "flush", "DVP-02", "-"),
    (Fate::EntryAborted, "entry_aborted", "flush", "DVP-02", "-"),
    (Fate::EntryUnsupported, "entry_unsupported", "flush", "DVP-02", "-"),
    (Fate::EntryOverrun, "entry_overrun", "flush", "DVP-02", "-"),
    (Fate::NoNapi, "no_napi", "flush", "DRV-03", "ENXIO"),
    (Fate::PeerTooLong, "peer_too_long", "flush", "DRV-03", "-"),
    (Fate::Behind, "behind", "flush", "DRV-04", "-"),
    (Fate::RingFull, "ring_full", "flush", "DRV-06", "-"),
    (Fate::TxRingFull, "tx_ring_full", "flush", "FLU-04", "-"),
    (Fate::DriverFault, "driver_fault", "flush", "FLU-04", "-"),
    (Fate::DriverShort, "driver_short", "flush", "FLU-04", "-"),
    (Fate::DeviceGone, "device_gone", "flush", "MAP-13", "-"),
    (Fate::TxNoNapi, "tx_no_napi", "flush", "DRV-08", "ENXIO"),
    (Fate::TxNotConverted, "tx_not_converted", "enqueue", "DRV-12", "EOVERFLOW"),
    (Fate::Stuck, "stuck", "driver", "FLU-06", "-"),
    (Fate::TxStuck, "tx_stuck", "driver", "DRV-08", "-"),
    (Fate::Purged, "purged", "driver", "LAW-06", "-"),
    (Fate::PeerDown, "peer_down", "driver", "GEN-05", "-"),
    (Fate::BacklogFull, "backlog_full", "driver", "GEN-05", "-"),
    (Fate::HopLimit, "hop_limit", "receive", "HLP-18", "-"),
];

#[test]
fn fates_have_names_steps_rules_and_errnos() {
    assert_eq!(Fate::ALL.len(), Fate::COUNT);
    let all: Vec<_> = Fate::ALL
        .iter()
        .map(|&fate| {
            let errno = fate.errno().map_or("-", Errno::name);
            (fate, fate.name(), fate.step().name(), fate.rule().name(), errno)
        })
        .collect();
    assert_eq!(all, FATES);
}

#[test]
fn a_fates_number_is_its_place() {
    for (i, &fate) in Fate::ALL.iter().enumerate() {
        assert_eq!(fate as usize, i);
    }
}

#[test]
fn frames_arrive_when_they_leave_or_reach_the_stack() {
    let arrived: Vec<Fate> = Fate::ALL.iter().copied().filter(|fate| fate.is_arrival()).collect();
    assert_eq!(arrived, [Fate::Delivered, Fate::Passed]);
}

#[test]
fn pipeline_steps_are_in_order() {
    use PipelineStep::{Driver, Enqueue, Flush, Helper, Receive, Verdict};
    let steps = [Receive, Helper, Verdict, Enqueue, Flush, Driver];
    assert!(steps.is_sorted());
    let names = ["receive", "helper", "verdict", "enqueue", "flush", "driver"];
    assert_eq!(steps.map(PipelineStep::name), names);
}

#[test]
fn skips_have_names_and_rules() {
    let skips = [
        (Skip::NoXmit, "no_xmit", "BRD-05"),
        (Skip::NoSg, "no_sg", "BRD-05"),
        (Skip::Down, "down", "BRD-05"),
        (Skip::TooLong, "too_long", "BRD-05"),
        (Skip::Ingress, "ingress", "BRD-08"),
        (Skip::Upper, "upper", "BRD-08"),
        (Skip::ExcludeGroup, "exclude_group", "MCAST-16"),
    ];
    let all: Vec<_> = Skip::ALL.iter().map(|&skip| (skip, skip.name(), skip.rule().name())).collect();
    assert_eq!(all, skips);
}

#[test]
fn refusals_are_errnos_to_a_unicast_and_skips_to_a_broadcast() {
    let refusals = [
        (Refusal::NoXmit, Errno::EOPNOTSUPP, Skip::NoXmit),
        (Refusal::NoSg, Errno::EOPNOTSUPP, Skip::NoSg),
        (Refusal::Down, Errno::ENETDOWN, Skip::Down),
        (Refusal::TooLong, Errno::EMSGSIZE, Skip::TooLong),
    ];
    for (refusal, errno, skip) in refusals {
        assert_eq!((refusal.errno(), Skip::from(refusal)), (errno, skip));
    }
}

#[test]
fn events_have_the_tracepoints_names() {
    let (ifindex, prog_id) = (IfIndex(1), ProgId(1));
    let redirect = |err| Event::Redirect {
        prog_id,
        ifindex,
        err,
        to_ifindex: IfIndex(2),
        map_id: MAP_ID_IFINDEX,
        map_index: 0,
    };
    let xmit = Event::DevmapXmit { from_ifindex: ifindex, to_ifindex: ifindex, drops: 0, sent: 0, err: None };
    let names = [
        (Event::Exception { prog_id, act: XdpAction::ABORTED, ifindex }, "xdp_exception"),
        (Event::BulkTx { ifindex, drops: 0, sent: 1, err: None }, "xdp_bulk_tx"),
        (redirect(None), "xdp_redirect"),
        (redirect(Some(Errno::EINVAL)), "xdp_redirect_err"),
        (xmit, "xdp_devmap_xmit"),
        (Event::MemConnect { ifindex }, "mem_connect"),
        (Event::MemDisconnect { ifindex }, "mem_disconnect"),
        (Event::LinkAttachFailed { msg: "no" }, "bpf_xdp_link_attach_failed"),
    ];
    for (event, name) in names {
        assert_eq!(event.name(), name);
    }
    assert_eq!(MAP_ID_IFINDEX, 0x7fff_ffff);
}

#[test]
fn stamps_sort_by_time_then_trigger_then_cpu() {
    let stamp = |time, trigger, cpu| Stamp { time: Nanos(time), trigger: FrameNo(trigger), cpu };
    assert!([stamp(1, 9, 9), stamp(2, 1, 9), stamp(2, 2, 0), stamp(2, 2, 1)].is_sorted());
    assert_eq!(stamp(0, 0, 7).cpu(), CpuId(7));
}

#[test]
fn times_print_as_seconds() {
    assert_eq!(Nanos(0).to_string(), "0.000000000");
    assert_eq!(Nanos(1_000_000_001).to_string(), "1.000000001");
    assert_eq!(Nanos(999_999_999).to_string(), "0.999999999");
    assert_eq!(Nanos(61_020_000_300).to_string(), "61.020000300");
    assert_eq!(FrameNo(17).to_string(), "17");
}

#[test]
fn times_saturate() {
    assert_eq!(Nanos::from_micros(3), Nanos(3_000));
    assert_eq!(Nanos::from_micros(u64::MAX), Nanos::MAX);
    assert_eq!(Nanos(3).after(Nanos(4)), Nanos(7));
    assert_eq!(Nanos(3).after(Nanos::MAX), Nanos::MAX);
    assert_eq!((Nanos::ZERO, Nanos::default()), (Nanos(0), Nanos(0)));
}

#[test]
fn a_frame_takes_its_wire_time() {
    let gigabit = BitRate(1_000_000_000);
    // 60 bytes and 24 of preamble, check sequence and gap.
    assert_eq!(gigabit.wire_time(60), Nanos(672));
    assert_eq!(gigabit.wire_time(59), Nanos(672));
    assert_eq!(gigabit.wire_time(0), Nanos(672));
    assert_eq!(gigabit.wire_time(61), Nanos(680));
    assert_eq!(gigabit.wire_time(1514), Nanos(12_304));
    assert_eq!(BitRate(10_000_000_000).wire_time(60), Nanos(68), "rounded up");
    assert_eq!(BitRate(8).wire_time(76), Nanos(100_000_000_000));
    assert_eq!(BitRate(0).wire_time(60), Nanos::MAX);
}

#[test]
fn kernel_versions_are_read_and_printed() {
    for (text, major, minor) in [("6.1", 6, 1), ("6.12", 6, 12), ("7.0", 7, 0), ("10.2", 10, 2)] {
        let version = KernelVersion { major, minor };
        assert_eq!((text.parse(), version.to_string()), (Ok(version), text.to_owned()));
    }
    for bad in ["", "6", "6.", ".1", "6.0", "5.19", "6.12.3", "v6.12", "6.x", "6.70000", "6 .1"] {
        assert_eq!(bad.parse::<KernelVersion>(), Err(KernelVersionError(bad.to_owned())));
    }
    let error = "5.4".parse::<KernelVersion>().expect_err("too old");
    assert_eq!(error.to_string(), "`5.4` is no kernel version from 6.1 on, such as 6.12");
}

#[test]
fn kernel_versions_compare_as_numbers() {
    let version = |major, minor| KernelVersion { major, minor };
    assert!([version(6, 2), version(6, 10), version(6, 12), version(7, 0)].is_sorted());
    assert_eq!(KernelVersion::V6_12, version(6, 12));
    assert_eq!(KernelVersion::FEATURE_BITS, version(6, 3));
    assert_eq!(KernelVersion::BPF_NET_CONTEXT, version(6, 11));
    assert_eq!(KernelVersion::POLLS_WOKEN_AT_ONCE, version(6, 4));
    assert_eq!(KernelVersion::META_252, version(6, 8));
    assert_eq!(KernelVersion::TX_BEFORE_COMPLETE, version(6, 12));
}

#[test]
fn the_default_profile_is_6_12_with_small_pages() {
    let profile = Profile::default();
    assert_eq!((profile.kernel, profile.page_size, profile.path), (KernelVersion::V6_12, 4096, Path::Auto));
    assert!(profile.mutations.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wire_times_are_never_too_short(rate in 1..=400_000_000_000u64, len in 60..=65_535u32) {
        let bits = u128::from(len + 24) * 8;
        let nanos = u128::from(BitRate(rate).wire_time(len).0);
        // The line moves rate / 10^9 bits a nanosecond.
        prop_assert!(nanos * u128::from(rate) >= bits * 1_000_000_000);
        prop_assert!((nanos - 1) * u128::from(rate) < bits * 1_000_000_000);
    }

    #[test]
    fn a_printed_kernel_version_reads_back(major in 7..100u16, minor in 0..100u16) {
        let version = KernelVersion { major, minor };
        prop_assert_eq!(version.to_string().parse(), Ok(version));
    }
}
