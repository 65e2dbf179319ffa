//! Where frames arrive: one port for all, a port for each capture, a port for each interface of a pcapng.

use std::path::{Path, PathBuf};

use xdpsim_core::netdev::Kind;
use xdpsim_core::{DevId, Plan};

use super::world::Capture;
use crate::exit::Failure;
use crate::feed::InterfacePorts;

/// The port with this name, or the scenario's first.
pub(super) fn one(plan: &Plan, name: Option<&String>) -> Result<DevId, Failure> {
    match name {
        Some(name) => named(plan, "--ingress", name),
        // The scenario's reader has made sure that there is a port.
        None => plan.ports().next().map(|(dev, _)| dev).ok_or_else(|| no_port("", receivers(plan))),
    }
}

/// `--ingress PORT=FILE`, several times: the ports and their captures.
pub(super) fn lanes(
    plan: &Plan,
    arguments: &[String],
    others: &[Capture],
) -> Result<Vec<(DevId, PathBuf)>, Failure> {
    if let [only] = arguments
        && plan.port(only).is_some()
    {
        // A port with a `=` in its name.
        return Ok(Vec::new());
    }
    if let Some(other) = others.first() {
        return Err(Failure::usage(
            format!("`--ingress PORT=FILE` names the captures, and so does {}", other.name()),
            "give every capture a port, or name just the one port on which all frames arrive",
        ));
    }
    arguments.iter().map(|argument| lane(plan, argument)).collect()
}

fn lane(plan: &Plan, argument: &str) -> Result<(DevId, PathBuf), Failure> {
    let Some((port, file)) = argument.split_once('=').filter(|(_, file)| !file.is_empty()) else {
        return Err(Failure::usage(
            format!("`--ingress {argument}` names no capture, but there are several ingresses"),
            format!("write --ingress {}=FILE", argument.trim_end_matches('=')),
        ));
    };
    Ok((named(plan, "--ingress", port)?, Path::new(file).to_owned()))
}

/// The ports, each once.
pub(super) fn ports(lanes: &[(DevId, PathBuf)]) -> Vec<DevId> {
    let mut ports: Vec<DevId> = Vec::new();
    for &(port, _) in lanes {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// `--interface`: which of a pcapng's interfaces stands for which port; none if it was not given.
pub(super) fn interfaces(plan: &Plan, arguments: &[String]) -> Result<Option<InterfacePorts>, Failure> {
    let mut ports = InterfacePorts::default();
    for argument in arguments {
        if argument == "auto" {
            let receivers = plan.ports().filter(|(_, port)| port.kind != Kind::Upper);
            ports.by_name.extend(receivers.map(|(dev, port)| (port.name.clone(), dev)));
        } else if let Some((interface, port)) = argument.rsplit_once('=') {
            ports.named.insert(interface.to_owned(), named(plan, "--interface", port)?);
        } else {
            return Err(Failure::usage(
                format!("`--interface {argument}`: expected INTERFACE=PORT or auto"),
                "`tshark -r FILE -T fields -e frame.interface_name` shows a capture's interfaces",
            ));
        }
    }
    Ok((!arguments.is_empty()).then_some(ports))
}

/// A port on which frames can arrive.
fn named(plan: &Plan, flag: &str, name: &str) -> Result<DevId, Failure> {
    let dev = plan.port(name).ok_or_else(|| no_such(flag, name, receivers(plan)))?;
    if plan.device(dev).kind == Kind::Upper {
        return Err(Failure::usage(
            format!("`{flag} {name}`: frames cannot arrive on a port of kind `upper`"),
            format!("ports that receive: {}", listed(receivers(plan))),
        ));
    }
    Ok(dev)
}

fn receivers(plan: &Plan) -> impl Iterator<Item = String> {
    plan.ports().filter(|(_, port)| port.kind != Kind::Upper).map(|(_, port)| port.name.clone())
}

/// `--ingress` with a port that is not there; `names` are those that are.
pub(super) fn no_port(name: &str, names: impl Iterator<Item = String>) -> Failure {
    no_such("--ingress", name, names)
}

fn no_such(flag: &str, name: &str, names: impl Iterator<Item = String>) -> Failure {
    Failure::usage(format!("`{flag} {name}`: there is no such port"), format!("ports: {}", listed(names)))
}

/// Names for a message, not more than fit a line.
fn listed(mut names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = names.by_ref().take(SHOWN).collect();
    let more = names.count();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}
