//! Waiting until softirqs have done what was asked of them.
//!
//! They nearly always run to the end before the injecting system call returns. When the scheduler wants
//! the CPU meanwhile, the rest is left to a kernel thread. A marker frame over `lo` queues up behind all
//! polls that wait on this CPU; when it has come through, they are over. Polls that these started stand
//! behind the marker, so it goes round several times.

use std::thread;
use std::time::{Duration, Instant};

use super::error::BenchError;
use super::rooms::{LO, Room};
use crate::net::PacketSocket;

/// How long a marker may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends markers round.
#[derive(Debug)]
pub(super) struct Fence {
    socket: PacketSocket,
    marker: Vec<u8>,
}

impl Fence {
    /// In this namespace, whose `lo` is up.
    pub fn new(room: &Room) -> Result<Self, BenchError> {
        let mut marker = vec![0; 60];
        marker[12..14].copy_from_slice(&[0x88, 0xb5]);
        Ok(Self { socket: PacketSocket::open(&room.netns, LO)?, marker })
    }

    /// All polls that wait now, and those that they start, and so on, so many rounds deep, are over.
    pub fn wait(&mut self, rounds: usize) -> Result<(), BenchError> {
        for _ in 0..rounds {
            self.socket.send(&self.marker)?;
            let since = Instant::now();
            while self.socket.receive()?.is_none() {
                if since.elapsed() > PATIENCE {
                    return Err(BenchError::Restless(PATIENCE));
                }
                thread::yield_now();
            }
        }
        Ok(())
    }
}
