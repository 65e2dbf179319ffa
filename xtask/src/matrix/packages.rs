//! Debian packages: downloaded and unpacked below the build folder. Nothing is installed.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::steps::{shown, status_is_success};

/// The newest cloud kernel of a series (`6.12`) that `apt` offers: `linux-image-6.12.117+deb12-cloud-amd64`.
pub fn newest_cloud_kernel(series: &str) -> Result<String, Failure> {
    let prefix = format!("linux-image-{series}.");
    let mut names: Vec<String> = output("apt-cache", &["pkgnames", &prefix])?
        .lines()
        .filter(|name| name.starts_with(&prefix) && name.ends_with("-cloud-amd64"))
        .map(str::to_owned)
        .collect();
    names.sort_by(|left, right| compare(right, left));
    names.into_iter().find(|name| is_offered(name)).ok_or_else(|| {
        Failure::new(format!(
            "`apt-cache` knows no package {prefix}*-cloud-amd64: run `apt-get update`, or add a Debian release \
             that has this kernel (bookworm and its security updates have 6.1 and 6.12) to apt's sources"
        ))
    })
}

/// A name that other packages only refer to has no description.
fn is_offered(package: &str) -> bool {
    output("apt-cache", &["show", package]).is_ok_and(|text| !text.is_empty())
}

/// Downloads `package` to `debs` unless it is there, and unpacks it in `folder`.
pub fn unpack(package: &str, debs: &Path, folder: &Path) -> Result<(), Failure> {
    let deb = match downloaded(package, debs) {
        Some(deb) => deb,
        None => download(package, debs)?,
    };
    make_folder(folder)?;
    let mut command = Command::new("dpkg-deb");
    run(command.arg("--extract").args([&deb, folder]))
}

/// Makes `folder` and its parents.
pub fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)
        .map_err(|e| Failure::new(format!("cannot make the folder {}: {e}", folder.display())))
}

fn download(package: &str, debs: &Path) -> Result<PathBuf, Failure> {
    make_folder(debs)?;
    println!("downloading {package}");
    // As root apt would drop its rights for the download and warn that it cannot.
    let mut command = Command::new("apt-get");
    command.args(["-qq", "-o", "APT::Sandbox::User=root", "download", package]).current_dir(debs);
    run(&mut command)?;
    downloaded(package, debs).ok_or_else(|| {
        Failure::new(format!(
            "`apt-get download {package}` left no file {package}_*.deb in {}",
            debs.display()
        ))
    })
}

fn downloaded(package: &str, debs: &Path) -> Option<PathBuf> {
    let prefix = format!("{package}_");
    fs::read_dir(debs).ok()?.filter_map(Result::ok).map(|entry| entry.path()).find(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".deb"))
    })
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = shown(command);
    let status = command.status().map_err(|e| Failure::new(format!("cannot run `{shown}`: {e}")))?;
    status_is_success(status, &shown)
}

fn output(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new(program);
    let shown = shown(command.args(arguments));
    let output = command.output().map_err(|e| {
        Failure::new(format!(
            "cannot run `{shown}`: {e}; kernels come from the packages of a Debian-like system"
        ))
    })?;
    status_is_success(output.status, &shown)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Compares names with numbers in them by the numbers' values: `6.1.0-9` before `6.1.0-56`.
fn compare(left: &str, right: &str) -> Ordering {
    words(left).cmp(&words(right))
}

/// A name cut into numbers and what is between them.
fn words(name: &str) -> Vec<(u64, &str)> {
    let mut words = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let text = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        words.push((number.parse().unwrap_or(0), &after[..text]));
        rest = &after[text..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        assert_eq!(compare("linux-image-6.1.0-9-cloud", "linux-image-6.1.0-56-cloud"), Ordering::Less);
        assert_eq!(compare("linux-image-6.12.117+deb12", "linux-image-6.12.99+deb12"), Ordering::Greater);
        assert_eq!(compare("a-1", "a-1"), Ordering::Equal);
    }
}
