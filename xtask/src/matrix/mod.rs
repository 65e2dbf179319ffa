//! `cargo xtask kernel-matrix`: the oracle's campaign on other kernels.
//!
//! Each guest is a Debian cloud kernel under QEMU (software emulation) whose initramfs holds busybox, a few of
//! the kernel's modules, and the campaign as a static program; the host's kernel runs the same program. What a
//! kernel gave is kept in `docs/conformance/SERIES.json` if it is a whole campaign without any difference; that
//! is where the conformance table has its kernels from. Everything else stays below `target/kernel-matrix`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Outcome, Steps, cargo, must_succeed, shown};
use crate::{Failure, test};

mod cpio;
pub mod document;
mod guest;
mod modules;
mod options;
mod packages;
mod qemu;

use document::Document;
use options::{HOST, Options};

/// Where the kernels' documents are kept, relative to the root.
pub const FOLDER: &str = "docs/conformance";

/// The triple that static programs are built for. Naming it keeps the flags away from build scripts and macros.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// The campaign's exit code when model and kernel part: the document says where.
const DIFFERENCES: i32 = 1;

/// Runs the campaign on every kernel asked for.
pub fn run(root: &Path, arguments: &[String]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Failure::new("kernel-matrix: works on x86-64 Linux only: the guests' kernels are amd64"));
    }
    let guests = options.kernels.iter().any(|kernel| kernel != HOST);
    if guests {
        qemu::available()?;
    }
    let place = Place::new(root)?;
    let campaign = build_campaign(root, &place)?;
    let mut steps = Steps::new();
    for kernel in &options.kernels {
        steps.run(&format!("kernel {kernel}"), || match one_kernel(&place, kernel, &campaign, &options) {
            Ok(document) => judge(root, &document, &options).into(),
            Err(failure) => Outcome::Failed(failure.to_string()),
        });
    }
    steps.finish(true, &[])
}

/// The folders of the matrix.
struct Place {
    target: PathBuf,
    folder: PathBuf,
}

impl Place {
    fn new(root: &Path) -> Result<Place, Failure> {
        let target = test::target_folder(root);
        let folder = target.join("kernel-matrix");
        packages::make_folder(&folder)?;
        Ok(Place { target, folder })
    }

    fn debs(&self) -> PathBuf {
        self.folder.join("debs")
    }

    fn unpacked(&self, package: &str) -> PathBuf {
        self.folder.join("unpacked").join(package)
    }

    /// A folder for one kernel's files.
    fn of_kernel(&self, kernel: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join(kernel);
        packages::make_folder(&folder)?;
        Ok(folder)
    }
}

/// Builds the campaign as a program that needs no library, and answers where it is.
fn build_campaign(root: &Path, place: &Place) -> Result<PathBuf, Failure> {
    println!("building the campaign as a static program");
    let mut command = cargo(root, &["build", "--quiet", "--release", "--package", "xdpsim-oracle"]);
    command.args(["--bin", "oracle-campaign", "--target", TRIPLE]);
    command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    // Emulation makes a slow program slower, but whole-program optimization would take minutes.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    command.env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    must_succeed(command)?;
    Ok(place.target.join(TRIPLE).join("release/oracle-campaign"))
}

fn one_kernel(place: &Place, kernel: &str, campaign: &Path, options: &Options) -> Result<Document, Failure> {
    let folder = place.of_kernel(kernel)?;
    let (code, text) = if kernel == HOST {
        on_host(&folder, campaign, options)?
    } else {
        in_guest(place, kernel, &folder, campaign, options)?
    };
    if code != 0 && code != DIFFERENCES {
        return Err(Failure::new(format!("kernel {kernel}: the campaign ended with exit code {code}")));
    }
    let document = Document::parse(&text, &format!("the campaign's document from kernel {kernel}"))?;
    write(&folder.join("document.json"), document.text().as_bytes())?;
    Ok(document)
}

fn on_host(folder: &Path, campaign: &Path, options: &Options) -> Result<(i32, String), Failure> {
    let file = folder.join("campaign.json");
    let mut command = Command::new(campaign);
    command.args(options.for_campaign()).arg("--json").arg(&file).env("XDPSIM_REQUIRE_KERNEL", "1");
    let shown = shown(&command);
    let status = command.status().map_err(|e| Failure::new(format!("cannot run `{shown}`: {e}")))?;
    let code = status.code().ok_or_else(|| Failure::new(format!("`{shown}` ended with {status}")))?;
    if code != 0 && code != DIFFERENCES {
        return Ok((code, String::new()));
    }
    Ok((code, crate::read(&file)?))
}

fn in_guest(
    place: &Place,
    kernel: &str,
    folder: &Path,
    campaign: &Path,
    options: &Options,
) -> Result<(i32, String), Failure> {
    let package = packages::newest_cloud_kernel(kernel)?;
    let (image, initramfs) = (place.unpacked(&package), folder.join("initramfs"));
    let busybox = place.unpacked("busybox-static");
    packages::unpack(&package, &place.debs(), &image)?;
    packages::unpack("busybox-static", &place.debs(), &busybox)?;

    let release = package.trim_start_matches("linux-image-");
    let modules = modules::closure(&image.join("lib/modules").join(release), &guest::MODULES)?;
    let programs = [busybox.join("bin/busybox"), campaign.to_path_buf()].map(|file| read_bytes(&file));
    let [busybox, campaign] = programs;
    write(&initramfs, &guest::initramfs(&busybox?, &campaign?, &modules, &options.for_campaign()))?;

    let guest = qemu::Guest {
        kernel: image.join("boot").join(format!("vmlinuz-{release}")),
        initramfs,
        console: folder.join("console"),
        results: folder.join("results"),
    };
    let times = qemu::run(&guest, options.timeout)?;
    let (boot, ran) = (times.boot.as_secs_f64(), times.campaign.as_secs_f64());
    println!("{release}: booted in {boot:.1} s, then ran for {ran:.1} s");
    let received = String::from_utf8_lossy(&read_bytes(&guest.results)?).into_owned();
    let (code, text) =
        document::between_markers(&received).map_err(|why| qemu::with_console(&why, &guest.console))?;
    Ok((code, text.to_owned()))
}

/// Keeps a whole campaign without differences, and fails for one with any.
fn judge(root: &Path, document: &Document, options: &Options) -> Result<(), Failure> {
    let kernel = document.kernel();
    let (operations, cases) = (document.map_operations(), document.cases());
    let differences = document.differences();
    println!("{kernel}: {operations} map operations, {cases} cases, {} differences", differences.len());
    let mut complaints: Vec<String> =
        differences.into_iter().map(|difference| format!("{kernel}: {difference}")).collect();
    for (what, done, asked) in
        [("map operations", operations, options.map_operations), ("cases", cases, options.cases)]
    {
        if done < asked {
            complaints.push(format!("{kernel}: {done} {what} instead of {asked}"));
        }
    }
    Failure::unless_empty(complaints)?;
    let whole = Options::default();
    if operations < whole.map_operations || cases < whole.cases {
        println!(
            "{kernel}: not kept in {FOLDER}: a whole campaign has {} map operations and {} cases",
            whole.map_operations, whole.cases
        );
        return Ok(());
    }
    packages::make_folder(&root.join(FOLDER))?;
    let file = format!("{FOLDER}/{}.json", document::series(kernel));
    write(&root.join(&file), document.text().as_bytes())?;
    println!("{kernel}: kept in {file}");
    Ok(())
}

fn read_bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|e| Failure::new(format!("cannot read {}: {e}", file.display())))
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(file, bytes).map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))
}
