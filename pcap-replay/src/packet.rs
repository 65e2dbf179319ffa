//! A packet from the command line: bytes by hand, or headers by name with the rest made up.
//!
//! Headers, lengths and checksums are etherparse's business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    EtherType, Ethernet2Header, IpHeaders, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder,
    PacketBuilderStep, SingleVlanHeader, VlanHeader, VlanId, VlanPcp,
};

use crate::capture::FRAME_BYTES_MAX;
use crate::cli::{PacketArgs, ProtocolArg};
use crate::exit::Failure;

/// Shortest frame on a wire, without check sequence.
const WIRE_BYTES_MIN: usize = 60;
/// Addresses of documentation (RFC 5737, RFC 3849) and locally administered ones.
const SRC_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const DST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SRC_4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DST_4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SRC_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DST_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const HOPS: u8 = 64;
const SPORT: u16 = 1024;
const DPORT: u16 = 9;
const TCP_WINDOW: u16 = 65_535;

/// The frame's bytes.
///
/// # Errors
/// With a value that is none, or headers that do not go together.
pub fn build(args: &PacketArgs) -> Result<Vec<u8>, Failure> {
    let frame = match (&args.frame_hex, &args.ethertype) {
        (Some(digits), _) => hex(digits)?,
        (None, Some(ethertype)) => plain(args, ethertype)?,
        (None, None) => ip(args)?,
    };
    if frame.is_empty() || frame.len() > FRAME_BYTES_MAX as usize {
        let message = format!("a frame of {} bytes", frame.len());
        return Err(Failure::usage(message, format!("frames have 1 to {FRAME_BYTES_MAX} bytes")));
    }
    Ok(frame)
}

/// A capture that holds this frame alone, at time 0: classic pcap, nanoseconds.
#[must_use]
pub fn capture(frame: &[u8]) -> Vec<u8> {
    let len = frame.len() as u32;
    let head = [0xa1b2_3c4d, 0x0004_0002, 0, 0, FRAME_BYTES_MAX, 1];
    let words = head.into_iter().chain([0, 0, len, len]);
    words.flat_map(u32::to_le_bytes).chain(frame.iter().copied()).collect()
}

/// Spaces and what else people put between bytes do not count.
fn hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let digits = digits.chars().filter(|c| !c.is_whitespace() && !matches!(c, ':' | ',' | '-' | '_' | '.'));
    let mut nibbles = Vec::new();
    for digit in digits {
        let help = "two hexadecimal digits a byte: --frame-hex 'ffffffffffff 020000000001 0806'";
        let nibble = digit.to_digit(16);
        nibbles.push(nibble.ok_or_else(|| Failure::usage(format!("`{digit}` in --frame-hex"), help))? as u8);
    }
    if !nibbles.len().is_multiple_of(2) {
        let message = format!("--frame-hex has {} digits: half a byte is missing", nibbles.len());
        return Err(Failure::usage(message, "two hexadecimal digits a byte"));
    }
    Ok(nibbles.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect())
}

fn mac(flag: &str, text: Option<&str>, default: [u8; 6]) -> Result<[u8; 6], Failure> {
    let Some(text) = text else { return Ok(default) };
    let parts: Option<Vec<u8>> =
        text.split([':', '-']).map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let address = parts.and_then(|parts| <[u8; 6]>::try_from(parts).ok());
    address.ok_or_else(|| {
        Failure::usage(format!("`--{flag} {text}` is no MAC address"), "such as 02:00:00:00:00:01")
    })
}

/// Ethernet and VLAN tags around nothing but zeros.
fn plain(args: &PacketArgs, ethertype: &str) -> Result<Vec<u8>, Failure> {
    let number = match ethertype.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => ethertype.parse().ok(),
    };
    let wrong = || Failure::usage(format!("`--ethertype {ethertype}` is no type"), "such as 0x88cc");
    let mut ether_type = EtherType(number.ok_or_else(wrong)?);
    let mut tags = Vec::new();
    for header in tags_of(args)?.into_iter().rev() {
        let tag = SingleVlanHeader { ether_type, ..header };
        ether_type =
            if tags.is_empty() { EtherType::VLAN_TAGGED_FRAME } else { EtherType::PROVIDER_BRIDGING };
        tags.insert(0, tag);
    }
    let (source, destination) = macs(args)?;
    let mut frame = Ethernet2Header { source, destination, ether_type }.to_bytes().to_vec();
    tags.iter().for_each(|tag| frame.extend(tag.to_bytes()));
    let bytes = frame.len() + payload(args, frame.len())?;
    frame.resize(bytes, 0);
    Ok(frame)
}

fn macs(args: &PacketArgs) -> Result<([u8; 6], [u8; 6]), Failure> {
    let source = mac("src-mac", args.src_mac.as_deref(), SRC_MAC)?;
    Ok((source, mac("dst-mac", args.dst_mac.as_deref(), DST_MAC)?))
}

/// The VLAN tags, the outer one first; what they hold is set later.
fn tags_of(args: &PacketArgs) -> Result<Vec<SingleVlanHeader>, Failure> {
    if args.vlan.len() > 2 {
        let message = format!("--vlan is there {} times", args.vlan.len());
        return Err(Failure::usage(
            message,
            "a frame made here has two tags at most; --frame-hex has no limit",
        ));
    }
    let tag = |&id: &u16| {
        let vlan_id = VlanId::try_new(id).unwrap_or_default();
        SingleVlanHeader {
            pcp: VlanPcp::ZERO,
            drop_eligible_indicator: false,
            vlan_id,
            ether_type: EtherType(0),
        }
    };
    Ok(args.vlan.iter().map(tag).collect())
}

/// IP with a transport header.
fn ip(args: &PacketArgs) -> Result<Vec<u8>, Failure> {
    let (source, destination) = macs(args)?;
    let ethernet = PacketBuilder::ethernet2(source, destination);
    let headers = addresses(args)?;
    let is_v4 = matches!(headers, IpHeaders::Ipv4(..));
    let builder = match tags_of(args)?.as_slice() {
        [] => ethernet.ip(headers),
        [one] => ethernet.vlan(VlanHeader::Single(one.clone())).ip(headers),
        [outer, inner, ..] => ethernet.double_vlan(outer.vlan_id, inner.vlan_id).ip(headers),
    };
    transport(args, builder, is_v4)
}

/// What becomes of `--protocol` and its ports.
fn transport(
    args: &PacketArgs,
    builder: PacketBuilderStep<IpHeaders>,
    is_v4: bool,
) -> Result<Vec<u8>, Failure> {
    let (sport, dport) = (args.sport.unwrap_or(SPORT), args.dport.unwrap_or(DPORT));
    let protocol = args.protocol.unwrap_or_default();
    if protocol == ProtocolArg::Icmp && (args.sport.is_some() || args.dport.is_some()) {
        return Err(Failure::usage("ICMP has no ports", "leave out --sport and --dport"));
    }
    let mut frame = Vec::new();
    // The builder's steps have a type each, so each writes for itself.
    macro_rules! write {
        ($built:expr) => {{
            let built = $built;
            let payload = vec![0; payload(args, built.size(0))?];
            built.write_to_vec(&mut frame, &payload).map_err(|error| too_long(&error))?;
        }};
    }
    match (protocol, is_v4) {
        (ProtocolArg::Udp, _) => write!(builder.udp(sport, dport)),
        (ProtocolArg::Tcp, _) => write!(builder.tcp(sport, dport, 0, TCP_WINDOW).syn()),
        (ProtocolArg::Icmp, true) => write!(builder.icmpv4_echo_request(1, 1)),
        (ProtocolArg::Icmp, false) => write!(builder.icmpv6_echo_request(1, 1)),
    }
    Ok(frame)
}

fn too_long(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("no such packet can be built: {error}"), "--frame-hex takes any bytes")
}

/// Both addresses are of the version that the first of them has.
fn addresses(args: &PacketArgs) -> Result<IpHeaders, Failure> {
    let v6 = args.src.or(args.dst).is_some_and(|address| address.is_ipv6());
    let mixed = |address: IpAddr| {
        Failure::usage(
            format!("{address} is of another IP version than the other address"),
            "give both addresses of one version",
        )
    };
    if v6 {
        let of = |given: Option<IpAddr>, default: Ipv6Addr| match given {
            None => Ok(default),
            Some(IpAddr::V6(address)) => Ok(address),
            Some(other) => Err(mixed(other)),
        };
        let (source, destination) = (of(args.src, SRC_6)?.octets(), of(args.dst, DST_6)?.octets());
        let header = Ipv6Header { hop_limit: HOPS, source, destination, ..Ipv6Header::default() };
        return Ok(IpHeaders::Ipv6(header, Default::default()));
    }
    let of = |given: Option<IpAddr>, default: Ipv4Addr| match given {
        None => Ok(default),
        Some(IpAddr::V4(address)) => Ok(address),
        Some(other) => Err(mixed(other)),
    };
    let (source, destination) = (of(args.src, SRC_4)?.octets(), of(args.dst, DST_4)?.octets());
    // The builder sets length and protocol.
    let header = Ipv4Header::new(0, HOPS, IpNumber::UDP, source, destination);
    Ok(IpHeaders::Ipv4(header.unwrap_or_default(), Default::default()))
}

/// How many bytes follow headers of this length.
fn payload(args: &PacketArgs, headers: usize) -> Result<usize, Failure> {
    let Some(length) = args.length else { return Ok(WIRE_BYTES_MIN.saturating_sub(headers)) };
    (length.min(FRAME_BYTES_MAX + 1) as usize).checked_sub(headers).ok_or_else(|| {
        Failure::usage(format!("--length {length}: the headers alone take {headers} bytes"), "make it longer")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    fn words(result: Result<Vec<u8>, Failure>) -> String {
        result.expect_err("no packet").render(crate::scenario::Colour::Never)
    }

    #[test]
    fn headers_are_what_was_asked_for() {
        let args = PacketArgs {
            src: Some("10.0.0.1".parse().expect("an address")),
            protocol: Some(ProtocolArg::Tcp),
            dport: Some(443),
            vlan: vec![100, 7],
            length: Some(1514),
            ..PacketArgs::default()
        };
        let frame = build(&args).expect("a packet");
        assert_eq!(frame.len(), 1514);
        assert_eq!(frame[..12], [DST_MAC, SRC_MAC].concat());
        assert_eq!(frame[12..20], [0x88, 0xa8, 0, 100, 0x81, 0, 0, 7]);
        let packet = SlicedPacket::from_ethernet(&frame).expect("a whole packet");
        let Some(NetSlice::Ipv4(ip)) = packet.net else { panic!("{packet:?}") };
        assert_eq!((ip.header().source(), ip.header().destination()), ([10, 0, 0, 1], DST_4.octets()));
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
        assert_eq!((tcp.source_port(), tcp.destination_port(), tcp.syn()), (SPORT, 443, true));
    }

    #[test]
    fn what_is_not_said_is_made_up() {
        let frame = build(&PacketArgs::default()).expect("a packet");
        assert_eq!(frame.len(), WIRE_BYTES_MIN);
        let v6 = PacketArgs {
            dst: Some("2001:db8::9".parse().expect("an address")),
            protocol: Some(ProtocolArg::Icmp),
            ..PacketArgs::default()
        };
        let frame = build(&v6).expect("a packet");
        let packet = SlicedPacket::from_ethernet(&frame).expect("a whole packet");
        assert!(matches!(packet.transport, Some(TransportSlice::Icmpv6(_))), "{packet:?}");
        let lldp = PacketArgs { ethertype: Some("0x88cc".into()), vlan: vec![5], ..PacketArgs::default() };
        let frame = build(&lldp).expect("a packet");
        assert_eq!((frame.len(), &frame[12..18]), (60, [0x81, 0, 0, 5, 0x88, 0xcc].as_slice()));
    }

    #[test]
    fn bytes_by_hand() {
        assert_eq!(hex("0xFF:00-1a, 2b\n").expect("bytes"), [0xff, 0, 0x1a, 0x2b]);
        assert!(words(hex("0g")).contains("`g` in --frame-hex"));
        assert!(words(hex("012")).contains("half a byte"));
        let nothing = PacketArgs { frame_hex: Some(" ".into()), ..PacketArgs::default() };
        assert!(words(build(&nothing)).contains("a frame of 0 bytes"));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let args = PacketArgs { length: Some(20), ..PacketArgs::default() };
        assert!(words(build(&args)).contains("the headers alone take 42 bytes"));
        let args = PacketArgs { src_mac: Some("02:00".into()), ..PacketArgs::default() };
        assert!(words(build(&args)).contains("`--src-mac 02:00` is no MAC address"));
        let (src, dst) = ("10.0.0.1".parse().ok(), "::1".parse().ok());
        let args = PacketArgs { src, dst, ..PacketArgs::default() };
        assert!(words(build(&args)).contains("another IP version"));
        let args = PacketArgs { length: Some(70_000), ..PacketArgs::default() };
        assert!(words(build(&args)).contains("no such packet can be built"));
    }
}
