//! One bench at a time lets frames in on a CPU.
//!
//! Softirqs are not a bench's own: whatever waits on a CPU is polled in one go, and what one program leaves
//! armed is there for the next device's (HLP-21). So benches that share a CPU, in one process or in several,
//! take turns. The lock is an advisory one on the CPU's directory in sysfs: it has no name of its own, and
//! the kernel gives it up when the process dies.

use std::fs::File;
use std::io;

use super::error::BenchError;
use crate::net::NetError;

/// A CPU that is asked for.
#[derive(Debug)]
pub(super) struct Turns {
    cpu: usize,
    file: File,
}

/// It is this bench's turn until this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a File);

impl Turns {
    /// On the CPU of this number.
    pub fn on(cpu: usize) -> Result<Self, BenchError> {
        let file =
            File::open(format!("/sys/devices/system/cpu/cpu{cpu}")).map_err(|error| failed(cpu, error))?;
        Ok(Self { cpu, file })
    }

    /// Waits for it.
    pub fn take(&self) -> Result<Turn<'_>, BenchError> {
        self.file.lock().map_err(|error| failed(self.cpu, error))?;
        Ok(Turn(&self.file))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Closing the file unlocks it as well.
        _ = self.0.unlock();
    }
}

fn failed(cpu: usize, error: io::Error) -> BenchError {
    NetError::new(format!("take turns on CPU {cpu}"), error).into()
}
