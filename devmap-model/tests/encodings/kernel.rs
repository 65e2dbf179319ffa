//! What a kernel would carry, run on the model's maps: a redirect to a map, and a program of each entry.

use crate::asker::{Asker, ONE, PORTS, own, ports};
use crate::common::{PROG, Task, cases, task};
use proptest::prelude::*;
use std::collections::BTreeSet;
use xdpsim_devmap::groups::encoding::*;
use xdpsim_devmap::{IfIndex, MapId, MapKey, MapTable, RedirectFlags};

/// A caller with all ports of the lists.
fn caller() -> Task {
    Task { devices: (1..=PORTS).map(|port| (port, port)).collect(), ..task() }
}

/// Who gets a copy when the programs of a plan run on its maps.
fn run(
    maps: &MapTable,
    containing: MapId,
    plan: &KernelPlan,
    call: KernelCall,
    ingress: IfIndex,
) -> Vec<IfIndex> {
    let found = maps.inner(containing, call.key);
    let group = found.or_else(|| maps.inner(containing, call.otherwise?));
    let excluded = |port: IfIndex| match &plan.sets {
        PlannedSets::None => maps
            .inner(containing, call.note)
            .is_some_and(|group| maps.redirect_lookup(group, MapKey(port.0)).is_some()),
        PlannedSets::Masks(masks) => {
            masks.iter().any(|(key, mask)| *key == call.note && mask >> (port.0 - 1) & 1 == 1)
        }
        PlannedSets::Lists(lists) => {
            lists.iter().any(|(key, list)| *key == call.note && list.binary_search(&port).is_ok())
        }
    };
    assert!(call.flags.contains(RedirectFlags::BROADCAST));
    let mut left = Vec::new();
    for (_, entry) in group.map(|group| maps.targets(group)).into_iter().flatten() {
        if call.flags.contains(RedirectFlags::EXCLUDE_INGRESS) && entry.ifindex == ingress {
            continue;
        }
        let dropped = entry.prog.is_some() && call.note != MapKey(0) && excluded(entry.ifindex);
        if !dropped {
            left.push(entry.ifindex);
        }
    }
    left
}

fn group() -> impl Strategy<Value = BTreeSet<u32>> {
    proptest::collection::btree_set(prop_oneof![1..=9_u32, 1..=64_u32], 0..12)
}

fn members(group: &BTreeSet<u32>) -> Vec<Member> {
    own(&ports(&group.iter().copied().collect::<Vec<_>>()))
}

proptest! {
    #![proptest_config(cases(64))]

    /// Every plan delivers what its encoding does, in the same order; what has no plan says why.
    ///
    /// Rule: MCAST-P29
    #[test]
    fn plans_deliver_what_their_encodings_do(
        a in group(),
        b in group(),
        again in proptest::option::of(1..=64_u32),
        ingress in 1..=64_u32,
    ) {
        for of in Asker::all() {
            let limits = Limits::new(64, 2, if of.able().exclude_groups { 2 } else { 0 });
            let limits = limits.with_form(of.form).with_slots(65).with_ingress();
            let mut encoding = of.design.create(&limits).unwrap();
            encoding.define(Side::Forward, ONE, &members(&a)).unwrap();
            if of.able().exclude_groups {
                encoding.define(Side::Exclude, GroupId(2), &members(&b)).unwrap();
            }
            if let Some(port) = again {
                encoding.join(Side::Forward, ONE, Member::of(IfIndex(port))).unwrap();
            }
            let plan = match (encoding.kernel_plan(), of.design.carriage()) {
                (Ok(plan), carriage) => {
                    prop_assert_eq!(plan.carriage, carriage, "{:?}", of);
                    plan
                }
                (Err(refusal), Carriage::No(why)) => {
                    prop_assert_eq!(refusal, Refusal::NotCarried(why), "{:?}", of);
                    continue;
                }
                (Err(refusal), _) => panic!("{of:?}: {refusal}"),
            };
            let mut maps = MapTable::default();
            let containing = plan.install(&mut maps, Some(PROG), &caller()).unwrap();
            for exclude in [Exclude::Nothing, Exclude::Group(GroupId(2)), Exclude::Group(ONE), Exclude::Ingress] {
                let query = Query { forward: ONE, exclude, ingress: IfIndex(ingress) };
                let mut expected = Vec::new();
                match (encoding.deliver(&query, &mut expected), encoding.kernel_call(&query)) {
                    (Ok(()), Ok(call)) => {
                        let left = run(&maps, containing, &plan, call, query.ingress);
                        prop_assert_eq!(left, expected, "{:?}: {:?}", of, query);
                    }
                    // A form may leave out less than the design: by group, it leaves out all that the design can.
                    (Ok(()), Err(_)) => prop_assert!(matches!(exclude, Exclude::Ingress), "{:?}: {:?}", of, query),
                    (Err(_), call) => prop_assert!(call.is_err(), "{:?}: {:?}", of, query),
                }
            }
        }
    }
}

/// The filter by mask has one word.
#[test]
fn a_mask_has_64_ports() {
    for design in [Design::DenseBitmap, Design::BitStrings] {
        let encoding = design.create(&Limits::new(65, 1, 1)).unwrap();
        let refusal = encoding.kernel_plan().unwrap_err();
        assert_eq!(refusal, Refusal::NotCarried(NotCarried::Ports { ports: 65 }));
        assert_eq!(
            refusal.to_string(),
            "no kernel carries it: 65 ports: the filter by mask has a word of 64 bits"
        );
    }
}

/// Rule: MCAST-K10.b, MCAST-K10.d
#[test]
fn a_plans_bytes_are_those_of_its_maps() {
    let mut encoding = Design::DevmapFilter.create(&Limits::new(64, 2, 2)).unwrap();
    encoding.define(Side::Forward, ONE, &members(&(1..=10).collect())).unwrap();
    encoding.define(Side::Exclude, ONE, &members(&[3].into())).unwrap();
    assert_eq!(encoding.kernel_plan().unwrap().map_bytes(), encoding.formula_bytes());
}
