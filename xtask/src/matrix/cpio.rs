//! The archive that a kernel unpacks as its first file system: cpio in its "newc" form.
//!
//! Only what an initramfs needs: folders and regular files, all owned by root, without times, so that equal
//! contents give equal bytes.

/// Every name is shorter than this; the kernel refuses longer ones (`PATH_MAX`).
const NAME_MAX: usize = 4096;

/// The name that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive under construction.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder; its parents have to be there already. `name` has no leading slash.
    pub fn folder(&mut self, name: &str) {
        self.entry(name, 0o040_755, &[]);
    }

    /// Adds a file that may be executed; its folder has to be there already.
    pub fn file(&mut self, name: &str, contents: &[u8]) {
        self.entry(name, 0o100_755, contents);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) {
        assert!(name.len() < NAME_MAX, "a name of {} bytes does not fit into an initramfs", name.len());
        let size = u32::try_from(contents.len()).expect("a file of an initramfs is smaller than 4 GiB");
        self.entries += 1;
        // ino, mode, uid, gid, nlink, mtime, size, device (2), device node (2), length of name, checksum
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    /// Headers and contents begin at multiples of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_begin_at_multiples_of_four_and_the_trailer_closes() {
        let mut archive = Archive::default();
        archive.folder("dev");
        archive.file("init", b"hello");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let starts: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert_eq!(starts.len(), 3);
        assert!(starts.iter().all(|at| at % 4 == 0), "{starts:?}");
        assert_eq!(&bytes[starts[1] + 6 + 6 * 8..][..8], b"00000005", "the size of `init`");
        assert_eq!(&text[starts[2] - 8..starts[2]], "hello\0\0\0");
        assert!(text.trim_end_matches('\0').ends_with(TRAILER));
    }

    #[test]
    fn a_header_has_110_bytes() {
        let bytes = Archive::default().finish();
        assert_eq!(bytes.iter().position(|byte| *byte == b'T'), Some(110));
    }
}
