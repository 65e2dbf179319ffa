//! The programs that a scenario can name, one file each.
//!
//! Owns what such a program does with a frame. What a helper does is in [`crate::redirect`], and where
//! programs run is the engine's business. All of them can be used without a scenario, too; a program of
//! your own is a type that implements [`XdpProgram`].
//!
//! What a program declares about itself ([`XdpProgram::sharing`], [`XdpProgram::effects`]) is no more
//! than the truth: it decides what may run on threads of its own and what in bulk.

mod broadcast;
mod flow_hash;
mod group;
mod learning_switch;
mod redirect;
mod rewrite;
mod script;
mod verdict;

#[cfg(test)]
mod tests;

pub use broadcast::Broadcast;
pub use flow_hash::FlowHash;
pub use group::{RedirectGroup, RedirectMulti};
pub use learning_switch::LearningSwitch;
pub use redirect::{Redirect, RedirectMap, RedirectMapBy};
pub use rewrite::Rewrite;
pub use script::Script;
pub use verdict::Verdict;

use thiserror::Error;
use xdpsim_devmap::{MapId, XdpAction};

use crate::program::{Effects, XdpProgram};
use crate::scenario::{KeySource, ProgramKind};

/// A program names a map that isn't there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the program uses map `{0}`, but there is no map of that name: create it, or correct the name")]
pub struct UnknownMap(pub String);

/// What a program without helper calls declares.
const NO_REDIRECTS: Effects = Effects { redirects: false };

/// Makes the program that a scenario describes; `resolve` finds a map by its name. An object's code is not
/// here: XDP_ABORTED stands in for it.
///
/// ```
/// use xdpsim_core::programs::{UnknownMap, build};
/// use xdpsim_core::scenario::{KeySource, ProgramKind};
/// use xdpsim_devmap::MapId;
///
/// let kind = ProgramKind::RedirectMap { map: "ports".into(), key: KeySource::Const(1), flags: 0 };
/// assert!(build(&kind, &mut |name| (name == "ports").then_some(MapId(1))).is_ok());
/// assert_eq!(build(&kind, &mut |_| None).err(), Some(UnknownMap("ports".into())));
/// ```
///
/// # Errors
/// The first map that `resolve` doesn't know.
pub fn build(
    kind: &ProgramKind,
    resolve: &mut dyn FnMut(&str) -> Option<MapId>,
) -> Result<Box<dyn XdpProgram>, UnknownMap> {
    Ok(match kind {
        ProgramKind::Verdict(action) => Box::new(Verdict::new(*action)),
        ProgramKind::Redirect { ifindex, flags } => Box::new(Redirect::new(*ifindex, *flags)),
        ProgramKind::RedirectMap { map, key: KeySource::Const(key), flags } => {
            Box::new(RedirectMap::new(find(map, resolve)?, *key, *flags))
        }
        ProgramKind::RedirectMap { map, key, flags } => {
            Box::new(RedirectMapBy::new(find(map, resolve)?, key.clone(), *flags))
        }
        ProgramKind::Broadcast { map, flags } => Box::new(Broadcast::new(find(map, resolve)?, *flags)),
        ProgramKind::RedirectGroup { map, group, exclude, flags } => {
            let map = find(map, resolve)?;
            Box::new(RedirectGroup::new(map, group.clone(), exclude.clone(), *flags))
        }
        ProgramKind::RedirectMulti { map, ex_map, flags } => {
            let (map, ex_map) = find_both(map, ex_map.as_deref(), resolve)?;
            Box::new(RedirectMulti::new(map, ex_map, *flags))
        }
        ProgramKind::LearningSwitch { map, table_max } => {
            Box::new(LearningSwitch::new(find(map, resolve)?, *table_max))
        }
        ProgramKind::FlowHash { map, targets } => Box::new(FlowHash::new(find(map, resolve)?, *targets)),
        ProgramKind::Rewrite { offset, bytes } => Box::new(Rewrite::new(*offset, bytes)),
        ProgramKind::Script(cycle) => Box::new(Script::new(cycle, resolve)?),
        ProgramKind::Object { maps, .. } => {
            for map in maps {
                find(map, resolve)?;
            }
            Box::new(Verdict::new(XdpAction::ABORTED))
        }
    })
}

fn find_both(
    map: &str,
    ex_map: Option<&str>,
    resolve: &mut dyn FnMut(&str) -> Option<MapId>,
) -> Result<(MapId, Option<MapId>), UnknownMap> {
    Ok((find(map, resolve)?, ex_map.map(|ex_map| find(ex_map, resolve)).transpose()?))
}

fn find(name: &str, resolve: &mut dyn FnMut(&str) -> Option<MapId>) -> Result<MapId, UnknownMap> {
    resolve(name).ok_or_else(|| UnknownMap(name.to_owned()))
}
