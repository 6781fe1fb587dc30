//! Lines on their way from one process to another: a bounded ring in shared memory.
//!
//! The supervisor makes a file without a name for every worker process, [`LineRing::create`] lays it
//! out, and the worker [`LineRing::attach`]es to it. From then on the worker puts and the supervisor
//! takes, one of each. Nobody ever waits for the other: a ring without room refuses a line.
//!
//! | Word of 8 bytes | What it says | Written by |
//! |---|---|---|
//! | 0 | magic and version | its maker |
//! | 1 | capacity in bytes, a power of two | its maker |
//! | 2 | which worker it is for | its maker |
//! | 8 | head: bytes of records that were ever put | who puts |
//! | 16 | tail: bytes of records that were ever taken | who takes |
//! | 512 and on | the records | who puts |
//!
//! A record is a word with the line's length and a mark that only this place of this round has, then
//! the line, filled up to whole words. The head is stored after all of that, and is all that makes a
//! record exist: a process that is killed between any two instructions has put its line or has not.
//!
//! Who takes believes nothing that it reads. A record that cannot be one, because the worker has
//! gone mad, costs the ring everything that lies in it at that moment, and no more.

use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::arena::memory::{self, Memory};

/// Least capacity in bytes: a page.
pub const LEAST_CAPACITY: usize = 1 << 12;
/// Greatest capacity in bytes.
pub const GREATEST_CAPACITY: usize = 1 << 30;

/// Bytes of a word, of which everything here is a multiple.
const WORD: usize = size_of::<AtomicU64>();
/// Words before the first record: a page, so that head and tail have cache lines for themselves.
const HEADER_WORDS: usize = 512;

/// "PyGLine1", as bytes read from the file.
const MAGIC: u64 = u64::from_le_bytes(*b"PyGLine1");

const IDENTITY: usize = 0;
const CAPACITY: usize = 1;
const WORKER: usize = 2;
const HEAD: usize = 8;
const TAIL: usize = 16;

/// What the mark of a record begins with.
const MARK: u32 = 0x4c4f_4721;

/// One end of the ring, or both.
#[derive(Debug)]
pub struct LineRing {
    memory: Memory,
    /// Number of words for records, minus one.
    mask: usize,
    /// Held while a line is put: there is one process that puts, but it may have threads.
    putting: Mutex<()>,
    /// The tail, as whoever takes knows it; nothing before the first time. What lies in the ring
    /// is for the other side, and what that makes of it counts for nothing here.
    taken: Mutex<Option<u64>>,
    /// How often something lay there that is no record.
    damages: AtomicU64,
}

/// Why there is no ring.
#[derive(Debug)]
pub enum LineRingError {
    /// The capacity is out of bounds.
    Capacity(usize),
    /// The file to lay out holds something.
    NotEmpty(u64),
    /// The file holds something else, or a ring of another version.
    NotARing,
    /// The system refused.
    System(io::Error),
}

impl fmt::Display for LineRingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(bytes) => write!(
                formatter,
                "the capacity must be within {LEAST_CAPACITY} and {GREATEST_CAPACITY} bytes, not \
                 {bytes}"
            ),
            Self::NotEmpty(bytes) => {
                write!(formatter, "the file to lay out holds {bytes} bytes already")
            }
            Self::NotARing => formatter.write_str("the file is not a ring of lines"),
            Self::System(error) => write!(formatter, "shared memory: {error}"),
        }
    }
}

impl std::error::Error for LineRingError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for LineRingError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl LineRing {
    /// Lay a ring out in an empty file that is open for reading and writing. The file gets its size
    /// here; nobody may attach before this is done. `worker` is the number of the one that it is for.
    ///
    /// The capacity is rounded up to a power of two. The descriptor stays the caller's, and may be
    /// closed afterwards. The file must never shrink: whoever makes it can seal it against that.
    ///
    /// # Errors
    ///
    /// [`LineRingError`], not [`LineRingError::NotARing`].
    pub fn create(descriptor: RawFd, capacity: usize, worker: u32) -> Result<Self, LineRingError> {
        if !(LEAST_CAPACITY..=GREATEST_CAPACITY).contains(&capacity) {
            return Err(LineRingError::Capacity(capacity));
        }
        let capacity = capacity.next_power_of_two();
        let file = memory::duplicate(descriptor)?;
        let held = file.metadata()?.len();
        if held != 0 {
            return Err(LineRingError::NotEmpty(held));
        }
        file.set_len(file_size(capacity))?;
        let ring = Self::new(Memory::shared(&file)?.with_wide(0), capacity);
        let words = ring.memory.counters();
        words[CAPACITY].store(capacity as u64, Relaxed);
        words[WORKER].store(worker.into(), Relaxed);
        // The magic comes last: half a header is none.
        words[IDENTITY].store(MAGIC, Release);
        Ok(ring)
    }

    /// Share a ring that was laid out.
    ///
    /// # Errors
    ///
    /// [`LineRingError::NotARing`] or [`LineRingError::System`].
    pub fn attach(descriptor: RawFd) -> Result<Self, LineRingError> {
        let file = memory::duplicate(descriptor)?;
        let size = file.metadata()?.len();
        if size < file_size(LEAST_CAPACITY) {
            return Err(LineRingError::NotARing);
        }
        let memory = Memory::shared(&file)?.with_wide(0);
        let words = memory.counters();
        if words[IDENTITY].load(Acquire) != MAGIC {
            return Err(LineRingError::NotARing);
        }
        let capacity = words[CAPACITY].load(Relaxed) as usize;
        if !capacity.is_power_of_two()
            || !(LEAST_CAPACITY..=GREATEST_CAPACITY).contains(&capacity)
            || size != file_size(capacity)
        {
            return Err(LineRingError::NotARing);
        }
        Ok(Self::new(memory, capacity))
    }

    fn new(memory: Memory, capacity: usize) -> Self {
        Self {
            memory,
            mask: capacity / WORD - 1,
            putting: Mutex::new(()),
            taken: Mutex::new(None),
            damages: AtomicU64::new(0),
        }
    }

    /// Bytes that there is room for, with a word more for each line.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        (self.mask + 1) * WORD
    }

    /// Which worker it is for.
    #[must_use]
    pub fn worker(&self) -> u64 {
        self.shared(WORKER).load(Relaxed)
    }

    /// Bytes that lie in it and are not taken, with a word more for each line; about as many, while
    /// others put and take.
    #[must_use]
    pub fn pending(&self) -> usize {
        let tail = self.shared(TAIL).load(Relaxed);
        let head = self.shared(HEAD).load(Relaxed);
        self.capacity().min(head.wrapping_sub(tail) as usize)
    }

    /// How often whoever takes has found something that is no record, and dropped what lay there.
    #[must_use]
    pub fn damages(&self) -> u64 {
        self.damages.load(Relaxed)
    }

    /// Put a line, which has no end of line of its own; false if there is no room for it.
    #[must_use]
    pub fn put(&self, line: &[u8]) -> bool {
        let _turn = lock(&self.putting);
        let head = self.shared(HEAD).load(Relaxed);
        // Acquire: what is overwritten was read before the tail came to be here.
        let occupied = head.wrapping_sub(self.shared(TAIL).load(Acquire)) as usize;
        let size = record_size(line.len());
        if self.capacity().saturating_sub(occupied) < size {
            return false;
        }
        let records = self.records();
        let start = self.place(head);
        records[start].store(first_word(head, line.len()), Relaxed);
        let start = (start + 1) & self.mask;
        let before_the_end = &records[start..];
        let (one, other) = line.split_at(line.len().min(before_the_end.len() * WORD));
        write(before_the_end, one);
        write(records, other);
        // Release: whoever sees this head sees the record.
        self.shared(HEAD)
            .store(head.wrapping_add(size as u64), Release);
        true
    }

    /// Take lines, each with an end of line, as many as have room in `most` bytes together; but one
    /// that is there in any case. They are appended to `lines`.
    pub fn take(&self, most: usize, lines: &mut Vec<u8>) {
        let mut taken = lock(&self.taken);
        // Acquire: all that was put before the head came to be here can be read.
        let head = self.shared(HEAD).load(Acquire);
        let mut tail = taken.unwrap_or_else(|| self.shared(TAIL).load(Relaxed));
        let before = lines.len();
        while tail != head {
            let Some(length) = self.length_at(tail, head) else {
                self.damages.fetch_add(1, Relaxed);
                tail = head;
                break;
            };
            if lines.len() > before && lines.len() - before + length >= most {
                break;
            }
            self.read(tail, length, lines);
            lines.push(b'\n');
            tail = tail.wrapping_add(record_size(length) as u64);
        }
        *taken = Some(tail);
        // Release: what was read is read before it can be overwritten.
        self.shared(TAIL).store(tail, Release);
    }

    /// The length of the line at `tail`; nothing if there cannot be one before `end`.
    fn length_at(&self, tail: u64, end: u64) -> Option<usize> {
        let held = usize::try_from(end.wrapping_sub(tail)).ok()?;
        if held > self.capacity() || !(end as usize).is_multiple_of(WORD) {
            return None;
        }
        let first = self.records()[self.place(tail)].load(Relaxed);
        let length = (first & u64::from(u32::MAX)) as usize;
        (first == first_word(tail, length) && record_size(length) <= held).then_some(length)
    }

    fn read(&self, tail: u64, length: usize, lines: &mut Vec<u8>) {
        let records = self.records();
        let start = (self.place(tail) + 1) & self.mask;
        let words = length.div_ceil(WORD);
        let before_the_end = words.min(records.len() - start);
        let end = lines.len() + length;
        lines.reserve(words * WORD + 1);
        for part in [
            &records[start..start + before_the_end],
            &records[..words - before_the_end],
        ] {
            for word in part {
                lines.extend_from_slice(&word.load(Relaxed).to_ne_bytes());
            }
        }
        lines.truncate(end);
    }

    /// Which word a position is.
    #[inline]
    const fn place(&self, position: u64) -> usize {
        (position as usize / WORD) & self.mask
    }

    #[inline]
    fn shared(&self, word: usize) -> &AtomicU64 {
        &self.memory.counters()[word]
    }

    #[inline]
    fn records(&self) -> &[AtomicU64] {
        &self.memory.counters()[HEADER_WORDS..]
    }
}

const fn file_size(capacity: usize) -> u64 {
    (HEADER_WORDS * WORD + capacity) as u64
}

/// Bytes of a record with a line of so many.
#[inline]
const fn record_size(length: usize) -> usize {
    WORD + length.next_multiple_of(WORD)
}

/// What a record at `position` begins with. The mark is another one in every word of every round,
/// so that old words are not taken for new ones.
#[inline]
const fn first_word(position: u64, length: usize) -> u64 {
    let mark = MARK ^ (position / WORD as u64) as u32;
    (mark as u64) << 32 | length as u64
}

/// Write bytes into words, the last one filled up with zeros.
#[inline]
fn write(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<WORD>();
    for (word, chunk) in words.iter().zip(whole) {
        word.store(u64::from_ne_bytes(*chunk), Relaxed);
    }
    if !rest.is_empty() {
        let mut last = [0; WORD];
        last[..rest.len()].copy_from_slice(rest);
        words[whole.len()].store(u64::from_ne_bytes(last), Relaxed);
    }
}

/// A panic leaves what these locks guard as whole as a kill does.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
