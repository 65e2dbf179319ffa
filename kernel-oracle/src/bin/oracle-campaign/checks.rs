//! Whether a campaign can run on this machine at all: each thing that it stands on, tried once.
//!
//! A kernel without one of them would fail somewhere in the middle, in words about something else.

use std::fs;

use xdpsim_core::IfIndex;
use xdpsim_oracle::bpf::asm::Asm;
use xdpsim_oracle::bpf::{Map, MapCreate, Prog, ProgLoad, XdpLink, map_type};
use xdpsim_oracle::need::{self, Need};
use xdpsim_oracle::net::{Links, Netns, VethEnd, XskConfig, XskSocket};

/// The action of the program that is attached.
const XDP_PASS: u32 = 2;

/// Tries everything, and says what works; the error names what does not.
pub fn run() -> Result<(), String> {
    let missing = need::missing(&[Need::KERNEL.as_slice(), &[Need::KernelBtf]].concat());
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Err(format!("needs {}: run as root", names.join(", ")));
    }
    let btf = fs::read("/sys/kernel/btf/vmlinux").map_err(|e| format!("the kernel's types: {e}"))?;
    eprintln!("checked: the kernel's types, {} KiB", btf.len() >> 10);
    let map = MapCreate::new(map_type::DEVMAP, 4, 8, 4, "check");
    Map::create(&map).map_err(|e| format!("a DEVMAP: {e}"))?;
    eprintln!("checked: a DEVMAP");
    devices()
}

/// A veth pair in a namespace of its own, with a program at one end and an AF_XDP socket at the other.
fn devices() -> Result<(), String> {
    let (near, far) = (IfIndex(2), IfIndex(3));
    let netns = Netns::new().map_err(|e| format!("a namespace: {e}"))?;
    let links = Links::of(&netns).map_err(|e| format!("links: {e}"))?;
    let end = |name, ifindex| VethEnd { name, ifindex, netns: &netns, mtu: 1500, queues: 1 };
    links
        .veth(&end("near", near), &end("far", far))
        .and_then(|()| links.set_up(near, true))
        .and_then(|()| links.set_up(far, true))
        .map_err(|e| format!("a veth pair: {e}"))?;
    eprintln!("checked: a veth pair in a namespace of its own");

    let mut asm = Asm::new();
    let insns = asm.ret(XDP_PASS).clone().finish().map_err(|e| format!("a program: {e}"))?;
    let prog = Prog::load(&ProgLoad::xdp("check", &insns)).map_err(|e| format!("a program: {e}"))?;
    let link = netns
        .run(|| XdpLink::native(&prog, near.0))
        .map_err(|e| format!("the namespace: {e}"))?
        .map_err(|e| format!("a program on a veth: {e}"))?;
    eprintln!("checked: a program on a veth, native mode");

    let socket = XskSocket::open(&netns, far, XskConfig::default());
    drop(socket.map_err(|e| format!("an AF_XDP socket on a veth: {e}"))?);
    drop(link);
    eprintln!("checked: an AF_XDP socket on a veth");
    Ok(())
}
