//! Which redirect helpers the model has: mainline's, or those of the multicast patches that were never merged.
//!
//! Owns the choice, its text, and what a verifier of that tree would say to a call ([`Rules::check_redirect_map`],
//! [`Rules::check_redirect_map_multi`]). What the helpers do is in [`crate::redirect::multicast`]. The choice
//! is part of the [`Profile`](crate::Profile): it is made when the world is built and never asked for a frame
//! of mainline.
//!
//! Rules: MCAST-01, MCAST-14, MCAST-21, MCAST-39, MCAST-K01, HLP-17.

use std::fmt;
use std::str::FromStr;

use xdpsim_devmap::{Errno, MapId, MapKind, MapTable};

use crate::redirect::is_devmap;

/// Which tree's redirect helpers run.
///
/// ```
/// use xdpsim_core::rules::{Rules, TwoMapsVersion};
///
/// assert_eq!("rfc-v1".parse(), Ok(Rules::RfcV1 { literal: false }));
/// assert_eq!("two-maps".parse(), Ok(Rules::TwoMaps { version: TwoMapsVersion::V20 }));
/// assert_eq!(Rules::RfcV1 { literal: true }.to_string(), "rfc-v1-literal");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rules {
    /// The kernel as it is, of the profile's version.
    #[default]
    Mainline,
    /// RFC v1 (April 2020): `bpf_redirect_map()` also takes a map of maps, whose index names a forward group
    /// and an exclude group.
    RfcV1 {
        /// As it was posted, with the bugs that show; else as it was meant.
        literal: bool,
    },
    /// v2 to v20 (April 2020 to February 2021): `bpf_redirect_map_multi()` with a forward map and an exclude
    /// map.
    TwoMaps {
        /// Which of them.
        version: TwoMapsVersion,
    },
}

/// A version of the series with two maps: 2 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TwoMapsVersion(u8);

/// Versions of the series that treat a frame alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TwoMapsClass {
    /// v2: a clone for every target, a bad target stops the walk.
    V2,
    /// v3 and v4: bad targets are skipped, the first target gets the original.
    V3To4,
    /// v5 to v7: the last target gets the original.
    V5To7,
    /// v8 to v20: the exclude map is asked for the target's ifindex as a key.
    V8To20,
}

impl TwoMapsVersion {
    /// The first.
    pub const V2: Self = Self(2);
    /// The last; the default.
    pub const V20: Self = Self(20);

    /// Version `number` of the series, if there was one.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            2..=20 => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// How it treats a frame.
    #[must_use]
    pub const fn class(self) -> TwoMapsClass {
        match self.0 {
            ..3 => TwoMapsClass::V2,
            3..5 => TwoMapsClass::V3To4,
            5..8 => TwoMapsClass::V5To7,
            8.. => TwoMapsClass::V8To20,
        }
    }

    /// Must the exclude map be a DEVMAP_HASH? Checked by the helper, when it runs (MCAST-39).
    pub(crate) const fn excludes_by_hash_only(self) -> bool {
        self.0 >= 7
    }

    /// May a call do without an exclude map? v5 to v8 wanted a real one (MCAST-39).
    #[must_use]
    pub const fn takes_no_exclude_map(self) -> bool {
        !(self.0 >= 5 && self.0 <= 8)
    }

    /// Does its verifier look at the exclude map only, so that any map passes as the first (MCAST-39)?
    #[must_use]
    pub const fn leaves_first_map_unchecked(self) -> bool {
        self.0 >= 9 && self.0 <= 19
    }

    /// Do the programs of entries run on copies (MCAST-49)?
    #[must_use]
    pub const fn runs_entry_programs(self) -> bool {
        self.0 >= 12
    }
}

impl fmt::Display for TwoMapsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// A call that a verifier refuses: the program is not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallRefused {
    /// A map that `bpf_redirect_map()` does not take.
    #[error(
        "cannot pass map_type {} into func bpf_redirect_map#51: under `{rules}` it takes {}", .kind.number(),
        takes(.rules)
    )]
    Map {
        /// The map's type.
        kind: MapKind,
        /// The rules that are active.
        rules: Rules,
    },
    /// `bpf_redirect_map_multi()` under rules that do not have it.
    #[error("there is no helper bpf_redirect_map_multi() under `{rules}`: choose the rules `two-maps`")]
    NoHelper {
        /// The rules that are active.
        rules: Rules,
    },
    /// A forward or exclude map that is no device map.
    #[error("cannot pass map_type {} into func bpf_redirect_map_multi: a devmap or devmap_hash is needed", .0.number())]
    MultiMap(MapKind),
    /// No exclude map, where one is needed.
    #[error(
        "version {0} of bpf_redirect_map_multi() needs an exclude map: give it an empty one, or take v9 to v20"
    )]
    NoExcludeMap(TwoMapsVersion),
    /// There is no such map.
    #[error("there is no map {0}")]
    NoMap(MapId),
}

impl CallRefused {
    /// What loading the program answers.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::NoMap(_) => Errno::EBADF,
            _ => Errno::EINVAL,
        }
    }
}

fn takes(rules: &Rules) -> &'static str {
    match rules {
        Rules::RfcV1 { .. } => "devmaps and maps of devmaps",
        Rules::Mainline | Rules::TwoMaps { .. } => "devmaps; the rules `rfc-v1` also take maps of devmaps",
    }
}

impl Rules {
    /// As in a kernel that exists?
    #[must_use]
    pub const fn is_mainline(self) -> bool {
        matches!(self, Self::Mainline)
    }

    /// As it was posted, bugs and all?
    #[must_use]
    pub const fn is_literal(self) -> bool {
        matches!(self, Self::RfcV1 { literal: true })
    }

    /// Does `bpf_redirect_map()` take a containing map of this kind (MCAST-01)?
    #[inline]
    #[must_use]
    pub const fn takes_groups(self, kind: MapKind) -> bool {
        matches!(self, Self::RfcV1 { .. }) && kind.is_map_of_maps()
    }

    /// What a verifier says to `bpf_redirect_map(map, ..)`. Keys of 4 bytes and inner maps that are device
    /// maps (MCAST-14, MCAST-21) need no look here: the table has no others.
    ///
    /// # Errors
    /// A map of a type that these rules do not take (MCAST-K01).
    pub fn check_redirect_map(self, maps: &MapTable, map: MapId) -> Result<(), CallRefused> {
        let kind = maps.kind(map).ok_or(CallRefused::NoMap(map))?;
        if is_devmap(kind) || self.takes_groups(kind) {
            Ok(())
        } else {
            Err(CallRefused::Map { kind, rules: self })
        }
    }

    /// What a verifier says to `bpf_redirect_map_multi(map, ex_map, ..)`. The type of the exclude map is
    /// checked when the call is made, from v7 on (MCAST-39).
    ///
    /// # Errors
    /// Rules without this helper, a map that is no device map, or no exclude map where one is needed.
    pub fn check_redirect_map_multi(
        self,
        maps: &MapTable,
        map: MapId,
        ex_map: Option<MapId>,
    ) -> Result<(), CallRefused> {
        let Self::TwoMaps { version } = self else { return Err(CallRefused::NoHelper { rules: self }) };
        let device_map = |map| match maps.kind(map) {
            None => Err(CallRefused::NoMap(map)),
            Some(kind) if is_devmap(kind) => Ok(()),
            Some(kind) => Err(CallRefused::MultiMap(kind)),
        };
        match device_map(map) {
            Err(CallRefused::MultiMap(_)) if version.leaves_first_map_unchecked() => {}
            checked => checked?,
        }
        match ex_map {
            Some(ex_map) => device_map(ex_map),
            None if version.takes_no_exclude_map() => Ok(()),
            None => Err(CallRefused::NoExcludeMap(version)),
        }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mainline => f.write_str("mainline"),
            Self::RfcV1 { literal: false } => f.write_str("rfc-v1"),
            Self::RfcV1 { literal: true } => f.write_str("rfc-v1-literal"),
            Self::TwoMaps { version } => write!(f, "two-maps-{version}"),
        }
    }
}

/// Rules that nobody has written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` are no rules: expected `mainline`, `rfc-v1`, `rfc-v1-literal`, `two-maps`, or `two-maps-v2` to \
     `two-maps-v20`"
)]
pub struct RulesError(pub String);

impl FromStr for Rules {
    type Err = RulesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || RulesError(text.to_owned());
        Ok(match text {
            "mainline" => Self::Mainline,
            "rfc-v1" => Self::RfcV1 { literal: false },
            "rfc-v1-literal" => Self::RfcV1 { literal: true },
            "two-maps" => Self::TwoMaps { version: TwoMapsVersion::V20 },
            other => {
                let number = other.strip_prefix("two-maps-v").and_then(|number| number.parse().ok());
                Self::TwoMaps { version: number.and_then(TwoMapsVersion::new).ok_or_else(bad)? }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_set_has_a_text_that_is_read_back() {
        let versions = (0..=u8::MAX).filter_map(TwoMapsVersion::new);
        let two_maps = versions.map(|version| Rules::TwoMaps { version });
        let all = [Rules::Mainline, Rules::RfcV1 { literal: false }, Rules::RfcV1 { literal: true }];
        let texts: Vec<String> = all.into_iter().chain(two_maps).map(|rules| rules.to_string()).collect();
        assert_eq!(texts.len(), 3 + 19);
        for text in &texts {
            assert_eq!(text.parse::<Rules>().map(|rules| rules.to_string()).as_ref(), Ok(text));
        }
        for bad in
            ["", "Mainline", "rfc", "rfc-v2", "two-maps-v1", "two-maps-v21", "two-maps-v", "two-maps-20"]
        {
            assert!(bad.parse::<Rules>().is_err(), "{bad}");
        }
    }
}
