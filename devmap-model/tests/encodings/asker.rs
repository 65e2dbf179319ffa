//! A design as a function from two lists of ports to a third.

use crate::reference::Abilities;
use xdpsim_devmap::IfIndex;
use xdpsim_devmap::MapKey;
use xdpsim_devmap::groups::encoding::*;

/// The highest port in a law's lists.
pub const PORTS: u32 = 70;
/// The first group of each side.
pub const ONE: GroupId = GroupId(1);

/// A design in one form.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub design: Design,
    pub form: MapForm,
}

/// Ports from their numbers.
pub fn ports(numbers: &[u32]) -> Vec<IfIndex> {
    numbers.iter().map(|number| IfIndex(*number)).collect()
}

impl Asker {
    /// Every design in every form.
    pub fn all() -> Vec<Asker> {
        let designs = Design::ALL.into_iter().flat_map(|design| {
            let forms: &[MapForm] = if design.has_maps() { &MapForm::ALL } else { &MapForm::ALL[..1] };
            forms.iter().map(move |form| Asker { design, form: *form })
        });
        designs.collect()
    }

    pub fn able(self) -> Abilities {
        Abilities::of(self.design)
    }

    /// An empty encoding.
    pub fn create(self) -> Box<dyn Encoding> {
        let limits = Limits { exclude: if self.able().exclude_groups { 3 } else { 0 }, ..self.limits() };
        self.design.create(&limits).unwrap_or_else(|refusal| panic!("{}: {refusal}", self.design))
    }

    fn limits(self) -> Limits {
        // Room for lists with repeats.
        Limits::new(PORTS, 3, 3).with_form(self.form).with_slots(256).with_ingress()
    }

    /// A list as a forward group: in its order and with its repeats, where the design has such.
    pub fn forward(self, list: &[IfIndex]) -> Vec<Member> {
        if self.able().forward_keys { numbered(list, 0) } else { own(list) }
    }

    /// A list as an exclude group.
    pub fn exclude(self, list: &[IfIndex]) -> Vec<Member> {
        if self.able().exclude_keys { numbered(list, 0) } else { own(list) }
    }

    /// What the design makes of a list: all of it, or its ports once each, ascending.
    pub fn canon(self, mut list: Vec<IfIndex>) -> Vec<IfIndex> {
        if !self.able().forward_keys {
            list.sort_unstable();
            list.dedup();
        }
        list
    }

    /// What the design delivers of one list without the other; `None` if it can't leave such a list out.
    pub fn left(self, forward: &[IfIndex], exclude: &[IfIndex]) -> Option<Vec<IfIndex>> {
        if self.design == Design::MainlineFlags {
            return self.left_by_flags(forward, exclude);
        }
        let mut encoding = self.create();
        encoding.define(Side::Forward, ONE, &self.forward(forward)).expect("it fits");
        encoding.define(Side::Exclude, ONE, &self.exclude(exclude)).expect("it fits");
        Some(ask(&*encoding, Exclude::Group(ONE), IfIndex(1)))
    }

    /// Mainline leaves out one port and up to eight above it: lists of that length can be said so.
    fn left_by_flags(self, forward: &[IfIndex], exclude: &[IfIndex]) -> Option<Vec<IfIndex>> {
        let mut encoding = self.create();
        encoding.define(Side::Forward, ONE, &self.forward(forward)).expect("it fits");
        let Some((ingress, uppers)) = exclude.split_first() else {
            return Some(ask(&*encoding, Exclude::Nothing, IfIndex(1)));
        };
        for upper in uppers {
            encoding.bond_gains(Bond { device: *upper, exclude: ONE }, *ingress).ok()?;
        }
        Some(ask(&*encoding, Exclude::IngressAndUppers, *ingress))
    }
}

/// A list under its own positions.
pub fn numbered(list: &[IfIndex], from: u32) -> Vec<Member> {
    (from..).zip(list).map(|(key, port)| Member::at(MapKey(key), *port)).collect()
}

/// Each port under its own number.
pub fn own(list: &[IfIndex]) -> Vec<Member> {
    list.iter().map(|port| Member::of(*port)).collect()
}

/// Who gets a copy of what came in on a port to group 1.
pub fn ask(encoding: &dyn Encoding, exclude: Exclude, ingress: IfIndex) -> Vec<IfIndex> {
    let mut list = Vec::new();
    let query = Query { forward: ONE, exclude, ingress };
    encoding.deliver(&query, &mut list).unwrap_or_else(|refusal| panic!("{}: {refusal}", encoding.name()));
    list
}
