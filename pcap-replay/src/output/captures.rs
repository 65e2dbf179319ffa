//! One capture per port: what left by it, in order.
//!
//! A file is there for every port that can send, even if nothing left by it: an empty capture is an
//! answer. Upper devices send nothing and have none.

use std::path::{Path, PathBuf};

use xdpsim_core::netdev::Kind;
use xdpsim_core::{DevId, Plan};

use super::tape::{Deliveries, Left, merged};
use crate::capture::{CaptureWriter, Format, Resolution, WriteError, WriteOptions};
use crate::cli::{FormatArg, StampArg};
use crate::exit::Failure;

/// Where and how to write.
#[derive(Clone, Debug)]
pub struct CapturesOptions {
    /// The directory; made if it is not there.
    pub dir: PathBuf,
    /// The files' format.
    pub format: FormatArg,
    /// The frames' timestamps.
    pub stamp: StampArg,
}

impl CapturesOptions {
    /// The file of a port.
    #[must_use]
    pub fn file(&self, port: &str) -> PathBuf {
        let extension = match self.format {
            FormatArg::Pcapng => "pcapng",
            FormatArg::Pcap => "pcap",
        };
        self.dir.join(format!("{port}.{extension}"))
    }
}

/// The captures of a run.
pub struct Captures {
    /// By port; none for far ends and upper devices.
    writers: Vec<Option<CaptureWriter>>,
    stamp: StampArg,
}

impl Captures {
    /// Creates all files. `resolution` is the input's.
    ///
    /// # Errors
    /// If the directory or a file cannot be created.
    pub fn create(plan: &Plan, options: &CapturesOptions, resolution: Resolution) -> Result<Self, Failure> {
        create_dir(&options.dir)?;
        let mut writers = Vec::new();
        for (_, port) in plan.ports() {
            let writer = match port.kind {
                Kind::Upper => None,
                _ => Some(create(options, &port.name, resolution)?),
            };
            writers.push(writer);
        }
        Ok(Self { writers, stamp: options.stamp })
    }

    /// Appends what the domains yielded in a batch.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&mut self, domains: &[&Deliveries]) -> Result<(), WriteError> {
        let lists: Vec<&[Left]> = domains.iter().map(|deliveries| deliveries.list()).collect();
        merged(&lists, |left| left.at, |domain, left| self.append(left, domains[domain].bytes(left)))
    }

    fn append(&mut self, left: &Left, bytes: &[u8]) -> Result<(), WriteError> {
        let stamp = match self.stamp {
            StampArg::Arrival => left.arrival,
            StampArg::Egress => left.departure,
        };
        let DevId(port) = left.port;
        match self.writers.get_mut(port as usize) {
            Some(Some(writer)) => writer.write(stamp, bytes, bytes.len() as u32),
            _ => Ok(()),
        }
    }

    /// Completes all files.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn finish(self) -> Result<(), WriteError> {
        self.writers.into_iter().flatten().try_for_each(CaptureWriter::finish)
    }
}

fn create(
    options: &CapturesOptions,
    port: &str,
    resolution: Resolution,
) -> Result<CaptureWriter, WriteError> {
    let format = match options.format {
        FormatArg::Pcapng => Format::PcapNg,
        FormatArg::Pcap => Format::Pcap,
    };
    // Virtual time knows nanoseconds whatever the input did.
    let resolution = match options.stamp {
        StampArg::Arrival => resolution,
        StampArg::Egress => Resolution::Nanos,
    };
    let write = WriteOptions { format, resolution, interface: port.to_owned() };
    CaptureWriter::create(&options.file(port), &write)
}

fn create_dir(dir: &Path) -> Result<(), Failure> {
    let cannot = format!("{}: cannot create the directory", dir.display());
    std::fs::create_dir_all(dir).map_err(|error| Failure::output(&cannot, &error))
}
