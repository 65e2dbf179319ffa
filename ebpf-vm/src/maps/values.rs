//! How the values of an element lie in a slab: one, or one for each CPU.
//!
//! A `struct bpf_spin_lock` in a value is left out wherever values are copied: from outside it reads as 0.

use xdpsim_devmap::CpuId;

use crate::memory::Slab;

/// Who asks a map for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A program, through a helper, on this CPU.
    Program(CpuId),
    /// Somebody outside, through bpf(2): values of per-CPU maps are those of all CPUs, one after the other,
    /// each padded to 8 bytes.
    Control,
}

/// The layout of values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    size: u32,
    /// Values of an element: CPUs, or 1.
    each: u32,
    percpu: bool,
    /// Where the value's spin lock is.
    lock: Option<u32>,
}

/// Bytes of `struct bpf_spin_lock`.
const LOCK: usize = 4;

impl Values {
    pub fn new(size: u32, cpus: Option<u32>) -> Self {
        Self { size, each: cpus.unwrap_or(1), percpu: cpus.is_some(), lock: None }
    }

    /// The same, with a spin lock at this offset of each value.
    pub fn with_lock(self, lock: Option<u32>) -> Self {
        Self { lock, ..self }
    }

    pub fn has_lock(&self) -> bool {
        self.lock.is_some()
    }

    pub fn lock(&self) -> Option<u32> {
        self.lock
    }

    pub fn is_percpu(&self) -> bool {
        self.percpu
    }

    pub fn each(&self) -> u32 {
        self.each
    }

    /// The slab's slot of an element's value.
    pub fn slot(&self, element: u32, cpu: CpuId) -> u32 {
        if self.percpu { element * self.each + u32::from(cpu.0) } else { element }
    }

    /// Bytes of one value as seen from outside: those of per-CPU maps with what pads them, which the kernel
    /// stores too.
    fn stride(&self) -> usize {
        let padded = if self.percpu { self.size.next_multiple_of(8) } else { self.size };
        padded as usize
    }

    /// Bytes of an element as seen from outside.
    pub fn outside(&self) -> usize {
        self.stride() * self.each as usize
    }

    /// Writes a program's value of its CPU, or all from outside.
    pub fn write(&self, slab: &mut Slab, element: u32, value: &[u8], caller: Caller) {
        let size = self.size as usize;
        if let Some(lock) = self.lock {
            let (to, lock) = (slab.value_mut(element), lock as usize);
            to[..lock].copy_from_slice(&value[..lock]);
            to[lock + LOCK..].copy_from_slice(&value[lock + LOCK..size]);
            return;
        }
        match caller {
            Caller::Program(cpu) => {
                slab.value_mut(self.slot(element, cpu)).copy_from_slice(&value[..size]);
            }
            Caller::Control => {
                let stride = self.stride();
                for (cpu, value) in (0..self.each).zip(value.chunks(stride)) {
                    let at = slab.offset(element * self.each + cpu) as usize;
                    slab.all_mut()[at..at + stride].copy_from_slice(value);
                }
            }
        }
    }

    /// Writes the values of an element that is new: those of other CPUs are zero.
    pub fn write_new(&self, slab: &mut Slab, element: u32, value: &[u8], caller: Caller) {
        if self.percpu {
            let at = slab.offset(element * self.each) as usize;
            slab.all_mut()[at..at + self.outside()].fill(0);
        }
        self.write(slab, element, value, caller);
    }

    /// Appends what bpf(2) reads.
    pub fn read(&self, slab: &Slab, element: u32, out: &mut Vec<u8>) {
        let (stride, start) = (self.stride(), out.len());
        for cpu in 0..self.each {
            let at = slab.offset(element * self.each + cpu) as usize;
            out.extend_from_slice(&slab.all()[at..at + stride]);
        }
        if let Some(lock) = self.lock {
            out[start + lock as usize..][..LOCK].fill(0);
        }
    }
}
