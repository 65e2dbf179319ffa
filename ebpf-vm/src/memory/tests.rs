//! Segments, bounds and what helpers use.

use super::*;

fn memory() -> Memory {
    let mut memory = Memory::new();
    memory.packet_in(b"0123456789abcdef", 32, 8);
    memory.set_context(ContextFields { ingress_ifindex: 7, rx_queue_index: 2, egress_ifindex: 9 });
    memory
}

/// `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
#[test]
fn the_context_has_the_fields_of_xdp_md() {
    let mut memory = memory();
    memory.move_packet(24, 30, 40);
    let fields: Vec<u64> =
        (0..6).map(|i| memory.load(context_address() + 4 * i, Size::W).expect("a field")).collect();
    let base = u64::from(BASE);
    assert_eq!(fields, [base + 30, base + 40, base + 24, 7, 2, 9]);
    assert_eq!((memory.packet().metadata().len(), memory.packet().frame().len()), (6, 10));
}

#[test]
fn metadata_belongs_to_the_packet_and_headroom_does_not() {
    let mut memory = memory();
    memory.move_packet(24, 32, 48);
    let at = |offset: u32| u64::from(BASE + offset);
    assert!(memory.store(at(24), Size::Dw, 5).is_ok());
    assert_eq!(memory.store(at(23), Size::B, 5).map_err(|denied| denied.why), Err(Why::OutOfBounds));
    assert_eq!(memory.load(at(28), Size::Dw), Ok(u64::from(u32::from_le_bytes(*b"0123")) << 32));
}

#[test]
fn an_access_never_wraps_around() {
    let mut memory = memory();
    for addr in [u64::MAX, u64::MAX - 3, 0xffff_ffff, 0xffff_fffc, (1 << 32) - 1, (17 << 32) - 1] {
        for size in Size::ALL {
            assert!(memory.load(addr, size).is_err(), "{addr:#x}");
            assert!(memory.store(addr, size, 0).is_err(), "{addr:#x}");
        }
        assert!(memory.bytes(addr, u32::MAX).is_err(), "{addr:#x}");
        assert!(memory.bytes_mut(addr, u32::MAX).is_err(), "{addr:#x}");
    }
    assert!(memory.bytes(u64::from(BASE + 32), u32::MAX).is_err());
}

#[test]
fn handles_and_functions_are_found_again() {
    assert_eq!(handle_map(handle_address(MapIdx(5))), Some(MapIdx(5)));
    assert_eq!(function_pc(function_address(12)), Some(12));
    assert_eq!((handle_map(function_address(1)), function_pc(handle_address(MapIdx(1)))), (None, None));
}

#[test]
fn copies_go_between_segments() {
    let mut memory = memory();
    let map = memory.add_slab(Slab::slots(200, 2).expect("small"));
    let (packet, value) = (u64::from(BASE + 32), slab_address(map, memory.slab(map).offset(1)));
    memory.copy(packet, value, 16).expect("both are there");
    assert_eq!(&memory.slab(map).value(1)[..16], b"0123456789abcdef");
    memory.slab_mut(map).value_mut(0).fill(3);
    memory.copy(slab_address(map, 0), value, 200).expect("longer than a chunk");
    assert_eq!(memory.slab(map).value(1), [3; 200]);
    let denied = memory.copy(value, packet, 17).expect_err("the packet is shorter");
    assert!(denied.access.write);
    assert_eq!(memory.packet().frame(), b"0123456789abcdef", "nothing was copied");
}

#[test]
fn records_can_be_accessed_while_they_are_open() {
    let mut memory = memory();
    let ring = memory.add_slab(Slab::records(64).expect("small"));
    let at = |offset| slab_address(ring, offset);
    assert!(memory.load(at(8), Size::B).is_err());
    memory.slab_mut(ring).open(8..20);
    memory.slab_mut(ring).open(32..40);
    assert!(memory.store(at(12), Size::Dw, 1).is_ok());
    assert_eq!(memory.store(at(13), Size::Dw, 1).map_err(|denied| denied.why), Err(Why::OutOfBounds));
    assert!(memory.load(at(24), Size::B).is_err());
    assert_eq!(memory.slab_mut(ring).close(8), Some(8..20));
    assert!(memory.load(at(12), Size::B).is_err());
    assert!(memory.load(at(32), Size::Dw).is_ok());
    assert_eq!(memory.slab_mut(ring).close(8), None);
}

#[test]
fn a_slab_that_no_segment_can_hold_is_refused() {
    assert!(Slab::slots(u32::MAX, 1).is_none());
    assert!(Slab::slots(8, 1 << 29).is_none());
    assert!(Slab::records(u32::MAX).is_none());
    let mut memory = memory();
    let none = memory.add_slab(Slab::empty());
    assert!(memory.load(slab_address(none, 0), Size::B).is_err());
}

/// What one frame's program leaves in the headroom, the next one's does not find.
#[test]
fn the_headroom_is_zero_for_every_frame() {
    let mut memory = Memory::new();
    for (bytes, headroom, down) in
        [(300, 256, 200), (64, 256, 256), (64, 512, 40), (9, 64, 64), (64, 600, 600)]
    {
        memory.packet_in(&vec![0xee; bytes], headroom, 320);
        assert!(!memory.packet().is_dirty());
        let end = headroom + bytes as u32;
        assert_eq!(memory.packet().bounds(), (headroom, headroom, end));
        assert_eq!(memory.packet().buffer().len(), (end + 320) as usize);
        memory.move_packet(headroom - down, headroom, end);
        assert!(memory.packet().is_dirty());
        assert!(memory.packet().metadata().iter().all(|&byte| byte == 0), "{bytes}, {headroom}");
        let meta = u64::from(memory.packet().data_meta());
        memory.store(meta, Size::B, 7).expect("it is the packet's");
        memory.bytes_mut(meta, down).expect("all of it").fill(7);
    }
}

/// Of every length, however it was copied; a frame like the last one needs its length and bounds that nobody moved.
#[test]
fn a_frame_comes_in_as_it_is() {
    let mut memory = Memory::new();
    let bytes: Vec<u8> = (0..=255).collect();
    for len in 0..=200 {
        let (first, second) = (&bytes[..len], &bytes[56..56 + len]);
        memory.packet_in(first, 256, 320);
        assert_eq!(memory.packet().frame(), first);
        assert!(memory.packet_like_last(second));
        assert_eq!(memory.packet().frame(), second);
        assert!(!memory.packet_like_last(&bytes[..=len]));
        memory.move_packet(256, 256, 256 + len as u32);
        assert!(!memory.packet_like_last(first));
        assert_eq!(memory.packet().frame(), second);
        memory.packet_in(first, 256, 320);
        assert_eq!((memory.packet().frame(), memory.packet().bounds().0), (first, 256));
    }
    assert!(!Memory::new().packet_like_last(&[]));
}

#[test]
fn a_store_into_the_packet_makes_it_dirty_and_a_load_does_not() {
    let mut memory = Memory::new();
    memory.packet_in_with_metadata(b"meta0123456789", 4, 256, 0);
    let packet = memory.packet();
    assert_eq!((packet.metadata(), packet.frame()), (b"meta".as_slice(), b"0123456789".as_slice()));
    assert_eq!(packet.output(), b"meta0123456789");
    let data = u64::from(packet.data());
    memory.load(data, Size::Dw).expect("there are ten bytes");
    assert!(memory.store(data + 4, Size::Dw, 0).is_err());
    assert!(!memory.packet().is_dirty());
    memory.store(data, Size::B, 1).expect("there are ten bytes");
    assert!(memory.packet().is_dirty());
    memory.packet_in(b"next", 256, 0);
    assert!(!memory.packet().is_dirty());
    memory.packet_buffer().fill(9);
    memory.packet_in(b"next", 256, 0);
    memory.move_packet(0, 256, 260);
    assert_eq!(memory.packet().metadata(), [0; 256]);
}
