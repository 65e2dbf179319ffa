//! Changes of a house's devices that can be taken back: up and down, mtu, GRO, masters.
//!
//! Devices on which frames come in stay as they are, because a frame that they refuse is lost before any
//! program sees it, in places that differ between the two ways of injecting.

use proptest::prelude::*;
use xdpsim_core::scenario::{Action, PeerSpec, PortKind, PortSpec};

use super::names;
use crate::case::House;

/// A change of one of the house's devices.
pub(super) fn any(house: &House) -> BoxedStrategy<Action> {
    prop::sample::select(all(house)).boxed()
}

fn all(house: &House) -> Vec<Action> {
    let mut all = Vec::new();
    for port in &house.ports {
        let PortKind::Veth { peer: PeerSpec::FarEnd { xdp, .. }, .. } = port.kind else { continue };
        let far = format!("{}.peer", port.name);
        all.extend([68, 200, 1500].map(|mtu| Action::SetMtu { port: far.clone(), mtu }));
        if port.xdp.is_some() {
            continue;
        }
        all.extend([68, 200, 1500].map(|mtu| Action::SetMtu { port: port.name.clone(), mtu }));
        for up in [false, true] {
            all.push(Action::SetUp { port: port.name.clone(), up });
            all.push(Action::SetUp { port: far.clone(), up });
        }
        if !xdp {
            all.extend([false, true].map(|on| Action::SetGro { port: far.clone(), on }));
        }
    }
    all.extend(masters(house));
    all
}

/// A receiver with a bridge leaves it; one without upper devices joins a bridge of its namespace.
fn masters(house: &House) -> Vec<Action> {
    let is_bridge = |name: &str| name.starts_with("br");
    let bridge_of = |port: &PortSpec| {
        house
            .ports
            .iter()
            .find(|one| is_bridge(&one.name) && one.netns == port.netns)
            .map(|one| one.name.clone())
    };
    let mut all = Vec::new();
    for port in names::receivers(house).into_iter().map(|i| &house.ports[i]) {
        let name = port.name.clone();
        match (port.uppers.first(), bridge_of(port)) {
            (Some(upper), _) if is_bridge(upper) => {
                all.push(Action::RemoveUpper { port: name, upper: upper.clone() });
            }
            (None, Some(upper)) => all.push(Action::AddUpper { port: name, upper }),
            _ => {}
        }
    }
    all
}
