//! The veth pairs of all rows: near ends in one namespace without a name, far ends in another, on one CPU.
//!
//! All of it goes with the process, however that ends.

use std::fs::File;

use xdpsim_core::scenario::PortSpec;
use xdpsim_devmap::IfIndex;
use xdpsim_oracle::bpf::asm::Asm;
use xdpsim_oracle::bpf::{Prog, ProgLoad, XdpLink};
use xdpsim_oracle::net::{Inside, Links, Netns, PortStats, VethEnd, allow_cpus, cpus_allowed};

use crate::failure::{Failure, Tried};

/// `XDP_DROP`.
const DROP: u32 = 1;

/// Copies for a device, by its own counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Dropped by the far end's program, as they should be.
    pub arrived: u64,
    /// Not taken by the near end's `ndo_xdp_xmit`: the ring was full.
    pub refused: u64,
}

impl Traffic {
    /// What was added.
    pub const fn since(self, before: &Self) -> Self {
        Self { arrived: self.arrived - before.arrived, refused: self.refused - before.refused }
    }

    /// Copies that were handed to the driver.
    pub const fn all(self) -> u64 {
        self.arrived + self.refused
    }
}

/// A veth pair.
struct Port {
    name: String,
    ifindex: IfIndex,
    near: PortStats,
    far: PortStats,
    _dropping: XdpLink,
}

/// The pairs. The thread that built them is in the near ends' namespace, on one CPU.
pub struct Street {
    ports: Vec<Port>,
    ingress: IfIndex,
    /// Whoever lets frames in on this CPU holds its lock, as the oracle's benches do.
    cpu: File,
    // Last: the thread goes home when all else is gone.
    _inside: Inside,
}

impl Street {
    /// A pair for each port; the first is the ingress.
    pub fn build(ports: &[PortSpec]) -> Result<Self, Failure> {
        let cpu = pin()?;
        let rooms = || -> Result<_, xdpsim_oracle::net::NetError> {
            let (near, far) = (Netns::new()?, Netns::new()?);
            let links = (Links::of(&near)?, Links::of(&far)?);
            Ok((near, far, links))
        };
        let (near, far, links) = rooms().tried(|| "make two network namespaces".to_owned())?;
        let drop = drop_all()?;
        let pairs = (2..).map(IfIndex).zip(ports);
        let pairs = pairs
            .map(|(ifindex, port)| Port::build(ifindex, port, [&near, &far], [&links.0, &links.1], &drop));
        let ports: Vec<Port> = pairs.collect::<Result<_, _>>()?;
        let ingress = ports.first().map_or(IfIndex(0), |port| port.ifindex);
        let inside = near.enter().tried(|| "enter a network namespace".to_owned())?;
        Ok(Self { ports, ingress, cpu, _inside: inside })
    }

    /// Where frames come in.
    pub const fn ingress(&self) -> IfIndex {
        self.ingress
    }

    /// Names of all ports.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.ports.iter().map(|port| port.name.as_str())
    }

    /// The device that a port is.
    pub fn ifindex(&self, name: &str) -> Result<IfIndex, Failure> {
        let port = self.ports.iter().find(|port| port.name == name);
        port.map(|port| port.ifindex).ok_or("no such port").tried(|| format!("find the device of `{name}`"))
    }

    /// What each port has counted since it was made.
    pub fn traffic(&mut self) -> Result<Vec<Traffic>, Failure> {
        self.ports.iter_mut().map(Port::traffic).collect()
    }

    /// Waits until nobody else who cares lets frames in on this CPU.
    pub fn take_turn(&self) -> Result<Turn, Failure> {
        let cpu = self.cpu.try_clone().and_then(|cpu| cpu.lock().map(|()| cpu));
        cpu.map(Turn).tried(|| "lock the CPU".to_owned())
    }
}

/// It is ours until this is dropped.
pub struct Turn(File);

impl Drop for Turn {
    fn drop(&mut self) {
        // What can't be unlocked is when the file is closed.
        _ = self.0.unlock();
    }
}

impl Port {
    fn build(
        ifindex: IfIndex,
        spec: &PortSpec,
        [near, far]: [&Netns; 2],
        [near_links, far_links]: [&Links; 2],
        drop: &Prog,
    ) -> Result<Self, Failure> {
        let build = || -> Result<_, xdpsim_oracle::net::NetError> {
            let end = |netns| VethEnd::new(&spec.name, ifindex, netns);
            near_links.veth(&end(near), &end(far))?;
            let attached = far.run(|| XdpLink::native(drop, ifindex.0))?;
            far_links.set_up(ifindex, true)?;
            near_links.set_up(ifindex, spec.up)?;
            Ok((attached, PortStats::open(near, ifindex)?, PortStats::open(far, ifindex)?))
        };
        let what = || format!("make the veth pair `{}`", spec.name);
        let (attached, near, far) = build().tried(what)?;
        let dropping = attached.tried(|| format!("attach a program to the far end of `{}`", spec.name))?;
        Ok(Self { name: spec.name.clone(), ifindex, near, far, _dropping: dropping })
    }

    fn traffic(&mut self) -> Result<Traffic, Failure> {
        let (near, far) = (self.near.read(), self.far.read());
        let near = near.tried(|| "read counters".to_owned())?;
        let far = far.tried(|| "read counters".to_owned())?;
        Ok(Traffic { arrived: far.xdp_drops, refused: near.xdp_xmit_errors })
    }
}

/// Bulk queues are per CPU, and so that neither side has a better one both run on the same.
fn pin() -> Result<File, Failure> {
    let cpus = cpus_allowed().tried(|| "ask for the thread's CPUs".to_owned())?;
    // The last: the first one has the machine's interrupts, as a rule.
    let cpu = cpus.last().copied().ok_or("none").tried(|| "choose a CPU".to_owned())?;
    allow_cpus(&[cpu]).tried(|| format!("pin to CPU {cpu}"))?;
    let path = format!("/sys/devices/system/cpu/cpu{cpu}");
    File::open(&path).tried(|| format!("open {path}"))
}

fn drop_all() -> Result<Prog, Failure> {
    let mut asm = Asm::new();
    asm.ret(DROP);
    let insns = asm.finish().tried(|| "assemble the far ends' program".to_owned())?;
    Prog::load(&ProgLoad::xdp("drop_all", &insns)).tried(|| "load the far ends' program".to_owned())
}
