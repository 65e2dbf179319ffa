//! Lookups that the code does by itself: `bpf_map_lookup_elem()` in an array or a hash with short keys, by a key on the
//! stack.
//!
//! | map | steps |
//! |---|---|
//! | array | index < length ? base + index × distance : null |
//! | hash with keys of 4, 8 and 16 bytes | the key's hash, then places of the table up to the key (one of 4 bytes is in the table itself) or an empty place |
//!
//! A per-CPU map adds the distance of the CPU; an LRU map notes the use. The steps are those of [`crate::maps`]. The map
//! says which steps are right for it (its shape, a number): if that is another one than when the code was made, the
//! host is asked. What comes out is an address of the program, and accesses there are compared with bounds as any.
//!
//! **Why the search stays inside of table and keys.** The map's index keeps that for its own search: a place is below
//! the table's length, which the mask makes sure of; a slot in the table has a key; some place is empty. Nobody
//! changes a table while code runs that is not in a helper.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Value, types};

use super::{Emitter, Part};
use crate::analysis::Kind;
use crate::helpers::Entry;
use crate::insn::Reg;
use crate::jit::vm::at as run;
use crate::maps::direct::at;
use crate::maps::{SHORT_KEY, Shape, Way};
use crate::memory::{FRAME_SIZE, MapIdx, slab_address};

/// The bytes of an entry, and where in one that is [`Entry::Own`] the map's address is: `repr(u8)` is a byte that says
/// which, then what it has, as C lays it out.
const ENTRY: i64 = size_of::<Entry>() as i64;
const OWN: i64 = 0;
const OWN_MAP: i64 = 8;

/// A lookup that the code can do.
#[derive(Clone, Copy)]
pub(super) struct Lookup {
    map: MapIdx,
    shape: Shape,
    /// Where the key is, from R10.
    key: i32,
}

impl Lookup {
    fn key_size(self) -> i32 {
        match self.shape.way {
            Way::Array => 4,
            Way::Hash { key_size, .. } => key_size.into(),
        }
    }

    /// From one element to the next.
    fn distance(self) -> i64 {
        i64::from(self.shape.stride) * i64::from(self.shape.cpus.unwrap_or(1))
    }
}

impl Emitter<'_, '_> {
    /// The lookup that the current instruction does, if the code can do it.
    pub(super) fn known_lookup(&self) -> Option<Lookup> {
        let (Kind::Handle(map), Kind::Stack(key)) = (self.state.kind(Reg::R1), self.state.kind(Reg::R2))
        else {
            return None;
        };
        let found = Lookup { map, shape: self.source.shapes.get(map)?, key };
        let inside = key >= -(FRAME_SIZE as i32) && key + found.key_size() <= 0;
        inside.then_some(found)
    }

    /// Does it, or jumps to `ask` if the map is not what it was; jumps to `on` with the answer.
    pub(super) fn look_up(&mut self, lookup: Lookup, ask: Block, on: Block) {
        let own = self.own_map(lookup, ask);
        match lookup.shape.way {
            Way::Array => self.look_up_index(lookup, own, on),
            Way::Hash { lru, .. } => self.look_up_key(lookup, own, lru, on),
        }
    }

    /// The map's address.
    fn own_map(&mut self, lookup: Lookup, ask: Block) -> Value {
        let index = self.flags(Part::Index);
        let entries = self.vm_load(types::I64, run::ENTRIES);
        let entry = self.builder.ins().iadd_imm_s(entries, i64::from(lookup.map.0) * ENTRY);
        let which = self.builder.ins().uload8(types::I64, index, entry, 0);
        let is_own = self.builder.ins().icmp_imm_s(IntCC::Equal, which, OWN);
        self.go_on_if(is_own, ask);
        let own = self.builder.ins().load(types::I64, index, entry, OWN_MAP as i32);
        let shape = self.builder.ins().load(types::I64, index, own, at::SHAPE);
        let is_same = self.builder.ins().icmp_imm_u(IntCC::Equal, shape, lookup.shape.bits() as i64);
        self.go_on_if(is_same, ask);
        own
    }

    /// Jumps if a condition does not hold.
    fn go_on_if(&mut self, condition: Value, otherwise: Block) {
        let on = self.builder.create_block();
        self.builder.ins().brif(condition, on, &[], otherwise, &[]);
        self.builder.seal_block(on);
        self.builder.switch_to_block(on);
    }

    /// Eight bytes of the key at most, zero-extended.
    fn key(&mut self, lookup: Lookup, from: i32) -> Value {
        if let Some(word) = self.stored_word(lookup.key + from, lookup.key_size().min(8)) {
            return word;
        }
        let part = if self.source.plan.exact { Part::Stack } else { Part::Data };
        let (base, top) = self.stack_top;
        let (flags, offset) = (self.guest(part), top + lookup.key + from);
        self.load_key(lookup, flags, base, offset)
    }

    fn load_key(&mut self, lookup: Lookup, flags: MemFlagsData, base: Value, offset: i32) -> Value {
        match lookup.key_size() {
            // As stores are: so that a key that was just stored need not be loaded.
            4 => {
                let word = self.builder.ins().load(types::I32, flags, base, offset);
                self.builder.ins().uextend(types::I64, word)
            }
            _ => self.builder.ins().load(types::I64, flags, base, offset),
        }
    }

    fn look_up_index(&mut self, lookup: Lookup, own: Value, on: Block) {
        let index = self.key(lookup, 0);
        let flags = self.flags(Part::Index);
        let len = self.builder.ins().load(types::I64, flags, own, at::LEN);
        let there = self.builder.ins().icmp(IntCC::UnsignedLessThan, index, len);
        let value = self.value_address(lookup, index, 0);
        let null = self.builder.ins().iconst(types::I64, 0);
        let found = self.builder.ins().select(there, value, null);
        self.builder.ins().jump(on, &[BlockArg::Value(found)]);
    }

    /// The address of an element's value; elements are counted from `first` on.
    fn value_address(&mut self, lookup: Lookup, element: Value, first: i64) -> Value {
        let from = slab_address(lookup.map, 0) as i64 - first * lookup.distance();
        let offset = self.builder.ins().imul_imm_s(element, lookup.distance());
        let value = self.builder.ins().iadd_imm_s(offset, from);
        if lookup.shape.cpus.is_none() {
            return value;
        }
        let cpu = self.vm_load(types::I64, run::CPU);
        let of_cpu = self.builder.ins().imul_imm_s(cpu, i64::from(lookup.shape.stride));
        self.builder.ins().iadd(value, of_cpu)
    }

    fn look_up_key(&mut self, lookup: Lookup, own: Value, lru: bool, on: Block) {
        let flags = self.flags(Part::Index);
        let [multiplier, mask, table] = [at::MULTIPLIER, at::MASK, at::TABLE]
            .map(|offset| self.builder.ins().load(types::I64, flags, own, offset));
        let words: Vec<Value> =
            (0..lookup.key_size()).step_by(8).map(|from| self.key(lookup, from)).collect();
        let (home, mark) = self.seek(lookup, &words, multiplier, mask);
        let [place, compare, next, hit] = [(); 4].map(|()| self.builder.create_block());
        self.builder.set_cold_block(next);
        let at_place = self.builder.append_block_param(place, types::I64);
        self.builder.ins().jump(place, &[BlockArg::Value(home)]);

        self.builder.switch_to_block(place);
        let offset = self.builder.ins().ishl_imm_u(at_place, 3);
        let entry = self.builder.ins().iadd(table, offset);
        let entry = self.builder.ins().load(types::I64, flags, entry, 0);
        let null = self.builder.ins().iconst(types::I64, 0);
        self.builder.ins().brif(entry, compare, &[], on, &[BlockArg::Value(null)]);
        self.builder.seal_block(compare);

        self.builder.switch_to_block(compare);
        // Slots are counted from 1 in the table.
        let slot = self.builder.ins().ushr_imm_u(entry, 32);
        let its_mark = self.builder.ins().ireduce(types::I32, entry);
        let is_marked = self.builder.ins().icmp(IntCC::Equal, its_mark, mark);
        if lookup.key_size() as usize == SHORT_KEY {
            self.builder.ins().brif(is_marked, hit, &[], next, &[]);
        } else {
            self.go_on_if(is_marked, next);
            let keys = self.builder.ins().load(types::I64, flags, own, at::KEYS);
            let differs = self.key_differs(lookup, &words, (keys, slot));
            self.builder.ins().brif(differs, next, &[], hit, &[]);
        }
        self.builder.seal_block(next);
        self.builder.seal_block(hit);

        self.builder.switch_to_block(next);
        let following = self.builder.ins().iadd_imm_s(at_place, 1);
        let following = self.builder.ins().band(following, mask);
        self.builder.ins().jump(place, &[BlockArg::Value(following)]);
        self.builder.seal_block(place);

        self.builder.switch_to_block(hit);
        if lru {
            let used = self.builder.ins().load(types::I64, flags, own, at::USED);
            let of_slot = self.builder.ins().iadd(used, slot);
            let yes = self.builder.ins().iconst(types::I8, 1);
            self.builder.ins().store(flags, yes, of_slot, -1);
        }
        let value = self.value_address(lookup, slot, 1);
        self.builder.ins().jump(on, &[BlockArg::Value(value)]);
    }

    /// Where the search for a key begins, and its mark.
    fn seek(&mut self, lookup: Lookup, words: &[Value], multiplier: Value, mask: Value) -> (Value, Value) {
        let mut hash = None;
        for &word in words {
            let mixed = hash.map_or(word, |hash| self.builder.ins().bxor(hash, word));
            let product = self.builder.ins().imul(mixed, multiplier);
            let high = self.builder.ins().ushr_imm_u(product, 32);
            hash = Some(self.builder.ins().bxor(product, high));
        }
        let hash = hash.unwrap_or(multiplier);
        let mark = match lookup.key_size() as usize {
            SHORT_KEY => words[0],
            _ => self.builder.ins().ushr_imm_u(hash, 32),
        };
        (self.builder.ins().band(hash, mask), self.builder.ins().ireduce(types::I32, mark))
    }

    /// Not zero if the key of a slot, counted from 1, is another one.
    fn key_differs(&mut self, lookup: Lookup, words: &[Value], (keys, slot): (Value, Value)) -> Value {
        let (size, flags) = (lookup.key_size(), self.flags(Part::Index));
        let offset = self.builder.ins().imul_imm_s(slot, i64::from(size));
        let key = self.builder.ins().iadd(keys, offset);
        let mut differs = None;
        for (from, &word) in (0..).step_by(8).zip(words) {
            let other = self.load_key(lookup, flags, key, from - size);
            let part = self.builder.ins().bxor(other, word);
            differs = Some(differs.map_or(part, |all| self.builder.ins().bor(all, part)));
        }
        differs.unwrap_or(slot)
    }
}
