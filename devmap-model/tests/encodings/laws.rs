//! The laws of the difference, for every design that can say the two lists.

use crate::asker::{Asker, PORTS, ask, numbered, own};
use crate::common::cases;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;
use xdpsim_devmap::IfIndex;
use xdpsim_devmap::groups::encoding::*;

type List = Vec<IfIndex>;

/// Lists of ports that meet often, with repeats.
fn list() -> impl Strategy<Value = List> {
    let port = prop_oneof![4 => 1..=9_u32, 1 => 1..=PORTS];
    proptest::collection::vec(port.prop_map(IfIndex), 0..12)
}

fn set(list: &[IfIndex]) -> BTreeSet<IfIndex> {
    list.iter().copied().collect()
}

fn count(list: &[IfIndex], port: IfIndex) -> usize {
    list.iter().filter(|other| **other == port).count()
}

fn joined(one: &[IfIndex], other: &[IfIndex]) -> List {
    [one, other].concat()
}

fn is_subsequence(short: &[IfIndex], long: &[IfIndex]) -> bool {
    let mut rest = long.iter();
    short.iter().all(|port| rest.any(|other| other == port))
}

/// The definition, on lists.
fn definition(a: &[IfIndex], b: &[IfIndex]) -> List {
    a.iter().copied().filter(|port| !b.contains(port)).collect()
}

/// Checks a law for each design and form; one that can't say the lists is left out.
fn for_all(mut law: impl FnMut(Asker) -> Option<bool>) -> Result<(), TestCaseError> {
    for asker in Asker::all() {
        prop_assert!(law(asker) != Some(false), "{asker:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(48))]

    /// Rule: MCAST-P01
    #[test]
    fn the_definition_in_order_and_with_repeats(a in list(), b in list()) {
        for_all(|of| Some(of.left(&a, &b)? == of.canon(definition(&a, &b))))?;
    }

    /// Rule: MCAST-P02, MCAST-P03
    #[test]
    fn sets_and_multiplicities(a in list(), b in list()) {
        for_all(|of| {
            let left = of.left(&a, &b)?;
            let sets = set(&left) == &set(&a) - &set(&b);
            let a = of.canon(a.clone());
            let counts = (1..=PORTS).map(IfIndex).all(|port| {
                count(&left, port) == if b.contains(&port) { 0 } else { count(&a, port) }
            });
            Some(sets && counts)
        })?;
    }

    /// Rule: MCAST-P04, MCAST-P05
    #[test]
    fn twice_is_once_and_one_after_the_other_is_both(a in list(), b in list(), c in list()) {
        for_all(|of| {
            let once = of.left(&a, &b)?;
            Some(of.left(&once, &b)? == once)
        })?;
        for_all(|of| {
            let one_by_one = of.left(&of.left(&a, &b)?, &c)?;
            let both = of.left(&a, &joined(&b, &c))?;
            Some(one_by_one == both && of.left(&of.left(&a, &c)?, &b)? == both)
        })?;
    }

    /// Rule: MCAST-P06, MCAST-P07
    #[test]
    fn more_forward_is_more_and_more_excluded_is_less(
        a in list(),
        b in list(),
        at in any::<Index>(),
        more in list(),
    ) {
        let mut longer = a.clone();
        longer.insert(at.index(a.len() + 1), more.first().copied().unwrap_or(IfIndex(1)));
        for_all(|of| Some(is_subsequence(&of.left(&a, &b)?, &of.left(&longer, &b)?)))?;
        for_all(|of| Some(is_subsequence(&of.left(&a, &joined(&b, &more))?, &of.left(&a, &b)?)))?;
    }

    /// Rule: MCAST-P08, MCAST-P09
    #[test]
    fn itself_and_nothing(a in list(), b in list()) {
        for_all(|of| Some(of.left(&a, &a)?.is_empty() && of.left(&a, &joined(&b, &a))?.is_empty()))?;
        for_all(|of| Some(of.left(&a, &[])? == of.canon(a.clone()) && of.left(&[], &b)?.is_empty()))?;
        for of in Asker::all().into_iter().filter(|of| of.able().exclude_groups) {
            let mut encoding = of.create();
            encoding.define(Side::Forward, GroupId(1), &of.forward(&a)).unwrap();
            let left = ask(&*encoding, Exclude::Group(GroupId(3)), IfIndex(1));
            prop_assert_eq!(left, of.canon(a.clone()), "{:?}, a group that was never defined", of);
        }
    }

    /// Rule: MCAST-P10
    #[test]
    fn ports_that_are_not_in_the_forward_group_change_nothing(a in list(), b in list()) {
        let common: List = b.iter().copied().filter(|port| a.contains(port)).collect();
        for_all(|of| Some(of.left(&a, &b)? == of.left(&a, &common)?))?;
    }

    /// Order, repeats, keys and map type of what is left out don't matter.
    ///
    /// Rule: MCAST-P11
    #[test]
    fn what_is_left_out_is_a_set(a in list(), b in list(), turn in any::<Index>()) {
        let mut other = joined(&b, &b);
        let first = turn.index(other.len().max(1));
        other.rotate_left(first);
        let expected = definition(&a, &b);
        for_all(|of| Some(of.left(&a, &other)? == of.canon(expected.clone())))?;
        for of in Asker::all().into_iter().filter(|of| of.able().exclude_keys && of.able().exclude_groups) {
            let mut encoding = of.create();
            encoding.define(Side::Forward, GroupId(1), &of.forward(&a)).unwrap();
            for members in [numbered(&other, 100), own(&b)] {
                encoding.define(Side::Exclude, GroupId(1), &members).unwrap();
                let left = ask(&*encoding, Exclude::Group(GroupId(1)), IfIndex(1));
                prop_assert_eq!(&left, &expected, "{:?}", of);
            }
        }
    }

    /// Rule: MCAST-P12, MCAST-P13
    #[test]
    fn a_list_in_two_parts(a in list(), more in list(), b in list()) {
        for_all(|of| {
            let parts = joined(&of.left(&a, &b)?, &of.left(&more, &b)?);
            Some(of.left(&joined(&a, &more), &b)? == of.canon(parts))
        })?;
        for_all(|of| {
            let taken: List = of.canon(a.clone()).into_iter().filter(|port| b.contains(port)).collect();
            Some(of.left(&a, &b)?.len() + taken.len() == of.canon(a.clone()).len())
        })?;
    }

    /// Rule: MCAST-P14
    #[test]
    fn renamed_ports(a in list(), b in list(), by in 0..PORTS) {
        let renamed = |list: &[IfIndex]| -> List {
            list.iter().map(|port| IfIndex((port.0 - 1 + by) % PORTS + 1)).collect()
        };
        for_all(|of| Some(of.left(&renamed(&a), &renamed(&b))? == of.canon(renamed(&of.left(&a, &b)?))))?;
    }

    /// Rule: MCAST-P21
    #[test]
    fn an_index_is_two_keys(index in any::<u64>()) {
        let keys = IndexKeys::unpack(index);
        let (forward, exclude) = (keys.forward.0, keys.exclude.0);
        prop_assert_eq!(forward | exclude, index as u32);
        prop_assert_eq!(forward & exclude, 0);
        prop_assert_eq!(forward % 65_536, 0);
        prop_assert!(exclude < 65_536);
        prop_assert_eq!(keys.pack(), index as u32);
        prop_assert_eq!(IndexKeys::unpack(index & 0xffff_ffff), keys);
        prop_assert_eq!(IndexKeys::of((index as u32 >> 16) as u16, index as u16), keys);
    }
}
