//! Stock objects in the command: nothing but `--object`, faults, coverage, what is not modelled.

use std::collections::BTreeSet;

use crate::cli;
#[path = "objects/multicast.rs"]
mod multicast;

use cli::{Folder, assert_balanced, repository};

/// A folder with an object of the corpus, and one of the tests.
fn folder(object: &str) -> Folder {
    let folder = Folder::new();
    let bytes = std::fs::read(repository(&format!("ebpf-vm/objects/v3/{object}.o"))).unwrap();
    folder.write("fwd.o", bytes);
    folder.capture("in.pcap", &[64, 65, 66, 80, 200], 1000);
    folder
}

fn faulty() -> Folder {
    let folder = Folder::new();
    folder.write("faulty.o", std::fs::read(repository("pcap-replay/tests/objects/faulty.o")).unwrap());
    folder.capture("in.pcap", &[64, 65, 66, 80, 200], 1000);
    folder
}

#[test]
fn an_object_and_ports_need_nothing_else() {
    let folder = folder("by_ingress");
    let said = folder.run("replay --object fwd.o --ports 4 in.pcap -o out").fine();
    insta::assert_snapshot!(said);
    assert!(folder.path("out/2.pcapng").exists());
}

#[test]
fn the_program_of_entries_runs_on_each_copy() {
    let folder = folder("broadcast");
    let said = folder.run("replay --object fwd.o --ports 3 in.pcap --keys ifindex").fine();
    insta::assert_snapshot!(said);
}

#[test]
fn faults_are_told_once_and_the_run_goes_on() {
    let folder = faulty();
    insta::assert_snapshot!(folder.run("replay --object faulty.o in.pcap").whole());
    let said = folder.run("replay --object faulty.o in.pcap --json");
    let report = assert_balanced(&said.out);
    assert_eq!((said.code, report["faults"][0]["count"].as_u64()), (1, Some(2)));
    assert_eq!(report["faults"][0]["source"]["text"], "if (data[65] == 0)");
}

#[test]
fn a_run_can_stop_at_the_first_fault() {
    insta::assert_snapshot!(faulty().run("replay --object faulty.o in.pcap --stop-on-fault").whole());
}

#[test]
fn coverage_is_by_line_of_source() {
    let folder = faulty();
    let said = folder.run("replay --object faulty.o in.pcap --coverage lcov.info -q");
    assert_eq!(said.code, 1);
    insta::assert_snapshot!(String::from_utf8(folder.read("lcov.info")).unwrap());
}

/// All engines give the same report.
#[test]
fn engines_agree() {
    let folder = folder("broadcast");
    let with =
        |engine: &str| folder.run(&format!("replay --object fwd.o in.pcap --json --engine {engine}")).fine();
    for engine in xdpsim_vm::Engine::ALL {
        assert_eq!(with("reference"), with(engine.name()), "{engine}");
    }
    let said = folder.run("replay --object fwd.o --engine fast in.pcap");
    assert!(said.code == 2 && said.err.contains("there is no engine `fast`"), "{}", said.whole());
}

/// Polls of frames that end in every way, one after the other: the JIT carries redirects out together, and yet each frame
/// finds what the one before has left.
///
/// Rule: HLP-04.a, HLP-12.a, HLP-19.a
#[test]
fn engines_agree_on_what_redirects_leave_behind() {
    let folder = Folder::new();
    folder.write("ends.o", std::fs::read(repository("pcap-replay/tests/objects/ends.o")).unwrap());
    let lens: Vec<usize> = (0..3000).map(|number| if number % 50 < 9 { 300 } else { 64 }).collect();
    folder.capture("in.pcap", &lens, 0);
    let with = |engine: &str, more: &str| {
        let run = format!("replay --object ends.o in.pcap --ports 4 --keys ifindex --engine {engine} {more}");
        let said = folder.run(&run);
        assert_eq!(said.code, 1, "{}", said.whole());
        said.out
    };
    for more in ["--json", "--events -", "--json --timing asap"] {
        let expected = with("reference", more);
        for engine in xdpsim_vm::Engine::ALL {
            assert_eq!(expected, with(engine.name(), more), "{engine} {more}");
        }
    }
    let report = assert_balanced(&with("jit", "--json"));
    let fates: BTreeSet<_> = report["fates"]
        .as_array()
        .expect("fates")
        .iter()
        .map(|end| &end["fate"])
        .map(|fate| fate.as_str())
        .collect();
    assert!(fates.len() >= 8, "{fates:?}");
}

#[test]
fn mistakes_are_named() {
    let folder = folder("subprograms");
    let mistakes = [
        "replay --object nowhere.o in.pcap",
        "replay --object in.pcap in.pcap",
        "replay --object fwd.o in.pcap",
        "replay --object fwd.o:nobody in.pcap",
        "replay --object fwd.o --broadcast in.pcap",
        "replay --ports 4 in.pcap --coverage lcov.info",
        "replay --prog one in.pcap",
    ];
    let said = mistakes.map(|arguments| format!("$ xdpsim {arguments}\n{}\n", folder.run(arguments).whole()));
    insta::assert_snapshot!(said.join("\n"));
}

/// Two programs of one object on one set of maps: what the entries' program counted is read at the end.
#[test]
fn a_scenario_fills_maps_and_expects_their_contents() {
    let folder = Folder::new();
    let example = |name: &str| std::fs::read(repository(&format!("examples/{name}"))).unwrap();
    std::fs::create_dir(folder.path("objects")).unwrap();
    folder.write("objects/broadcast.o", example("objects/broadcast.o"));
    let text = String::from_utf8(example("object-broadcast.toml")).unwrap();
    folder.write("host.toml", &text);
    folder.run("test host.toml").fine();
    folder.write("host.toml", text.replace("0 = 240", "0 = 7 # not so"));
    insta::assert_snapshot!(folder.run("test host.toml").whole());
    assert_eq!(folder.run("test host.toml --update").code, 0);
    let updated = String::from_utf8(folder.read("host.toml")).unwrap();
    assert!(updated.contains("0 = 240 # not so"), "{updated}");
}

#[test]
fn what_a_program_returned_is_counted_and_expected() {
    let folder = Folder::new();
    let example = |name: &str| std::fs::read(repository(&format!("examples/{name}"))).unwrap();
    std::fs::create_dir(folder.path("objects")).unwrap();
    folder.write("objects/by_ingress.o", example("objects/by_ingress.o"));
    let text = String::from_utf8(example("object-by-ingress.toml")).unwrap();
    let wrong =
        text.replace("redirect = 120", "redirect = 7 # why").replace("aborted = 0", "pass = { min = 1 }");
    folder.write("host.toml", &wrong);
    insta::assert_snapshot!(folder.run("test host.toml").whole());
    assert_eq!(folder.run("test host.toml --update").code, 0);
    let updated = String::from_utf8(folder.read("host.toml")).unwrap();
    assert!(updated.contains("redirect = 120 # why\npass = { min = 0 }"), "{updated}");
    folder.write("host.toml", text.replace("verdicts.redirect_foo", "verdicts.redirect_fo"));
    insta::assert_snapshot!("verdicts_of_nobody", folder.run("check host.toml").whole());
}

#[test]
fn copies_carry_the_addresses_of_their_ports() {
    let folder = Folder::new();
    let example = |name: &str| std::fs::read(repository(&format!("examples/{name}"))).unwrap();
    std::fs::create_dir(folder.path("objects")).unwrap();
    folder.write("objects/broadcast.o", example("objects/broadcast.o"));
    folder.write("host.toml", example("object-broadcast.toml")).capture("in.pcap", &[64], 1);
    folder.run("replay host.toml in.pcap -o out --format pcap -q").fine();
    let source = |port: &str| folder.read(&format!("out/{port}.pcap"))[40 + 6..40 + 12].to_vec();
    assert_eq!(source("eth1"), [2, 0, 0, 0, 0, 2]);
    assert_eq!(source("eth2"), [2, 0, 0, 0, 0, 3]);
    assert_eq!(source("eth3"), cli::frame(0, 64)[6..12]);
}

#[test]
fn problems_with_objects_stand_in_their_place() {
    let folder = folder("broadcast");
    folder.write(
        "bad.toml",
        "[[port]]\nname = \"eth0\"\nxdp = \"fwd\"\n\n[[map]]\nname = \"ports\"\ntype = \"devmap\"\nmax_entries = 4\n\n\
         [[program]]\nname = \"fwd\"\nobject = \"fwd.o\"\n\n[contents.nobody]\n0 = 1\n\n\
         [contents.port_mac]\nx = { bytes = \"02:00:00:00:00:01\" }\n2 = { bites = \"02:00:00:00:00:01\" }\n",
    );
    insta::assert_snapshot!("contents", folder.run("check bad.toml").whole());
    folder.write(
        "worse.toml",
        "[[port]]\nname = \"eth0\"\nxdp = \"a\"\n\n[[program]]\nname = \"a\"\nobject = \"nowhere.o\"\n\n\
         [[program]]\nname = \"b\"\nobject = \"fwd.o\"\nfunction = \"source_mac\"\n\n\
         [[program]]\nname = \"c\"\nobject = \"fwd.o\"\nfunction = \"brodcast\"\nglobals = { port_count = 4 }\n",
    );
    insta::assert_snapshot!("programs", folder.run("check worse.toml").whole());
}

#[test]
fn redirects_beyond_the_model_are_a_finding() {
    let folder = faulty();
    folder.write(
        "host.toml",
        "cpus = 2\n\n[replay]\ncaptures = [\"in.pcap\"]\n\n[[port]]\nname = \"eth0\"\nxdp = \"fwd\"\n\n\
         [[program]]\nname = \"fwd\"\nobject = \"faulty.o\"\n\n[contents.cpus]\n1 = 192\n",
    );
    insta::assert_snapshot!(folder.run("replay host.toml").whole());
}

#[test]
fn explain_follows_the_lines_of_a_program() {
    let folder = faulty();
    insta::assert_snapshot!("passed", folder.run("explain --object faulty.o in.pcap --frame 3").fine());
    insta::assert_snapshot!("fault", folder.run("explain --object faulty.o in.pcap --frame 1").fine());
}

/// Ring buffers and perf events are read by somebody who keeps up, and written if that is asked for.
#[test]
fn what_programs_tell_user_space_is_kept() {
    let folder = folder("queues");
    folder.run("replay --object fwd.o in.pcap --program-events told.jsonl -q").fine();
    insta::assert_snapshot!(String::from_utf8(folder.read("told.jsonl")).unwrap());
}

/// The file of `--maps`: DEVMAPs by port, other maps by the object's types.
#[test]
fn contents_can_come_from_a_file() {
    let folder = folder("broadcast");
    folder.write(
        "maps.toml",
        "[maps.ports]\n1 = 1\n7 = { port = 3, program = \"source_mac\" }\n\n[maps.port_mac]\n3 = { bytes = \"02:00:00:00:00:03\" }\n",
    );
    folder.run("replay --object fwd.o in.pcap --maps maps.toml -o out --format pcap -q").fine();
    assert_eq!(folder.read("out/3.pcap")[40 + 6..40 + 12], [2, 0, 0, 0, 0, 3]);
    folder.write("maps.toml", "[globals]\nnobody = 1\n\n[maps.ports]\n1 = 9\n\n[maps.port_mac]\n3 = 7\n");
    insta::assert_snapshot!(folder.run("replay --object fwd.o in.pcap --maps maps.toml").whole());
}

/// The documentation's first snippet, compiled and native: the same frames, the same ways.
#[test]
fn an_object_does_what_the_native_program_does() {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60; 200], 10);
    let report = |scenario: &str, more: &str| {
        let scenario = std::fs::canonicalize(repository(&format!("examples/{scenario}.toml"))).unwrap();
        let said = folder.run(&format!("replay {} in.pcap --json {more}", scenario.display())).fine();
        let mut report = assert_balanced(&said);
        report["scenario"] = "".into();
        report
    };
    for more in ["", "--timing asap", "--ingress eth2"] {
        assert_eq!(report("devmap-by-ingress", more), report("object-by-ingress", more), "{more}");
    }
}

/// `bpf_fib_lookup()` is answered from the scenario's routes and neighbours.
#[test]
fn a_forwarder_finds_its_routes() {
    let folder = folder("forward");
    let port = |name: &str, ifindex: u32| {
        format!("[[port]]\nname = \"{name}\"\nifindex = {ifindex}\nxdp = \"fwd\"\n\n")
    };
    let rest = "[[program]]\nname = \"fwd\"\nobject = \"fwd.o\"\n\n\
                [[map]]\nname = \"out_ports\"\ntype = \"devmap_hash\"\nmax_entries = 64\n\
                entries = [{ key = 2, port = \"eth1\" }]\n\n[[route]]\nprefix = \"10.0.0.0/8\"\nport = \"eth1\"\n\n\
                [[neighbour]]\naddress = \"10.0.0.9\"\nport = \"eth1\"\nmac = \"02:00:00:00:00:99\"\n";
    folder.write("host.toml", [port("eth0", 1), port("eth1", 2), rest.to_owned()].concat());
    insta::assert_snapshot!(folder.run("ask host.toml --src 192.0.2.1 --dst 10.0.0.9 --protocol udp").fine());
}
