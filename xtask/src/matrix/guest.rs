//! What runs in a guest: its first file system with busybox, modules and the campaign, and its first process.

use super::cpio::Archive;
use super::modules::Module;

/// The modules that the campaign's devices need; what a kernel has built in is left out.
pub const MODULES: [&str; 4] = ["veth", "bridge", "macvlan", "dummy"];

/// Where the campaign is in the guest.
const CAMPAIGN: &str = "oracle-campaign";

/// How long a softirq run may poll, in microseconds. The usual 2 ms are less than an emulated poll can take, and a run
/// that is cut off is a new context (HLP-20), which the model, that knows budgets but no durations, does not have.
const SOFTIRQ_USECS: u32 = 10_000_000;

/// The line that comes before the document.
pub const BEGIN: &str = "xdpsim-matrix-begin";

/// The line that comes after it, followed by a space and the campaign's exit code.
pub const END: &str = "xdpsim-matrix-end";

/// What a guest's first line on its console begins with when it gives up.
pub const TROUBLE: &str = "xdpsim-matrix: ";

/// The initramfs: `busybox` and `campaign` are static programs, `arguments` what the campaign is started with.
pub fn initramfs(busybox: &[u8], campaign: &[u8], modules: &[Module], arguments: &[String]) -> Vec<u8> {
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "modules", "proc", "sys", "tmp"] {
        archive.folder(folder);
    }
    archive.file("bin/busybox", busybox);
    archive.file(&format!("bin/{CAMPAIGN}"), campaign);
    for module in modules {
        archive.file(&format!("modules/{}.ko", module.name), &module.object);
    }
    archive.file("init", init(modules, arguments).as_bytes());
    archive.finish()
}

/// The script that is the guest's first process. The console (first serial line) shows what happens; the
/// document goes out by the second one, where no message of the kernel can get in between.
fn init(modules: &[Module], arguments: &[String]) -> String {
    let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    let (names, arguments) = (names.join(" "), arguments.join(" "));
    format!(
        "#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
trouble() {{ echo \"{TROUBLE}$*\"; poweroff -f; }}
mount -t proc proc /proc || trouble no /proc
mount -t sysfs sysfs /sys || trouble no /sys
mount -t devtmpfs devtmpfs /dev || trouble no /dev
mount -t tmpfs tmpfs /tmp || trouble no /tmp
mount -t bpf bpf /sys/fs/bpf || trouble no BPF file system
mount -t tracefs tracefs /sys/kernel/tracing || trouble no tracefs
for module in {names}; do
    insmod /modules/$module.ko || trouble cannot load the module $module
done
ip link set lo up
echo {SOFTIRQ_USECS} >/proc/sys/net/core/netdev_budget_usecs || trouble no limit for softirqs
stty -F /dev/ttyS1 raw || trouble no second serial line
echo {BEGIN} >/dev/ttyS1
XDPSIM_REQUIRE_KERNEL=1 RUST_BACKTRACE=1 {CAMPAIGN} {arguments} --json /tmp/document
code=$?
[ -e /tmp/document ] && cat /tmp/document >/dev/ttyS1
echo \"{END} $code\" >/dev/ttyS1
poweroff -f
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_loads_modules_in_order_before_the_campaign() {
        let module = |name: &str| Module { name: name.to_owned(), object: vec![0] };
        let script = init(&[module("llc"), module("stp")], &["--seed".to_owned(), "7".to_owned()]);
        assert!(script.starts_with("#!/bin/busybox sh\n"));
        let load = script.find("for module in llc stp;").expect("both are loaded");
        let start = script.find("oracle-campaign --seed 7 --json /tmp/document").expect("it is started");
        assert!(load < start);
    }
}
