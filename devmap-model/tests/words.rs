//! The shared words: numbers, names, and how they print.

use xdpsim_devmap::*;

/// The numbers are Linux's, the list is complete and sorted, and each way back works.
#[test]
fn errnos_have_linux_numbers() {
    let expected = [
        ("EPERM", 1),
        ("ENOENT", 2),
        ("EIO", 5),
        ("ENXIO", 6),
        ("E2BIG", 7),
        ("EBADF", 9),
        ("EAGAIN", 11),
        ("ENOMEM", 12),
        ("EACCES", 13),
        ("EFAULT", 14),
        ("EBUSY", 16),
        ("EEXIST", 17),
        ("ENODEV", 19),
        ("EINVAL", 22),
        ("ENOSPC", 28),
        ("ERANGE", 34),
        ("EBADRQC", 56),
        ("EOVERFLOW", 75),
        ("ENOTSOCK", 88),
        ("EMSGSIZE", 90),
        ("EOPNOTSUPP", 95),
        ("EAFNOSUPPORT", 97),
        ("ENETDOWN", 100),
        ("ENOBUFS", 105),
        ("ENOTCONN", 107),
        ("ENOTSUPP", 524),
    ];
    let all: Vec<(&str, i32)> = Errno::ALL.iter().map(|errno| (errno.name(), errno.number())).collect();
    assert_eq!(all, expected);
    for errno in Errno::ALL {
        assert_eq!(Errno::from_number(errno.number()), Some(*errno));
        assert_eq!(Errno::from_name(errno.name()), Some(*errno));
        assert_eq!(errno.to_string(), format!("{} ({})", errno.name(), errno.number()));
    }
}

/// Only the positive number and the exact name are known.
#[test]
fn unknown_errnos_are_none() {
    for number in [0, -22, 3, 108, i32::MIN] {
        assert_eq!(Errno::from_number(number), None, "{number}");
    }
    for name in ["", "einval", "EINVAL ", "EWHATEVER"] {
        assert_eq!(Errno::from_name(name), None, "{name}");
    }
}

/// An errno can be passed on as an error.
#[test]
fn an_errno_is_an_error() {
    let error: Box<dyn std::error::Error> = Errno::ENETDOWN.into();
    assert_eq!(error.to_string(), "ENETDOWN (100)");
}

/// The five verdicts print by name, all others by number.
#[test]
fn actions_print_as_in_the_kernel() {
    let names: Vec<String> = (0..=5).map(|number| XdpAction(number).to_string()).collect();
    assert_eq!(names, ["XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT", "unknown (5)"]);
    assert_eq!(XdpAction(0x10004).to_string(), "unknown (65540)");
    let consts = [XdpAction::ABORTED, XdpAction::DROP, XdpAction::PASS, XdpAction::TX, XdpAction::REDIRECT];
    assert_eq!(consts.map(|action| action.0), [0, 1, 2, 3, 4]);
}

/// Ids print as bare numbers and honour width.
#[test]
fn ids_print_as_numbers() {
    assert_eq!(format!("{} {} {}", IfIndex(3), DevId(4), NetnsId::INIT), "3 4 0");
    assert_eq!(format!("{} {} {}", CpuId(1), QueueId(2), MapId(7)), "1 2 7");
    assert_eq!(format!("{} {} {}", ProgId(8), MapKey(9), ProgFd(-1)), "8 9 -1");
    assert_eq!(format!("[{:>4}]", IfIndex(3)), "[   3]");
}

/// Rule: HLP-10.a
#[test]
fn a_key_argument_is_cut_to_32_bits() {
    for (argument, key) in [(1, 1), (1 << 32 | 1, 1), (u64::MAX, u32::MAX), (0xffff_ffff_0000_0000, 0)] {
        assert_eq!(MapKey::from_argument(argument), MapKey(key), "{argument:#x}");
    }
}

/// Rule: HLP-05.a, HLP-05.b, HLP-05.c
#[test]
fn device_maps_allow_four_flag_bits_and_refuse_sixty() {
    for bit in 0..64 {
        let flags = RedirectFlags::from_bits_retain(1 << bit);
        assert_eq!(flags.bits(), 1 << bit, "raw bits are kept");
        assert_eq!(flags.allowed_on_devmap(), [0, 1, 3, 4].contains(&bit), "bit {bit}");
    }
    assert!(RedirectFlags::from_bits_retain(0).allowed_on_devmap());
    assert!(RedirectFlags::from_bits_retain(27).allowed_on_devmap());
    assert!(!RedirectFlags::from_bits_retain(27 | 1 << 32).allowed_on_devmap());
}

/// Rule: HLP-04.a
#[test]
fn the_low_flag_bits_are_the_fallback() {
    let fallback = |bits| RedirectFlags::from_bits_retain(bits).fallback();
    assert_eq!([0, 1, 2, 3].map(fallback).map(|action| action.0), [0, 1, 2, 3]);
    assert_eq!(fallback(8 | 16 | 2), XdpAction::PASS);
    assert_eq!(fallback(4), XdpAction::ABORTED);
}

/// The flag numbers are the kernel's.
#[test]
fn flags_have_linux_numbers() {
    assert_eq!((RedirectFlags::BROADCAST.bits(), RedirectFlags::EXCLUDE_INGRESS.bits()), (8, 16));
    assert_eq!(RedirectFlags::ACTION_MASK, 3);
    assert_eq!(UpdateFlags::ANY.bits(), 0);
    let update = [UpdateFlags::NOEXIST, UpdateFlags::EXIST, UpdateFlags::LOCK];
    assert_eq!(update.map(|flag| flag.bits()), [1, 2, 4]);
    let map = [
        MapFlags::NO_PREALLOC,
        MapFlags::NO_COMMON_LRU,
        MapFlags::NUMA_NODE,
        MapFlags::RDONLY,
        MapFlags::WRONLY,
        MapFlags::STACK_BUILD_ID,
        MapFlags::ZERO_SEED,
        MapFlags::RDONLY_PROG,
        MapFlags::WRONLY_PROG,
        MapFlags::CLONE,
        MapFlags::MMAPABLE,
        MapFlags::PRESERVE_ELEMS,
        MapFlags::INNER_MAP,
    ];
    assert_eq!(map.map(|flag| flag.bits()), std::array::from_fn(|bit| 1u32 << bit));
}

/// The map types have the kernel's numbers and bpftool's names.
#[test]
fn kinds_have_linux_numbers_and_names() {
    let kinds = MapKind::ALL.map(|kind| (kind.number(), kind.to_string(), kind.is_map_of_maps()));
    let expected = [
        (14, "devmap", false),
        (25, "devmap_hash", false),
        (12, "array_of_maps", true),
        (13, "hash_of_maps", true),
    ];
    assert_eq!(kinds, expected.map(|(number, name, outer)| (number, name.to_owned(), outer)));
}
