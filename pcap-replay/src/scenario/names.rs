//! Everything that has a name, known before anything is read that refers to it.
//!
//! Owns the heads of ports, maps and programs (name, kind and what a reference depends on), their
//! uniqueness, and looking references up. The rest of each section is read by its own module.
//!
//! Rules: MAP-06, MAP-16.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use xdpsim_core::rules::Rules;
use xdpsim_devmap::{AttachType, IfIndex, MapKind};

use super::diag::{Problem, Sink};
use super::fields::{Fields, Loc, clip};
use super::suggest;

/// The namespace that exists without being named.
pub(super) const INIT: &str = "init";
const NAME_CHARS_MAX: usize = 64;

/// Kinds of port, without what belongs to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortClass {
    Ideal,
    Nic,
    Veth,
    Upper,
}

/// What references to a port depend on.
#[derive(Clone, Debug)]
pub(super) struct PortHead<'a> {
    pub(super) name: Loc<&'a str>,
    pub(super) class: PortClass,
    pub(super) netns: &'a str,
    pub(super) ifindex: Option<Loc<u32>>,
    /// The port of the scenario that a veth names as its peer; a veth without one has a far end.
    pub(super) peer: Option<Loc<&'a str>>,
}

impl PortHead<'_> {
    fn has_far_end(&self) -> bool {
        self.class == PortClass::Veth && self.peer.is_none()
    }
}

/// What references to a map depend on.
#[derive(Clone, Debug)]
pub(super) struct MapHead<'a> {
    pub(super) name: Loc<&'a str>,
    pub(super) kind: MapKind,
    pub(super) max_entries: u32,
    pub(super) value_size: u32,
}

/// What references to a program depend on.
#[derive(Clone, Debug)]
pub(super) struct ProgramHead<'a> {
    pub(super) name: Loc<&'a str>,
    pub(super) attach: AttachType,
    pub(super) frags: bool,
}

/// All names of a scenario.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) netns: Vec<&'a str>,
    pub(super) ports: Vec<PortHead<'a>>,
    pub(super) maps: Vec<MapHead<'a>>,
    pub(super) programs: Vec<ProgramHead<'a>>,
    port_index: BTreeMap<&'a str, usize>,
    map_index: BTreeMap<&'a str, usize>,
    program_index: BTreeMap<&'a str, usize>,
    ifindexes: Vec<u32>,
}

impl<'a> Names<'a> {
    pub(super) fn add_port(&mut self, sink: &mut Sink, head: PortHead<'a>) {
        match insert(&mut self.port_index, &head.name, self.ports.len()) {
            Ok(()) => self.ports.push(head),
            Err(first) => {
                sink.error(|| taken("port", &head.name, self.ports.get(first).map(|first| &first.name)))
            }
        }
    }

    pub(super) fn add_map(&mut self, sink: &mut Sink, head: MapHead<'a>) {
        match insert(&mut self.map_index, &head.name, self.maps.len()) {
            Ok(()) => self.maps.push(head),
            Err(first) => {
                sink.error(|| taken("map", &head.name, self.maps.get(first).map(|first| &first.name)))
            }
        }
    }

    pub(super) fn add_program(&mut self, sink: &mut Sink, head: ProgramHead<'a>) {
        match insert(&mut self.program_index, &head.name, self.programs.len()) {
            Ok(()) => self.programs.push(head),
            Err(first) => {
                sink.error(|| taken("program", &head.name, self.programs.get(first).map(|first| &first.name)))
            }
        }
    }

    /// Gives every port its ifindex: its own, or the lowest of its namespace that no port claims, in
    /// the order of the file. A number claimed twice is an error.
    pub(super) fn resolve_ifindexes(&mut self, sink: &mut Sink) {
        let mut claimed: BTreeMap<(&str, u32), &PortHead> = BTreeMap::new();
        for port in &self.ports {
            let Some(ifindex) = &port.ifindex else { continue };
            if let Some(first) = claimed.insert((port.netns, ifindex.value), port) {
                sink.error(|| {
                    let (value, netns) = (ifindex.value, clip(port.netns));
                    let message = format!("two ports of namespace `{netns}` have ifindex {value}");
                    let problem = Problem::error(message, ifindex.span.clone(), "taken");
                    problem.see(first.name.span.clone(), format!("`{}` has it", clip(first.name.value)))
                });
            }
        }
        let mut next: BTreeMap<&str, u32> = BTreeMap::new();
        let resolve = |port: &PortHead<'a>| match &port.ifindex {
            Some(own) => own.value,
            None => {
                let next = next.entry(port.netns).or_insert(1);
                while claimed.contains_key(&(port.netns, *next)) {
                    *next += 1;
                }
                *next += 1;
                *next - 1
            }
        };
        self.ifindexes = self.ports.iter().map(resolve).collect();
    }

    /// The ifindex of a port, once resolved.
    pub(super) fn ifindex(&self, name: &str) -> Option<IfIndex> {
        let index = *self.port_index.get(name)?;
        self.ifindexes.get(index).copied().map(IfIndex)
    }

    /// A port without reporting anything.
    pub(super) fn port_named(&self, name: &str) -> Option<&PortHead<'a>> {
        self.port_index.get(name).map(|index| &self.ports[*index])
    }

    /// The port that a reference names.
    pub(super) fn port(&self, sink: &mut Sink, name: &Loc<&str>) -> Option<&PortHead<'a>> {
        let found = self.port_named(name.value);
        if found.is_none() {
            sink.error(|| match self.far_end_of(name.value) {
                Some(_) => far_end_refused(name),
                None => unknown("port", name, self.port_index.keys().copied()),
            });
        }
        found
    }

    /// The port whose far end is called like this.
    pub(super) fn far_end_of(&self, name: &str) -> Option<&PortHead<'a>> {
        self.port_named(name.strip_suffix(".peer")?).filter(|port| port.has_far_end())
    }

    /// Reports a reference to neither a port nor a far end (`eth1.peer`).
    pub(super) fn device(&self, sink: &mut Sink, name: &Loc<&str>) -> Option<PortClass> {
        match self.far_end_of(name.value) {
            Some(_) => Some(PortClass::Veth),
            None => self.port(sink, name).map(|port| port.class),
        }
    }

    /// The map that a reference names, if it is of a kind that `wanted` accepts.
    pub(super) fn map(&self, sink: &mut Sink, name: &Loc<&str>, wanted: MapWanted) -> Option<&MapHead<'a>> {
        let Some(index) = self.map_index.get(name.value) else {
            sink.error(|| unknown("map", name, self.map_index.keys().copied()));
            return None;
        };
        let map = &self.maps[*index];
        let fits = match wanted {
            MapWanted::Any => true,
            MapWanted::Devices => !map.kind.is_map_of_maps(),
            MapWanted::Target(rules) => !map.kind.is_map_of_maps() || rules.takes_groups(map.kind),
            MapWanted::Maps => map.kind.is_map_of_maps(),
        };
        if !fits {
            sink.error(|| {
                let message = format!("map `{}` is of type {}", clip(name.value), map.kind);
                let problem = Problem::error(message, name.span.clone(), wanted.label());
                problem.see(map.name.span.clone(), "defined here").help_if(wanted.help())
            });
        }
        fits.then_some(map)
    }

    /// The map's place in the order of creation.
    pub(super) fn map_order(&self, name: &str) -> Option<usize> {
        self.map_index.get(name).copied()
    }

    /// The program that a reference names, if it may be attached there (MAP-06, MAP-16).
    pub(super) fn program(
        &self,
        sink: &mut Sink,
        name: &Loc<&str>,
        to: AttachType,
    ) -> Option<&ProgramHead<'a>> {
        let Some(index) = self.program_index.get(name.value) else {
            sink.error(|| unknown("program", name, self.program_index.keys().copied()));
            return None;
        };
        let program = &self.programs[*index];
        if program.attach != to {
            sink.error(|| wrong_attach(name, program, to));
            return None;
        }
        Some(program)
    }

    /// Reports a namespace that is not declared.
    pub(super) fn netns(&self, sink: &mut Sink, name: &Loc<&str>) {
        if name.value != INIT && !self.netns.contains(&name.value) {
            let all = std::iter::once(INIT).chain(self.netns.iter().copied());
            sink.error(|| {
                let problem = unknown("namespace", name, all);
                let help = problem.help.clone().unwrap_or_default();
                problem.help(format!("{help}; namespaces are declared at the top: `netns = [\"blue\"]`"))
            });
        }
    }
}

/// What kind of map a reference can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapWanted {
    /// Every kind.
    Any,
    /// One whose entries are ports.
    Devices,
    /// One that `bpf_redirect_map()` takes.
    Target(Rules),
    /// One whose entries are maps.
    Maps,
}

impl MapWanted {
    fn label(self) -> &'static str {
        match self {
            Self::Any => "expected a map",
            Self::Devices | Self::Target(_) => "expected a devmap or devmap_hash",
            Self::Maps => "expected an array_of_maps or hash_of_maps",
        }
    }

    fn help(self) -> Option<String> {
        let help = "a kernel refuses the program with EINVAL (MCAST-K01); the RFC of 2020 took maps of groups: write \
                    `rules = \"rfc-v1\"` at the top";
        matches!(self, Self::Target(_)).then(|| help.to_owned())
    }
}

/// Reads the name of a section and makes it the section's name in messages.
pub(super) fn read_name<'a>(sink: &mut Sink, fields: &mut Fields<'a>, noun: &str) -> Loc<&'a str> {
    fields.need(sink, "name", &format!("give every {noun} a name of its own: `name = \"…\"`"));
    let Some(name) = fields.text(sink, "name", "a string") else { return Loc::new("", fields.span.clone()) };
    check_name(sink, &name, noun);
    fields.what = format!("{noun} `{}`", clip(name.value));
    name
}

/// Names become words of scripts and names of files, so they have no spaces and no slashes.
pub(super) fn check_name(sink: &mut Sink, name: &Loc<&str>, noun: &str) {
    let misfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\' | ':');
    let why = match name.value {
        "" => "empty".to_owned(),
        "." | ".." => "a folder's".to_owned(),
        text if text.chars().nth(NAME_CHARS_MAX).is_some() => {
            format!("longer than {NAME_CHARS_MAX} characters")
        }
        text => match text.chars().find(|c| misfit(*c)) {
            Some(c) => format!("not allowed because of {c:?}"),
            None => return,
        },
    };
    sink.error(|| {
        let message = format!("the {noun}'s name is {why}");
        let label = format!("expected 1 to {NAME_CHARS_MAX} characters, no space, slash or colon");
        Problem::error(message, name.span.clone(), label)
    });
}

/// Makes a name known, or says whose it is. A section without a name has been reported.
fn insert<'a>(index: &mut BTreeMap<&'a str, usize>, name: &Loc<&'a str>, place: usize) -> Result<(), usize> {
    match index.entry(name.value) {
        Entry::Occupied(first) if !name.value.is_empty() => Err(*first.get()),
        entry => {
            entry.or_insert(place);
            Ok(())
        }
    }
}

fn taken(noun: &str, name: &Loc<&str>, first: Option<&Loc<&str>>) -> Problem {
    let message = format!("there is more than one {noun} `{}`", clip(name.value));
    let problem = Problem::error(message, name.span.clone(), "this name is taken");
    match first {
        Some(first) => problem.see(first.span.clone(), "the first one"),
        None => problem,
    }
}

fn unknown<'n, C>(noun: &str, name: &Loc<&str>, names: C) -> Problem
where
    C: IntoIterator<Item = &'n str> + Clone,
{
    let message = format!("there is no {noun} `{}`", clip(name.value));
    Problem::error(message, name.span.clone(), format!("unknown {noun}"))
        .help_if(suggest::did_you_mean(name.value, names))
}

fn far_end_refused(name: &Loc<&str>) -> Problem {
    let message = format!("`{}` is a far end, which only changes can name", clip(name.value));
    Problem::error(message, name.span.clone(), "expected a port")
        .help("describe the other end as a veth port of its own, and let both name each other as `peer`")
}

fn wrong_attach(name: &Loc<&str>, program: &ProgramHead<'_>, to: AttachType) -> Problem {
    let shown = clip(name.value);
    let (message, fix) = match to {
        AttachType::Devmap => (
            format!("`{shown}` is a program for ports; a map entry refuses it with EINVAL (MAP-06)"),
            "devmap",
        ),
        _ => {
            (format!("`{shown}` is a program for map entries; a port refuses it with EINVAL (MAP-16)"), "xdp")
        }
    };
    Problem::error(message, name.span.clone(), format!("expected a program with `attach = \"{fix}\"`"))
        .see(program.name.span.clone(), "defined here")
        .help(format!("write `attach = \"{fix}\"` in the program, or name another one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &'static str, netns: &'static str, ifindex: Option<u32>) -> PortHead<'static> {
        let ifindex = ifindex.map(|value| Loc::new(value, 0..0));
        PortHead { name: Loc::new(name, 0..0), class: PortClass::Ideal, netns, ifindex, peer: None }
    }

    #[test]
    fn ifindexes_count_in_each_namespace_past_those_claimed() {
        let (mut names, mut sink) = (Names::default(), Sink::default());
        for port in [
            head("a", INIT, None),
            head("b", INIT, None),
            head("c", INIT, Some(2)),
            head("d", "blue", None),
            head("e", INIT, None),
        ] {
            names.add_port(&mut sink, port);
        }
        names.resolve_ifindexes(&mut sink);
        assert!(!sink.failed());
        let all = ["a", "b", "c", "d", "e"].map(|name| names.ifindex(name).expect("known").0);
        assert_eq!(all, [1, 3, 2, 1, 4]);
    }

    #[test]
    fn an_ifindex_can_be_claimed_once_in_a_namespace() {
        let (mut names, mut sink) = (Names::default(), Sink::default());
        names.add_port(&mut sink, head("a", INIT, Some(7)));
        names.add_port(&mut sink, head("b", "blue", Some(7)));
        names.resolve_ifindexes(&mut sink);
        assert!(!sink.failed());
        names.add_port(&mut sink, head("c", "blue", Some(7)));
        names.resolve_ifindexes(&mut sink);
        assert!(sink.failed());
    }
}
