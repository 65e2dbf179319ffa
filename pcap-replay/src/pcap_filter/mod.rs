//! Capture filters in libpcap's syntax: `tcp port 80 and not host 10.0.0.1`.
//!
//! libpcap itself compiles and runs them; it is looked for when a filter is asked for, so neither building
//! nor anything else needs it. A filter sees a frame as it arrives: `len` is the length that is replayed.

mod sys;

use std::fmt;

use thiserror::Error;

/// Why there is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterError {
    /// No libpcap on this machine.
    #[error("--filter needs libpcap, and there is none on this machine: {reason}")]
    NoLibrary {
        /// What the loader says.
        reason: String,
    },
    /// libpcap refuses the expression.
    #[error("--filter `{expression}`: {reason}")]
    Syntax {
        /// The expression.
        expression: String,
        /// What libpcap says.
        reason: String,
    },
}

impl FilterError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoLibrary { .. } => {
                "install it (Debian: apt install libpcap0.8; Windows: Npcap); whoever has tcpdump has it"
            }
            Self::Syntax { .. } => {
                "the syntax is that of `man pcap-filter`; quote the expression for the shell"
            }
        }
    }
}

/// A compiled filter.
pub struct PcapFilter(sys::Program);

impl PcapFilter {
    /// Compiles an expression for Ethernet.
    ///
    /// # Errors
    /// Without libpcap, or with an expression that it refuses.
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        let library = sys::Libpcap::load().map_err(|reason| FilterError::NoLibrary { reason })?;
        let refused = |reason| FilterError::Syntax { expression: expression.to_owned(), reason };
        library.compile(expression).map(Self).map_err(refused)
    }

    /// Does the filter let this frame through?
    #[must_use]
    pub fn lets_through(&self, frame: &[u8]) -> bool {
        self.0.run(frame)
    }
}

impl fmt::Debug for PcapFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PcapFilter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ethernet frame with an IPv4 header and UDP ports 53 and 99.
    fn dns() -> Vec<u8> {
        let mut frame = vec![0u8; 60];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[23] = 17;
        frame[34..38].copy_from_slice(&[0, 53, 0, 99]);
        frame
    }

    /// A machine without libpcap has nothing to test but the message.
    fn filter(expression: &str) -> Option<PcapFilter> {
        match PcapFilter::new(expression) {
            Ok(filter) => Some(filter),
            Err(FilterError::NoLibrary { reason }) => {
                eprintln!("skipped: no libpcap ({reason})");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn expressions_are_libpcaps() {
        let Some(udp) = filter("udp port 53 and not tcp") else { return };
        assert!(udp.lets_through(&dns()));
        assert!(!udp.lets_through(&[0; 60]));
        assert!(!udp.lets_through(&dns()[..20]), "a frame that ends in the header");
        assert!(!udp.lets_through(&[]), "an empty frame");
        let all = filter("").expect("libpcap is there");
        assert!(all.lets_through(&[]), "the empty filter lets all through");
    }

    #[test]
    fn what_libpcap_refuses_is_said_in_its_words() {
        if filter("ip").is_none() {
            return;
        }
        let error = PcapFilter::new("port eighty and").expect_err("no filter");
        assert!(error.to_string().starts_with("--filter `port eighty and`: "), "{error}");
        assert!(PcapFilter::new("ip\0").is_err(), "no expression has a zero byte");
    }
}
