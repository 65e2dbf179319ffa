//! pcapng: sections, interfaces, the three packet blocks, breaks.

use crate::capture_support;
use capture_support::{Frame, Order, block, frame, interface, option, options, packet, read, scan, section};
use xdpsim::capture::{
    Break, CaptureError, CaptureReader, Fill, FrameTable, LinkType, ReadOptions, Resolution, Truncated,
};

const NAME: u16 = 2;
const TSRESOL: u16 = 9;
const TSOFFSET: u16 = 14;

/// A section with one plain Ethernet interface, and these blocks.
fn one_interface(order: Order, blocks: &[Vec<u8>]) -> Vec<u8> {
    [section(order), interface(order, 1, 0, &[]), blocks.concat()].concat()
}

#[track_caller]
fn broken(bytes: &[u8]) -> (u64, u64, Break) {
    let in_place = scan(bytes, 64);
    let outcome = read(bytes, &options(64));
    assert_eq!(outcome.frames, in_place.frames);
    assert_eq!(outcome.message(), in_place.message());
    match outcome.error {
        Some(CaptureError::Broken { packet, offset, what, .. }) => (packet, offset, what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_byte_orders_are_read_and_the_default_unit_is_the_microsecond() {
    for order in Order::BOTH {
        let blocks = [packet(order, 0, 5_000_000_001, 5, b"first"), packet(order, 0, 2, 6, b"second")];
        let expected = [frame(5_000_000_001_000, b"first"), frame(2_000, b"second")];
        let bytes = one_interface(order, &blocks);
        assert_eq!(read(&bytes, &ReadOptions::default()).whole(), expected);
        assert_eq!(scan(&bytes, 1).whole(), expected);
    }
}

#[test]
fn interfaces_have_their_own_units_offsets_and_names() {
    let order = Order::Big;
    let bytes = [
        section(order),
        interface(order, 1, 96, &[option(order, NAME, b"eth0"), option(order, TSRESOL, &[9])]),
        packet(order, 0, 7, 2, b"ns"),
        interface(
            order,
            1,
            0,
            &[
                option(order, TSRESOL, &[0x80 | 1]),
                option(order, TSOFFSET, &10_i64.to_be_bytes()),
                option(order, 0, &[]),
            ],
        ),
        packet(order, 1, 3, 4, b"half"),
        packet(order, 0, 8, 2, b"ns"),
    ]
    .concat();
    let on = |interface, stamp, bytes| Frame { interface, ..frame(stamp, bytes) };
    let expected = [on(0, 7, b"ns"), on(1, 11_500_000_000, b"half"), on(0, 8, b"ns")];
    for size in [1, 70, 130, 100_000] {
        assert_eq!(read(&bytes, &options(size)).whole(), expected, "buffer of {size}");
        assert_eq!(scan(&bytes, size).whole(), expected, "window of {size}");
    }

    let mut reader =
        CaptureReader::from_reader("test", std::io::Cursor::new(bytes), &ReadOptions::default()).unwrap();
    assert_eq!(reader.fill(&mut FrameTable::default()).unwrap(), Fill::Frames(3));
    assert_eq!(reader.resolution(), Resolution::Nanos);
    let [first, second] = reader.interfaces() else { panic!("{:?}", reader.interfaces()) };
    assert_eq!((first.name.as_deref(), first.link, first.snaplen), (Some("eth0"), LinkType::ETHERNET, 96));
    assert_eq!((second.name.as_deref(), second.snaplen), (None, 0));
}

#[test]
fn an_interface_keeps_its_number_over_sections_of_either_byte_order() {
    let part = |order: Order, names: &[&str]| {
        let described =
            names.iter().map(|name| interface(order, 1, 0, &[option(order, NAME, name.as_bytes())]));
        let packets = (0..names.len() as u32).map(|no| packet(order, no, 1, 1, b"x"));
        [section(order), described.chain(packets).collect::<Vec<_>>().concat()].concat()
    };
    let bytes =
        [part(Order::Little, &["a", "b"]), part(Order::Big, &["b", "c"]), part(Order::Little, &["a", "a"])]
            .concat();
    let numbers: Vec<u16> = read(&bytes, &options(50)).whole().iter().map(|frame| frame.interface).collect();
    assert_eq!(numbers, [0, 1, 1, 2, 0, 3]);
}

#[test]
fn blocks_that_carry_no_packet_are_skipped_whatever_their_size() {
    let order = Order::Little;
    let bytes = one_interface(
        order,
        &[
            block(order, 5, &[1; 16]),
            packet(order, 0, 1, 1, b"a"),
            block(order, 0x0bad, &vec![9; 300_000]),
            block(order, 0x8000_0001, &[]),
            packet(order, 0, 2, 1, b"b"),
            block(order, 4, &[0; 4]),
        ],
    );
    for size in [1, 1000, 400_000] {
        assert_eq!(read(&bytes, &options(size)).whole(), [frame(1000, b"a"), frame(2000, b"b")]);
    }
}

#[test]
fn simple_packets_are_cut_at_the_snapshot_length_and_have_no_stamp() {
    let order = Order::Little;
    let simple = |original: u32, data: &[u8]| block(order, 3, &[&order.u32(original)[..], data].concat());
    let bytes = [
        section(order),
        interface(order, 1, 5, &[]),
        simple(3, b"abc"),
        simple(9, b"abcde"),
        interface(order, 1, 0, &[]),
    ]
    .concat();
    let outcome = read(&bytes, &ReadOptions::default());
    assert_eq!(outcome.truncated, 1);
    assert_eq!(outcome.whole(), [frame(0, b"abc"), frame(0, b"abcde")]);
    let padded = ReadOptions { truncated: Truncated::Pad, ..ReadOptions::default() };
    assert_eq!(read(&bytes, &padded).whole()[1], frame(0, b"abcde\0\0\0\0"));
}

#[test]
fn obsolete_packets_are_read() {
    for order in Order::BOTH {
        let mut body = [order.u16(1), order.u16(77)].concat();
        body.extend(order.words(&[1, 2, 3, 60]));
        body.extend(b"old");
        let bytes = [one_interface(order, &[interface(order, 1, 1, &[])]), block(order, 2, &body)].concat();
        let outcome = read(&bytes, &ReadOptions::default());
        let stamp = ((1 << 32) + 2) * 1000;
        assert_eq!(outcome.whole(), [Frame { interface: 1, ..frame(stamp, b"old") }]);
    }
}

#[test]
fn options_that_replaying_does_not_need_may_be_malformed() {
    let order = Order::Little;
    let past_the_block = [order.u16(NAME), order.u16(500)].concat();
    let options = [
        option(order, NAME, b"br\xff0"),
        option(order, 5, b"odd"),
        option(order, TSRESOL, &[3]),
        past_the_block,
    ];
    let bytes = [section(order), interface(order, 1, 0, &options), packet(order, 0, 2, 1, b"x")].concat();
    assert_eq!(read(&bytes, &ReadOptions::default()).whole(), [frame(2_000_000, b"x")]);
}

#[test]
fn a_packet_of_another_link_layer_is_a_break_that_names_interface_and_packet() {
    let order = Order::Little;
    let bytes = [
        one_interface(order, &[packet(order, 0, 1, 4, b"good")]),
        interface(order, 105, 0, &[option(order, NAME, b"wlan0")]),
        packet(order, 0, 2, 4, b"also"),
        packet(order, 1, 3, 3, b"bad"),
    ]
    .concat();
    let outcome = read(&bytes, &ReadOptions::default());
    assert_eq!(outcome.frames, [frame(1000, b"good"), frame(2000, b"also")]);
    assert_eq!(
        outcome.message(),
        "test: packet 3 (frame.number in tshark), byte offset 152: interface 1 (wlan0) has link type 105 (IEEE \
         802.11): only Ethernet captures can be replayed"
    );
}

#[test]
fn an_unused_interface_of_another_link_layer_is_no_error() {
    let order = Order::Little;
    let bytes = one_interface(order, &[interface(order, 189, 0, &[]), packet(order, 0, 1, 1, b"x")]);
    assert_eq!(read(&bytes, &ReadOptions::default()).whole(), [frame(1000, b"x")]);
}

#[test]
fn broken_blocks_are_reported_where_they_begin() {
    let order = Order::Little;
    let good = one_interface(order, &[packet(order, 0, 1, 4, b"good")]);
    let at = good.len() as u64;
    let after = |block: Vec<u8>| broken(&[good.clone(), block, packet(order, 0, 2, 4, b"lost")].concat());
    let patched = |word: usize, value: u32| {
        let mut bytes = packet(order, 0, 2, 4, b"evil");
        bytes[word * 4..][..4].copy_from_slice(&order.u32(value));
        after(bytes)
    };

    let what = Break::BlockLength { kind: 6, total: 37, expected: "a multiple of 4" };
    assert_eq!(patched(1, 37), (2, at, what));
    let what = Break::BlockLength { kind: 6, total: 28, expected: "room for its fixed fields" };
    assert_eq!(patched(1, 28), (2, at, what));
    let what = Break::BlockLength { kind: 6, total: 0x7fff_fffc, expected: "at most 16777216" };
    assert_eq!(patched(1, 0x7fff_fffc), (2, at, what));
    let what = Break::BlockTrailer { kind: 6, leading: 36, trailing: 40 };
    assert_eq!(patched(8, 40), (2, at, what));
    assert_eq!(patched(2, 1), (2, at, Break::NoInterface { interface: 1, described: 1 }));
    assert_eq!(patched(5, 5), (2, at, Break::PacketPastBlock { captured: 5, room: 4 }));
    assert_eq!(patched(5, 262_145), (2, at, Break::FrameTooLong { captured: 262_145 }));

    let mut odd_section = section(order);
    odd_section[8] = 0;
    assert_eq!(after(odd_section), (2, at, Break::SectionMagic { magic: 0x003c_2b1a }));
    let mut new_section = section(order);
    new_section[12] = 2;
    let what = Break::Version { format: "pcapng", major: 2, minor: 0, expected: "1.0" };
    assert_eq!(after(new_section), (2, at, what));
    assert_eq!(after(section(order)), (2, at + 28, Break::NoInterface { interface: 0, described: 0 }));
    let what = Break::BlockLength { kind: 1, total: 16, expected: "room for its fixed fields" };
    assert_eq!(after(block(order, 1, &[1, 0, 0, 0])), (2, at, what));
}

#[test]
fn more_interfaces_than_anyone_has_are_a_break() {
    let order = Order::Little;
    let interfaces = vec![interface(order, 1, 0, &[]); 1024].concat();
    let fine = [section(order), interfaces, packet(order, 1023, 1, 1, b"x")].concat();
    assert_eq!(read(&fine, &options(64)).whole(), [Frame { interface: 1023, ..frame(1000, b"x") }]);
    let one_more = [fine, interface(order, 1, 0, &[])].concat();
    assert_eq!(broken(&one_more).2, Break::TooManyInterfaces);
}

#[test]
fn a_file_cut_at_any_byte_delivers_the_frames_before_the_cut() {
    for order in Order::BOTH {
        let blocks = [
            section(order),
            interface(order, 1, 0, &[option(order, NAME, b"eth0")]),
            packet(order, 0, 1, 3, b"one"),
            section(order),
            interface(order, 1, 0, &[]),
            packet(order, 0, 2, 5, b"three"),
        ];
        let bytes = blocks.concat();
        let expected = [frame(1000, b"one"), Frame { interface: 1, ..frame(2000, b"three") }];
        let mut ends = vec![0];
        for block in &blocks {
            ends.push(ends.last().unwrap() + block.len());
        }
        for len in 4..bytes.len() {
            let last_end = *ends.iter().rfind(|end| **end <= len).unwrap();
            let whole = usize::from(len >= ends[3]) + usize::from(len >= ends[6]);
            for outcome in [read(&bytes[..len], &options(5)), scan(&bytes[..len], 5)] {
                assert_eq!(outcome.frames, expected[..whole], "cut at {len}");
                match outcome.error {
                    None => assert_eq!(len, last_end),
                    Some(CaptureError::Broken {
                        packet, offset, what: Break::Cut { have, need }, ..
                    }) => {
                        assert_eq!((packet, offset), (whole as u64 + 1, last_end as u64));
                        assert!(have == (len - last_end) as u64 && need > have);
                    }
                    other => panic!("cut at {len}: {other:?}"),
                }
            }
        }
        assert_eq!(read(&bytes, &options(5)).whole(), expected);
    }
}

#[test]
fn every_byte_of_a_file_may_be_wrong() {
    let order = Order::Little;
    let bytes = one_interface(
        order,
        &[packet(order, 0, 1, 9, b"first"), block(order, 5, &[0; 8]), packet(order, 0, 2, 3, b"two")],
    );
    let padded = ReadOptions { truncated: Truncated::Pad, buffer_bytes: 40, ..ReadOptions::default() };
    for at in 0..bytes.len() {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut wrong = bytes.clone();
            wrong[at] = value;
            let streamed = read(&wrong, &options(40));
            let in_place = scan(&wrong, 40);
            assert_eq!(streamed.frames, in_place.frames, "byte {at} = {value:#x}");
            let text = |error: &Option<CaptureError>| error.as_ref().map(ToString::to_string);
            assert_eq!(text(&streamed.error), text(&in_place.error), "byte {at} = {value:#x}");
            assert!(read(&wrong, &padded).frames.len() <= streamed.frames.len());
        }
    }
}
