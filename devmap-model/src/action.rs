//! What an XDP program answers for a frame.
//!
//! A verdict is any 32-bit number: the kernel defines five, and what becomes of the rest is for the
//! engine to say (HLP-15), so an unknown number is kept as it came.

use std::fmt;

/// A verdict, as the raw number that the program returned.
///
/// ```
/// use xdpsim_devmap::XdpAction;
/// assert_eq!(XdpAction::PASS.to_string(), "XDP_PASS");
/// assert_eq!(XdpAction(7).to_string(), "unknown (7)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XdpAction(pub u32);

impl XdpAction {
    /// Drop the frame and raise an exception event.
    pub const ABORTED: XdpAction = XdpAction(0);
    /// Drop the frame.
    pub const DROP: XdpAction = XdpAction(1);
    /// Give the frame to the network stack.
    pub const PASS: XdpAction = XdpAction(2);
    /// Send the frame out of the device it came in on.
    pub const TX: XdpAction = XdpAction(3);
    /// Send the frame where a redirect helper pointed.
    pub const REDIRECT: XdpAction = XdpAction(4);
}

impl fmt::Display for XdpAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            XdpAction::ABORTED => f.write_str("XDP_ABORTED"),
            XdpAction::DROP => f.write_str("XDP_DROP"),
            XdpAction::PASS => f.write_str("XDP_PASS"),
            XdpAction::TX => f.write_str("XDP_TX"),
            XdpAction::REDIRECT => f.write_str("XDP_REDIRECT"),
            XdpAction(other) => write!(f, "unknown ({other})"),
        }
    }
}
