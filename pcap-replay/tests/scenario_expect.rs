//! `[expect]`, `[replay] captures` and the faults that are no operations: values and diagnostics.

use xdpsim::scenario::{
    Colour, Counter, Expected, FatePattern, Frames, Key, Parsed, Problems, Source, Total, parse,
};
use xdpsim_core::fate::{Fate, PipelineStep};
use xdpsim_core::scenario::{Action, At, FaultKind};
use xdpsim_core::time::Nanos;
use xdpsim_core::{Errno, FrameNo};
use xdpsim_devmap::rule;

const PORTS: &str = "[[port]]\nname = \"eth0\"\nxdp = \"p\"\n[[port]]\nname = \"eth1\"\nkind = \"nic\"\n\
    [[port]]\nname = \"box0\"\nkind = \"veth\"\n[[port]]\nname = \"br0\"\nkind = \"upper\"\n\
    [[program]]\nname = \"p\"\nkind = \"pass\"\n";

fn all(text: &str) -> Result<Parsed, Problems> {
    parse(&Source::from_bytes("expect.toml", format!("{PORTS}{text}").as_bytes()))
}

fn read(text: &str) -> Parsed {
    all(text).unwrap_or_else(|problems| panic!("{}", problems.render(Colour::Never)))
}

fn expected(text: &str) -> Vec<Expected> {
    read(text).expect.expect("a section").into_iter().map(|one| one.expected).collect()
}

fn problems(text: &str) -> String {
    all(text).expect_err("problems").render(Colour::Never)
}

#[test]
fn counts_are_numbers_and_ranges() {
    let counts = expected(
        "[expect]\narrivals = 0x10\nlost = { max = 9 }\nclones = { min = 1 }\nhops = { min = 2, max = 2 }\n",
    );
    let range = |min, max| Frames { min, max };
    assert_eq!(
        counts,
        [
            Expected::Total(Total::Arrivals, Frames::exactly(16)),
            Expected::Total(Total::Clones, range(1, None)),
            Expected::Total(Total::Hops, Frames::exactly(2)),
            Expected::Total(Total::Lost, range(0, Some(9))),
        ]
    );
}

#[test]
fn ports_are_sections_and_their_keys_those_of_the_json() {
    let text = "[expect]\nsilent = [\"box0\", \"eth0\"]\n[expect.port.eth1]\nbytes = 600\ngolden = \"g/eth1.pcap\"\n\
                [expect.port.br0]\npassed = 0\n";
    let port = |name: &str, counter, count| Expected::Port(name.to_owned(), counter, Frames::exactly(count));
    assert_eq!(
        expected(text),
        [
            Expected::Silent("box0".to_owned()),
            Expected::Silent("eth0".to_owned()),
            port("eth1", Counter::Bytes, 600),
            Expected::Golden("eth1".to_owned(), "g/eth1.pcap".to_owned()),
            port("br0", Counter::Passed, 0),
        ]
    );
}

#[test]
fn fates_have_patterns() {
    let text = "[[expect.fate]]\nfate = \"down\"\nstep = \"enqueue\"\nerrno = \"ENETDOWN\"\nrule = \"RED-04\"\n\
                port = \"box0.peer\"\ningress = \"eth0\"\nframes = 0\n";
    let pattern = FatePattern {
        fate: Some(Fate::Down),
        step: Some(PipelineStep::Enqueue),
        errno: Some(Errno::ENETDOWN),
        rule: Some(rule::RED_04),
        port: Some("box0.peer".to_owned()),
        ingress: Some("eth0".to_owned()),
    };
    assert_eq!(expected(text), [Expected::Fate(pattern, Frames::exactly(0))]);
}

/// The way and the span lead to the value that `--update` replaces.
#[test]
fn each_expectation_knows_its_value_s_place() {
    let text = "[[expect.fate]]\nfate = \"down\"\nframes = 1\n[[expect.fate]]\nfate = \"passed\"\nframes = { min = 77 }\n";
    let second = read(text).expect.expect("a section").swap_remove(1);
    assert_eq!(&format!("{PORTS}{text}")[second.at], "{ min = 77 }");
    let name = |key: &str| Key::Name(key.to_owned());
    assert_eq!(second.path, [name("expect"), name("fate"), Key::Place(1), name("frames")]);
}

#[test]
fn without_the_section_nothing_is_expected() {
    assert_eq!(read("").expect, None);
    assert_eq!(read("[expect]\n").expect, Some(Vec::new()));
}

#[test]
fn captures_are_named_in_the_replay_section() {
    assert_eq!(
        read("[replay]\ncaptures = [\"a.pcap\", \"b/c.pcapng\"]\n").replay.captures,
        ["a.pcap", "b/c.pcapng"]
    );
}

#[test]
fn mistakes_in_expectations() {
    insta::assert_snapshot!(problems(
        "[expect]\narrivals = \"many\"\nlost = { min = 3, max = 2 }\nclones = {}\nlosses = 3\nsilent = [\"eth9\", \"br0\", 1]\n\
         [expect.port.eth7]\ndelivered = 1\n[expect.port.eth1]\ndeliverd = 1\nlost = -1\n[expect.port.br0]\ngolden = \"x\"\n\
         [[expect.fate]]\nframes = 1\n[[expect.fate]]\nfate = \"ring_ful\"\nerrno = \"ENXI\"\nrule = \"BRD-05\"\nstep = \"flsh\"\n\
         [replay]\ncaptures = [\"-\", 3]\n"
    ));
}

#[test]
fn a_section_of_the_wrong_shape() {
    insta::assert_snapshot!(problems("[expect]\nport = 1\nfate = { fate = \"down\" }\n"));
    assert!(problems("[[expect]]\n").contains("expected a section: `[expect]`"));
}

#[test]
fn a_small_ring_is_a_fault_of_a_veth() {
    let faults = read("[[fault]]\nport = \"box0\"\nfail = \"ring\"\nsize = 4\n").scenario.faults;
    assert_eq!((faults[0].kind, faults.len()), (FaultKind::Ring(4), 1));
}

#[test]
fn a_flapping_port_is_as_many_changes() {
    let changes = |text: &str| {
        let parsed = read(&format!("[[change]]\nframe = 1\ndo = \"port_down\"\nport = \"eth0\"\n{text}"));
        assert_eq!(parsed.spans.changes.len(), parsed.scenario.changes.len());
        let moment = |change: &xdpsim_core::scenario::Change| match (change.at, &change.action) {
            (At::Frame(FrameNo(at)) | At::Time(Nanos(at)), Action::SetUp { up, .. }) => (at, *up),
            other => panic!("{other:?}"),
        };
        parsed.scenario.changes.iter().skip(1).map(moment).collect::<Vec<_>>()
    };
    let flap = "[[fault]]\nport = \"eth1\"\nfail = \"flap\"\n";
    assert_eq!(changes(&format!("{flap}frame = 10\ndown = 3\n")), [(10, false), (13, true)]);
    assert_eq!(
        changes(&format!("{flap}frame = 10\ndown = 3\nup = 7\ntimes = 2\n")),
        [(10, false), (13, true), (20, false), (23, true)]
    );
    assert_eq!(changes(&format!("{flap}time = \"1us\"\ndown = \"20ns\"\n")), [(1_000, false), (1_020, true)]);
}

#[test]
fn mistakes_in_faults_that_are_no_operations() {
    insta::assert_snapshot!(problems(
        "[[fault]]\nport = \"eth1\"\nfail = \"ring\"\nsize = 0\nnth = 2\n[[fault]]\nport = \"eth0\"\nfail = \"ring\"\n\
         [[fault]]\nport = \"eth1\"\nfail = \"flap\"\nframe = 3\ndown = \"1s\"\ntimes = 5000\n\
         [[fault]]\nport = \"eth1\"\nfail = \"flap\"\ntime = \"1s\"\ndown = \"0s\"\nerrno = \"ENXIO\"\n\
         [[fault]]\nport = \"eth1\"\nfail = \"xmit\"\ndown = 3\n"
    ));
}
