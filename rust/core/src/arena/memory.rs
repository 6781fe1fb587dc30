//! The one place that knows addresses: memory, shared or private, as slices of atomic words. Wide
//! ones of 128 bits lie in front, and then narrow ones of 64; no byte is part of both.
#![expect(
    unsafe_code,
    reason = "a mapping becomes a slice, and a number a descriptor; both are bounded here"
)]

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::AtomicU64;

use memmap2::{MmapMut, MmapOptions, MmapRaw};
use portable_atomic::AtomicU128;

/// A mapping that lives as long as this does.
#[derive(Debug)]
pub(crate) struct Memory {
    map: MmapRaw,
    /// How many words are wide.
    wide: usize,
}

impl Memory {
    /// All of a file, shared with everyone who maps it; all of its words are wide.
    pub(crate) fn shared(file: &File) -> io::Result<Self> {
        MmapOptions::new().map_raw(file).map(Self::new)
    }

    /// Zeros of this process, given by the system when they are touched; all words are wide.
    pub(crate) fn private(bytes: u64) -> io::Result<Self> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        MmapMut::map_anon(bytes).map(|map| Self::new(map.into()))
    }

    fn new(map: MmapRaw) -> Self {
        let wide = map.len() / size_of::<AtomicU128>();
        Self { map, wide }
    }

    /// The same, with so many wide words, or fewer if it has no more; the others are narrow.
    pub(crate) fn with_wide(self, wide: usize) -> Self {
        Self {
            wide: wide.min(self.wide),
            ..self
        }
    }

    /// The wide words.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU128] {
        // SAFETY: the mapping has at least that many words, readable and writable, is aligned to a
        // page, and stays for as long as `self` is borrowed. Any bits are a valid word. Words are
        // read and written by atomic instructions of their full width only, here as in every other
        // process, and `AtomicU128` may be changed behind a shared reference. That the file does not
        // shrink is its maker's promise; a process that touches what was cut off is killed by a
        // signal, and reads nothing else.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.wide) }
    }

    /// The narrow words.
    #[inline]
    pub(crate) fn counters(&self) -> &[AtomicU64] {
        let from = self.wide * size_of::<AtomicU128>();
        let count = (self.map.len() - from) / size_of::<AtomicU64>();
        // SAFETY: as above; `from` is not beyond the mapping's end, is a multiple of a word, and no
        // wide word lies behind it.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(from).cast(), count) }
    }
}

/// A file of this process' own for a descriptor that is somebody else's, who may close it.
///
/// # Errors
///
/// When no file has that descriptor.
pub(crate) fn duplicate(descriptor: RawFd) -> io::Result<File> {
    if descriptor < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is not -1, and is looked at only in this call, by the system, which
    // refuses one that is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    borrowed.try_clone_to_owned().map(File::from)
}
