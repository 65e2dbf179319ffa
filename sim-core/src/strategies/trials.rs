//! Random trials: a scenario, frames and a timeline.

use proptest::prelude::*;

use super::frames::{self, Frame};
use super::timelines::{self, Timeline};
use super::{World, scenarios};
use crate::kit::{Sent, Trial};
use crate::scenario::{PortKind, Scenario};

/// Most frames of a trial drawn here.
const FRAMES_MAX: usize = 100;

/// Trials for a program in Rust: [`scenarios::around`] it, with frames of [`frames::any_frame`] on its ports.
pub fn around(program: &str) -> impl Strategy<Value = Trial> + use<> {
    of(scenarios::around(program), frames::any_frame(), timelines::any_timeline())
}

/// Trials of a scenario, frames and a timeline of these strategies. Most frames arrive on one port.
pub fn of<S, F, T>(scenario: S, frame: F, timeline: T) -> impl Strategy<Value = Trial> + use<S, F, T>
where
    S: Strategy<Value = Scenario>,
    F: Strategy<Value = Frame>,
    T: Strategy<Value = Timeline>,
{
    let port = prop_oneof![3 => Just(0usize), 1 => any::<u16>().prop_map(usize::from)];
    let arrivals = prop::collection::vec((port, frame), 1..FRAMES_MAX);
    (scenario, arrivals, timeline).prop_map(|(scenario, arrivals, timeline)| {
        let receives = |kind: &PortKind| *kind != PortKind::Upper;
        let ports: Vec<&str> = scenario
            .ports
            .iter()
            .filter(|port| receives(&port.kind))
            .map(|port| port.name.as_str())
            .collect();
        let times = timeline.times(arrivals.len());
        let sent = arrivals.iter().zip(times).filter_map(|((port, frame), at)| {
            let port = ports.get(port % ports.len().max(1))?;
            Some(Sent::new(port, at, frame.bytes()))
        });
        let frames = sent.collect();
        Trial::new(scenario, frames)
    })
}

/// Trials that reach every corner of the redirect path: all that [`World::any`] draws.
pub fn any_trial() -> impl Strategy<Value = Trial> {
    World::any().prop_map(|world| Trial::from(&world))
}

impl From<&World> for Trial {
    fn from(world: &World) -> Self {
        let sent = |(no, arrival): (usize, &super::Arrival)| Sent {
            port: world.port_of(arrival),
            at: arrival.at,
            bytes: arrival.bytes(no),
            headroom: arrival.head,
        };
        let frames = world.arrivals.iter().enumerate().map(sent).collect();
        Self { scenario: world.scenario.clone(), timing: world.timing, frames }
    }
}
