//! The kernel's error numbers, as far as any modelled operation can return one.
//!
//! Numbers are those of Linux on x86, whatever the host is: a report must read the same everywhere.

use std::fmt;

macro_rules! errnos {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        /// An error number of Linux.
        ///
        /// ```
        /// use xdpsim_devmap::Errno;
        /// assert_eq!(Errno::ENETDOWN.to_string(), "ENETDOWN (100)");
        /// assert_eq!(Errno::from_number(22), Some(Errno::EINVAL));
        /// assert_eq!(Errno::from_name("ENOENT"), Some(Errno::ENOENT));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Errno {
            $(#[doc = $doc] $name = $number,)*
        }

        impl Errno {
            /// Every value, by rising number.
            pub const ALL: &'static [Errno] = &[$(Errno::$name),*];

            /// The kernel's name for it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Errno::$name => stringify!($name),)*
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, "Operation not permitted.";
    ENOENT = 2, "No such entry.";
    EIO = 5, "Input or output error.";
    ENXIO = 6, "No such device or address.";
    E2BIG = 7, "Argument too large; for a map: key out of range, or map full.";
    EBADF = 9, "Bad file descriptor.";
    EAGAIN = 11, "Try again; for a ring buffer: full.";
    ENOMEM = 12, "Out of memory.";
    EACCES = 13, "Permission denied.";
    EFAULT = 14, "Bad address.";
    EBUSY = 16, "Device or resource busy.";
    EEXIST = 17, "The entry exists.";
    ENODEV = 19, "No such device.";
    EINVAL = 22, "Invalid argument.";
    ENOSPC = 28, "No space left.";
    ERANGE = 34, "Result out of range.";
    EBADRQC = 56, "Bad request code; for a redirect: no target was armed.";
    EOVERFLOW = 75, "Value too large.";
    ENOTSOCK = 88, "Not a socket.";
    EMSGSIZE = 90, "Frame too long.";
    EOPNOTSUPP = 95, "Not supported by this device.";
    EAFNOSUPPORT = 97, "Address family not supported.";
    ENETDOWN = 100, "The device is down.";
    ENOBUFS = 105, "No buffer space.";
    ENOTCONN = 107, "Not connected.";
    ENOTSUPP = 524, "Not supported by this kind of map; a number that only the kernel knows.";
}

impl Errno {
    /// The positive number; the kernel returns, and its tracepoints print, the negative one.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The value with this positive number.
    pub fn from_number(number: i32) -> Option<Errno> {
        Errno::ALL.iter().copied().find(|errno| errno.number() == number)
    }

    /// The value with this name, which is case sensitive.
    pub fn from_name(name: &str) -> Option<Errno> {
        Errno::ALL.iter().copied().find(|errno| errno.name() == name)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.number())
    }
}

impl std::error::Error for Errno {}
