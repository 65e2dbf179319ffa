//! `side_by_side` measures, and says so where it can't. Few frames: what it measures is not looked at.
#![cfg(target_os = "linux")]

use std::process::{Command, Output};

use serde_json::Value;
use xdpsim_oracle::need;

fn side_by_side(arguments: &[&str]) -> Output {
    let short = ["--samples", "1", "--millis", "1"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_side_by_side"));
    command.args(short).args(arguments).output().expect("the command starts")
}

#[test]
fn both_sides_send_the_same_copies() {
    let Some(()) = need::kernel("both_sides_send_the_same_copies") else { return };
    // Exit code 0 is what is tested here: each port got the same number of copies on both sides.
    let output = side_by_side(&["--ports", "1,3", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("a JSON document");
    let rows = document["side_by_side"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["workload"].as_str()).collect();
    let expected = ["unicast to 1 port", "unicast to 3 ports", "broadcast to 1 port", "broadcast to 3 ports"];
    assert_eq!(names, expected);
    let copies: Vec<f64> = rows.iter().filter_map(|row| row["copies_per_frame"].as_f64()).collect();
    assert_eq!(copies, [1.0, 1.0, 1.0, 3.0]);
    assert!(rows.iter().all(|row| row["times"].as_f64().is_some_and(|times| times > 0.0)), "{document}");
}

#[test]
fn without_root_it_names_what_is_missing() {
    if need::missing(&need::Need::KERNEL).is_empty() {
        let lacking = Command::new("setpriv")
            .args([
                "--bounding-set=-bpf,-sys_admin",
                "--inh-caps=-all",
                "--",
                env!("CARGO_BIN_EXE_side_by_side"),
            ])
            .output();
        let Ok(output) = lacking else {
            println!(
                "skipped: without_root_it_names_what_is_missing: needs setpriv, or a user other than root"
            );
            return;
        };
        complains(&output, "CAP_BPF, CAP_SYS_ADMIN");
    } else {
        complains(&side_by_side(&[]), "CAP_");
    }
}

fn complains(output: &Output, missing: &str) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{complaint}");
    assert!(complaint.contains(&format!("needs {missing}")), "{complaint}");
    assert!(output.stdout.is_empty(), "a table of nothing");
}
