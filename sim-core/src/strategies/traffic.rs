//! Random traffic: groups of frames that arrive together, with lengths around the mtus.

use proptest::prelude::*;

use crate::time::Nanos;

/// A frame and its arrival.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The port, by its place in the scenario.
    pub port: usize,
    /// When.
    pub at: Nanos,
    /// Bytes.
    pub len: u32,
    /// The first byte, on which programs act.
    pub mark: u8,
    /// Headroom, where it is not the usual one.
    pub head: Option<u16>,
}

impl Arrival {
    /// Bytes that tell frames apart: a mark that programs act on, then the number in the run.
    #[must_use]
    pub fn bytes(&self, no: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..self.len).map(|i| (no as u32).wrapping_add(i) as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = self.mark;
        }
        bytes
    }
}

/// Most frames of one run.
const FRAMES_MAX: usize = 200;

/// Groups of frames on the first of `n` ports, some on others.
pub fn any(n: usize) -> impl Strategy<Value = Vec<Arrival>> {
    let port = prop_oneof![5 => Just(0), 1 => 0..n];
    let count =
        prop_oneof![3 => Just(1usize), 3 => 2..16usize, 3 => 16..40usize, 2 => Just(64), 1 => 65..130usize];
    let head = prop_oneof![
        12 => Just(None),
        1 => prop::sample::select(vec![0u16, 39, 40, 300]).prop_map(Some),
    ];
    let gap = prop_oneof![1 => Just(0u64), 5 => 1..1500u64];
    let marks = prop::collection::vec(0..12u8, 1..5);
    let group = (port, gap, count, lengths(), marks, head);
    let single = (prop::collection::vec(length(), 1..40), 1..300u64).prop_map(one_by_one);
    prop_oneof![
        6 => prop::collection::vec(group, 1..6).prop_map(|groups| groups.into_iter().fold(Vec::new(), add_group)),
        1 => single,
    ]
}

/// Frames of a group in turn have these lengths.
fn lengths() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![3 => Just(vec![60]), 2 => length().prop_map(|len| vec![len]), 2 => prop::collection::vec(length(), 2..6)]
}

/// A length: mostly 60, often around an mtu of [`super::ports::mtu`], sometimes nothing at all.
pub fn length() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => Just(60u32),
        2 => prop::sample::select(vec![42u32, 46, 68, 500, 1500]).prop_flat_map(|mtu| mtu + 16..mtu + 21),
        2 => 0..1600u32,
        1 => prop::sample::select(vec![0u32, 1, 13, 14, 15]),
        1 => 3517..3524u32,
    ]
}

type Group = (usize, u64, usize, Vec<u32>, Vec<u8>, Option<u16>);

fn add_group(mut arrivals: Vec<Arrival>, group: Group) -> Vec<Arrival> {
    let (port, gap, count, lengths, marks, head) = group;
    let at = Nanos(arrivals.last().map_or(1, |last| last.at.0) + gap);
    let room = FRAMES_MAX - arrivals.len();
    arrivals.extend((0..count.min(room)).map(|i| Arrival {
        port,
        at,
        len: lengths[i % lengths.len()],
        mark: marks[i % marks.len()],
        head,
    }));
    arrivals
}

/// Polls of one, the way that most captures look.
fn one_by_one((lengths, gap): (Vec<u32>, u64)) -> Vec<Arrival> {
    let arrival =
        |(i, len)| Arrival { port: 0, at: Nanos(1 + i as u64 * gap), len, mark: i as u8 % 12, head: None };
    lengths.into_iter().enumerate().map(arrival).collect()
}
