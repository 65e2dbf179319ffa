//! Namespaces, links, sockets and counters do what their names say, on the running kernel.

#![cfg(target_os = "linux")]

use std::time::Instant;

use xdpsim_devmap::IfIndex;
use xdpsim_oracle::need;
use xdpsim_oracle::net::{DropsReader, Links, Netns, PacketSocket, PortStats, VethEnd, XskConfig, XskSocket};

const NEAR: IfIndex = IfIndex(7);
const FAR: IfIndex = IfIndex(3);

/// A pair with its ends in two namespaces.
struct Pair {
    near: Netns,
    far: Netns,
    near_links: Links,
    far_links: Links,
}

impl Pair {
    fn new() -> Self {
        let (near, far) = (Netns::new().unwrap(), Netns::new().unwrap());
        let (near_links, far_links) = (Links::of(&near).unwrap(), Links::of(&far).unwrap());
        let near_end = VethEnd { name: "near", ifindex: NEAR, netns: &near, mtu: 1500, queues: 1 };
        let far_end = VethEnd { name: "far", ifindex: FAR, netns: &far, mtu: 1400, queues: 1 };
        near_links.veth(&near_end, &far_end).unwrap();
        near_links.set_up(NEAR, true).unwrap();
        far_links.set_up(FAR, true).unwrap();
        Self { near, far, near_links, far_links }
    }
}

fn frame(len: usize, fill: u8) -> Vec<u8> {
    let mut frame = vec![fill; len];
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    frame
}

fn drained(socket: &mut PacketSocket) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    socket.drain(|frame| frames.push(frame.to_vec())).unwrap();
    frames
}

/// The thread comes home, also after a panic.
#[test]
fn a_thread_is_in_a_namespace_as_long_as_its_guard_lives() {
    let Some(()) = need::kernel("net::guard") else { return };
    let home = Netns::current().unwrap().inode();
    let netns = Netns::new().unwrap();
    assert_ne!(netns.inode(), home);
    let inside = netns.run(|| Netns::current().unwrap().inode()).unwrap();
    assert_eq!(inside, netns.inode());
    assert_eq!(Netns::current().unwrap().inode(), home);
    let result = std::panic::catch_unwind(|| netns.run(|| panic!("on purpose")));
    assert!(result.is_err());
    assert_eq!(Netns::current().unwrap().inode(), home);
}

#[test]
fn what_one_end_sends_the_other_passes_to_the_stack() {
    let Some(()) = need::kernel("net::passes") else { return };
    let pair = Pair::new();
    let mut stack = PacketSocket::open(&pair.near, NEAR).unwrap();
    let mut xsk = XskSocket::open(&pair.far, FAR, XskConfig::default()).unwrap();
    let sent: Vec<_> = (0..200_u16).map(|n| frame(60 + usize::from(n), n.to_ne_bytes()[0])).collect();
    for frame in &sent {
        xsk.send(frame).unwrap();
    }
    assert_eq!(drained(&mut stack), sent);
    assert!(drained(&mut stack).is_empty());
}

/// Nothing but what is sent on purpose goes over a fresh link.
#[test]
fn a_fresh_link_is_silent() {
    let Some(()) = need::kernel("net::silent") else { return };
    let pair = Pair::new();
    let mut stack = PacketSocket::open(&pair.near, NEAR).unwrap();
    pair.near_links.bridge("br", IfIndex(40)).unwrap();
    pair.near_links.set_master(NEAR, Some(IfIndex(40))).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(drained(&mut stack), Vec::<Vec<u8>>::new());
    let mut drops = DropsReader::open(&pair.near).unwrap();
    assert_eq!(drops.read().unwrap()["near"], Default::default());
}

/// A socket's frames stay its own when the device is down.
#[test]
fn sending_on_a_device_that_is_down_fails_and_leaves_nothing_behind() {
    let Some(()) = need::kernel("net::down") else { return };
    let pair = Pair::new();
    let mut stack = PacketSocket::open(&pair.near, NEAR).unwrap();
    let mut xsk = XskSocket::open(&pair.far, FAR, XskConfig::default()).unwrap();
    pair.far_links.set_up(FAR, false).unwrap();
    for _ in 0..100 {
        assert_eq!(xsk.send(&frame(60, 1)).unwrap_err().errno(), libc::ENETDOWN);
    }
    pair.far_links.set_up(FAR, true).unwrap();
    xsk.send(&frame(60, 2)).unwrap();
    assert_eq!(drained(&mut stack), [frame(60, 2)]);
}

/// Bridges, macvlans, masters, moves and deletions, each by its ifindex.
#[test]
fn links_are_made_changed_moved_and_deleted() {
    let Some(()) = need::kernel("net::links") else { return };
    let Pair { near, far, near_links, far_links } = Pair::new();
    near_links.set_mtu(NEAR, 900).unwrap();
    near_links.set_gro(NEAR, true).unwrap();
    near_links.bridge("br", IfIndex(20)).unwrap();
    near_links.set_master(NEAR, Some(IfIndex(20))).unwrap();
    assert_eq!(near_links.macvlan("mv", IfIndex(21), NEAR).unwrap_err().errno(), libc::EBUSY);
    near_links.set_master(NEAR, None).unwrap();
    for n in 21..32 {
        near_links.macvlan(&format!("mv{n}"), IfIndex(n), NEAR).unwrap();
    }
    far_links.move_to(FAR, &near).unwrap();
    assert_eq!(far_links.set_up(FAR, true).unwrap_err().errno(), libc::ENODEV);
    near_links.set_up(FAR, true).unwrap();
    near_links.delete(NEAR).unwrap();
    assert_eq!(near_links.delete(FAR).unwrap_err().errno(), libc::ENODEV);
    drop(far);
}

#[test]
fn counters_are_read_where_they_are() {
    let Some(()) = need::kernel("net::counters") else { return };
    let pair = Pair::new();
    let mut stats = PortStats::open(&pair.near, NEAR).unwrap();
    let mut drops = DropsReader::open(&pair.near).unwrap();
    let before = (stats.read().unwrap(), drops.read().unwrap()["near"]);
    assert_eq!(before, Default::default());
    // GRO gives the end a NAPI, so what arrives is polled and counted.
    pair.near_links.set_gro(NEAR, true).unwrap();
    let far = PacketSocket::open(&pair.far, FAR).unwrap();
    far.send(&frame(100, 0)).unwrap();
    assert!(drops.read().unwrap().contains_key("lo"));
    let after = stats.read().unwrap();
    assert!(after.xdp_packets <= 1, "{after:?}");
}

/// What a setup costs; printed for the record.
#[test]
fn a_pair_takes_milliseconds() {
    let Some(()) = need::kernel("net::cost") else { return };
    let start = Instant::now();
    let pair = Pair::new();
    println!("two namespaces and a pair that is up: {:?}", start.elapsed());
    let start = Instant::now();
    for _ in 0..1000 {
        pair.far.run(|| ()).unwrap();
    }
    println!("into a namespace and back: {:?}", start.elapsed() / 1000);
}
