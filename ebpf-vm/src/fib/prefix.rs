//! Prefixes of addresses, as `10.0.0.0/8` or `2001:db8::/32`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    ip: IpAddr,
    len: u8,
}

/// Not a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no prefix: write ADDRESS/LENGTH, such as 10.0.0.0/8 or 2001:db8::/32, with no bits behind LENGTH"
)]
pub struct PrefixError(pub String);

impl Prefix {
    /// None if the length is beyond the address's, or bits behind it are set.
    #[must_use]
    pub fn new(ip: IpAddr, len: u8) -> Option<Self> {
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let cut = |len: u8| bits(ip) & mask(len, width);
        (len <= width && cut(len) == bits(ip)).then_some(Self { ip, len })
    }

    /// Its address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Its length in bits.
    #[must_use]
    pub fn len(&self) -> u8 {
        self.len
    }

    /// Is it the prefix of all addresses?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Is it one of IPv6?
    #[must_use]
    pub fn is_v6(&self) -> bool {
        self.ip.is_ipv6()
    }

    /// Does the address begin with it?
    #[must_use]
    pub fn holds(&self, ip: IpAddr) -> bool {
        let width = if ip.is_ipv4() { 32 } else { 128 };
        ip.is_ipv4() == self.ip.is_ipv4() && bits(ip) & mask(self.len, width) == bits(self.ip)
    }
}

/// How many bits two addresses of one kind have in common from the start.
pub(super) fn common(a: IpAddr, b: IpAddr) -> u32 {
    let unused = if a.is_ipv4() { 96 } else { 0 };
    (bits(a) ^ bits(b)).leading_zeros().saturating_sub(unused)
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn mask(len: u8, width: u8) -> u128 {
    let all = if width == 32 { u128::from(u32::MAX) } else { u128::MAX };
    match width - len {
        128 => 0,
        unused => all >> unused << unused,
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let parsed = text.split_once('/').and_then(|(ip, len)| {
            let (ip, len) = (ip.parse().ok()?, len.parse().ok()?);
            Self::new(ip, len)
        });
        parsed.ok_or_else(|| PrefixError(text.to_owned()))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.len)
    }
}
