//! Making an entry from a written value: the part of an update that both device maps share.
//!
//! Flags, keys and capacity are checked by the maps themselves, before and after.
//!
//! Rules: MAP-02, MAP-03, MAP-04, MAP-06, MAP-12.

use crate::{
    AttachType, DevmapValue, Entry, Errno, IfIndex, MapAttr, MapFlags, MapKind, Owner, ProgFd, ProgInfo,
    ProgType, UpdateEnv,
};

/// Value size of an index alone.
const VALUE_INDEX: u32 = 4;
/// Value size of an index and a program.
const VALUE_INDEX_AND_PROG: u32 = 8;

/// The checks that creating either device map begins with (MAP-01), and the flags it then reports.
pub(crate) fn check_attr(attr: &MapAttr, kind: MapKind) -> Result<MapAttr, Errno> {
    let allowed = MapFlags::NUMA_NODE | MapFlags::RDONLY | MapFlags::WRONLY;
    let sizes_ok = attr.key_size == 4 && matches!(attr.value_size, VALUE_INDEX | VALUE_INDEX_AND_PROG);
    let wrong = attr.kind != kind || attr.max_entries == 0 || !sizes_ok || !allowed.contains(attr.flags);
    if wrong || !attr.flags.is_one_access() {
        return Err(Errno::EINVAL);
    }
    // A program's lookup points into the entry itself, so the kernel bars programs from writing to it.
    Ok(MapAttr { flags: attr.flags.of_the_map() | MapFlags::RDONLY_PROG, ..attr.clone() })
}

/// The descriptor a value really carries: cut off by a short value, and void below 1 (MAP-02).
pub(crate) fn given_program(value: &DevmapValue, value_size: u32) -> Option<ProgFd> {
    value.prog_fd.filter(|fd| value_size == VALUE_INDEX_AND_PROG && fd.0 > 0)
}

/// The entry for a non-zero index, or why there can't be one.
///
/// The kernel allocates before it looks at the value, so ENOMEM hides a bad value.
pub(crate) fn make_entry(
    ifindex: IfIndex,
    program: Option<ProgFd>,
    owner: &mut Owner,
    env: &dyn UpdateEnv,
) -> Result<Entry, Errno> {
    if env.alloc_fails() {
        return Err(Errno::ENOMEM);
    }
    let dev = env.dev_by_index(ifindex).ok_or(Errno::EINVAL)?;
    let prog = match program {
        None => None,
        Some(fd) => {
            let prog = env.prog_by_fd(fd).ok_or(Errno::EINVAL)?;
            check_program(&prog, owner)?;
            Some(prog.id)
        }
    };
    Ok(Entry { dev, ifindex, prog })
}

/// MAP-06. The owner comes last: a program refused for another reason must not become it.
fn check_program(prog: &ProgInfo, owner: &mut Owner) -> Result<(), Errno> {
    let right_kind = prog.prog_type == ProgType::Xdp && prog.attach_type == AttachType::Devmap;
    if right_kind && !prog.device_bound && owner.admit(prog) { Ok(()) } else { Err(Errno::EINVAL) }
}
