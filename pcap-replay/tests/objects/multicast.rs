//! Groups and exclude groups on the surface: scenarios, objects, `replay`, `explain`, `check`.

use serde_json::Value;

use crate::cli::{Folder, assert_balanced, repository};

/// Containing map and inner maps of each form: array or hash, of DEVMAPs or DEVMAP_HASHes.
const FORMS: [(&str, &str, &str, u32); 4] = [
    ("aa", "array_of_maps", "devmap", 0x4_0000),
    ("ha", "hash_of_maps", "devmap", 16),
    ("hh", "hash_of_maps", "devmap_hash", 16),
    ("ah", "array_of_maps", "devmap_hash", 0x4_0000),
];
const PORTS: [&str; 4] = ["p1", "p2", "p3", "p4"];

fn example(name: &str) -> String {
    std::fs::read_to_string(repository(&format!("examples/{name}.toml"))).expect("an example")
}

/// A folder with the flows of the examples, the captures that come of them, and their objects.
fn folder() -> Folder {
    let folder = Folder::new();
    for part in ["groups", "objects"] {
        std::fs::create_dir(folder.path(part)).expect("a folder of the test");
        for file in std::fs::read_dir(repository(&format!("examples/{part}"))).expect("files of examples") {
            let file = file.expect("a file of the examples").path();
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            folder.write(&format!("{part}/{name}"), std::fs::read(&file).expect("a file of the examples"));
        }
    }
    folder
}

/// The report of a replay of the five flows.
fn report(text: &str) -> Value {
    let folder = folder();
    folder.write("host.toml", text);
    assert_balanced(&folder.run("replay host.toml --json").fine())
}

/// Frames that left by each port.
fn delivered(report: &Value) -> [u64; 4] {
    let ports = report["ports"].as_array().expect("ports");
    PORTS.map(|name| {
        let port = ports.iter().find(|port| port["name"] == name).expect("a port");
        port["delivered"].as_u64().expect("a number")
    })
}

/// The ports that each of the five flows reaches, one run for each.
fn reached(text: &str) -> Vec<Vec<&'static str>> {
    let folder = folder();
    folder.write("host.toml", text);
    let one = |frame: usize| {
        let said = folder.run(&format!("explain host.toml --frame {frame} --json")).fine();
        let story: Value = serde_json::from_str(&said).expect("a story");
        let copies = story["copies"].as_array().expect("copies");
        let left = |port: &&str| {
            copies.iter().any(|copy| copy["port"] == *port && copy["end"]["fate"] == "delivered")
        };
        PORTS.into_iter().filter(|port| left(port)).collect()
    };
    (1..=5).map(one).collect()
}

fn five_flows() -> Vec<Vec<&'static str>> {
    vec![vec!["p2", "p3", "p4"], vec!["p1", "p2"], vec!["p3"], vec!["p2"], vec!["p2"]]
}

/// The example with maps of another form.
fn native((_, outer, inner, size): (&str, &str, &str, u32)) -> String {
    let text = example("multicast-groups").replace("\"devmap_hash\"", &format!("\"{inner}\""));
    let text = text.replace("\"hash_of_maps\"", &format!("\"{outer}\""));
    text.replace("max_entries = 16", &format!("max_entries = {size}"))
}

fn object((form, _, inner, _): (&str, &str, &str, u32)) -> String {
    let text = example("object-multicast").replace("\"devmap_hash\"", &format!("\"{inner}\""));
    text.replace("multicast_hh", &format!("multicast_{form}")).replace("groups_hh", &format!("groups_{form}"))
}

/// Rule: MCAST-38.a, MCAST-38.b, MCAST-38.c, MCAST-38.d, MCAST-38.e, MCAST-38.f, MCAST-01.a, MCAST-02.c
#[test]
fn the_rfcs_example_reaches_the_same_ports_in_all_forms() {
    for form in FORMS {
        for text in [native(form), object(form)] {
            assert_eq!(reached(&text), five_flows(), "{form:?}");
            let folder = folder();
            folder.write("host.toml", &text);
            folder.run("test host.toml").fine();
        }
    }
}

/// The posted text does the same as long as all groups are there.
#[test]
fn the_example_is_alike_as_posted_and_with_two_maps() {
    for rules in ["rfc-v1-literal", "rfc-v1"] {
        let text = example("multicast-groups").replace("\"rfc-v1\"", &format!("\"{rules}\""));
        assert_eq!(reached(&text), five_flows(), "{rules}");
    }
    for version in ["", "-v2", "-v4", "-v7", "-v12"] {
        let text = example("object-two-maps").replace("\"two-maps\"", &format!("\"two-maps{version}\""));
        assert_eq!(reached(&text), five_flows(), "{version}");
    }
}

/// Without the exclude group of p1, everybody gets its frames: p1 its own ARP (group 1) and IPv4 (group 2), too.
///
/// Rule: MCAST-09.a, MCAST-09.b, MCAST-20.a
#[test]
fn a_missing_exclude_group_excludes_nobody_or_everybody() {
    let text = example("multicast-groups").replace("  { key = 1, map = \"not_p1\" },\n", "");
    assert_eq!(delivered(&report(&text)), [3, 4, 2, 1]);
    let literal = report(&text.replace("\"rfc-v1\"", "\"rfc-v1-literal\""));
    assert_eq!(delivered(&literal), [1, 3, 0, 0]);
    let fates = literal["fates"].as_array().expect("fates");
    let nobody = fates.iter().find(|row| row["fate"] == "no_exclude_group").expect("frames for nobody");
    assert_eq!((nobody["frames"].as_u64(), nobody["rule"].as_str()), (Some(2), Some("MCAST-09")));
}

/// Key 0 is looked up like any other: absent it excludes nobody, with a group it is that group. Group 0 less group 0
/// is nothing.
///
/// Rule: MCAST-10.a, MCAST-10.b, MCAST-11.a, MCAST-11.b
#[test]
fn key_0_is_a_key() {
    let text = example("multicast-groups");
    let with = |group: &str, exclude: &str| {
        let numbers = "group = { ipv4 = 2, ipv6 = 3, other = 1 }\nexclude = \"ingress_ifindex\"";
        assert!(text.contains(numbers));
        text.replace(numbers, &format!("group = {group}\nexclude = {exclude}"))
    };
    let zero = |text: String| {
        text.replace(
            "entries = [\n  { key = 0x10000",
            "entries = [\n  { key = 0, map = \"odd\" },\n  { key = 0x10000",
        )
    };
    assert_eq!(delivered(&report(&with("1", "0"))), [5, 5, 5, 5]);
    assert_eq!(delivered(&report(&zero(with("1", "0")))), [0, 5, 0, 5]);
    assert_eq!(delivered(&report(&zero(with("0", "1")))), [0, 0, 5, 0]);
    assert_eq!(delivered(&report(&zero(with("0", "0")))), [0, 0, 0, 0]);
}

/// p4's number in the index is 0x10004: half of it lands in the number of the forward group, which becomes 3.
///
/// Rule: MCAST-12.b
#[test]
fn an_ifindex_above_65535_changes_the_forward_group() {
    let text = example("multicast-groups").replace("name = \"p4\"\n", "name = \"p4\"\nifindex = 0x10004\n");
    let text = text.replace("group = { ipv4 = 2, ipv6 = 3, other = 1 }", "group = 2");
    let flows = reached(&text);
    assert_eq!(flows[1], ["p2"], "group 3 instead of 2, less the exclude group of number 4");
    assert_eq!(flows[0], ["p3"], "p1's number is small");
}

/// Rule: MCAST-13.a, MCAST-13.b, MCAST-07.a
#[test]
fn keys_beyond_an_array_are_absent_groups() {
    let aa = native(FORMS[0]);
    let far = aa
        .replace("exclude = \"ingress_ifindex\"", "exclude = 9")
        .replace("group = { ipv4 = 2, ipv6 = 3, other = 1 }", "group = 4");
    let report_far = report(&far);
    assert_eq!(delivered(&report_far), [0; 4]);
    assert_eq!(report_far["fates"][0]["fate"], "lookup_dropped", "the fallback verdict: {report_far}");
    let exclude = report(&aa.replace("exclude = \"ingress_ifindex\"", "exclude = 9"));
    assert_eq!(delivered(&exclude), [3, 4, 3, 4], "nobody is excluded");
}

/// A redirect to a containing map and one to its inner map in one run: the last call counts.
///
/// Rule: MCAST-01.b, MCAST-04.a, MCAST-30.a, MCAST-30.b, MCAST-37.a
#[test]
fn scripts_call_the_helper_on_maps_of_both_sorts() {
    let start = example("multicast-groups");
    let at = start.find("[[program]]").expect("the program");
    let script = |cycle: &str| {
        let program = format!("[[program]]\nname = \"multicast\"\nkind = \"script\"\ncycle = [[{cycle}]]\n");
        delivered(&report(&format!("{}{program}", &start[..at])))
    };
    let groups = "\"redirect_map groups 0x10001\"";
    let high = "\"redirect_map groups 0x700010001 2\"";
    let device = "\"redirect_map all 4\"";
    let refused = "\"redirect_map groups 0x20001 8\"";
    let end = "\"return helper\"";
    assert_eq!(script(&format!("{groups}, {end}")), [0, 5, 5, 5]);
    assert_eq!(script(&format!("{high}, {end}")), [0, 5, 5, 5], "32 bits count, and no flag does");
    assert_eq!(script(&format!("{groups}, {device}, {end}")), [0, 0, 0, 5]);
    assert_eq!(script(&format!("{device}, {groups}, {end}")), [0, 5, 5, 5]);
    assert_eq!(script(&format!("{groups}, {refused}, {end}")), [0; 4], "XDP_ABORTED");
    assert_eq!(
        script(&format!("{groups}, {refused}, \"return redirect\"")),
        [0, 5, 5, 5],
        "what was armed stays"
    );
}

/// The exclude group of a bond holds its members and the bond; the flags that merged let a sibling have a copy.
///
/// Rule: MCAST-55.a, MCAST-51.b, MCAST-52.a, MCAST-52.b
#[test]
fn a_bonds_members_are_one_exclude_group() {
    let folder = Folder::new();
    let text = example("bond-members");
    folder.write("bond.toml", &text);
    folder.run("test bond.toml").fine();
    let left = |port: &str, text: String| {
        folder.write("other.toml", text);
        let report = assert_balanced(&folder.run("replay other.toml --json").fine());
        let ports = report["ports"].as_array().expect("ports").clone();
        let port = ports.iter().find(|one| one["name"] == port).expect("a port").clone();
        port["delivered"].as_u64()
    };
    let flags = text.replace("xdp = \"multicast\"", "xdp = \"flags\"");
    assert_eq!(left("p2", flags.clone()), Some(120), "a sibling");
    assert_eq!(left("bond0", flags), Some(0), "the upper device");
    // From the other member, and from a port of no bond.
    let from = |port: &str| {
        text.replace("ingress = \"p1\"", &format!("ingress = \"{port}\""))
            .replace("name = \"p3\"\n", "name = \"p3\"\nxdp = \"multicast\"\n")
    };
    assert_eq!(
        (left("p1", from("p2")), left("bond0", from("p2")), left("p4", from("p2"))),
        (Some(0), Some(0), Some(120))
    );
    assert_eq!((left("p1", from("p3")), left("bond0", from("p3"))), (Some(120), Some(120)));
}

/// A bond without members has its own entry only; a member that joins is one update, and one that leaves another.
///
/// Rule: MCAST-55.b, MCAST-55.c
#[test]
fn a_bonds_exclude_group_grows_and_shrinks_by_one_update() {
    let text = example("bond-members").replace(
        "  { key = 1, port = \"p1\" },\n  { key = 2, port = \"p2\" },\n  { key = 5, port = \"bond0\" },\n]\n\n[[map]]\nname = \"groups\"",
        "  { key = 5, port = \"bond0\" },\n]\n\n[[map]]\nname = \"groups\"",
    );
    let at = text.find("# Over 120").expect("the expectations");
    let changes = "[[change]]\nframe = 40\ndo = \"update_entry\"\nmap = \"bond\"\nkey = 2\nto = \"p2\"\n\n\
                   [[change]]\nframe = 100\ndo = \"delete_entry\"\nmap = \"bond\"\nkey = 2\n";
    let folder = Folder::new();
    folder.write("bond.toml", format!("{}{changes}", &text[..at]));
    let report = assert_balanced(&folder.run("replay bond.toml --json").fine());
    let of = |name: &str| {
        report["ports"]
            .as_array()
            .and_then(|ports| ports.iter().find(|port| port["name"] == name))
            .map(|port| port["delivered"].clone())
    };
    assert_eq!(of("bond0"), Some(0.into()));
    assert_eq!(of("p2"), Some((40 + 20).into()), "while it is no member");
    assert_eq!(of("p1"), Some(120.into()), "never a member here");
}

/// One event for a packet, of the containing map and the whole index; what each device sent; and the bugs.
///
/// Rule: MCAST-31.a, MCAST-31.c, MCAST-06.b, MCAST-17.c
#[test]
fn events_name_the_containing_map_and_the_bugs() {
    let folder = folder();
    let events = |rules: &str| -> Vec<Value> {
        folder.write("host.toml", example("multicast-groups").replace("\"rfc-v1\"", &format!("\"{rules}\"")));
        folder.run("replay host.toml --events events.jsonl -q").fine();
        let text = String::from_utf8(folder.read("events.jsonl")).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    };
    let named = |events: &[Value], name: &str| -> Vec<Value> {
        events.iter().filter(|event| event["event"] == name).cloned().collect()
    };
    let meant = events("rfc-v1");
    let redirects = named(&meant, "xdp_redirect");
    assert_eq!(redirects.len(), 5);
    let index = |event: &Value| event["map_index"].as_u64();
    assert_eq!(
        redirects.iter().map(index).collect::<Vec<_>>(),
        [0x1_0001, 0x1_0004, 0x2_0001, 0x3_0004, 0x3_0003].map(Some)
    );
    for event in &redirects {
        assert_eq!((event["map_id"].as_u64(), event["to_ifindex"].as_u64()), (Some(7), Some(0)), "{event}");
    }
    assert_eq!(named(&meant, "xdp_devmap_xmit").len(), 8, "each device by itself");
    assert_eq!(named(&meant, "rfc_bug").len(), 0);
    let bugs = named(&events("rfc-v1-literal"), "rfc_bug");
    let of = |rule: &str| bugs.iter().filter(|bug| bug["rule"] == rule).count();
    assert_eq!((of("MCAST-06"), of("MCAST-17")), (1, 5));
}

#[test]
fn a_frame_is_explained_with_its_groups() {
    let folder = folder();
    folder.write("host.toml", example("multicast-groups"));
    insta::assert_snapshot!("explain_groups", folder.run("explain host.toml --frame 2").fine());
    folder.write(
        "literal.toml",
        example("multicast-groups")
            .replace("\"rfc-v1\"", "\"rfc-v1-literal\"")
            .replace("  { key = 1, map = \"not_p1\" },\n", ""),
    );
    insta::assert_snapshot!("explain_literal", folder.run("explain literal.toml --frame 1").fine());
    folder.write("maps.toml", example("object-two-maps"));
    insta::assert_snapshot!("explain_two_maps", folder.run("explain maps.toml --frame 4").fine());
    insta::assert_snapshot!("replay_groups", folder.run("replay host.toml").fine());
    let story: Value =
        serde_json::from_str(&folder.run("explain host.toml --frame 2 --json").fine()).expect("a story");
    let groups = &story["visits"][0]["groups"];
    assert_eq!((groups["forward"].as_str(), groups["exclude"].as_str()), (Some("all"), Some("not_bond")));
}

/// Rule: MCAST-K01.a, MCAST-14.a, MCAST-21.b, MCAST-39.e
#[test]
fn what_a_verifier_refuses_is_an_error_of_the_scenario() {
    let folder = folder();
    folder.write(
        "refused.o",
        std::fs::read(repository("pcap-replay/tests/objects/refused.o")).expect("an object"),
    );
    let check = |text: String| {
        folder.write("host.toml", text);
        folder.run("check host.toml").whole()
    };
    let without_rules = |name: &str, rules: &str| example(name).replace(rules, "");
    let refused = "rules = \"rfc-v1\"\n[[port]]\nname = \"p1\"\nxdp = \"fwd\"\n[[program]]\nname = \"fwd\"\nobject = \"refused.o\"\nfunction = \"keys_of_8_bytes\"\n";
    let cases = [
        ("native groups under mainline", without_rules("multicast-groups", "rules = \"rfc-v1\"\n")),
        ("an object's groups under mainline", without_rules("object-multicast", "rules = \"rfc-v1\"\n")),
        ("an object's two maps under mainline", without_rules("object-two-maps", "rules = \"two-maps\"\n")),
        ("keys and inner maps of an object", refused.to_owned()),
        ("unknown rules", example("multicast-groups").replace("\"rfc-v1\"", "\"rfc-v2\"")),
        (
            "no exclude map",
            "rules = \"two-maps-v7\"\n[[port]]\nname = \"p1\"\nxdp = \"fwd\"\n[[map]]\nname = \"all\"\ntype = \"devmap\"\nmax_entries = 2\n\
             [[program]]\nname = \"fwd\"\nkind = \"redirect_multi\"\nmap = \"all\"\n"
                .to_owned(),
        ),
        (
            "numbers",
            example("multicast-groups")
                .replace("{ ipv4 = 2, ipv6 = 3, other = 1 }", "{ ipv5 = 2, ipv6 = 65536 }")
                .replace("exclude = \"ingress_ifindex\"", "exclude = { ports = { p9 = 1 }, ifindexes = { x = 2 } }"),
        ),
        ("a map of maps elsewhere", format!("{}\n[[program]]\nname = \"b\"\nkind = \"broadcast\"\nmap = \"groups\"\n", example("multicast-groups").split("# What leaves").next().unwrap_or(""))),
    ];
    let said = cases.map(|(name, text)| format!("## {name}\n{}\n", check(text)));
    insta::assert_snapshot!("refused_groups", said.join("\n"));
}
