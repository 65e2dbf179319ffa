//! Which kernel the model is, resolved when the world is built.

use std::fmt;
use std::str::FromStr;

use crate::rules::Rules;

/// A kernel release, as far as rules depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The 6 of 6.12.
    pub major: u16,
    /// The 12 of 6.12.
    pub minor: u16,
}

impl KernelVersion {
    /// The default: what the catalogue's sources describe.
    pub const V6_12: Self = Self { major: 6, minor: 12 };
    /// Device feature bits decide about targets from here on (RED-04).
    pub const FEATURE_BITS: Self = Self { major: 6, minor: 3 };
    /// Who is woken during a softirq run is polled in the same run from here on; before, in the next one
    /// (DRV-07).
    pub const POLLS_WOKEN_AT_ONCE: Self = Self { major: 6, minor: 4 };
    /// Metadata may have 252 bytes from here on, 32 before (RED-02).
    pub const META_252: Self = Self { major: 6, minor: 8 };
    /// Redirect info lives in a context from here on (HLP-20).
    pub const BPF_NET_CONTEXT: Self = Self { major: 6, minor: 11 };
    /// A veth wakes its peer for XDP_TX before it looks into its own ring once more from here on, after
    /// that before (DRV-07).
    pub const TX_BEFORE_COMPLETE: Self = Self { major: 6, minor: 12 };
    /// Opening a veth end renews its own features from here on, those of both ends before (DRV-01). Which
    /// release between 6.12 and 6.18 changed it was not seen.
    pub const OPENING_RENEWS_OWN: Self = Self { major: 6, minor: 18 };
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A kernel version that cannot be read or is not modelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kernel version from 6.1 on, such as 6.12")]
pub struct KernelVersionError(pub String);

impl FromStr for KernelVersion {
    type Err = KernelVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || KernelVersionError(text.to_owned());
        let (major, minor) = text.split_once('.').ok_or_else(bad)?;
        let version =
            Self { major: major.parse().map_err(|_| bad())?, minor: minor.parse().map_err(|_| bad())? };
        if version < (Self { major: 6, minor: 1 }) { Err(bad()) } else { Ok(version) }
    }
}

/// Which of the two implementations of the redirect path runs. Both give the same result; the
/// choice exists so that tests can hold them against each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Path {
    /// Poll by poll where that is legal, else frame by frame.
    #[default]
    Auto,
    /// Always frame by frame, following the rules line by line.
    FrameByFrame,
}

/// What kind of kernel the scenario runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The rules' version.
    pub kernel: KernelVersion,
    /// Bytes of a page: limits clones (BRD-10) and zero-copy conversion.
    pub page_size: u32,
    /// Which redirect helpers there are: mainline's, or those of the multicast patches.
    pub rules: Rules,
    /// Which path runs; rules other than mainline's always run frame by frame.
    pub path: Path,
    /// Deliberate faults of the model (feature `mutations`), to judge the tests by.
    pub mutations: crate::mutation::Mutations,
}

impl Profile {
    /// What bounds a frame's buffer on this kernel.
    #[inline]
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let meta_max = if self.kernel >= KernelVersion::META_252 { 252 } else { 32 };
        Bounds { page_size: self.page_size, meta_max }
    }
}

/// Limits of a frame's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a page: the buffer of a frame, unless that is longer.
    pub page_size: u32,
    /// Most bytes of metadata.
    pub meta_max: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Profile::default().bounds()
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            kernel: KernelVersion::V6_12,
            page_size: 4096,
            rules: Rules::Mainline,
            path: Path::Auto,
            mutations: crate::mutation::Mutations::default(),
        }
    }
}
