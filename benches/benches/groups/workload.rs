//! Groups and questions: the same in every run.

use xdpsim_devmap::IfIndex;
use xdpsim_devmap::groups::encoding::{
    Design, Encoding, Exclude, GroupId, Limits, MapForm, Member, Query, Side,
};

/// Ports, and bits in the mask.
pub const PORTS: u32 = 64;
/// Forward groups.
pub const FORWARD: u32 = 1_000;
/// Exclude groups.
pub const EXCLUDE: u32 = 64;
/// Ports in a forward group.
const MEMBERS: usize = 48;
/// Of three ports one is in an exclude group, so that 32 of 48 are left.
const EXCLUDED: usize = PORTS as usize / 3;
/// Questions; they fit into a common second-level cache.
const QUESTIONS: usize = 1 << 14;

/// Random numbers without a seed from outside.
pub struct Dice(u64);

impl Dice {
    /// From any number.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below another one.
    pub fn below(&mut self, end: u32) -> u32 {
        // Steele and others, SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = (bits ^ bits >> 31) >> 32;
        ((high * u64::from(end)) >> 32) as u32
    }

    /// So many of all ports, each once.
    pub fn ports(&mut self, count: usize) -> Vec<Member> {
        let mut all: Vec<u32> = (1..=PORTS).collect();
        for place in 0..count {
            let other = place + self.below(PORTS - place as u32) as usize;
            all.swap(place, other);
        }
        all[..count].iter().map(|port| Member::of(IfIndex(*port))).collect()
    }
}

/// A design with all groups. Mainline has no exclude groups, so it is asked for the ingress.
pub fn fill(design: Design) -> Box<dyn Encoding> {
    let exclude = if design == Design::MainlineFlags { 0 } else { EXCLUDE };
    let limits = Limits::new(PORTS, FORWARD, exclude).with_form(MapForm::HashOfDevmap);
    let mut encoding = design.create(&limits).unwrap_or_else(|refusal| panic!("{design}: {refusal}"));
    define(&mut *encoding);
    encoding
}

/// Defines all groups that an encoding has room for.
pub fn define(encoding: &mut dyn Encoding) {
    let (forward, exclude) = (encoding.limits().forward, encoding.limits().exclude);
    // Exclude groups first: precomputed differences are then computed once.
    let mut dice = Dice::new(1);
    for group in 1..=EXCLUDE {
        let members = dice.ports(EXCLUDED);
        if group <= exclude {
            encoding.define(Side::Exclude, GroupId(group), &members).expect("ports within the limits");
        }
    }
    for group in 1..=forward {
        let members = dice.ports(MEMBERS);
        encoding.define(Side::Forward, GroupId(group), &members).expect("ports within the limits");
    }
}

/// Random pairs.
pub fn questions(forward: u32, by_ingress: bool) -> Vec<Query> {
    let mut dice = Dice::new(2);
    let mut question = || {
        let (group, exclude) = (GroupId(1 + dice.below(forward)), GroupId(1 + dice.below(EXCLUDE)));
        let ingress = IfIndex(1 + dice.below(PORTS));
        let exclude = if by_ingress { Exclude::Ingress } else { Exclude::Group(exclude) };
        Query { forward: group, exclude, ingress }
    };
    (0..QUESTIONS).map(|_| question()).collect()
}
