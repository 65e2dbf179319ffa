//! Anonymous network namespaces.
//!
//! A short-lived thread unshares one and hands out a file descriptor of it. The descriptor is all that
//! keeps it: when the process ends, in whatever way, the kernel takes the namespace apart with all its
//! links. IPv6 is off before the first link exists, so nobody sends router solicitations.

use std::fs::{self, File};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::thread;

use super::{NetError, Tried, sys};

/// The namespace of the thread that opens it.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace without a name.
#[derive(Debug)]
pub struct Netns {
    file: File,
    inode: u32,
}

impl Netns {
    /// A new one, with nothing in it but `lo`, which is down and has ifindex 1.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN; ENOSPC beyond the system's limit of namespaces.
    pub fn new() -> Result<Self, NetError> {
        let made = thread::Builder::new().name("unshare".to_owned()).spawn(|| {
            sys::unshare_net().tried(|| "unshare(CLONE_NEWNET), which needs CAP_SYS_ADMIN".to_owned())?;
            for conf in ["all", "default"] {
                switch_ipv6_off(conf)?;
            }
            Self::current()
        });
        let thread = made.tried(|| "start of a thread".to_owned())?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The calling thread's.
    ///
    /// # Errors
    /// If /proc is not mounted.
    pub fn current() -> Result<Self, NetError> {
        let file = File::open(OWN).tried(|| format!("open {OWN}"))?;
        let inode = file.metadata().tried(|| format!("stat {OWN}"))?.ino();
        let inode = u32::try_from(inode).expect("the kernel keeps it in an unsigned int");
        Ok(Self { file, inode })
    }

    /// Its inode number, as programs see it in `net->ns.inum`.
    #[must_use]
    pub fn inode(&self) -> u32 {
        self.inode
    }

    /// Moves the calling thread into it until the guard is dropped.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN.
    pub fn enter(&self) -> Result<Inside, NetError> {
        let home = Self::current()?;
        self.join()?;
        Ok(Inside { home, not_send: PhantomData })
    }

    /// Moves the calling thread into it for good.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN.
    pub fn join(&self) -> Result<(), NetError> {
        sys::setns_net(self.as_fd()).tried(|| format!("setns to namespace {}", self.inode))
    }

    /// Runs `work` inside.
    ///
    /// # Errors
    /// As of [`Self::enter`].
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> Result<R, NetError> {
        let _inside = self.enter()?;
        Ok(work())
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The calling thread is in another namespace as long as this lives.
#[derive(Debug)]
pub struct Inside {
    home: Netns,
    /// What is to be undone is the state of one thread.
    not_send: PhantomData<*const ()>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let back = self.home.join();
        // A thread that can't come home would do everything else in the wrong place.
        assert!(back.is_ok() || thread::panicking(), "back to the namespace of before: {back:?}");
    }
}

fn switch_ipv6_off(conf: &str) -> Result<(), NetError> {
    let path = format!("/proc/sys/net/ipv6/conf/{conf}/disable_ipv6");
    match fs::write(&path, "1") {
        // A kernel without IPv6 sends no IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.tried(|| format!("write 1 to {path}")),
    }
}
