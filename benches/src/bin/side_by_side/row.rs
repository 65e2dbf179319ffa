//! A row of the table: a world in which both sides redirect.

use xdpsim_benches::Workload;
use xdpsim_core::scenario::{PeerSpec, PortKind};
use xdpsim_core::{KernelVersion, Path, Plan, Scenario};

use crate::failure::{Failure, Tried};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// Ports that frames can leave by, `port0` and so on.
    pub targets: u32,
    /// The world; its ports are veths whose far ends have a program, as in the kernel, but for the ingress.
    pub scenario: Scenario,
}

impl Row {
    /// Unicast to each of these numbers of ports, then broadcast.
    pub fn all(ports: &[u32], kernel: KernelVersion) -> Vec<Self> {
        let unicast = ports.iter().map(|&n| Workload::VethRandom(n));
        let broadcast = ports.iter().map(|&n| Workload::VethBroadcast(n));
        unicast.chain(broadcast).map(|workload| Self::new(workload, kernel)).collect()
    }

    fn new(workload: Workload, kernel: KernelVersion) -> Self {
        let mut scenario = workload.scenario();
        scenario.profile.kernel = kernel;
        for port in &mut scenario.ports {
            if let PortKind::Veth { peer: PeerSpec::FarEnd { gro, xdp, .. }, .. } = &mut port.kind {
                (*gro, *xdp) = (false, true);
            }
        }
        let (targets, to) =
            (workload.targets(), if workload.is_broadcast() { "broadcast" } else { "unicast" });
        let ports = if targets == 1 { "port" } else { "ports" };
        Self { name: format!("{to} to {targets} {ports}"), targets, scenario }
    }

    /// The world, built for the model.
    pub fn plan(&self, path: Path) -> Result<Plan, Failure> {
        let mut scenario = self.scenario.clone();
        scenario.profile.path = path;
        Plan::new(&scenario).tried(|| format!("build the world of `{}`", self.name))
    }

    /// Names of the ports that frames can leave by.
    pub fn target_names(&self) -> impl Iterator<Item = String> {
        (0..self.targets).map(|n| format!("port{n}"))
    }
}
