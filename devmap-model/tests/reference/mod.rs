//! A second model of both device maps, as plain as can be: lists that are searched from end to end.
//!
//! Written from the rules alone and sharing no line with the crate, so that the two can only agree where
//! both are right. Numbers are bare and errnos negative, as the system call gives them.

const ENOENT: i32 = -2;
const E2BIG: i32 = -7;
const ENOMEM: i32 = -12;
const EEXIST: i32 = -17;
const EINVAL: i32 = -22;

/// How a map is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub hash: bool,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub flags: u32,
}

/// A program as a map sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    pub id: u32,
    pub devmap: bool,
    pub xdp: bool,
    pub frags: bool,
    pub jited: bool,
    pub bound: bool,
}

/// What the caller's namespace and file table say about a value.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub ifindex: u32,
    pub device: Option<u32>,
    pub fd: i32,
    pub program: Option<Program>,
    pub out_of_memory: bool,
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: u32,
    pub device: u32,
    pub ifindex: u32,
    pub program: u32,
}

/// A map: its entries, the most recently written first.
#[derive(Clone, Debug)]
pub struct Plain {
    shape: Shape,
    rows: Vec<Row>,
    owner: Option<(bool, bool, bool)>,
}

impl Plain {
    pub fn create(shape: Shape) -> Result<Plain, i32> {
        let flags_known = shape.flags == shape.flags & 0b11100 && shape.flags & 0b11000 != 0b11000;
        let value_known = shape.value_size == 4 || shape.value_size == 8;
        if shape.key_size != 4 || !value_known || shape.max_entries == 0 || !flags_known {
            return Err(EINVAL);
        }
        if shape.hash && shape.max_entries > 0x8000_0000 {
            return Err(EINVAL);
        }
        Ok(Plain { shape, rows: vec![], owner: None })
    }

    pub fn update(&mut self, key: u32, mut asked: Asked, flags: u64) -> i32 {
        if self.shape.value_size == 4 {
            asked.fd = 0;
        }
        let result = if self.shape.hash {
            self.update_hash(key, asked, flags)
        } else {
            self.update_array(key, asked, flags)
        };
        match result {
            Ok(row) => {
                self.rows.retain(|old| old.key != key);
                if let Some(row) = row {
                    self.rows.insert(0, row);
                }
                0
            }
            Err(errno) => errno,
        }
    }

    fn update_array(&mut self, key: u32, asked: Asked, flags: u64) -> Result<Option<Row>, i32> {
        match flags {
            0..=2 if key >= self.shape.max_entries => Err(E2BIG),
            1 => Err(EEXIST),
            0 | 2 if asked.ifindex == 0 && asked.fd > 0 => Err(EINVAL),
            0 | 2 if asked.ifindex == 0 => Ok(None),
            0 | 2 => self.row(key, asked).map(Some),
            _ => Err(EINVAL),
        }
    }

    fn update_hash(&mut self, key: u32, asked: Asked, flags: u64) -> Result<Option<Row>, i32> {
        let present = self.rows.iter().any(|row| row.key == key);
        if flags > 2 || asked.ifindex == 0 {
            return Err(EINVAL);
        }
        if present && flags == 1 {
            return Err(EEXIST);
        }
        let row = self.row(key, asked)?;
        if !present && self.rows.len() as u64 >= u64::from(self.shape.max_entries) {
            return Err(E2BIG);
        }
        Ok(Some(row))
    }

    fn row(&mut self, key: u32, asked: Asked) -> Result<Row, i32> {
        if asked.out_of_memory {
            return Err(ENOMEM);
        }
        let Some(device) = asked.device else { return Err(EINVAL) };
        let mut id = 0;
        if asked.fd > 0 {
            let Some(program) = asked.program else { return Err(EINVAL) };
            if !program.xdp || !program.devmap || program.bound || !self.tie(program) {
                return Err(EINVAL);
            }
            id = program.id;
        }
        Ok(Row { key, device, ifindex: asked.ifindex, program: id })
    }

    fn tie(&mut self, program: Program) -> bool {
        let sort = (program.xdp, program.jited, program.frags);
        match self.owner {
            Some(owner) => owner == sort,
            None => {
                self.owner = Some(sort);
                true
            }
        }
    }

    pub fn load(&mut self, program: Program) -> i32 {
        if self.shape.hash || self.tie(program) { 0 } else { EINVAL }
    }

    pub fn delete(&mut self, key: u32) -> i32 {
        let before = self.rows.len();
        let in_range = key < self.shape.max_entries;
        self.rows.retain(|row| row.key != key);
        match (self.shape.hash, before > self.rows.len(), in_range) {
            (true, false, _) => ENOENT,
            (false, _, false) => EINVAL,
            _ => 0,
        }
    }

    pub fn find(&self, key: u32) -> Option<Row> {
        self.rows.iter().find(|row| row.key == key).copied()
    }

    pub fn device_gone(&mut self, device: u32) {
        self.rows.retain(|row| row.device != device);
    }

    pub fn walk(&self) -> Vec<Row> {
        let mut buckets = 1u64;
        while buckets < u64::from(self.shape.max_entries) {
            buckets *= 2;
        }
        let mut rows = self.rows.clone();
        // A stable sort: within a bucket the newest stays first.
        rows.sort_by_key(
            |row| if self.shape.hash { u64::from(row.key) % buckets } else { u64::from(row.key) },
        );
        rows
    }

    pub fn next_key(&self, key: Option<u32>) -> Result<u32, i32> {
        if !self.shape.hash {
            return match key {
                Some(key) if u64::from(key) + 1 == u64::from(self.shape.max_entries) => Err(ENOENT),
                Some(key) if key < self.shape.max_entries => Ok(key + 1),
                _ => Ok(0),
            };
        }
        let walk: Vec<u32> = self.walk().iter().map(|row| row.key).collect();
        let position = walk.iter().position(|present| Some(*present) == key);
        walk.get(position.map_or(0, |position| position + 1)).copied().ok_or(ENOENT)
    }
}
