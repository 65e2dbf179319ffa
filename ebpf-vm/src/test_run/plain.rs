//! Keys and values of map handles: types that are plain bytes, little endian.

/// A type that is so many bytes.
///
/// For a struct of one's own, write its fields one after the other, padding included:
///
/// ```
/// use xdpsim_vm::test_run::Plain;
///
/// struct Count {
///     frames: u64,
///     bytes: u64,
/// }
///
/// impl Plain for Count {
///     const SIZE: usize = 16;
///     fn write(&self, out: &mut Vec<u8>) {
///         self.frames.write(out);
///         self.bytes.write(out);
///     }
///     fn read(bytes: &[u8]) -> Self {
///         Self { frames: Plain::read(&bytes[..8]), bytes: Plain::read(&bytes[8..]) }
///     }
/// }
/// ```
pub trait Plain: Sized {
    /// Bytes.
    const SIZE: usize;

    /// Appends the bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// From [`Plain::SIZE`] bytes.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Plain for $number {
            const SIZE: usize = size_of::<$number>();

            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Self {
                Self::from_le_bytes(std::array::from_fn(|at| bytes[at]))
            }
        })*
    };
}

numbers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);

impl<T: Plain, const N: usize> Plain for [T; N] {
    const SIZE: usize = T::SIZE * N;

    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|element| element.write(out));
    }

    fn read(bytes: &[u8]) -> Self {
        std::array::from_fn(|at| T::read(&bytes[at * T::SIZE..(at + 1) * T::SIZE]))
    }
}

/// The bytes of a key or value.
pub(super) fn bytes(of: &impl Plain) -> Vec<u8> {
    let mut out = Vec::new();
    of.write(&mut out);
    out
}
