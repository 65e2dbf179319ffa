//! The frames of a case: lengths around the house's mtus, and bytes that tell them apart.
//!
//! Ethernet with the experimental type 0x88b5. The first byte is a mark that programs take keys from; the
//! payload begins with the frame's number in the case, then a number of the case. All bytes but the type's
//! are below 0x80, so that nothing that programs cut off makes a VLAN tag of the rest.

use proptest::prelude::*;
use xdpsim_core::scenario::{PeerSpec, PortKind};

use super::names;
use crate::case::House;

/// The type of all frames: for local experiments.
pub const ETHERTYPE: [u8; 2] = [0x88, 0xb5];

/// A frame before it has a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameDraw {
    pub len: usize,
    pub mark: u8,
}

/// How many frames come together.
pub(super) fn count() -> impl Strategy<Value = usize> {
    prop_oneof![
        2 => 1..15usize,
        4 => prop::sample::select(vec![15usize, 16, 17, 18, 33, 34]),
        3 => 16..64usize,
        1 => Just(64usize),
    ]
}

/// Frames in turn have these lengths and marks.
pub(super) fn frames<N: Strategy<Value = usize>>(
    house: &House,
    count: N,
) -> impl Strategy<Value = Vec<FrameDraw>> + use<N> {
    let length = length(house);
    let lengths = prop_oneof![
        4 => Just(vec![60]),
        2 => length.clone().prop_map(|len| vec![len]),
        2 => prop::collection::vec(length, 2..6),
    ];
    (count, lengths, prop::collection::vec(0..12u8, 1..5)).prop_map(|(count, lengths, marks)| {
        let frame = |i: usize| FrameDraw { len: lengths[i % lengths.len()], mark: marks[i % marks.len()] };
        (0..count).map(frame).collect()
    })
}

/// A length: mostly 60, often around what ports and far ends take, never more than a receiver takes.
fn length(house: &House) -> BoxedStrategy<usize> {
    let mut limits: Vec<u32> = Vec::new();
    for port in house.ports.iter().filter(|port| names::has_far_end(port)) {
        limits.extend(port.mtu);
        if let PortKind::Veth { peer: PeerSpec::FarEnd { mtu, .. }, .. } = port.kind {
            limits.push(mtu);
        }
    }
    limits.push(200);
    let around = prop::sample::select(limits).prop_flat_map(|mtu| mtu as usize + 16..mtu as usize + 20);
    prop_oneof![
        4 => Just(60usize),
        3 => around.prop_map(|len| len.min(1518)),
        2 => 14..300usize,
        1 => prop::sample::select(vec![14usize, 15, 17, 1514, 1518]),
    ]
    .boxed()
}

/// The bytes of frame number `no` of a case.
pub(super) fn bytes(draw: FrameDraw, no: usize, case: u16) -> Vec<u8> {
    let seven = |number: usize, shift: usize| ((number >> shift) & 0x7f) as u8;
    let head = [draw.mark, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ETHERTYPE[0], ETHERTYPE[1]];
    let case = usize::from(case);
    let id = [seven(no, 7), seven(no, 0), seven(case, 14), seven(case, 7), seven(case, 0)];
    let filler = (head.len() + id.len()..).map(|i| seven(i + no, 0));
    head.into_iter().chain(id).chain(filler).take(draw.len).collect()
}
