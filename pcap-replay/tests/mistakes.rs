//! Mistakes that people make on the first day: each gets a message that names the thing and the remedy.
//!
//! Every snapshot is one mistake; [`every_mistake_names_its_remedy`] makes all of them once more and asks
//! for both.

use crate::cli;
use std::io::Write;
use std::process::{Command, Stdio};

use cli::{Folder, Said};

/// A scenario with one line replaced.
const FINE: &str = r#"[[port]]
name = "eth0"
xdp = "fwd"

[[port]]
name = "eth1"
mtu = 1500

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
name = "mac"
kind = "rewrite"
attach = "devmap"
bytes = "02:00:00:00:00:01"

[expect]
arrivals = 3
"#;

/// The mistakes in scenarios: name, what is right, what somebody wrote.
const IN_SCENARIOS: [(&str, &str, &str); 14] = [
    ("typo_in_a_key", "mtu = 1500", "mut = 1500"),
    ("port_named_twice", "name = \"eth1\"", "name = \"eth0\""),
    ("unknown_program", "xdp = \"fwd\"", "xdp = \"fdw\""),
    ("missing_map", "map = \"ports\"", "map = \"prots\""),
    ("wrong_type", "mtu = 1500", "mtu = \"1500\""),
    ("number_out_of_range", "mtu = 1500", "mtu = 15000000"),
    ("bad_hex", "02:00:00:00:00:01", "02:00:00:00:00:zz"),
    ("unknown_kind", "kind = \"redirect_map\"", "kind = \"redirect-map\""),
    ("key_beyond_the_map", "{ key = 0,", "{ key = 4,"),
    ("entry_without_a_port", "port = \"eth1\" }", "port = \"eth7\" }"),
    ("quote_missing", "name = \"fwd\"", "name = \"fwd"),
    ("required_key_missing", "max_entries = 4\n", ""),
    ("counter_unknown", "arrivals = 3", "arrival = 3"),
    ("single_brackets", "[[map]]", "[map]"),
];

/// The other mistakes: name and arguments, in a folder made by [`folder`].
const IN_ARGUMENTS: [(&str, &str); 22] = [
    ("wrong_file", "replay in.pacp"),
    ("empty_file", "replay empty.pcap"),
    ("no_capture", "replay notes.txt"),
    ("another_link_type", "replay wifi.pcap"),
    ("gz_cut_off", "replay cut.pcap.gz"),
    ("capture_cut_off", "replay cut.pcap"),
    ("capture_without_frames", "replay none.pcap"),
    ("directory_without_captures", "replay nothing-here"),
    ("directory_as_scenario", "replay folder.toml in.pcap"),
    ("scenario_missing", "replay hots.toml in.pcap"),
    ("scenario_in_another_folder", "test folder.toml/host.toml"),
    ("unknown_option", "replay in.pcap --port 4"),
    ("unknown_command", "reply in.pcap"),
    ("number_of_threads", "replay in.pcap --threads 0"),
    ("frame_beyond_the_capture", "explain host.toml in.pcap --frame 9"),
    ("unknown_ingress", "replay host.toml in.pcap --ingress eth3"),
    ("kernel_too_old", "replay host.toml in.pcap --kernel 5.10"),
    ("two_scenarios", "replay host.toml host.toml in.pcap"),
    ("output_over_the_input", "replay in.pcap --ports 2 --events in.pcap"),
    ("output_into_a_file", "replay in.pcap --ports 2 -o notes.txt"),
    ("output_into_no_folder", "replay in.pcap --ports 2 --events nowhere/events.jsonl"),
    ("new_over_a_file", "new host.toml"),
];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60, 60, 60], 1_000).capture("none.pcap", &[], 0);
    let good = folder.read("in.pcap");
    let mut wifi = good.clone();
    wifi[20] = 105;
    folder.write("wifi.pcap", wifi).write("cut.pcap", &good[..good.len() - 10]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gz.write_all(&good).expect("gzip");
    let gz = gz.finish().expect("gzip");
    folder.write("cut.pcap.gz", &gz[..gz.len() - 40]);
    folder.write("empty.pcap", "").write("notes.txt", "Call Bob about the switch.\n");
    folder.write("host.toml", FINE);
    for name in ["nothing-here", "folder.toml"] {
        std::fs::create_dir(folder.path(name)).expect("a folder of the test");
    }
    folder
}

fn in_scenario(from: &str, to: &str) -> Said {
    let folder = folder();
    assert_eq!(FINE.matches(from).count(), 1, "{from}");
    folder.write("host.toml", FINE.replace(from, to));
    folder.run("replay host.toml in.pcap")
}

/// The words of the system differ from one to the other.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r": [A-Z][^:\n]* \(os error \d+\)", ": [what the system says]");
    settings.set_prepend_module_to_snapshot(true);
    settings
}

#[test]
fn mistakes_in_scenarios() {
    for (name, from, to) in IN_SCENARIOS {
        settings().bind(|| insta::assert_snapshot!(name, in_scenario(from, to).whole()));
    }
}

#[test]
fn mistakes_in_arguments() {
    let folder = folder();
    for (name, arguments) in IN_ARGUMENTS {
        let said = format!("$ xdpsim {arguments}\n{}", folder.run(arguments).whole());
        settings().bind(|| insta::assert_snapshot!(name, said));
    }
}

/// The remedy is a line `help: …`, clap's `tip: …` or usage.
#[test]
fn every_mistake_names_its_remedy() {
    let folder = folder();
    let arguments = IN_ARGUMENTS.map(|(name, arguments)| (name, folder.run(arguments)));
    let scenarios = IN_SCENARIOS.map(|(name, from, to)| (name, in_scenario(from, to)));
    for (name, said) in arguments.into_iter().chain(scenarios) {
        assert!(matches!(said.code, 2 | 4), "{name}: {}", said.whole());
        let remedy = ["help: ", "tip: ", "expected ", "required", "such as ", "is not in "];
        let text = said.whole();
        assert!(remedy.iter().any(|word| text.contains(word)), "{name}: {text}");
    }
}

#[test]
fn what_the_scenario_should_be_is_fine() {
    folder().run("check host.toml").fine();
}

/// Who may write everywhere cannot make this mistake; `/sys` refuses even root.
#[test]
#[cfg(target_os = "linux")]
fn no_permission_to_write() {
    let folder = folder();
    for arguments in ["replay in.pcap --ports 2 -o /sys/xdpsim", "man /sys/xdpsim"] {
        let said = folder.run(arguments);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.starts_with("error: /sys/xdpsim"), "{}", said.err);
        assert!(said.err.contains("help:  write to a place where you may"), "{}", said.err);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_disk_is_full() {
    let folder = folder();
    let said = folder.run("replay in.pcap --ports 2 --events /dev/full");
    assert_eq!(said.code, 2);
    settings().bind(|| insta::assert_snapshot!("disk_full", said.err));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is full");
    let said = command(&folder, "replay in.pcap").stdout(full).output().expect("the command runs");
    assert_eq!(said.status.code(), Some(2));
    let error = String::from_utf8(said.stderr).expect("text");
    assert!(error.starts_with("error: standard output: ") && error.contains("make room"), "{error}");
}

/// `xdpsim replay | head -1`: whoever reads has seen enough, which is nobody's mistake.
#[test]
#[cfg(unix)]
fn the_pipe_is_closed() {
    let folder = folder();
    for arguments in ["replay in.pcap", "check host.toml", "test host.toml", "new", "man", "--version --json"]
    {
        let mut child = command(&folder, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        drop(child.stdout.take());
        let said = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&said.stderr), "", "{arguments}");
        assert!(matches!(said.status.code(), Some(0 | 1)), "{arguments}: {}", said.status);
    }
}

fn command(folder: &Folder, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xdpsim"));
    command.args(arguments.split_whitespace()).current_dir(folder.path("")).env("NO_COLOR", "1");
    command
}
