//! The loader script, with stock tools, on veth ports.

use std::process::Command;

use xdpsim_oracle::bench::{Mode, Switch};
use xdpsim_oracle::need;

use crate::cases::FORMS;
use crate::folder;

/// The flows of MCAST-38: the port of arrival, the EtherType, the ports that hear it.
const FLOWS: [(usize, u16, &[usize]); 5] =
    [(0, 0x0806, &[1, 2, 3]), (3, 0x0806, &[0, 1]), (0, 0x0800, &[2]), (3, 0x86dd, &[1]), (2, 0x86dd, &[1])];

fn is_there(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok_and(|said| said.status.success())
}

/// In a mount namespace of its own: what is pinned goes with it, and the programs stay on their devices.
fn load(switch: &Switch, object: &str, mode: &str, form: &str) {
    let script = folder().join("load.sh");
    let run = format!(
        "mount -t bpf bpf /sys/fs && AT=/sys/fs/groups OBJECT={object} MODE={mode} FORM={form} {} p0 p1 p2 p3",
        script.display()
    );
    let ran = switch.inside(|| Command::new("unshare").args(["-m", "sh", "-c", &run]).output());
    let ran = ran.expect("the switch's namespace").expect("unshare is there");
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// Rule: MCAST-38.a, MCAST-38.b, MCAST-38.c, MCAST-38.d, MCAST-38.e, MCAST-38.f, MCAST-K11.a, MCAST-K12.b
#[test]
fn the_script_loads_the_example_of_the_rfc() {
    let test = "the_script_loads_the_example_of_the_rfc";
    let Some(()) = need::kernel(test) else { return };
    for tool in ["bpftool", "ip", "unshare", "python3"] {
        let there = if tool == "ip" { Command::new("ip").arg("-V").output().is_ok() } else { is_there(tool) };
        if !there {
            return need::skip(test, tool);
        }
    }
    for (form, (mode, attach, programs)) in FORMS.iter().zip([
        (Mode::Native, "xdpdrv", "by_note"),
        (Mode::Native, "xdpdrv", "by_note"),
        (Mode::Generic, "xdpgeneric", "by_cpu"),
        (Mode::Generic, "xdpgeneric", "by_cpu"),
    ]) {
        let mut switch = Switch::new(4, mode).unwrap_or_else(|error| panic!("{error}"));
        load(&switch, &format!("{}.o", form.name), attach, programs);
        for (ingress, kind, hear) in FLOWS {
            let mut frame = vec![7; 60];
            frame[..6].fill(0xff);
            frame[12..14].copy_from_slice(&kind.to_be_bytes());
            let left =
                switch.poll(ingress, &[frame.clone()], hear.len()).unwrap_or_else(|error| panic!("{error}"));
            let heard: Vec<usize> = (0..4).filter(|port| left[*port] == [frame.clone()]).collect();
            assert_eq!(heard, hear, "{}, type {kind:#06x} from port {ingress}", form.name);
        }
    }
}
