//! What a port counted: `ethtool -S` and `ip -s link`.
//!
//! The sockets and files are opened in the port's namespace and refer to it from then on, so reading needs
//! no change of namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use xdpsim_core::driver::veth::VethCounters;
use xdpsim_devmap::IfIndex;

use super::sys::{ETHTOOL_GSSET_INFO, ETHTOOL_GSTATS, ETHTOOL_GSTRINGS, ETHTOOL_SGRO};
use super::{NetError, Netns, Tried, sys};

const ETH_SS_STATS: u32 = 1;
/// ETH_GSTRING_LEN.
const NAME_LEN: usize = 32;

/// `ethtool` requests in the namespace that it was opened in.
#[derive(Debug)]
pub(super) struct Ethtool(OwnedFd);

impl Ethtool {
    /// For the calling thread's namespace.
    pub(super) fn here() -> Result<Self, NetError> {
        let socket = sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        Ok(Self(socket.tried(|| "socket(AF_INET, SOCK_DGRAM)".to_owned())?))
    }

    pub(super) fn set_gro(&self, ifindex: IfIndex, on: bool) -> Result<(), NetError> {
        let set =
            |name: String| sys::ethtool(self.0.as_fd(), &name, &mut [word(ETHTOOL_SGRO, u32::from(on))]);
        let result = sys::name_of(self.0.as_fd(), ifindex).and_then(set);
        result.tried(|| format!("set GRO of ifindex {ifindex} {}", if on { "on" } else { "off" }))
    }

    /// Names of a device's statistics, in order.
    fn names(&self, device: &str) -> io::Result<Vec<String>> {
        // struct ethtool_sset_info { cmd, reserved, mask: u64, data[0]: u32 }
        let mut info = [word(ETHTOOL_GSSET_INFO, 0), 1 << ETH_SS_STATS, 0];
        sys::ethtool(self.0.as_fd(), device, &mut info)?;
        let count = if info[1] == 0 { 0 } else { halves(info[2]).0 };
        let len = usize::try_from(count).expect("usize has at least 32 bits");
        // struct ethtool_gstrings { cmd, string_set, len, data[] }: 12 bytes, then the names.
        let mut strings = vec![0_u64; (12 + len * NAME_LEN).div_ceil(8)];
        strings[0] = word(ETHTOOL_GSTRINGS, ETH_SS_STATS);
        strings[1] = word(len, 0);
        sys::ethtool(self.0.as_fd(), device, &mut strings)?;
        let bytes: Vec<u8> = strings.iter().flat_map(|word| word.to_ne_bytes()).skip(12).collect();
        Ok(bytes.chunks_exact(NAME_LEN).take(len).map(text).collect())
    }

    /// Their values; `buffer` has one word more than there are names.
    fn values(&self, device: &str, buffer: &mut [u64]) -> io::Result<()> {
        // struct ethtool_stats { cmd, n_stats, data[]: u64 }
        let count = u32::try_from(buffer.len() - 1).expect("few statistics");
        buffer[0] = word(ETHTOOL_GSTATS, count);
        sys::ethtool(self.0.as_fd(), device, buffer)
    }
}

/// The counters of one veth end.
#[derive(Debug)]
pub struct PortStats {
    ethtool: Ethtool,
    device: String,
    /// Which counter each statistic adds to; `None` is one that nobody asks for.
    layout: Vec<Option<Counter>>,
    buffer: Vec<u64>,
}

type Counter = fn(&mut VethCounters) -> &mut u64;

impl PortStats {
    /// Of this device.
    ///
    /// # Errors
    /// ENODEV if there is no such device, EOPNOTSUPP if it has no statistics.
    pub fn open(netns: &Netns, ifindex: IfIndex) -> Result<Self, NetError> {
        let _inside = netns.enter()?;
        let ethtool = Ethtool::here()?;
        let what = || format!("names of the statistics of ifindex {ifindex}");
        let device = sys::name_of(ethtool.0.as_fd(), ifindex).tried(what)?;
        let names = ethtool.names(&device).tried(what)?;
        let layout: Vec<_> = names.iter().map(|name| counter(name)).collect();
        Ok(Self { ethtool, device, buffer: vec![0; 1 + layout.len()], layout })
    }

    /// What `ethtool -S` shows now, summed over the queues; the netdev's drops are [`DropsReader`]'s.
    ///
    /// # Errors
    /// ENODEV if the device is gone.
    pub fn read(&mut self) -> Result<VethCounters, NetError> {
        let read = self.ethtool.values(&self.device, &mut self.buffer);
        read.tried(|| format!("statistics of {}", self.device))?;
        let mut counters = VethCounters::default();
        for (value, counter) in self.buffer[1..].iter().zip(&self.layout) {
            if let Some(counter) = counter {
                *counter(&mut counters) += value;
            }
        }
        Ok(counters)
    }
}

/// The field for `rx_queue_0_xdp_drops` and the like.
fn counter(name: &str) -> Option<Counter> {
    let of_queue = |prefix: &str| name.strip_prefix(prefix)?.split_once('_').map(|(_, rest)| rest);
    if let Some(name) = of_queue("rx_queue_") {
        return match name {
            "xdp_packets" => Some(|c| &mut c.xdp_packets),
            "xdp_bytes" => Some(|c| &mut c.xdp_bytes),
            "xdp_redirect" => Some(|c| &mut c.xdp_redirect),
            "drops" => Some(|c| &mut c.drops),
            "xdp_drops" => Some(|c| &mut c.xdp_drops),
            "xdp_tx" => Some(|c| &mut c.xdp_tx),
            "xdp_tx_errors" => Some(|c| &mut c.xdp_tx_errors),
            _ => None,
        };
    }
    match of_queue("tx_queue_")? {
        "xdp_xmit" => Some(|c| &mut c.xdp_xmit),
        "xdp_xmit_errors" => Some(|c| &mut c.xdp_xmit_errors),
        _ => None,
    }
}

/// Dropped frames of a netdev.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// `rx_dropped`.
    pub rx: u64,
    /// `tx_dropped`.
    pub tx: u64,
}

/// Reads the drops of all devices of a namespace.
#[derive(Debug)]
pub struct DropsReader {
    file: File,
    text: Vec<u8>,
}

impl DropsReader {
    /// Of this namespace.
    ///
    /// # Errors
    /// If /proc is not mounted.
    pub fn open(netns: &Netns) -> Result<Self, NetError> {
        let path = "/proc/thread-self/net/dev";
        let file = netns.run(|| File::open(path))?.tried(|| format!("open {path}"))?;
        Ok(Self { file, text: vec![0; 1 << 16] })
    }

    /// By device name.
    ///
    /// # Errors
    /// If the file does not have the form that it has had since Linux 2.2.
    pub fn read(&mut self) -> Result<BTreeMap<String, Drops>, NetError> {
        let what = || "read /proc/thread-self/net/dev".to_owned();
        let mut len = 0;
        loop {
            let read = self.file.read_at(&mut self.text[len..], len as u64).tried(what)?;
            len += read;
            match read {
                0 if len < self.text.len() => break,
                0 => self.text.resize(2 * len, 0),
                _ => {}
            }
        }
        let text = String::from_utf8_lossy(&self.text[..len]);
        let parsed: Option<_> = text.lines().skip(2).map(drops).collect();
        parsed.ok_or_else(|| NetError::new(what(), ErrorKind::InvalidData.into()))
    }
}

/// `name: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop ...`
fn drops(line: &str) -> Option<(String, Drops)> {
    let (name, numbers) = line.split_once(':')?;
    let mut numbers = numbers.split_ascii_whitespace().map(|number| number.parse().ok());
    let rx = numbers.nth(3)??;
    let tx = numbers.nth(7)??;
    Some((name.trim().to_owned(), Drops { rx, tx }))
}

/// Two `u32` one behind the other in memory.
fn word(first: usize, second: u32) -> u64 {
    let [a, b, c, d] = u32::try_from(first).expect("a command or a count").to_ne_bytes();
    let [e, f, g, h] = second.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

fn halves(word: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    (u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h]))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
