//! What is known of each design beyond its figures: whether and how a kernel carries it.
//!
//! Rules: MCAST-K01, MCAST-K05, MCAST-K11, MCAST-K13, MCAST-51.

use xdpsim_devmap::groups::encoding::Design;

/// How a running kernel can carry a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// As the target of a redirect: only copies that leave are made.
    Redirect,
    /// As a filter after the copy: a program of the entry drops what is excluded.
    Filter,
    /// Not at all.
    No,
}

impl Kernel {
    /// For scripts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Filter => "filter",
            Self::No => "no",
        }
    }
}

/// A design of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its number: `D5`.
    pub id: &'static str,
    /// Whether a kernel carries it.
    pub kernel: Kernel,
    /// How, or why not.
    pub how: &'static str,
}

/// All designs, in the catalogue's order.
pub const ALL: [About; 11] = [
    About {
        id: "D1",
        kernel: Kernel::No,
        how: "no kernel takes a map of maps in bpf_redirect_map(); its groups run as those of D15",
    },
    About {
        id: "D2",
        kernel: Kernel::No,
        how: "the helper with two maps was never merged; its groups run as those of D15",
    },
    About {
        id: "D3",
        kernel: Kernel::Redirect,
        how: "BPF_F_BROADCAST and BPF_F_EXCLUDE_INGRESS, from 5.14 on",
    },
    About {
        id: "D4",
        kernel: Kernel::Redirect,
        how: "a map of maps by group and exclude group, and BPF_F_BROADCAST, from 5.14 on",
    },
    About {
        id: "D5",
        kernel: Kernel::Filter,
        how: "no helper takes a mask; as a filter, up to 64 ports a word",
    },
    About { id: "D6", kernel: Kernel::No, how: "user space only" },
    About { id: "D7", kernel: Kernel::Filter, how: "no helper takes a list; as a filter that searches it" },
    About { id: "D8", kernel: Kernel::No, how: "a replication engine in hardware" },
    About {
        id: "D9",
        kernel: Kernel::Filter,
        how: "excludes nothing itself; as a filter after the copy, like D15",
    },
    About { id: "D10", kernel: Kernel::No, how: "the set travels in the packet; there is no XDP form" },
    About {
        id: "D15",
        kernel: Kernel::Filter,
        how: "a devmap program on each entry looks the exclude group up, from 5.14 on",
    },
];

impl About {
    /// The design with this number; of another one no more is known.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let unknown = Self { id: "?", kernel: Kernel::No, how: "nothing is known of it" };
        ALL.into_iter().find(|about| about.id == id).unwrap_or(unknown)
    }

    /// Its place in the catalogue.
    #[must_use]
    pub fn index(id: &str) -> usize {
        ALL.iter().position(|about| about.id == id).unwrap_or(ALL.len())
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn name(self) -> &'static str {
        Design::from_name(self.id).map_or("unknown design", Design::name)
    }

    /// "dense bitmap (D5)".
    #[must_use]
    pub fn title(self) -> String {
        format!("{} ({})", self.name(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_every_design_that_can_be_built() {
        for design in Design::ALL {
            assert_eq!(About::of(design.id()).name(), design.name());
        }
    }
}
