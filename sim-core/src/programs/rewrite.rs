//! The program that overwrites bytes.

use xdpsim_devmap::XdpAction;

use super::NO_REDIRECTS;
use crate::frame::FrameMut;
use crate::program::{Ctx, Effects, XdpProgram};

/// Overwrites bytes at an offset and passes; a frame that is too short for them is dropped, whole.
#[derive(Clone, Debug)]
pub struct Rewrite {
    offset: usize,
    bytes: Box<[u8]>,
}

impl Rewrite {
    /// The program that writes `bytes` to the frame's bytes from `offset` on.
    #[must_use]
    pub fn new(offset: u32, bytes: &[u8]) -> Self {
        Self { offset: offset as usize, bytes: bytes.into() }
    }
}

impl XdpProgram for Rewrite {
    fn run(&mut self, _: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        // Asked before the first write, which copies the frame.
        let room = (frame.linear_len() as usize).checked_sub(self.offset);
        if room.is_none_or(|room| room < self.bytes.len()) {
            return XdpAction::DROP;
        }
        let end = self.offset + self.bytes.len();
        frame.data_mut()[self.offset..end].copy_from_slice(&self.bytes);
        XdpAction::PASS
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }

    fn effects(&self) -> Effects {
        NO_REDIRECTS
    }
}
