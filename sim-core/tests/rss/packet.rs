//! Frames made of parts, and the hash bit by bit.

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMP: u8 = 1;
pub const SCTP: u8 = 132;

/// The key, written down a second time.
const KEY: &str = "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa";

/// The hash bit by bit, as its definition reads.
pub fn naive(input: &[u8]) -> u32 {
    let key: Vec<u8> = (0..40).map(|i| u8::from_str_radix(&KEY[2 * i..2 * i + 2], 16).unwrap()).collect();
    let key_bit = |i: usize| u32::from(key[i / 8] >> (7 - i % 8) & 1);
    let window = |at: usize| (at..at + 32).fold(0, |window, i| window << 1 | key_bit(i));
    let is_set = |i: &usize| input[i / 8] >> (7 - i % 8) & 1 == 1;
    (0..input.len() * 8).filter(is_set).map(window).fold(0, |hash, window| hash ^ window)
}

/// A frame in parts: what a test wants to vary.
#[derive(Clone, Debug)]
pub struct Packet {
    pub tags: Vec<u16>,
    /// Source and destination, 4 or 16 bytes each.
    pub addresses: Vec<u8>,
    pub protocol: u8,
    /// IPv4 only.
    pub fragment: u16,
    /// IPv4 only; a multiple of 4 bytes.
    pub options: Vec<u8>,
    pub payload: Vec<u8>,
}

impl Packet {
    pub fn new(addresses: &[u8], protocol: u8) -> Self {
        Self {
            tags: Vec::new(),
            addresses: addresses.to_vec(),
            protocol,
            fragment: 0,
            options: Vec::new(),
            payload: (1..=20).collect(),
        }
    }

    pub fn v4(protocol: u8) -> Self {
        Self::new(&[10, 1, 2, 3, 192, 168, 7, 9], protocol)
    }

    pub fn v6(protocol: u8) -> Self {
        Self::new(&(0x20..0x40).collect::<Vec<u8>>(), protocol)
    }

    pub fn is_v4(&self) -> bool {
        self.addresses.len() == 8
    }

    /// Where the IP header begins.
    pub fn ip(&self) -> usize {
        14 + 4 * self.tags.len()
    }

    /// Where the ports begin.
    pub fn ports(&self) -> usize {
        self.ip() + if self.is_v4() { 20 + self.options.len() } else { 40 }
    }

    /// Where the addresses end.
    pub fn addresses_end(&self) -> usize {
        self.ip() + if self.is_v4() { 20 } else { 40 }
    }

    pub fn frame(&self) -> Vec<u8> {
        let mut frame = vec![2; 12];
        let ip_type: u16 = if self.is_v4() { 0x0800 } else { 0x86dd };
        for tag in &self.tags {
            frame.extend(tag.to_be_bytes());
            frame.extend([0x60, 0x2a]);
        }
        frame.extend(ip_type.to_be_bytes());
        if self.is_v4() {
            let header_len = 20 + self.options.len();
            frame.extend([0x40 | (header_len / 4) as u8, 0]);
            frame.extend(((header_len + self.payload.len()) as u16).to_be_bytes());
            frame.extend([0, 1]);
            frame.extend(self.fragment.to_be_bytes());
            frame.extend([64, self.protocol, 0, 0]);
            frame.extend(&self.addresses);
            frame.extend(&self.options);
        } else {
            frame.extend([0x60, 0, 0, 0]);
            frame.extend((self.payload.len() as u16).to_be_bytes());
            frame.extend([self.protocol, 64]);
            frame.extend(&self.addresses);
        }
        frame.extend(&self.payload);
        frame
    }

    /// The hash of addresses alone.
    pub fn by_addresses(&self) -> u32 {
        naive(&self.addresses)
    }

    /// The hash of addresses and ports.
    pub fn by_ports(&self) -> u32 {
        naive(&[&self.addresses, &self.payload[..4]].concat())
    }
}
