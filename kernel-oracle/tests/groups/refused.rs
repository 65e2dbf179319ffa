//! What does not load, and which maps do not come into being.

use xdpsim_devmap::Errno;
use xdpsim_oracle::bpf::{LoadError, Map, MapCreate, Prog, ProgLoad, map_type};
use xdpsim_oracle::need;

use std::os::fd::AsRawFd;

use super::{FORMS, containing, group, redirect, redirect_to_group, try_containing};

fn refusal(insns: &[xdpsim_oracle::bpf::asm::Insn]) -> LoadError {
    Prog::load(&ProgLoad::xdp("refused", insns)).expect_err("the kernel refuses it")
}

/// Rule: MCAST-K01.a
#[test]
fn a_map_of_maps_is_no_target() {
    let Some(()) = need::kernel("a_map_of_maps_is_no_target") else { return };
    for (outer, inner) in FORMS {
        let groups = containing(outer, 4, &group(inner, 4));
        let error = refusal(&redirect(&groups, 0));
        assert_eq!(error.error.errno(), Some(Errno::EINVAL));
        let said = format!("cannot pass map_type {outer} into func bpf_redirect_map#51");
        assert!(error.log.contains(&said), "{error}");
    }
}

/// Rule: MCAST-K02.a
#[test]
fn a_group_must_be_there() {
    let Some(()) = need::kernel("a_group_must_be_there") else { return };
    for (outer, inner) in FORMS {
        let groups = containing(outer, 4, &group(inner, 4));
        let error = refusal(&redirect_to_group(&groups, 0, 0, false));
        assert_eq!(error.error.errno(), Some(Errno::EACCES));
        assert!(error.log.contains("R1 type=map_value_or_null expected=map_ptr"), "{error}");
    }
}

/// Rule: MCAST-K03.a, MCAST-K03.b
#[test]
fn a_group_of_other_things_is_no_target_unless_they_are_targets() {
    let Some(()) = need::kernel("a_group_of_other_things_is_no_target_unless_they_are_targets") else {
        return;
    };
    for outer in [map_type::ARRAY_OF_MAPS, map_type::HASH_OF_MAPS] {
        for inner in [map_type::HASH, map_type::ARRAY] {
            let template = Map::create(&MapCreate::new(inner, 4, 4, 4, "inner")).expect("a plain map");
            let error = refusal(&redirect_to_group(&containing(outer, 4, &template), 0, 0, true));
            assert_eq!(error.error.errno(), Some(Errno::EINVAL));
            let said = format!("cannot pass map_type {inner} into func bpf_redirect_map#51");
            assert!(error.log.contains(&said), "{error}");
        }
        for inner in [map_type::CPUMAP, map_type::XSKMAP] {
            let template = Map::create(&MapCreate::new(inner, 4, 4, 1, "inner")).expect("a map of targets");
            let groups = containing(outer, 4, &template);
            let insns = redirect_to_group(&groups, 0, 0, true);
            Prog::load(&ProgLoad::xdp("unicast", &insns)).unwrap_or_else(|error| panic!("{inner}: {error}"));
        }
    }
}

/// Rule: MCAST-K04.a, MCAST-K04.b, MCAST-K04.c
#[test]
fn templates_and_sizes_of_maps_of_maps() {
    let Some(()) = need::kernel("templates_and_sizes_of_maps_of_maps") else { return };
    let plain = |kind| Map::create(&MapCreate::new(kind, 4, 4, 1, "inner")).expect("a map");
    let targets = [map_type::DEVMAP, map_type::DEVMAP_HASH, map_type::CPUMAP, map_type::XSKMAP];
    for outer in [map_type::ARRAY_OF_MAPS, map_type::HASH_OF_MAPS] {
        for inner in targets.into_iter().chain([map_type::ARRAY, map_type::SOCKMAP]) {
            containing(outer, 4, &plain(inner));
        }
        let errno = |template| try_containing(outer, [4, 4], 4, template).expect_err("refused").errno();
        assert_eq!(errno(plain(map_type::PROG_ARRAY).as_raw_fd()), Some(Errno::ENOTSUPP));
        let nested = containing(outer, 4, &plain(map_type::DEVMAP));
        assert_eq!(errno(nested.as_raw_fd()), Some(Errno::EINVAL), "a map of maps of maps");
        // Descriptor 0 is somebody's, but no map.
        assert_eq!(errno(0), Some(Errno::EINVAL), "no inner map");
    }
    let template = group(map_type::DEVMAP_HASH, 4);
    for sizes in [[2, 4], [8, 4], [4, 8]] {
        let array = try_containing(map_type::ARRAY_OF_MAPS, sizes, 4, template.as_raw_fd());
        assert_eq!(array.expect_err("refused").errno(), Some(Errno::EINVAL), "{sizes:?}");
    }
    for key in [2, 8] {
        try_containing(map_type::HASH_OF_MAPS, [key, 4], 4, template.as_raw_fd()).expect("any key");
    }
}
