//! Which operation shows which clause.
//!
//! A clause counts when an operation whose answer it decides got the answer it says; the comparison with the
//! model is what makes it a check. An operation that falls under several clauses counts for each, one that
//! is wrong in several ways for what decided.

use xdpsim_devmap::{DevmapHash, Errno, Map, MapKey, MapKind, UpdateFlags};

use super::answer::Answer;
use super::exercise::{Clause, Exercised};
use super::machine::{BRIDGE, GUEST, HERE, LO, THERE};
use super::op::{CreateOp, DeviceOp, ProgRef, Space};

/// What a map was before an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    kind: MapKind,
    value_size: u32,
    max_entries: u32,
    owned: bool,
    programs: usize,
    /// Is there an entry at the operation's key?
    present: bool,
    /// Is it a hash without room?
    full: bool,
    /// Of a hash: how many entries there are in the bucket of the operation's key.
    bucket: usize,
}

impl Seen {
    pub(super) fn of(map: &Map) -> Self {
        let owned = match map {
            Map::Devmap(map) => map.owner().is_fixed(),
            Map::DevmapHash(map) => map.owner().is_fixed(),
            Map::ArrayOfMaps(_) | Map::HashOfMaps(_) => false,
        };
        let attr = map.attr();
        Self {
            kind: attr.kind,
            value_size: attr.value_size,
            max_entries: attr.max_entries,
            owned,
            programs: map.programs(),
            present: false,
            full: false,
            bucket: 0,
        }
    }

    pub(super) fn before(map: &Map, key: MapKey) -> Self {
        let seen = Self::of(map);
        match map {
            Map::Devmap(map) => Self { present: map.lookup(key).is_ok(), ..seen },
            Map::DevmapHash(map) => seen.of_hash(map, key),
            Map::ArrayOfMaps(map) => Self { present: map.inner(key).is_some(), ..seen },
            Map::HashOfMaps(map) => Self { present: map.inner(key).is_some(), ..seen },
        }
    }

    /// Counted by walking: a campaign's maps are small.
    fn of_hash(self, map: &DevmapHash, key: MapKey) -> Self {
        let (mut last, mut entries, mut bucket) = (None, 0, 0);
        while let Ok(next) = map.get_next_key(last) {
            last = Some(next);
            entries += 1;
            bucket += usize::from(same_bucket(self.max_entries, key.0, next.0));
        }
        Self { present: map.lookup(key).is_ok(), full: entries >= self.max_entries, bucket, ..self }
    }
}

/// Do two keys of a hash with this capacity share a bucket (BRD-03)?
fn same_bucket(max_entries: u32, a: u32, b: u32) -> bool {
    (a ^ b) & (max_entries.next_power_of_two() - 1) == 0
}

/// An update of a device map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub space: Space,
    pub key: u32,
    pub ifindex: u32,
    pub prog: ProgRef,
    pub flags: UpdateFlags,
}

const EINVAL: Answer = Answer::Refused(Errno::EINVAL.number());
const ENOENT: Answer = Answer::Refused(Errno::ENOENT.number());
const EEXIST: Answer = Answer::Refused(Errno::EEXIST.number());
const E2BIG: Answer = Answer::Refused(Errno::E2BIG.number());

impl Exercised {
    pub(super) fn create(&mut self, op: &CreateOp, answer: &Answer) {
        if op.kind.is_map_of_maps() {
            return self.add_if(Clause::Hlp16a, matches!(answer, Answer::Created(_)));
        }
        let wrong = [
            (Clause::Map01a, op.key_size != 4),
            (Clause::Map01b, !matches!(op.value_size, 4 | 8)),
            (Clause::Map01c, op.max_entries == 0),
            (Clause::Map01d, op.flags & !0x1c != 0),
            (Clause::Map01e, op.kind == MapKind::DevmapHash && op.max_entries > 1 << 31),
        ];
        let mut reasons = wrong.iter().filter(|(_, wrong)| *wrong);
        match (reasons.next(), reasons.next(), answer) {
            (Some((clause, _)), None, &EINVAL) => self.add(*clause),
            (None, None, Answer::Created(flags)) => self.add_if(Clause::Map01f, flags & 0x80 != 0),
            _ => {}
        }
    }

    pub(super) fn update(&mut self, before: &Seen, asked: &Asked, answer: &Answer) {
        match before.kind {
            MapKind::Devmap => self.update_array(before, asked, answer),
            MapKind::DevmapHash => self.update_hash(before, asked, answer),
            MapKind::ArrayOfMaps | MapKind::HashOfMaps => {
                self.add_if(Clause::Hlp16a, *answer == Answer::Done);
            }
        }
    }

    fn update_array(&mut self, before: &Seen, asked: &Asked, answer: &Answer) {
        self.add_if(Clause::Map03i, before.present && *answer != Answer::Done);
        if asked.flags.bits() > 2 {
            return self.add_if(Clause::Map03a, *answer == EINVAL);
        }
        if asked.key >= before.max_entries {
            return self.add_if(Clause::Map03b, *answer == E2BIG);
        }
        if asked.flags == UpdateFlags::NOEXIST {
            return self.add_if(Clause::Map03c, *answer == EEXIST);
        }
        if asked.ifindex == 0 {
            let with_program = gives_program(before, asked);
            self.add_if(Clause::Map03d, with_program && *answer == EINVAL);
            return self.add_if(Clause::Map03e, !with_program && *answer == Answer::Done);
        }
        let exist = asked.flags == UpdateFlags::EXIST && !before.present;
        self.add_if(Clause::Map03h, exist && *answer == Answer::Done);
        self.device_and_program(before, asked, answer, [Clause::Map03f, Clause::Map03g]);
    }

    fn update_hash(&mut self, before: &Seen, asked: &Asked, answer: &Answer) {
        if asked.flags.bits() > 2 || asked.ifindex == 0 {
            return self.add_if(Clause::Map04a, *answer == EINVAL);
        }
        if before.present && asked.flags == UpdateFlags::NOEXIST {
            return self.add_if(Clause::Map04b, *answer == EEXIST);
        }
        let (done, no_room) = (*answer == Answer::Done, *answer == E2BIG);
        self.add_if(Clause::Map04d, no_room && before.full);
        self.add_if(Clause::Map04h, no_room && !before.max_entries.is_power_of_two());
        self.add_if(Clause::Map04e, done && !before.present && asked.flags == UpdateFlags::EXIST);
        self.add_if(Clause::Map04f, done && asked.key >= before.max_entries);
        self.add_if(Clause::Brd03c, done && before.present && before.bucket > 1);
        self.add_if(Clause::Map04g, done && before.present && before.full);
        let full = before.full && !before.present && *answer == EINVAL;
        self.add_if(Clause::Map04c, full);
        self.device_and_program(before, asked, answer, [Clause::Map04c; 2]);
    }

    /// The checks that both device maps share; `clauses` are what each calls a wrong device and a wrong
    /// program.
    fn device_and_program(&mut self, before: &Seen, asked: &Asked, answer: &Answer, clauses: [Clause; 2]) {
        let [no_device, bad_program] = clauses;
        let given = gives_program(before, asked);
        if *answer == Answer::Done {
            self.add(Clause::Map02a);
            self.add_if(Clause::Map02b, before.value_size == 8 && !given);
            self.add_if(Clause::Map05a, matches!(asked.ifindex, LO | BRIDGE));
            self.add_if(Clause::Map07a, given && !before.owned);
        } else if *answer == EINVAL && asked.ifindex != GUEST {
            let (here, there) = devices(asked.space);
            if !here.contains(&asked.ifindex) {
                self.add(no_device);
                return self.add_if(Clause::Map12a, there.contains(&asked.ifindex));
            }
            self.add(bad_program);
            self.program(before, asked.prog);
        }
    }

    /// A program that was refused.
    fn program(&mut self, before: &Seen, prog: ProgRef) {
        match prog {
            ProgRef::Zero | ProgRef::Negative => {}
            ProgRef::Closed | ProgRef::AMap | ProgRef::AFile => self.add(Clause::Map06a),
            ProgRef::Device | ProgRef::Cpumap | ProgRef::Other => self.add(Clause::Map06b),
            ProgRef::Bound => self.add(Clause::Map06c),
            ProgRef::Entry | ProgRef::EntryFrags => {
                self.add(Clause::Map06d);
                self.add(Clause::Map07b);
                self.add_if(Clause::Map07c, before.programs == 0);
            }
        }
    }

    pub(super) fn delete(&mut self, before: &Seen, answer: &Answer) {
        match before.kind {
            MapKind::Devmap => {
                self.add_if(Clause::Map09a, *answer == EINVAL);
                self.add_if(Clause::Map09b, !before.present && *answer == Answer::Done);
            }
            MapKind::DevmapHash => self.add_if(Clause::Map09c, *answer == ENOENT),
            MapKind::ArrayOfMaps | MapKind::HashOfMaps => {}
        }
    }

    pub(super) fn lookup(&mut self, kind: MapKind, answer: &Answer) {
        self.add_if(Clause::Map02c, matches!(answer, Answer::Device(..)));
        self.add_if(Clause::Map08a, kind == MapKind::Devmap && *answer == ENOENT);
        self.add_if(Clause::Map08b, kind == MapKind::DevmapHash && *answer == ENOENT);
    }

    /// `present`: is there an entry at the key before?
    pub(super) fn next_key(&mut self, map: (MapKind, u32), key: Option<u32>, present: bool, answer: &Answer) {
        match (map, key) {
            ((MapKind::Devmap, max), Some(key)) if key < max => {
                self.add_if(Clause::Map10a, *answer == Answer::Key(key.wrapping_add(1)));
                self.add_if(Clause::Map10c, *answer == ENOENT);
            }
            ((MapKind::Devmap, _), _) => self.add_if(Clause::Map10b, *answer == Answer::Key(0)),
            ((MapKind::DevmapHash, max), Some(key)) if present => {
                self.add(Clause::Map11a);
                if let Answer::Key(next) = *answer {
                    let neighbour = same_bucket(max, key, next);
                    self.add(if neighbour { Clause::Brd03b } else { Clause::Brd03a });
                }
            }
            ((MapKind::DevmapHash, _), _) => self.add_if(Clause::Map11b, matches!(answer, Answer::Key(_))),
            _ => {}
        }
    }

    /// A program that uses these maps was loaded, or not.
    pub(super) fn load(&mut self, maps: &[Seen], answer: &Answer) {
        let array = maps.iter().any(|map| map.kind == MapKind::Devmap);
        self.add_if(Clause::Map07d, array);
        let hash = maps.iter().any(|map| map.kind == MapKind::DevmapHash && map.owned);
        self.add_if(Clause::Map07e, hash && *answer == Answer::Done);
    }

    /// Something happened to a device that is in a map.
    pub(super) fn device(&mut self, op: DeviceOp) {
        self.add(match op {
            DeviceOp::Delete => Clause::Map13a,
            DeviceOp::Move(_) => Clause::Map13b,
            DeviceOp::Up(_) => Clause::Map13d,
        });
    }
}

fn gives_program(before: &Seen, asked: &Asked) -> bool {
    before.value_size == 8 && !matches!(asked.prog, ProgRef::Zero | ProgRef::Negative)
}

/// The devices that stay: of the namespace, and of the other.
fn devices(space: Space) -> (&'static [u32], &'static [u32]) {
    const FIRST: &[u32] = &[LO, BRIDGE, HERE[0], HERE[1]];
    const SECOND: &[u32] = &[LO, THERE[0], THERE[1]];
    match space {
        Space::First => (FIRST, SECOND),
        Space::Second => (SECOND, FIRST),
    }
}
