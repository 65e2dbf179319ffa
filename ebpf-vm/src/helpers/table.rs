//! The maps of a run: by their place in the object, with their values in memory.

use xdpsim_devmap::Errno;

use crate::load::{Initial, MapDef, MapSpec, Object, Reference};
use crate::maps::{Caller, Kind, Map, Targets};
use crate::memory::{MapIdx, Memory, Slab};

/// A map as helpers see it. Code that the JIT has made goes through it to maps that are kept here.
#[derive(Clone, Debug)]
#[repr(u8)]
pub enum Entry {
    /// Kept here.
    Own(Box<Map>),
    /// A CPUMAP or XSKMAP, kept here: its entries are no memory.
    Targets(Targets),
    /// Kept by somebody else (DEVMAP, DEVMAP_HASH): only its attributes are known.
    Outside(Kind, MapSpec),
}

/// Why an object's maps cannot be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("map `{map}`: {what}: {errno}; {remedy}")]
pub struct CreateError {
    /// Its name.
    pub map: String,
    /// What was tried.
    pub what: &'static str,
    /// What a kernel says to that.
    pub errno: Errno,
    /// What helps.
    pub remedy: String,
}

/// All maps of a run; [`MapIdx`] is their place.
#[derive(Clone, Debug, Default)]
pub struct MapSet {
    entries: Vec<Entry>,
    /// Keys and values on their way from memory to a map; kept, so that nothing is allocated for a call.
    pub(super) scratch: [Vec<u8>; 2],
    /// The maps that are being walked over, the innermost last.
    pub(super) walks: Vec<MapIdx>,
}

impl MapSet {
    /// Creates an object's maps for this many CPUs, with what they begin with; their values are added to
    /// `memory`, which must not have maps yet. A PROG_ARRAY refers to places in [`Object::programs`].
    ///
    /// # Errors
    /// What a kernel would refuse to create or fill.
    pub fn create(object: &Object, cpus: u32, memory: &mut Memory) -> Result<Self, CreateError> {
        let mut all = Self::default();
        for def in &object.maps {
            all.add(def, cpus, memory)?;
        }
        let resolve = |reference: &Reference| resolve(object, reference);
        for (at, def) in (0..).map(MapIdx).zip(&object.maps) {
            all.fill(at, def, memory, &resolve)?;
        }
        Ok(all)
    }

    /// Creates one more map, empty; its values are added to `memory`, which must have as many maps as this.
    ///
    /// # Errors
    /// What a kernel would refuse to create.
    pub fn add(&mut self, def: &MapDef, cpus: u32, memory: &mut Memory) -> Result<MapIdx, CreateError> {
        let (entry, slab) = create(def, cpus)?;
        self.entries.push(entry);
        Ok(memory.add_slab(slab))
    }

    /// A map.
    #[must_use]
    #[inline]
    pub fn get(&self, map: MapIdx) -> Option<&Entry> {
        self.entries.get(map.0 as usize)
    }

    /// All of them, for who looks up by himself.
    #[cfg(feature = "jit")]
    #[inline]
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A map that is kept here.
    #[inline]
    pub fn own(&mut self, map: MapIdx) -> Option<&mut Map> {
        match self.entries.get_mut(map.0 as usize)? {
            Entry::Own(map) => Some(map),
            Entry::Targets(_) | Entry::Outside(..) => None,
        }
    }

    /// A CPUMAP or XSKMAP.
    pub fn targets(&mut self, map: MapIdx) -> Option<&mut Targets> {
        match self.entries.get_mut(map.0 as usize)? {
            Entry::Targets(targets) => Some(targets),
            Entry::Own(_) | Entry::Outside(..) => None,
        }
    }

    /// Fills a map with what it begins with; `resolve` says which map or program a reference means.
    ///
    /// # Errors
    /// What a kernel would refuse.
    pub fn fill(
        &mut self,
        at: MapIdx,
        def: &MapDef,
        memory: &mut Memory,
        resolve: &dyn Fn(&Reference) -> u32,
    ) -> Result<(), CreateError> {
        let Some(map) = self.own(at) else { return Ok(()) };
        match &def.initial {
            Initial::Empty => {}
            Initial::Bytes(bytes) => {
                let slab = memory.slab_mut(at);
                map.update(slab, &[0; 4], bytes, 0, Caller::Control)
                    .map_err(|errno| refused(def, "writing its variables", errno))?;
            }
            Initial::References(all) => {
                for (key, reference) in all {
                    let to = resolve(reference);
                    map.set_reference(&key.to_le_bytes(), to, 0)
                        .map_err(|errno| refused(def, "filling it with its `.values`", errno))?;
                }
            }
        }
        Ok(())
    }
}

fn resolve(object: &Object, reference: &Reference) -> u32 {
    match reference {
        Reference::Map(map) => map.0,
        Reference::Program(name) => {
            let at = object.programs.iter().position(|program| program.name == *name);
            at.map_or(u32::MAX, |at| at as u32)
        }
    }
}

fn create(def: &MapDef, cpus: u32) -> Result<(Entry, Slab), CreateError> {
    let number = def.spec.map_type;
    let Some(kind) = Kind::from_number(number) else {
        let mut error = refused(def, "creating it", Errno::EINVAL);
        error.remedy = format!("maps of type {number} are not for XDP programs here; use another type");
        return Err(error);
    };
    if matches!(kind, Kind::Cpumap | Kind::Xskmap) {
        let targets = Targets::create(&def.spec, cpus).map_err(|errno| refused(def, "creating it", errno))?;
        return Ok((Entry::Targets(targets), Slab::empty()));
    }
    if matches!(kind, Kind::Devmap | Kind::DevmapHash) {
        return Ok((Entry::Outside(kind, def.spec), Slab::empty()));
    }
    let (map, slab) = Map::create_with_lock(&def.spec, cpus, def.lock)
        .map_err(|errno| refused(def, "creating it", errno))?;
    Ok((Entry::Own(Box::new(map)), slab))
}

fn refused(def: &MapDef, what: &'static str, errno: Errno) -> CreateError {
    let MapSpec { map_type, key_size, value_size, max_entries, flags, .. } = def.spec;
    let kind = Kind::from_number(map_type).map_or("unknown", Kind::name);
    let remedy = format!(
        "check its definition: {kind}, keys of {key_size} bytes, values of {value_size}, {max_entries} entries, \
         flags {flags:#x}"
    );
    CreateError { map: def.name.clone(), what, errno, remedy }
}
