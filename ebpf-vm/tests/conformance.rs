//! The plugin of the public conformance suite, as its runner starts it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use xdpsim_vm::Engine;

/// Exit code, standard output and standard error.
fn plugin(program: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xdpsim-bpf-conformance"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended already, over its arguments.
    _ = child.stdin.take().unwrap().write_all(program.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

fn r0(program: &str, arguments: &[&str]) -> String {
    let (code, out, errors) = plugin(program, arguments);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{program}: {out}");
    out
}

/// The runner's form: each byte with two spaces behind it.
const LDDW: &str =
    "18  00  00  00  88  77  66  55  00  00  00  00  44  33  22  11  95  00  00  00  00  00  00  00  ";
/// `r0 = *(u16 *)(r1 + 1); r0 <<= 8; r0 |= r2; exit`
const LOAD: &str =
    "69 10 01 00 00 00 00 00 67 00 00 00 08 00 00 00 4f 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00";
/// `r0 = 0; r0 -= 1; exit`
const NEGATIVE: &str = "b700000000000000 1700000001000000 9500000000000000";

#[test]
fn r0_is_printed_in_hexadecimal_by_every_engine() {
    for engine in Engine::ALL.iter().map(ToString::to_string) {
        assert_eq!(r0(LDDW, &["--engine", &engine]), "1122334455667788\n");
        assert_eq!(r0(NEGATIVE, &[&format!("--engine={engine}")]), "ffffffffffffffff\n");
        assert_eq!(r0(LOAD, &["aa  bb  cc  dd  ", "--engine", &engine]), "ccbb04\n");
    }
}

#[test]
fn a_program_may_be_an_argument() {
    assert_eq!(r0("", &["--program", LOAD, "01 02 03"]), "30203\n");
    assert!(r0("", &["--help"]).starts_with("usage: xdpsim-bpf-conformance"));
}

#[test]
fn what_cannot_be_run_is_said_on_standard_error() {
    let refused = |program: &str, arguments: &[&str]| {
        let (code, out, errors) = plugin(program, arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{errors}");
        errors
    };
    assert_eq!(refused("ff 00 00 00 00 00 00 00", &[]), "instruction 3: unknown opcode 0xff\n");
    assert!(refused(LOAD, &["01"]).contains("outside of the packet"));
    assert_eq!(refused("b7 x", &[]), "the program: `x` is not bytes in hexadecimal\n");
    assert!(refused(LDDW, &["--engine", "none"]).starts_with("--engine: there is no engine `none`"));
    assert_eq!(refused(LDDW, &["--fast"]), "unknown option --fast; see --help\n");
}

/// With `--elf` the runner sends an ELF file: instructions in `.text`, or in `xdp` with instructions of its own in front.
#[test]
fn elf_files_are_read() {
    let object = concat!(env!("CARGO_MANIFEST_DIR"), "/objects/v3/lengths.o");
    let hex: String = std::fs::read(object).unwrap().iter().map(|byte| format!("{byte:02x} ")).collect();
    // Its first program passes what is no IPv4.
    assert_eq!(r0(&hex, &["00 00 00", "--elf"]), "2\n");
}
