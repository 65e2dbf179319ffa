//! The calls into libpcap: load, compile, run, free.
//!
//! The only unsafe code of the command. The types are those of `pcap/pcap.h` and `pcap/bpf.h`, unchanged
//! since libpcap 0.4.

#![allow(unsafe_code)] // calls of a C library

use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_void};

use libloading::Library;

/// `DLT_EN10MB`.
const ETHERNET: c_int = 1;
/// Longest frame, as captures have them.
const SNAP_BYTES: c_int = 262_144;
/// `PCAP_NETMASK_UNKNOWN`: `ip broadcast` is then refused with a message.
const NETMASK_UNKNOWN: c_uint = 0xffff_ffff;

/// Where libpcap is found, by the names that distributions give it.
const NAMES: &[&str] = if cfg!(target_os = "macos") {
    &["libpcap.A.dylib", "libpcap.dylib"]
} else if cfg!(windows) {
    &["wpcap.dll"]
} else {
    &["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"]
};

/// `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Insn {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

/// `struct bpf_program`.
#[repr(C)]
struct RawProgram {
    len: c_uint,
    insns: *mut Insn,
}

type OpenDead = unsafe extern "C" fn(c_int, c_int) -> *mut c_void;
type Compile = unsafe extern "C" fn(*mut c_void, *mut RawProgram, *const c_char, c_int, c_uint) -> c_int;
type GetErr = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type FreeCode = unsafe extern "C" fn(*mut RawProgram);
type Close = unsafe extern "C" fn(*mut c_void);
type Filter = unsafe extern "C" fn(*const Insn, *const c_uchar, c_uint, c_uint) -> c_uint;

/// libpcap, loaded.
pub(super) struct Libpcap {
    library: Library,
    open_dead: OpenDead,
    compile: Compile,
    get_err: GetErr,
    free_code: FreeCode,
    close: Close,
    filter: Filter,
}

/// A compiled expression, with the library whose code runs it.
pub(super) struct Program {
    insns: Vec<Insn>,
    filter: Filter,
    /// Keeps `filter` callable.
    _library: Library,
}

impl Libpcap {
    /// Looks for libpcap by each of its names.
    pub fn load() -> Result<Self, String> {
        let mut reason = String::new();
        for &name in NAMES {
            // SAFETY: loading runs the library's initialisers; libpcap has none that need anything of us.
            match unsafe { Library::new(name) } {
                Ok(library) => return Self::bind(library).map_err(|error| error.to_string()),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    }

    fn bind(library: Library) -> Result<Self, libloading::Error> {
        // SAFETY: each type above is the C declaration of the function of this name. The pointers are kept
        // no longer than the library.
        unsafe {
            Ok(Self {
                open_dead: *library.get::<OpenDead>(b"pcap_open_dead\0")?,
                compile: *library.get::<Compile>(b"pcap_compile\0")?,
                get_err: *library.get::<GetErr>(b"pcap_geterr\0")?,
                free_code: *library.get::<FreeCode>(b"pcap_freecode\0")?,
                close: *library.get::<Close>(b"pcap_close\0")?,
                filter: *library.get::<Filter>(b"bpf_filter\0")?,
                library,
            })
        }
    }

    /// Compiles an expression for Ethernet, or says in libpcap's words why not.
    pub fn compile(self, expression: &str) -> Result<Program, String> {
        let text = CString::new(expression).map_err(|_| "it holds a zero byte".to_owned())?;
        // SAFETY: takes two numbers; a null pointer is looked for.
        let handle = unsafe { (self.open_dead)(ETHERNET, SNAP_BYTES) };
        if handle.is_null() {
            return Err("libpcap has no memory".to_owned());
        }
        let mut raw = RawProgram { len: 0, insns: std::ptr::null_mut() };
        // SAFETY: the handle is open, `raw` may be written, `text` ends in a zero byte.
        let result = unsafe { (self.compile)(handle, &mut raw, text.as_ptr(), 1, NETMASK_UNKNOWN) };
        let compiled = if result == 0 { Ok(self.take(&mut raw)) } else { Err(self.why(handle)) };
        // SAFETY: the handle is open and is not used again.
        unsafe { (self.close)(handle) };
        let insns = compiled?;
        if insns.is_empty() {
            return Err("libpcap made an empty program of it".to_owned());
        }
        Ok(Program { insns, filter: self.filter, _library: self.library })
    }

    /// Copies the program out of libpcap's memory and gives that back.
    fn take(&self, raw: &mut RawProgram) -> Vec<Insn> {
        let insns = match raw.insns.is_null() {
            true => Vec::new(),
            // SAFETY: a successful compile leaves `len` instructions there, which nobody else writes.
            false => unsafe { std::slice::from_raw_parts(raw.insns, raw.len as usize) }.to_vec(),
        };
        // SAFETY: `raw` was filled by a successful compile and is freed once.
        unsafe { (self.free_code)(raw) };
        insns
    }

    fn why(&self, handle: *mut c_void) -> String {
        // SAFETY: the handle is open; its message is a C string that lives as long as it does.
        let text = unsafe { CStr::from_ptr((self.get_err)(handle)) };
        text.to_string_lossy().into_owned()
    }
}

impl Program {
    /// Runs on a frame.
    pub fn run(&self, frame: &[u8]) -> bool {
        // A frame is at most 262,144 bytes long.
        let len = frame.len() as c_uint;
        // SAFETY: the program is libpcap's own, which ends in a return and jumps forward only; `compile`
        // has made sure that it is not empty. `bpf_filter` reads `len` bytes at
        // most of the frame and nothing behind it.
        unsafe { (self.filter)(self.insns.as_ptr(), frame.as_ptr(), len, len) != 0 }
    }
}
