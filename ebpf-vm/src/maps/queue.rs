//! QUEUE and STACK: elements without keys.

use xdpsim_devmap::Errno;

use super::UPDATE_EXIST;
use crate::memory::Slab;

/// A queue or a stack, in a ring of slots.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    capacity: u32,
    /// The oldest element's slot.
    first: u32,
    len: u32,
    /// The newest element comes out first.
    stack: bool,
}

impl Queue {
    pub fn new(capacity: u32, stack: bool) -> Self {
        Self { capacity, first: 0, len: 0, stack }
    }

    pub fn len(&self) -> u32 {
        self.len
    }

    fn slot(&self, n: u32) -> u32 {
        ((u64::from(self.first) + u64::from(n)) % u64::from(self.capacity)) as u32
    }

    /// `bpf_map_push_elem()`: with BPF_EXIST the oldest makes room.
    pub fn push(&mut self, slab: &mut Slab, value: &[u8], flags: u64) -> Result<(), Errno> {
        match flags {
            0 if self.len == self.capacity => return Err(Errno::E2BIG),
            UPDATE_EXIST if self.len == self.capacity => {
                self.first = self.slot(1);
                self.len -= 1;
            }
            0 | UPDATE_EXIST => {}
            _ => return Err(Errno::EINVAL),
        }
        let to = slab.value_mut(self.slot(self.len));
        let size = to.len();
        to.copy_from_slice(&value[..size]);
        self.len += 1;
        Ok(())
    }

    /// The slot of the element that comes out next.
    pub fn peek(&self) -> Result<u32, Errno> {
        match self.len {
            0 => Err(Errno::ENOENT),
            len if self.stack => Ok(self.slot(len - 1)),
            _ => Ok(self.first),
        }
    }

    /// Takes it out; its slot keeps the value until the next push.
    pub fn pop(&mut self) -> Result<u32, Errno> {
        let slot = self.peek()?;
        if !self.stack {
            self.first = self.slot(1);
        }
        self.len -= 1;
        Ok(slot)
    }
}
