//! What broken scenario files are told: snapshots of the rendered problems, caret and all.

use xdpsim::scenario::{CheckOutcome, Colour, FILE_BYTES_MAX, Severity, Source, check, check_source};

/// A scenario without faults; broken files are made from it.
const SOUND: &str = r#"[[port]]
name = "eth0"
xdp = "fwd"
[[port]]
name = "eth1"
[[map]]
name = "ports"
type = "devmap"
max_entries = 4
entries = [{ key = 0, port = "eth1" }]
[[program]]
name = "fwd"
kind = "redirect_map"
map = "ports"
key = 0
[[program]]
name = "egress"
kind = "pass"
attach = "devmap"
"#;

fn outcome(text: &str) -> CheckOutcome {
    check_source(&Source::from_bytes("broken.toml", text.as_bytes()))
}

fn shown(text: &str) -> String {
    let shown = outcome(text).render(Colour::Never);
    // The handler pads lines that it has wrapped.
    shown.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The problems of the sound scenario with more text behind it.
fn with(more: &str) -> String {
    shown(&format!("{SOUND}{more}"))
}

#[test]
fn the_sound_scenario_is_sound() {
    assert!(outcome(SOUND).is_fine() && with("").is_empty());
}

#[test]
fn not_toml() {
    insta::assert_snapshot!(shown("kernel = \"6.12\ncpus = 2\n[[port]\nname = eth0\ncpus = 3\ncpus = 4\n"));
    insta::assert_snapshot!(shown("netns = [\"blue\","));
}

#[test]
fn not_text() {
    let source = Source::from_bytes("broken.toml", b"kernel = \"6.12\"\n# caf\xe9\n");
    insta::assert_snapshot!(check_source(&source).render(Colour::Never));
    let source = Source::from_bytes("broken.toml", &vec![b'#'; FILE_BYTES_MAX + 1]);
    assert!(check_source(&source).render(Colour::Never).contains("longer than 1048576 bytes"));
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(with(
        "mut = 1\n[limit]\nhops = 3\n[replay]\ningres = \"eth0\"\n[[port]]\nname = \"a\"\nmut = 1500\n\
         [[map]]\nname = \"b\"\ntype = \"devmap\"\nmax_entries = 1\nentries = [{ key = 0, prot = \"a\", port = \"a\" }]\n"
    ));
}

#[test]
fn wrong_types_and_numbers_out_of_range() {
    insta::assert_snapshot!(shown(
        "kernel = 6.1\ncpus = \"2\"\nseed = -1\nnetns = \"blue\"\nport = 3\nlimits = 5\n[[map]]\nname = 7\ntype = 14\n\
         max_entries = 0\nentries = [3]\n"
    ));
    insta::assert_snapshot!(with(
        "[[port]]\nname = \"a\"\nmtu = 67\nup = \"yes\"\nqueues = 257\nfeatures = [\"ndo_xmit\", \"ndoxmit\", 4]\n\
         ifindex = 0\nqueue_cpus = [0, 1]\nrx_usecs = 1.5\n[[port]]\nname = \"b\"\nqueue_cpus = [1]\n[limits]\nhops = 256\n"
    ));
}

#[test]
fn kernels_and_modes_that_are_not_modelled() {
    insta::assert_snapshot!(shown(
        "kernel = \"5.15\"\nmode = \"skb\"\n[[port]]\nname = \"a\"\nmode = \"skb\"\n[[port]]\nname = \"b\"\nkind = \"bond\"\n\
         [[map]]\nname = \"c\"\ntype = \"cpumap\"\nmax_entries = 4\n[[program]]\nname = \"d\"\nkind = \"object\"\n\
         attach = \"cpumap\"\n"
    ));
}

#[test]
fn names_missing_taken_or_impossible() {
    insta::assert_snapshot!(with(
        "[[port]]\nmtu = 900\n[[port]]\nname = \"eth0\"\n[[port]]\nname = \"a b\"\n[[port]]\nname = \"\"\n\
         [[map]]\nname = \"ports\"\ntype = \"devmap\"\nmax_entries = 1\n[[program]]\nname = \"fwd\"\nkind = \"pass\"\n\
         [[map]]\n[[program]]\n"
    ));
    insta::assert_snapshot!(shown(
        "netns = [\"blue\", \"init\", \"blue\"]\n[[port]]\nname = \"a\"\nifindex = 4\nnetns = \"blue\"\n\
         [[port]]\nname = \"b\"\nifindex = 4\nnetns = \"blue\"\n[[port]]\nname = \"c\"\nifindex = 4\n"
    ));
}

#[test]
fn references_to_nothing() {
    insta::assert_snapshot!(with(
        "[replay]\ningress = \"eht0\"\n[[port]]\nname = \"a\"\nxdp = \"fdw\"\nnetns = \"blue\"\nupper = \"br0\"\n\
         [[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 4\nentries = [\n\
         { key = 0, port = \"eth7\" },\n{ key = 1, port = \"eth1\", program = \"egres\" },\n]\n\
         [[program]]\nname = \"p\"\nkind = \"broadcast\"\nmap = \"prots\"\n\
         [[program]]\nname = \"q\"\nkind = \"redirect\"\nport = \"uplink\"\n\
         [[fault]]\nport = \"eth\"\nfail = \"clone\"\n"
    ));
}

/// Rule: MAP-06.b, MAP-16.a
#[test]
fn programs_attached_where_they_do_not_belong() {
    insta::assert_snapshot!(with(
        "[[port]]\nname = \"a\"\nxdp = \"egress\"\n[[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 1\n\
         entries = [{ key = 0, port = \"a\", program = \"fwd\" }]\n\
         [[change]]\nframe = 1\ndo = \"set_xdp\"\nport = \"a\"\nprogram = \"egress\"\n"
    ));
}

#[test]
fn maps_that_the_kernel_would_refuse() {
    insta::assert_snapshot!(with(
        "[[map]]\nname = \"a\"\ntype = \"devmap\"\nmax_entries = 2\nentries = [\n{ key = 2, port = \"eth1\" },\n\
         { key = 1, port = \"eth1\" },\n{ key = 1, port = \"eth0\" },\n]\n\
         [[map]]\nname = \"b\"\ntype = \"devmap_hash\"\nmax_entries = 1\nentries = [\n{ key = 7, port = \"eth1\" },\n\
         { key = 7, port = \"eth0\" },\n{ key = 8, port = \"eth0\" },\n]\n\
         [[map]]\nname = \"c\"\ntype = \"devmap\"\nmax_entries = 1\nvalue_size = 4\n\
         entries = [{ key = 0, port = \"eth1\", program = \"egress\" }]\n\
         [[map]]\nname = \"d\"\ntype = \"devmap\"\nmax_entries = 1048576\nvalue_size = 12\n"
    ));
}

#[test]
fn maps_of_maps() {
    insta::assert_snapshot!(with(
        "[[map]]\nname = \"a\"\ntype = \"array_of_maps\"\nmax_entries = 2\nvalue_size = 4\n\
         entries = [{ key = 0, map = \"later\" }, { key = 1, port = \"eth1\" }]\n\
         [[map]]\nname = \"b\"\ntype = \"hash_of_maps\"\nmax_entries = 2\n\
         entries = [{ key = 0, map = \"ports\" }, { key = 1, map = \"later\" }, { key = 2, map = \"a\" }]\n\
         [[map]]\nname = \"c\"\ntype = \"array_of_maps\"\nmax_entries = 2\n\
         [[map]]\nname = \"later\"\ntype = \"devmap_hash\"\nmax_entries = 2\nentries = [{ key = 0, map = \"ports\" }]\n\
         [[program]]\nname = \"p\"\nkind = \"broadcast\"\nmap = \"a\"\n"
    ));
}

/// Rule: MAP-07.b, MAP-07.d
#[test]
fn programs_with_and_without_frags_in_one_map() {
    insta::assert_snapshot!(with(
        "[[program]]\nname = \"big\"\nkind = \"pass\"\nattach = \"devmap\"\nfrags = true\n\
         [[map]]\nname = \"m\"\ntype = \"devmap_hash\"\nmax_entries = 2\nentries = [\n\
         { key = 0, port = \"eth0\", program = \"egress\" },\n{ key = 1, port = \"eth1\", program = \"big\" },\n]\n"
    ));
    insta::assert_snapshot!(with(
        "[[program]]\nname = \"big\"\nkind = \"broadcast\"\nfrags = true\nmap = \"ports\"\n"
    ));
}

#[test]
fn veth_pairs() {
    insta::assert_snapshot!(with(
        "[[port]]\nname = \"a\"\nkind = \"veth\"\npeer = \"b\"\n[[port]]\nname = \"b\"\nkind = \"veth\"\npeer = \"c\"\n\
         [[port]]\nname = \"c\"\nkind = \"veth\"\n[[port]]\nname = \"c.peer\"\n\
         [[port]]\nname = \"d\"\nkind = \"veth\"\npeer = \"eth0\"\n[[port]]\nname = \"e\"\nkind = \"veth\"\npeer = \"e\"\n\
         [[port]]\nname = \"f\"\nkind = \"veth\"\npeer = { gor = true }\n[[port]]\nname = \"g\"\nkind = \"veth\"\npeer = 3\n\
         [[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 1\nentries = [{ key = 0, port = \"f.peer\" }]\n"
    ));
}

#[test]
fn keys_of_another_kind() {
    insta::assert_snapshot!(with(
        "[[port]]\nname = \"a\"\nrate = \"10Gbit\"\ngro = true\n[[port]]\nname = \"b\"\nkind = \"nic\"\npeer = \"a\"\n\
         rate = \"10gbit\"\ntx_ring = 1\n[[port]]\nname = \"c\"\nkind = \"upper\"\nxdp = \"fwd\"\nqueues = 2\n\
         [[program]]\nname = \"p\"\nkind = \"pass\"\nmap = \"ports\"\n\
         [[program]]\nname = \"q\"\nkind = \"redirect_map\"\nmap = \"ports\"\nkey = 1\ntargets = 4\n"
    ));
}

#[test]
fn upper_devices() {
    insta::assert_snapshot!(with(
        "[[port]]\nname = \"a\"\nuppers = [\"b\"]\n[[port]]\nname = \"b\"\nuppers = [\"c\"]\n\
         [[port]]\nname = \"c\"\nuppers = [\"a\"]\n"
    ));
    insta::assert_snapshot!(with(
        "[[port]]\nname = \"a\"\nuppers = [\"eth0\", \"eth0\"]\nupper = \"eth1\"\n"
    ));
}

#[test]
fn programs() {
    insta::assert_snapshot!(with(
        "[[program]]\nname = \"a\"\n[[program]]\nname = \"b\"\nkind = \"redirct\"\n\
         [[program]]\nname = \"c\"\nkind = \"redirect\"\n\
         [[program]]\nname = \"d\"\nkind = \"redirect\"\nport = \"eth1\"\nifindex = 2\nflags = [\"pass\", \"drop\", \"all\"]\n\
         [[program]]\nname = \"e\"\nkind = \"redirect_map\"\nmap = \"ports\"\nkey = \"ifindex\"\n\
         [[program]]\nname = \"f\"\nkind = \"redirect_map\"\nkey = { byte = 5, modulo = 0 }\n\
         [[program]]\nname = \"g\"\nkind = \"redirect_map\"\nmap = \"ports\"\nkey = true\n\
         [[program]]\nname = \"h\"\nkind = \"rewrite\"\nbytes = \"2:0\"\n\
         [[program]]\nname = \"i\"\nkind = \"rewrite\"\nbytes = [256]\n\
         [[program]]\nname = \"j\"\nkind = \"rewrite\"\nbytes = []\n\
         [[program]]\nname = \"k\"\nkind = \"verdict\"\nvalue = 4294967296\n"
    ));
}

#[test]
fn steps_of_scripts() {
    insta::assert_snapshot!(with(
        "[[program]]\nname = \"s\"\nkind = \"script\"\ncycle = [\n\
         [\"redirect_mpa ports 1\", \"redirect_map prots 1\", \"redirect_map ports\"],\n\
         [\"redirect_map ports one\", 'set_byte 3 256', \"adjust_head\\tx\", \"redirect_inner ports 0 1\"],\n\
         [\"return often\", \"return pass now\"],\n[3],\n\"return pass\",\n[\"return pass\", \"return drop\"],\n]\n\
         [[program]]\nname = \"t\"\nkind = \"script\"\ncycle = []\n"
    ));
}

#[test]
fn changes() {
    insta::assert_snapshot!(with(
        "[[change]]\ndo = \"port_down\"\nport = \"eth1\"\n\
         [[change]]\nframe = 1\ntime = \"1.5\"\ndo = \"port_downn\"\n\
         [[change]]\ntime = 1.5\ndo = \"port_up\"\n\
         [[change]]\ntime = \"1.5sec\"\ndo = \"set_gro\"\nport = \"eth1\"\non = true\n\
         [[change]]\nframe = 1\ndo = \"set_mtu\"\nport = \"eth1.peer\"\nmtu = 3\n\
         [[change]]\nframe = 1\ndo = \"add_upper\"\nport = \"eth1\"\nupper = \"br0\"\n\
         [[change]]\nframe = 1\ndo = \"set_netns\"\nport = \"eth1\"\nnetns = \"blue\"\n\
         [[change]]\nframe = 1\ndo = \"update_entry\"\nmap = \"ports\"\nkey = 0\nport = \"eth1\"\n\
         [[change]]\nframe = 1\ndo = \"update_entry\"\nmap = \"ports\"\nkey = 0\ninner = \"ports\"\nflags = \"lock\"\n\
         [[change]]\nframe = 1\ndo = \"delete_entry\"\nmap = \"port\"\nkey = 0\n"
    ));
}

#[test]
fn faults() {
    insta::assert_snapshot!(with(
        "[[fault]]\n[[fault]]\nport = \"eth1\"\nfail = \"xmit\"\nerrno = \"ENXI\"\nnth = 0\n\
         [[fault]]\nport = \"eth1\"\nfail = \"xmit_short\"\n[[fault]]\nport = \"eth1\"\nfail = \"clone\"\nsent = 3\n"
    ));
}

#[test]
fn sections_in_single_brackets() {
    insta::assert_snapshot!(shown("[port]\nname = \"a\"\nmtuu = 3\n[[replay]]\n"));
}

#[test]
fn frames_need_a_port_to_arrive_on() {
    insta::assert_snapshot!(shown("cpus = 1\n"));
    insta::assert_snapshot!(shown("[[port]]\nname = \"br0\"\nkind = \"upper\"\n[[port]]\nname = \"eth0\"\n"));
}

#[test]
fn warnings_do_not_forbid_the_run() {
    let text = "[[port]]\nname = \"a\"\n[[port]]\nname = \"b\"\nxdp = \"s\"\n[[map]]\nname = \"m\"\ntype = \"devmap\"\n\
        max_entries = 2\nentries = [{ key = 0, port = \"a\" }, { key = 0, port = \"b\" }]\n\
        [[program]]\nname = \"s\"\nkind = \"script\"\ncycle = [[\"return pass\", \"return drop\"]]\n\
        [[change]]\nframe = 1\ndo = \"delete_entry\"\nmap = \"m\"\nkey = 2\n";
    assert!(outcome(text).is_fine());
    insta::assert_snapshot!(shown(text));
    let warnings = outcome(text).findings();
    assert!(warnings.iter().all(|finding| finding.severity == Severity::Warning));
}

/// What only shows when the world is built is reported at its place, too.
///
/// Rule: DRV-11.b
#[test]
fn refused_when_the_world_is_built() {
    insta::assert_snapshot!(with(
        "[[port]]\nname = \"v\"\nkind = \"veth\"\nxdp = \"fwd\"\npeer = { mtu = 9000 }\n"
    ));
}

#[test]
fn the_form_for_scripts() {
    let text = format!("{SOUND}[[port]]\nname = \"ä\"\nmut = 3\nmtu = 1\n");
    let json = serde_json::to_string_pretty(&outcome(&text).findings()).expect("serialisable");
    insta::assert_snapshot!(json);
}

#[test]
fn a_file_that_is_not_there() {
    let missing = check(std::path::Path::new("no-such-folder/no-such-file.toml"));
    assert!(!missing.is_fine());
    assert!(
        missing
            .render(Colour::Never)
            .starts_with("cannot read the scenario no-such-folder/no-such-file.toml: ")
    );
    let findings = missing.findings();
    assert_eq!((findings.len(), findings[0].line), (1, None));
}

#[test]
fn very_long_lines_are_named_but_not_shown() {
    let text = format!("{SOUND}[[port]]\nname = \"{}\"\n", "x".repeat(10_000));
    let shown = shown(&text);
    assert!(shown.contains("broken.toml:21:8: the port's name is longer than 64 characters"), "{shown}");
    assert!(shown.len() < 400, "{shown}");
}

#[test]
fn colours_are_for_terminals() {
    let outcome = outcome("cpus = 0\n");
    assert!(outcome.render(Colour::Always).contains('\u{1b}'));
    assert!(!outcome.render(Colour::Never).contains('\u{1b}'));
}
