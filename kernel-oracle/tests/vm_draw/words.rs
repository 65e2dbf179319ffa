//! The few addresses, ports and names that frames and maps are drawn from, so that one finds the other.

use super::Random;

/// IPv4 addresses.
pub const ADDRESSES: [[u8; 4]; 10] = [
    [10, 0, 0, 1],
    [10, 0, 0, 2],
    [10, 0, 0, 7],
    [10, 0, 1, 9],
    [10, 1, 2, 3],
    [172, 16, 0, 5],
    [192, 168, 0, 1],
    [192, 168, 7, 77],
    [8, 8, 8, 8],
    [224, 0, 0, 5],
];
/// IPv6 addresses by their last byte.
const LAST: [u8; 5] = [1, 2, 3, 0x80, 0xff];
/// Ports, with those that the corpus's programs know.
pub const PORTS: [u16; 10] = [22, 53, 80, 443, 1024, 4000, 4500, 4789, 8080, 50_000];

/// A MAC address: one of few stations, or a group.
pub fn mac(random: &mut Random) -> [u8; 6] {
    match random.below(8) {
        0 => [255; 6],
        1 => [1, 0, 0x5e, 0, 0, 5],
        last => [2, 0, 0, 0, 0, last as u8],
    }
}

/// An IPv6 address.
pub fn address6(random: &mut Random) -> [u8; 16] {
    let mut address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    if random.below(4) == 0 {
        address[..4].copy_from_slice(&[0xfe, 0x80, 0, 0]);
    }
    address[15] = random.pick(&LAST);
    address
}
