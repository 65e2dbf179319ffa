use std::io::Cursor;

use etherparse::PacketBuilder;

use super::*;
use crate::capture::ReadOptions;

/// Who sends: the last byte of MAC and IP address.
fn report(host: u8, kind: u8, group: [u8; 4]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, host], [1, 0, 0x5e, 0, 0, group[3]]);
    let message = [[kind, 0, 0, 0], group].concat();
    let ip = builder.ipv4([10, 0, 0, host], group, 1);
    ip.write(&mut frame, etherparse::IpNumber::IGMP, &message).expect("a frame");
    frame
}

fn data(host: u8, group: [u8; 4]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, host], [1, 0, 0x5e, 0, 0, group[3]]);
    builder.ipv4([10, 0, 0, host], group, 1).udp(1, 2).write(&mut frame, &[0; 20]).expect("a frame");
    frame
}

/// A capture in microseconds, a frame each millisecond.
fn capture(frames: &[Vec<u8>]) -> CaptureReader {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut bytes = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
    for (i, frame) in frames.iter().enumerate() {
        let len = frame.len() as u32;
        bytes.extend(words(&[0, 1_000 * i as u32, len, len]));
        bytes.extend(frame);
    }
    CaptureReader::from_reader("memory", Cursor::new(bytes), &ReadOptions::default()).expect("a capture")
}

const A: [u8; 4] = [239, 0, 0, 1];
const B: [u8; 4] = [239, 0, 0, 2];

#[test]
fn members_are_those_who_joined_and_did_not_leave() {
    let frames = [
        report(1, 0x16, A),
        report(2, 0x16, A),
        report(2, 0x16, A),
        report(3, 0x12, A),
        report(2, 0x17, A),
        data(4, B),
        data(4, A),
        data(4, A),
    ];
    let learnt = learn(vec![capture(&frames)]).expect("groups");
    assert_eq!((learnt.ports(), learnt.groups(), learnt.joined()), (4, 2, 1));
    assert_eq!(learnt.members(0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(learnt.members(1).collect::<Vec<_>>(), [1, 2, 3, 4], "nobody joined: all ports");
    assert_eq!((learnt.changes, learnt.multicasts(), learnt.seen), (4, 3, 8));
    assert_eq!(learnt.nanos, 7_000_000);
    assert_eq!(learnt.names(), [(None, IpAddr::from(A)), (None, IpAddr::from(B))]);
}

#[test]
fn frames_come_as_often_as_the_capture_has_them() {
    let frames = [data(1, A), data(1, A), data(1, A), data(2, B)];
    let learnt = learn(vec![capture(&frames)]).expect("groups");
    let mut random = Random::new(1, &[]);
    let first = (0..4_000).filter(|_| learnt.frame(&mut random) == Some((0, 1))).count();
    assert!((2_900..3_100).contains(&first), "{first} of 4,000 where three of four are meant");
}

#[test]
fn captures_that_teach_nothing() {
    let error = learn(vec![capture(&[vec![0; 60]])]).expect_err("no group");
    assert!(matches!(error, LearnError::NoGroup { frames: 1 }), "{error}");
    let joins = learn(vec![capture(&[report(1, 0x16, A)])]).expect("a group");
    assert_eq!(joins.frame(&mut Random::new(1, &[])), None, "no frame went to it");
}
