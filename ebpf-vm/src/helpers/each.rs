//! `bpf_loop()` and `bpf_for_each_map_elem()`: helpers that run a function of the program, again and again.

use xdpsim_devmap::Errno;

use super::{Helpers, World, signed};
use crate::fault::HelperFault;
use crate::host::{Callback, HelperCall, Outcome};
use crate::memory::{Memory, slab_address};

/// The most iterations of `bpf_loop()` (`BPF_MAX_LOOPS`).
const MAX_LOOPS: u64 = 8 << 20;

/// `bpf_loop()`: from the number of iterations that are done. The kernel puts the loop into the program where flags are
/// the constant 0. Then all 64 bits of the count are compared, and of the errno R0 gets 32 bits only.
pub(super) fn bpf_loop(args: [u64; 5], done: u64) -> Outcome {
    let [count, function, context, flags, _] = args;
    match () {
        () if flags != 0 => Outcome::Return(signed(Err(Errno::EINVAL))),
        () if count > MAX_LOOPS => Outcome::Return(signed(Err(Errno::E2BIG)) & 0xffff_ffff),
        () if done == count => Outcome::Return(count),
        () => Outcome::Callback(Callback { function, args: [done, context, 0, 0, 0], state: done }),
    }
}

impl<W: World> Helpers<'_, W> {
    /// `bpf_for_each_map_elem()`: begins a walk.
    pub(super) fn for_each(
        &mut self,
        call: &HelperCall,
        memory: &mut Memory,
    ) -> Result<Outcome, HelperFault> {
        let (at, _) = self.own(call.args[0])?;
        if call.args[3] != 0 {
            return Ok(Outcome::Return(signed(Err(Errno::EINVAL))));
        }
        let nested = self.maps.walks.contains(&at);
        self.own(call.args[0])?.1.begin_walk(nested).map_err(|_| HelperFault::Argument {
            number: 1,
            expected: "an array or hash, which can be walked over",
        })?;
        if self.maps.walks.is_empty() {
            memory.clear_keys();
        }
        self.maps.walks.push(at);
        memory.push_key(&[]);
        self.walk_on(call, memory, 0)
    }

    /// The callback has returned `r0` for the element of this number, from 1.
    pub(super) fn walked(
        &mut self,
        call: &HelperCall,
        memory: &mut Memory,
        visited: u64,
        r0: u64,
    ) -> Result<Outcome, HelperFault> {
        if r0 == 0 { self.walk_on(call, memory, visited) } else { self.end_walk(call, memory, visited) }
    }

    fn walk_on(
        &mut self,
        call: &HelperCall,
        memory: &mut Memory,
        visited: u64,
    ) -> Result<Outcome, HelperFault> {
        let [map, function, context, ..] = call.args;
        let (cpu, mut key) = (self.world.cpu(), std::mem::take(&mut self.maps.scratch[0]));
        let (at, own) = self.own(map)?;
        let slot = own.walk(visited as u32, cpu, &mut key);
        memory.pop_key();
        let shown = memory.push_key(&key);
        self.maps.scratch[0] = key;
        let Some(slot) = slot else { return self.end_walk(call, memory, visited) };
        let value = slab_address(at, memory.slab(at).offset(slot));
        let args = [map, shown, value, context, 0];
        Ok(Outcome::Callback(Callback { function, args, state: visited + 1 }))
    }

    fn end_walk(
        &mut self,
        call: &HelperCall,
        memory: &mut Memory,
        visited: u64,
    ) -> Result<Outcome, HelperFault> {
        self.own(call.args[0])?.1.end_walk();
        self.maps.walks.pop();
        memory.pop_key();
        Ok(Outcome::Return(visited))
    }
}
