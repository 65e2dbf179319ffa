//! Reports of members: IGMP versions 1 to 3 (RFC 1112, 2236, 3376) and MLD versions 1 and 2 (RFC 2710, 3810).
//!
//! Sources are not looked at: a member that wants some sources of a group is a member.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One group of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub group: IpAddr,
    pub joins: bool,
}

/// What an IGMP message reports; nothing if it is none, or cut.
pub(super) fn igmp(message: &[u8]) -> Vec<Report> {
    const V1_REPORT: u8 = 0x12;
    const V2_REPORT: u8 = 0x16;
    const V2_LEAVE: u8 = 0x17;
    const V3_REPORT: u8 = 0x22;
    let one = |joins| address::<4>(message, 4).map(|group| Report { group, joins }).into_iter().collect();
    match message.first() {
        Some(&(V1_REPORT | V2_REPORT)) => one(true),
        Some(&V2_LEAVE) => one(false),
        Some(&V3_REPORT) => records::<4>(message),
        _ => Vec::new(),
    }
}

/// What an MLD message reports; nothing of other ICMPv6.
pub(super) fn mld(message: &[u8]) -> Vec<Report> {
    const V1_REPORT: u8 = 131;
    const V1_DONE: u8 = 132;
    const V2_REPORT: u8 = 143;
    let one = |joins| address::<16>(message, 8).map(|group| Report { group, joins }).into_iter().collect();
    match message.first() {
        Some(&V1_REPORT) => one(true),
        Some(&V1_DONE) => one(false),
        Some(&V2_REPORT) => records::<16>(message),
        _ => Vec::new(),
    }
}

/// The records of a version that has several. Their number stands at 6, the first one at 8; each has its type,
/// words of auxiliary data, number of sources, and the group.
fn records<const BYTES: usize>(message: &[u8]) -> Vec<Report> {
    let Some(count) = word(message, 6) else { return Vec::new() };
    let mut reports = Vec::new();
    let mut at = 8;
    for _ in 0..count {
        let (Some(&kind), Some(&aux)) = (message.get(at), message.get(at + 1)) else { break };
        let (Some(sources), Some(group)) = (word(message, at + 2), address::<BYTES>(message, at + 4)) else {
            break;
        };
        reports.extend(joins(kind, sources).map(|joins| Report { group, joins }));
        at += 4 + BYTES * (1 + usize::from(sources)) + 4 * usize::from(aux);
    }
    reports
}

/// Whether a record makes its sender a member, or ends that; none if it changes sources alone.
fn joins(kind: u8, sources: u16) -> Option<bool> {
    const MODE_IS_INCLUDE: u8 = 1;
    const MODE_IS_EXCLUDE: u8 = 2;
    const CHANGE_TO_INCLUDE: u8 = 3;
    const CHANGE_TO_EXCLUDE: u8 = 4;
    const ALLOW_NEW_SOURCES: u8 = 5;
    match kind {
        MODE_IS_EXCLUDE | CHANGE_TO_EXCLUDE => Some(true),
        // To want what comes from nobody is to leave.
        MODE_IS_INCLUDE | CHANGE_TO_INCLUDE => Some(sources > 0),
        ALLOW_NEW_SOURCES => Some(true),
        _ => None,
    }
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// The group at this place, if there is one: an address that is none, or no group's, is not told.
fn address<const BYTES: usize>(message: &[u8], at: usize) -> Option<IpAddr> {
    let bytes = message.get(at..at + BYTES)?;
    let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => IpAddr::V4(Ipv4Addr::from(v4)),
        (_, Ok(v6)) => IpAddr::V6(Ipv6Addr::from(v6)),
        _ => return None,
    };
    address.is_multicast().then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reports: &[Report]) -> Vec<(String, bool)> {
        reports.iter().map(|report| (report.group.to_string(), report.joins)).collect()
    }

    #[test]
    fn igmp_of_all_versions() {
        let message = |kind: u8| [kind, 0, 0, 0, 239, 1, 2, 3];
        assert_eq!(told(&igmp(&message(0x12))), [("239.1.2.3".to_owned(), true)]);
        assert_eq!(told(&igmp(&message(0x16))), [("239.1.2.3".to_owned(), true)]);
        assert_eq!(told(&igmp(&message(0x17))), [("239.1.2.3".to_owned(), false)]);
        assert_eq!(igmp(&message(0x11)), [], "a query");
        assert_eq!(igmp(&[0x16, 0, 0, 0, 10, 0, 0, 1]), [], "no group");
    }

    #[test]
    fn records_of_version_3() {
        let mut message = vec![0x22, 0, 0, 0, 0, 0, 0, 6];
        for (kind, sources) in [(2u8, 0u8), (4, 1), (1, 0), (3, 2), (5, 1), (6, 1)] {
            // One word of auxiliary data each, which has to be passed over.
            message.extend([kind, 1, 0, sources, 239, 0, 0, kind]);
            message.extend(vec![9; 4 * usize::from(sources) + 4]);
        }
        let expected = [("2", true), ("4", true), ("1", false), ("3", true), ("5", true)];
        assert_eq!(told(&igmp(&message)), expected.map(|(last, joins)| (format!("239.0.0.{last}"), joins)));
        message[7] = 200;
        assert_eq!(igmp(&message).len(), 5, "more records promised than there are");
        for len in 0..message.len() {
            assert!(igmp(&message[..len]).len() <= 5);
        }
    }

    #[test]
    fn mld_of_both_versions() {
        let group = "ff05::1:3".parse::<Ipv6Addr>().expect("an address").octets();
        let v1 = |kind: u8| [&[kind, 0, 0, 0, 0, 0, 0, 0], group.as_slice()].concat();
        assert_eq!(told(&mld(&v1(131))), [("ff05::1:3".to_owned(), true)]);
        assert_eq!(told(&mld(&v1(132))), [("ff05::1:3".to_owned(), false)]);
        assert_eq!(mld(&v1(130)), [], "a query");
        assert_eq!(mld(&v1(135)), [], "a neighbour solicitation");
        let v2 = [&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0], group.as_slice()].concat();
        assert_eq!(told(&mld(&v2)), [("ff05::1:3".to_owned(), true)]);
        assert_eq!(mld(&v2[..27]), []);
    }
}
