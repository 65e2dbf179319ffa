//! An event as the tracer writes it: `struct event` of `objects/tracer.bpf.c`.

/// Which tracepoint; the numbers are the tracer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tracepoint {
    /// `xdp_redirect`.
    Redirect,
    /// `xdp_redirect_err`.
    RedirectErr,
    /// `xdp_exception`.
    Exception,
    /// `xdp_devmap_xmit`.
    DevmapXmit,
    /// `xdp_bulk_tx`.
    BulkTx,
}

impl Tracepoint {
    /// All of them, by number.
    pub const ALL: [Self; 5] =
        [Self::Redirect, Self::RedirectErr, Self::Exception, Self::DevmapXmit, Self::BulkTx];

    /// The kernel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "xdp_redirect",
            Self::RedirectErr => "xdp_redirect_err",
            Self::Exception => "xdp_exception",
            Self::DevmapXmit => "xdp_devmap_xmit",
            Self::BulkTx => "xdp_bulk_tx",
        }
    }
}

/// One hit. Fields that the tracepoint doesn't have are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// Which.
    pub tracepoint: Tracepoint,
    /// Inode number of the namespace of the device in `ifindex`.
    pub netns: u32,
    /// The program's id.
    pub prog_id: u32,
    /// The verdict: XDP_REDIRECT or XDP_TX where the tracepoint is about one only.
    pub act: u32,
    /// The device: the ingress of a redirect, `from_ifindex` of `xdp_devmap_xmit`.
    pub ifindex: u32,
    /// The negative errno, or 0.
    pub err: i32,
    /// Inode number of the target's namespace; of a redirect by ifindex that of the ingress.
    pub to_netns: u32,
    /// The target, as the kernel prints it: 0 if it knows none.
    pub to_ifindex: u32,
    /// The type of the redirect's map.
    pub map_type: u32,
    /// The map's id, or 2^31-1 for a redirect by ifindex.
    pub map_id: u32,
    /// The key, as the kernel prints it.
    pub map_index: u32,
    /// Frames that the driver took.
    pub sent: i32,
    /// Frames that it didn't.
    pub drops: i32,
}

impl RawEvent {
    /// Words of an event; the last one is unused.
    const WORDS: usize = 14;

    /// Reads an event; `None` if these bytes are none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<4>();
        if words.len() != Self::WORDS || !rest.is_empty() {
            return None;
        }
        let word = |at: usize| u32::from_ne_bytes(words[at]);
        let signed = |at: usize| word(at).cast_signed();
        Some(Self {
            tracepoint: *Tracepoint::ALL.get(word(0) as usize)?,
            netns: word(1),
            prog_id: word(2),
            act: word(3),
            ifindex: word(4),
            err: signed(5),
            to_netns: word(6),
            to_ifindex: word(7),
            map_type: word(8),
            map_id: word(9),
            map_index: word(10),
            sent: signed(11),
            drops: signed(12),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_the_wrong_length_or_number_are_no_event() {
        let bytes = |first: u32, len: usize| [&first.to_ne_bytes()[..], &vec![0; len - 4]].concat();
        assert_eq!(RawEvent::read(&bytes(0, 52)), None);
        assert_eq!(RawEvent::read(&bytes(0, 60)), None);
        assert_eq!(RawEvent::read(&bytes(5, 56)), None);
        assert_eq!(RawEvent::read(&bytes(4, 56)).map(|event| event.tracepoint), Some(Tracepoint::BulkTx));
    }
}
