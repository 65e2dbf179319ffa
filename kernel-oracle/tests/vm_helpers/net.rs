//! Routes, neighbours and MTUs: in a network namespace of its own, with devices, routes and neighbours of both IPs.

use std::net::IpAddr;

use super::Counts;
use super::code::{Arg, Code};
use super::pair::{Pair, kernel_version};
use super::vm_draw::Random;
use xdpsim_devmap::IfIndex;
use xdpsim_oracle::net::{Links, Netns, VethEnd, set_sysctl};
use xdpsim_vm::fib::{Device, Fib, Mac, Route, RouteType, TABLE_LOCAL};

const CHECK_MTU: i32 = 163;
const FIB_LOOKUP: i32 = 69;
/// Questions of each kind.
const QUESTIONS: usize = 2500;

/// Two devices that forward, and one that does not: index, name, MTU, addresses.
type Port = (u32, &'static str, u32, &'static [(&'static str, u8)]);
const PORTS: [Port; 3] = [
    (2, "a", 1500, &[("10.0.0.1", 24), ("10.0.0.7", 24), ("fd00::1", 64)]),
    (4, "b", 1400, &[("10.0.1.1", 24), ("fd00:1::1", 64)]),
    (6, "c", 9000, &[("10.0.2.1", 24), ("fd00:2::1", 64)]),
];

fn mac(ifindex: u32) -> Mac {
    [2, 0, 0, 0, 0, ifindex as u8]
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn via(prefix: &str, dev: u32) -> Route {
    Route::via(prefix.parse().unwrap(), IfIndex(dev))
}

fn of_type(prefix: &str, kind: RouteType) -> Route {
    Route::of_type(prefix.parse().unwrap(), kind)
}

/// Routes that are added; those of the devices' own networks come by themselves.
fn routes() -> Vec<Route> {
    use RouteType::{Blackhole, Prohibit, Throw, Unreachable};

    vec![
        via("10.1.0.0/16", 2).gateway(ip("10.0.0.2")),
        Route { metric: 50, ..via("10.2.0.0/16", 4) },
        Route { metric: 100, ..via("10.2.0.0/16", 2) },
        of_type("10.3.0.0/24", Blackhole),
        of_type("10.4.0.0/24", Unreachable),
        of_type("10.5.0.0/24", Prohibit),
        via("10.6.0.0/16", 4).gateway(ip("10.0.1.9")),
        of_type("10.7.0.0/24", Throw),
        Route { table: 253, ..via("10.7.0.0/16", 2).gateway(ip("10.0.0.2")) },
        Route { table: 100, ..via("10.8.0.0/16", 4).gateway(ip("10.0.1.2")) },
        Route { table: 100, ..via("0.0.0.0/0", 2).gateway(ip("10.0.0.2")) },
        Route { source: Some(ip("10.0.0.7")), ..via("10.9.0.0/16", 2).gateway(ip("10.0.0.2")) },
        Route { locked_mtu: Some(1000), ..via("10.10.0.0/16", 4).gateway(ip("10.0.1.2")) },
        via("10.1.2.0/24", 4).gateway(ip("10.0.1.2")),
        via("2001:db8:1::/48", 2).gateway(ip("fd00::2")),
        Route { metric: 50, ..via("2001:db8:2::/48", 4).gateway(ip("fd00:1::2")) },
        Route { metric: 100, ..via("2001:db8:2::/48", 2).gateway(ip("fd00::2")) },
        of_type("2001:db8:3::/48", Blackhole),
        of_type("2001:db8:4::/48", Unreachable),
        of_type("2001:db8:5::/48", Prohibit),
        via("2001:db8:6::/48", 4).gateway(ip("fd00:1::9")),
        Route { table: 100, ..via("2001:db8:8::/48", 4).gateway(ip("fd00:1::2")) },
        via("2001:db8:1:2::/64", 4).gateway(ip("fd00:1::2")),
        Route { locked_mtu: Some(1300), ..via("2001:db8:a::/48", 2).gateway(ip("fd00::2")) },
    ]
}

const NEIGHBOURS: [(u32, &str); 6] =
    [(2, "10.0.0.2"), (4, "10.0.1.2"), (4, "10.2.0.5"), (2, "fd00::2"), (4, "fd00:1::2"), (6, "10.0.2.2")];

const DESTINATIONS: [&str; 36] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.99",
    "10.0.0.255",
    "10.0.1.2",
    "10.0.2.2",
    "10.1.0.1",
    "10.1.2.3",
    "10.2.0.5",
    "10.2.0.6",
    "10.3.0.1",
    "10.3.1.1",
    "10.4.0.1",
    "10.5.0.1",
    "10.6.0.1",
    "10.7.0.1",
    "10.7.1.1",
    "10.8.0.1",
    "10.9.0.1",
    "10.10.0.1",
    "192.0.2.1",
    "fd00::1",
    "fd00::2",
    "fd00::99",
    "fd00:1::2",
    "2001:db8:1::1",
    "2001:db8:1:2::1",
    "2001:db8:2::1",
    "2001:db8:3::1",
    "2001:db8:4::1",
    "2001:db8:5::1",
    "2001:db8:6::1",
    "2001:db8:8::1",
    "2001:db8:a::1",
    "fe80::1",
    "ff02::1",
];

/// The namespace, and the same in the model.
fn house() -> (Netns, Fib) {
    let netns = Netns::new().unwrap();
    let links = Links::of(&netns).unwrap();
    let mut fib = Fib::default();
    fib.add_device(Device { mtu: 65536, ..Device::new(IfIndex(1), [0; 6]) });
    netns.run(|| set_up(&netns, &links, &mut fib)).unwrap();
    for route in routes() {
        links.add_route(&route).unwrap();
        fib.add_route(route);
    }
    for (dev, address) in NEIGHBOURS {
        links.add_neighbour(IfIndex(dev), ip(address), mac(100 + dev)).unwrap();
        fib.add_neighbour(IfIndex(dev), ip(address), mac(100 + dev));
    }
    (netns, fib)
}

fn set_up(netns: &Netns, links: &Links, fib: &mut Fib) {
    for setting in ["all", "default"] {
        set_sysctl(&format!("net/ipv6/conf/{setting}/disable_ipv6"), "0").unwrap();
        set_sysctl(&format!("net/ipv6/conf/{setting}/accept_dad"), "0").unwrap();
    }
    for (ifindex, name, mtu, addresses) in PORTS {
        let (far_name, far) = (format!("{name}x"), ifindex + 1);
        let near = VethEnd { mtu, ..VethEnd::new(name, IfIndex(ifindex), netns) };
        links.veth(&near, &VethEnd { mtu, ..VethEnd::new(&far_name, IfIndex(far), netns) }).unwrap();
        links.set_mac(IfIndex(ifindex), mac(ifindex)).unwrap();
        let forwards = if name == "c" { "0" } else { "1" };
        for version in ["ipv4", "ipv6"] {
            set_sysctl(&format!("net/{version}/conf/{name}/forwarding"), forwards).unwrap();
            set_sysctl(&format!("net/{version}/conf/{far_name}/forwarding"), "0").unwrap();
        }
        links.set_up(IfIndex(ifindex), true).unwrap();
        links.set_up(IfIndex(far), true).unwrap();
        let mut device = Device { mtu, ..Device::new(IfIndex(ifindex), mac(ifindex)) };
        device.forwards = [forwards == "1"; 2];
        fib.add_device(Device { mtu, ..Device::new(IfIndex(far), mac(far)) });
        for (address, prefix) in addresses {
            links.add_address(IfIndex(ifindex), ip(address), *prefix).unwrap();
            device.addresses.push((ip(address), *prefix));
            own_routes(fib, ifindex, ip(address), *prefix);
        }
        fib.add_device(device);
    }
}

/// What a kernel adds with an address: the network, and the address itself.
fn own_routes(fib: &mut Fib, ifindex: u32, address: IpAddr, prefix: u8) {
    let local =
        |text: &str| Route { table: TABLE_LOCAL, kind: RouteType::Local, metric: 0, ..via(text, ifindex) };
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            fib.add_route(via(&format!("{a}.{b}.{c}.0/{prefix}"), ifindex));
            fib.add_route(local(&format!("{a}.{b}.{c}.255/32")));
            fib.add_route(local(&format!("{v4}/32")));
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            fib.add_route(Route { metric: 256, ..via(&format!("{a:x}:{b:x}::/{prefix}"), ifindex) });
            fib.add_route(local(&format!("{v6}/128")));
        }
    }
}

pub fn play(counts: &mut Counts) {
    let (netns, fib) = house();
    let _inside = netns.enter().unwrap();
    let random = &mut Random(67);
    let mut pair = Pair::new(&[]);
    pair.world.fib = fib;
    lookups(random, &mut pair, counts);
    lengths(random, &mut pair, counts);
}

fn lookups(random: &mut Random, pair: &mut Pair, counts: &mut Counts) {
    // BPF_FIB_LOOKUP_TBID is of 6.5, SRC of 6.7, MARK of 6.10.
    let known: &[u64] = if kernel_version() < (6, 10) {
        &[0, 1, 2, 4, 5, 6]
    } else {
        &[0, 0, 1, 2, 4, 5, 6, 9, 9, 13, 16, 17, 20, 25, 32, 8]
    };
    let mut reasons = std::collections::BTreeMap::<i64, u32>::new();
    for _ in 0..QUESTIONS {
        let dst = ip(random.pick(&DESTINATIONS));
        let mut page = vec![0; 64];
        page.fill_with(|| random.next() as u8);
        page[0] = if random.below(30) == 0 { 7 } else { if dst.is_ipv4() { 2 } else { 10 } };
        let len = random.pick(&[0_u16, 0, 100, 1000, 1001, 1300, 1301, 1400, 1401, 1500, 1501, 9001]);
        page[6..8].copy_from_slice(&len.to_le_bytes());
        page[8..12].copy_from_slice(&(random.pick(&[2, 2, 2, 4, 4, 6, 1, 3, 99]) as u32).to_le_bytes());
        let src = match dst {
            IpAddr::V4(_) => ip("10.0.0.5"),
            IpAddr::V6(_) => ip(random.pick(&["fd00::5", "fd00::5", "fd00::5", "fd00::5", "fe80::5"])),
        };
        for (at, ip) in [(16, src), (32, dst)] {
            match ip {
                IpAddr::V4(ip) => page[at..at + 4].copy_from_slice(&ip.octets()),
                IpAddr::V6(ip) => page[at..at + 16].copy_from_slice(&ip.octets()),
            }
        }
        page[48..52].copy_from_slice(&(random.pick(&[254, 100, 100, 255, 253, 77]) as u32).to_le_bytes());
        pair.fill(&page);
        let flags = match random.below(20) {
            0 => random.pick(&[64, 1 << 20, 0xffff_ffff]),
            _ => random.pick(known),
        };
        let size = random.pick(&[64, 64, 64, 64, 64, 64, 64, 80, 63, 16]);
        let args = [Arg::Ctx, Arg::Page(0), Arg::Num(size), Arg::Num(flags as i64)];
        let insns = Code::new().call(FIB_LOOKUP, &args).keep().end();
        let said = pair.run(&insns, &[0; 64]).expect("the verifier takes this call");
        let results = said.results(1);
        *reasons.entry(results[0]).or_default() += 1;
        counts.add(&[FIB_LOOKUP], &results, |result| result != 0);
    }
    println!("bpf_fib_lookup: results and how often: {reasons:?}");
    // Every answer but that of tunnels.
    let rest = (0..=9).filter(|reason| ![6, 9].contains(reason));
    assert!(rest.chain([-22, -19, -97]).all(|reason| reasons.contains_key(&reason)), "{reasons:?}");
}

fn lengths(random: &mut Random, pair: &mut Pair, counts: &mut Counts) {
    for _ in 0..QUESTIONS / 4 {
        let given = random.pick(&[0_u32, 0, 100, 1386, 1400, 1401, 1500, 1501, 9000, 0xffff_ffff]);
        pair.fill(&given.to_le_bytes());
        let ifindex = Arg::Num(random.pick(&[0, 1, 2, 4, 6, 99, 1 << 32]));
        let diff = Arg::Num(random.pick(&[0, 0, 1, -1, 14, -14, 5000, -5000, i64::from(i32::MIN)]));
        let flags = Arg::Num(random.pick(&[0, 0, 0, 0, 1, 1 << 40]));
        let insns = Code::new().call(CHECK_MTU, &[Arg::Ctx, ifindex, Arg::Page(0), diff, flags]).keep().end();
        let frame = vec![0; 14 + random.below(1600) as usize];
        let said = pair.run(&insns, &frame).expect("the verifier takes this call");
        counts.add(&[CHECK_MTU], &said.results(1), |result| result != 0);
    }
}
