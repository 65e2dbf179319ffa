//! The own encoding answers as one of xdpsim's, whatever happens to the groups.

use downstream::ranges::Ranges;
use xdpsim_devmap::IfIndex;
use xdpsim_devmap::groups::encoding::{Design, Encoding, Exclude, GroupId, Limits, Member, Query, Side};

/// Numbers in no visible order, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }

    fn port(&mut self) -> IfIndex {
        IfIndex(1 + self.below(PORTS))
    }

    fn group(&mut self) -> GroupId {
        GroupId(1 + self.below(GROUPS))
    }
}

const PORTS: u32 = 100;
const GROUPS: u32 = 3;

#[test]
fn ranges_answer_as_a_dense_bitmap_does() {
    let limits = Limits::new(PORTS, GROUPS, GROUPS);
    let dense = Design::DenseBitmap.create(&limits).expect("nothing is too much");
    let mut both: [Box<dyn Encoding>; 2] = [dense, Box::new(Ranges::new(limits))];
    let mut dice = Dice(1);
    let mut lists = [Vec::new(), Vec::new()];
    for step in 0..20_000 {
        let side = if dice.below(2) == 0 { Side::Forward } else { Side::Exclude };
        let (kind, group, port) = (dice.below(40), dice.group(), dice.port());
        let slot: Vec<Member> =
            (port.0..=PORTS.min(port.0 + 15)).map(|port| Member::of(IfIndex(port))).collect();
        for groups in &mut both {
            let changed = match kind {
                0 => groups.define(side, group, &slot),
                1 => groups.port_gone(port),
                2..=20 => groups.join(side, group, Member::of(port)),
                _ => groups.leave(side, group, Member::of(port).key),
            };
            changed.unwrap_or_else(|refusal| panic!("{}: {refusal}", groups.name()));
        }
        let excludes =
            [Exclude::Nothing, Exclude::Group(dice.group()), Exclude::GroupAndIngress(dice.group())];
        let query = Query { forward: dice.group(), exclude: excludes[step % 3], ingress: port };
        for (groups, list) in both.iter().zip(&mut lists) {
            groups.deliver(&query, list).expect("both can leave that out");
        }
        assert_eq!(lists[1], lists[0], "step {step}: {query:?}");
        assert_eq!(both[1].members(side, group), both[0].members(side, group), "step {step}");
    }
    assert!(both[1].heap_bytes() > 0 && both[1].formula_bytes() > 0);
}

#[test]
fn what_ranges_cannot_say_they_refuse() {
    let ranges = Ranges::new(Limits::new(PORTS, 1, 1));
    let query = Query { forward: GroupId(1), exclude: Exclude::IngressAndUppers, ingress: IfIndex(1) };
    let refusal = ranges.visit(&query, &mut |_| panic!("visited")).expect_err("it knows no upper devices");
    assert_eq!(refusal.to_string(), "this encoding cannot leave out the ingress and its upper devices");
}
