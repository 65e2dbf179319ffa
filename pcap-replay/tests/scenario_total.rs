//! Reading a scenario is total: whatever the bytes, there is an answer, and it can be shown.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use xdpsim::scenario::{CheckOutcome, Colour, FILE_BYTES_MAX, PROBLEMS_MAX, Source, check_source, parse};

/// Broken in every way a diagnostic knows; mutations start from it too.
const BROKEN: &str = "kernel = 6.1\n[[port]]\nname = \"a\"\nifindex = -1\nuppers = [\"a\", 1]\npeer = {}\n\
    [[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 2\nentries = [{ key = 2, port = \"b\" }]\n\
    [[program]]\nname = \"p\"\nkind = \"script\"\ncycle = [[\"redirect_map m\", \"jump\"]]\n\
    [[change]]\ntime = \"1x\"\ndo = \"set_mtu\"\nport = \"a.peer\"\n[[fault]]\nfail = \"xmit\"\nerrno = \"E\"\n";

fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = fs::read_dir(root.join("examples")).expect("examples");
    let paths = entries.map(|entry| entry.expect("a folder entry").path());
    let examples = paths.filter(|path| path.extension().is_some_and(|ext| ext == "toml"));
    let mut seeds: Vec<Vec<u8>> = examples.map(|path| fs::read(path).expect("readable")).collect();
    seeds.sort();
    let docs = fs::read_to_string(root.join("docs/scenario.md")).expect("docs/scenario.md");
    seeds.extend(docs.split("```toml\n").skip(1).map(|block| block.as_bytes().to_vec()));
    seeds.push(BROKEN.as_bytes().to_vec());
    seeds
}

/// Pieces that turn one valid file into another kind of trouble than noise does.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "\"",
        "[",
        "]]",
        "{",
        "\n",
        "=",
        "0",
        "-1",
        "99999999999999999999",
        "0x",
        "1.5",
        "true",
        "nan",
        "[[port]]\n",
        "name = \"eth0\"\n",
        "\"eth0.peer\"",
        "\"redirect_map\"",
        "peer = \"eth0\"\n",
        "\u{fffd}ü",
        "\\u0000",
        "1979-05-27",
        "'''",
        "kind = \"veth\"\n",
        "upper = \"eth0\"\n",
        "entries = []\n",
        "\u{feff}",
    ];
    prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..4),
    ]
}

#[derive(Clone, Debug)]
struct Edit {
    at: prop::sample::Index,
    cut: usize,
    insert: Vec<u8>,
}

fn edit() -> impl Strategy<Value = Edit> {
    let insert = prop_oneof![Just(Vec::new()), piece()];
    (any::<prop::sample::Index>(), 0..12usize, insert).prop_map(|(at, cut, insert)| Edit { at, cut, insert })
}

fn apply(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for Edit { at, cut, insert } in edits {
        let start = at.index(bytes.len() + 1);
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, insert.iter().copied());
    }
    bytes
}

/// Reads, builds and shows; an error or a warning points into the text.
fn read_and_show(bytes: &[u8]) -> CheckOutcome {
    let source = Source::from_bytes("mutated.toml", bytes);
    let outcome = check_source(&source);
    let shown = outcome.render(Colour::Never);
    let findings = outcome.findings();
    assert!(findings.len() <= 2 * PROBLEMS_MAX + 1);
    assert_eq!(shown.is_empty(), findings.is_empty());
    let lines = source.text().split('\n').count();
    for finding in findings {
        assert!(finding.line.is_some_and(|line| (1..=lines).contains(&line)), "{finding:?}");
        assert!(!finding.message.chars().any(|c| c == '\u{1b}'), "{finding:?}");
    }
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edited_scenarios_are_read_or_refused(
        seed in prop::sample::select(seeds()),
        edits in prop::collection::vec(edit(), 0..6),
    ) {
        read_and_show(&apply(seed, &edits));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_and_show(&bytes);
    }
}

#[test]
fn the_seeds_themselves() {
    let seeds = seeds();
    let fine = seeds.iter().filter(|seed| read_and_show(seed).is_fine()).count();
    assert!(fine > 8 && fine < seeds.len(), "{fine} of {}", seeds.len());
}

#[test]
fn a_file_full_of_errors_shows_the_first_hundred() {
    let ports: String = (0..900).map(|n| format!("[[port]]\nname = \"p{n}\"\nxdp = \"missing\"\n")).collect();
    let problems = parse(&Source::from_bytes("x", ports.as_bytes())).expect_err("broken");
    assert_eq!((problems.list().len(), problems.dropped()), (PROBLEMS_MAX, 800));
    assert!(problems.render(Colour::Never).ends_with("and 800 more problems\n"));
}

#[test]
fn many_warnings_do_not_forbid_the_run() {
    let change = "[[change]]\nframe = 1\ndo = \"delete_entry\"\nmap = \"m\"\nkey = 4\n";
    let head = "[[port]]\nname = \"a\"\n[[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 4\n";
    let text = head.to_owned() + &change.repeat(2 * PROBLEMS_MAX);
    let parsed = parse(&Source::from_bytes("x", text.as_bytes())).expect("only warnings");
    assert_eq!(parsed.warnings.list().len(), PROBLEMS_MAX);
    assert!(!parsed.warnings.forbid_the_run() && parsed.warnings.dropped() > 0);
}

#[test]
fn the_largest_file_allowed_is_read_in_bounded_time() {
    let fill = |pattern: &str| pattern.repeat(FILE_BYTES_MAX / pattern.len());
    let patterns = [
        "[[port]]\n",
        "[[change]]\nx=1\n",
        "a=1\n",
        "[",
        "a.",
        "[[",
        "{",
        "\"",
        "x=[",
        "#",
        "\n",
        "'''",
        "a={b=",
        "=",
        "[a.a.a.a]\n",
        "[[fault]]\nport=\"a\"\nfail=\"clone\"\n",
        "\\",
    ];
    for pattern in patterns {
        let started = std::time::Instant::now();
        read_and_show(fill(pattern).as_bytes());
        let took = started.elapsed().as_secs();
        assert!(took < 20, "{pattern:?} took {took} s");
    }
}
