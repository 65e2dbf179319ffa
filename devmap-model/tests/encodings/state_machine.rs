//! Random histories of groups, played on every encoding and on the reference.

use crate::common::cases;
use crate::reference::{Abilities, Reference, all};
use proptest::prelude::*;
use xdpsim_devmap::groups::encoding::*;
use xdpsim_devmap::{IfIndex, MapKey};

const GROUPS: u32 = 3;

/// A change of the groups.
#[derive(Clone, Debug)]
enum Change {
    Define(Side, GroupId, Vec<Member>),
    Join(Side, GroupId, Member),
    Leave(Side, GroupId, MapKey),
    Gone(IfIndex),
    BondGains(Bond, IfIndex),
}

/// How members are keyed in a history.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// By the port's number everywhere.
    Own,
    /// By anything, in forward groups.
    Forward,
    /// By anything.
    Any,
}

/// A port: often a low one, so that groups meet.
fn port(ports: u32) -> impl Strategy<Value = IfIndex> {
    prop_oneof![1..=ports.min(9), 1..=ports].prop_map(IfIndex)
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Forward), Just(Side::Exclude)]
}

fn group() -> impl Strategy<Value = GroupId> {
    (1..=GROUPS).prop_map(GroupId)
}

fn member(ports: u32) -> impl Strategy<Value = Member> {
    (port(ports), 0..=ports).prop_map(|(port, key)| Member::at(MapKey(key), port))
}

fn keyed(keys: Keys, side: Side, member: Member) -> Member {
    match (keys, side) {
        (Keys::Own, _) | (Keys::Forward, Side::Exclude) => Member::of(member.port),
        (Keys::Forward | Keys::Any, _) => member,
    }
}

fn change(ports: u32, keys: Keys) -> impl Strategy<Value = Change> {
    let members = proptest::collection::vec(member(ports), 0..=(2 * ports as usize).min(80));
    let define = (side(), group(), members).prop_map(move |(side, group, members)| {
        Change::Define(side, group, members.into_iter().map(|member| keyed(keys, side, member)).collect())
    });
    let join = (side(), group(), member(ports))
        .prop_map(move |(side, group, member)| Change::Join(side, group, keyed(keys, side, member)));
    let leave = (side(), group(), 0..=ports.min(9))
        .prop_map(|(side, group, key)| Change::Leave(side, group, MapKey(key)));
    let bond = (port(ports), group(), port(ports))
        .prop_map(|(device, exclude, member)| Change::BondGains(Bond { device, exclude }, member));
    prop_oneof![
        3 => define,
        4 => join,
        3 => leave,
        1 => port(ports).prop_map(Change::Gone),
        1 => bond,
    ]
}

fn history() -> impl Strategy<Value = (u32, Keys, Vec<(Change, Query)>)> {
    let ports = prop_oneof![1..=4_u32, Just(8), 60..=70_u32, Just(130), Just(512), Just(4_096)];
    let keys = prop_oneof![Just(Keys::Own), Just(Keys::Forward), Just(Keys::Any)];
    (ports, keys).prop_flat_map(|(ports, keys)| {
        let steps = proptest::collection::vec((change(ports, keys), query(ports)), 1..16);
        (Just(ports), Just(keys), steps)
    })
}

fn query(ports: u32) -> impl Strategy<Value = Query> {
    let exclude = (0..5_u8, group()).prop_map(|(kind, group)| match kind {
        0 => Exclude::Nothing,
        1 => Exclude::Ingress,
        2 => Exclude::IngressAndUppers,
        3 => Exclude::GroupAndIngress(group),
        _ => Exclude::Group(group),
    });
    (group(), exclude, port(ports)).prop_map(|(forward, exclude, ingress)| Query {
        forward,
        exclude,
        ingress,
    })
}

/// One encoding beside its reference.
struct Player {
    design: Design,
    able: Abilities,
    encoding: Box<dyn Encoding>,
    reference: Reference,
    list: Vec<IfIndex>,
}

impl Player {
    /// Makes a change, or makes sure that it is refused.
    fn change(&mut self, change: &Change) {
        let expressed = self.can_hold(change);
        let done = match change {
            Change::Define(side, group, members) => self.encoding.define(*side, *group, members),
            Change::Join(side, group, member) => self.encoding.join(*side, *group, *member),
            Change::Leave(side, group, key) => self.encoding.leave(*side, *group, *key),
            Change::Gone(port) => self.encoding.port_gone(*port),
            Change::BondGains(bond, member) => self.encoding.bond_gains(*bond, *member),
        };
        match done {
            Ok(_) => assert!(expressed, "{}: {change:?} cannot be expressed, but was taken", self.design),
            Err(refusal) => {
                assert!(!expressed, "{}: {change:?}: {refusal}", self.design);
                return;
            }
        }
        match change {
            Change::Define(side, group, members) => self.reference.define(*side, *group, members),
            Change::Join(side, group, member) => self.reference.join(*side, *group, *member),
            Change::Leave(side, group, key) => self.reference.leave(*side, *group, *key),
            Change::Gone(port) => self.reference.port_gone(*port),
            Change::BondGains(bond, member) => {
                if self.able.exclude_groups {
                    self.reference.join(Side::Exclude, bond.exclude, Member::of(*member));
                }
                if self.able.uppers {
                    self.reference.add_upper(*member, bond.device);
                }
            }
        }
    }

    fn can_hold(&self, change: &Change) -> bool {
        let member_fits = |side: Side, member: &Member| match side {
            Side::Forward => self.able.forward_keys || member.is_own_key(),
            Side::Exclude => self.able.exclude_keys || member.is_own_key(),
        };
        match change {
            Change::Define(Side::Exclude, ..)
            | Change::Join(Side::Exclude, ..)
            | Change::Leave(Side::Exclude, ..)
                if !self.able.exclude_groups =>
            {
                false
            }
            Change::Define(side, _, members) => members.iter().all(|member| member_fits(*side, member)),
            Change::Join(side, _, member) => member_fits(*side, member),
            Change::Leave(..) | Change::Gone(_) => true,
            Change::BondGains(_, member) => !self.able.uppers || self.reference.uppers(*member) < 8,
        }
    }

    /// Asks in all forms.
    fn ask(&mut self, query: &Query) {
        let (design, encoding) = (self.design, &self.encoding);
        let delivered = encoding.deliver(query, &mut self.list);
        if !self.able.can_leave_out(query, self.reference.uppers(query.ingress)) {
            assert!(delivered.is_err(), "{design}: {query:?} cannot be expressed, but was answered");
            assert!(encoding.visit(query, &mut |_| panic!("visited")).is_err());
            assert!(encoding.lookup_ops(query).is_err());
            return;
        }
        assert_eq!(delivered, Ok(()), "{design}: {query:?}");
        let expected = self.reference.delivered(query, encoding.order(), encoding.limits());
        assert_eq!(self.list, expected, "{design}, {:?}: {query:?}", encoding.limits());
        let mut visited = Vec::new();
        encoding.visit(query, &mut |port| visited.push(port)).expect("it was delivered");
        assert_eq!(visited, expected, "{design}: {query:?}, visited");
        if let Some(words) = encoding.mask_words() {
            let mut mask = vec![u64::MAX; words];
            encoding.mask(query, &mut mask).expect("it was delivered");
            assert_eq!(ports_of(&mask), expected, "{design}: {query:?}, as a mask");
        }
        let ops = encoding.lookup_ops(query).expect("it was delivered");
        assert!(ops.copies >= expected.len() as u64, "{design}: {ops:?}");
        let bytes = (encoding.formula_bytes(), encoding.heap_bytes());
        assert!(expected.is_empty() || (bytes.0 > 0 && bytes.1 > 0), "{design}: {bytes:?}");
    }
}

fn ports_of(mask: &[u64]) -> Vec<IfIndex> {
    let bits = mask.iter().enumerate().flat_map(|(word, bits)| {
        (0..64_u32).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word as u32 * 64 + bit + 1)
    });
    bits.map(IfIndex).collect()
}

proptest! {
    #![proptest_config(cases(256))]

    /// Whatever happens to groups, every encoding delivers the difference as its design promises, with repeats, empty
    /// groups and ports that only one side knows; what it cannot express it refuses, and stays as it was.
    ///
    /// Rule: MCAST-P29
    #[test]
    fn every_encoding_agrees((ports, _keys, steps) in history()) {
        let limits = Limits::new(ports, GROUPS, GROUPS);
        for (design, encoding) in all(&limits) {
            let (able, reference) = (Abilities::of(design), Reference::default());
            let mut player = Player { design, able, encoding, reference, list: Vec::new() };
            for (change, query) in &steps {
                player.change(change);
                player.ask(query);
            }
        }
    }
}
