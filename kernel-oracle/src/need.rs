//! What the kernel's side needs of the machine, and what a test says where that is missing.
//!
//! A test that can't run says so by name and with the missing thing; with `XDPSIM_REQUIRE_KERNEL=1` in the
//! environment that is a failure, so that a CI machine can't lose its kernel tests unseen.

use std::fmt;
use std::path::Path;

/// Something that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Loading XDP programs and making device maps.
    CapBpf,
    /// Making links and attaching programs.
    CapNetAdmin,
    /// Raw and AF_XDP sockets.
    CapNetRaw,
    /// Network namespaces.
    CapSysAdmin,
    /// The kernel's own types, which the tracer is loaded against.
    KernelBtf,
    /// The compiler of the tracer's source.
    Clang,
}

impl Need {
    /// What everything but the tracer needs.
    pub const KERNEL: [Self; 4] = [Self::CapBpf, Self::CapNetAdmin, Self::CapNetRaw, Self::CapSysAdmin];

    /// Is it there?
    #[must_use]
    pub fn is_met(self) -> bool {
        match self {
            Self::CapBpf => capable(39),
            Self::CapNetAdmin => capable(12),
            Self::CapNetRaw => capable(13),
            Self::CapSysAdmin => capable(21),
            Self::KernelBtf => Path::new("/sys/kernel/btf/vmlinux").exists(),
            Self::Clang => on_path("clang"),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CapBpf => "CAP_BPF",
            Self::CapNetAdmin => "CAP_NET_ADMIN",
            Self::CapNetRaw => "CAP_NET_RAW",
            Self::CapSysAdmin => "CAP_SYS_ADMIN",
            Self::KernelBtf => "/sys/kernel/btf/vmlinux (a kernel with CONFIG_DEBUG_INFO_BTF)",
            Self::Clang => "clang",
        })
    }
}

/// Those that are missing.
#[must_use]
pub fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|need| !need.is_met()).collect()
}

/// `Some` if a kernel test can run here; otherwise prints that it is skipped, and why.
///
/// # Panics
/// If it can't run and `XDPSIM_REQUIRE_KERNEL=1`.
#[must_use]
pub fn kernel(test: &str) -> Option<()> {
    all(test, &Need::KERNEL)
}

/// The same for needs of one's own.
///
/// # Panics
/// If it can't run and `XDPSIM_REQUIRE_KERNEL=1`.
#[must_use]
pub fn all(test: &str, needs: &[Need]) -> Option<()> {
    let required = std::env::var_os("XDPSIM_REQUIRE_KERNEL").is_some_and(|value| value == "1");
    let missing: Vec<String> = missing(needs).iter().map(ToString::to_string).collect();
    if missing.is_empty() {
        return Some(());
    }
    let needs = missing.join(", ");
    assert!(
        !required,
        "skipped: {test}: needs {needs}; XDPSIM_REQUIRE_KERNEL=1 makes that a failure: run as root, or unset it"
    );
    skip(test, &needs);
    None
}

/// Says that a test is skipped, by name and with what it needs.
pub fn skip(test: &str, needs: &str) {
    note("XDPSIM_SKIPPED", &format!("skipped: {test}: needs {needs}"));
}

/// Says how much a comparison with the kernel has compared.
pub fn compared(counts: &str) {
    note("XDPSIM_COMPARED", counts);
}

/// A test's output is not shown when it passes, so whoever runs all tests names files to collect lines in.
fn note(variable: &str, line: &str) {
    use std::io::Write;
    println!("{line}");
    let Some(list) = std::env::var_os(variable) else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(list);
    // One write: several tests note something at once.
    _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
}

/// Is a capability in the process's effective set?
fn capable(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> number & 1 == 1)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
