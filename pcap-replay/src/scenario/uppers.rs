//! Upper devices form no cycle.
//!
//! Owns that one check; what uppers mean for a broadcast is BRD-08's business.

use std::collections::BTreeMap;

use xdpsim_core::scenario::PortSpec;

use super::diag::{Problem, Sink};
use super::fields::clip;
use super::source::Span;

/// Reports a port that is, directly or not, its own upper device. One cycle is enough to go on.
pub(super) fn check_cycles(sink: &mut Sink, ports: &[PortSpec], spans: &[Span]) {
    let index: BTreeMap<&str, usize> =
        ports.iter().enumerate().map(|(index, port)| (port.name.as_str(), index)).collect();
    let uppers: Vec<Vec<usize>> = ports
        .iter()
        .map(|port| port.uppers.iter().filter_map(|name| index.get(name.as_str()).copied()).collect())
        .collect();
    if let Some(port) = in_a_cycle(&uppers) {
        sink.error(|| {
            let message = format!("`{}` is its own upper device", clip(&ports[port].name));
            Problem::error(message, spans[port].clone(), "its upper devices lead back to it")
        });
    }
}

/// Takes away ports without uppers until none is left, or only cycles and what is below them.
fn in_a_cycle(uppers: &[Vec<usize>]) -> Option<usize> {
    let mut open: Vec<usize> = uppers.iter().map(Vec::len).collect();
    let mut lowers = vec![Vec::new(); uppers.len()];
    for (lower, uppers) in uppers.iter().enumerate() {
        uppers.iter().for_each(|upper| lowers[*upper].push(lower));
    }
    let mut free: Vec<usize> = (0..open.len()).filter(|port| open[*port] == 0).collect();
    while let Some(port) = free.pop() {
        for lower in &lowers[port] {
            open[*lower] -= 1;
            if open[*lower] == 0 {
                free.push(*lower);
            }
        }
    }
    let mut port = open.iter().position(|left| *left > 0)?;
    // Every port that is left has an upper that is left: after as many steps the walk is in a cycle.
    for _ in 0..uppers.len() {
        port = uppers[port].iter().copied().find(|upper| open[*upper] > 0)?;
    }
    Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_found_and_trees_are_not() {
        assert_eq!(in_a_cycle(&[]), None);
        assert_eq!(in_a_cycle(&[vec![1, 2], vec![2], vec![]]), None);
        assert_eq!(in_a_cycle(&[vec![0]]), Some(0));
        assert_eq!(in_a_cycle(&[vec![2], vec![2], vec![3], vec![2]]).map(|port| port >= 2), Some(true));
    }
}
