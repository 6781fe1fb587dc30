//! Tables in memory that all worker processes of a machine share: windows, leases, and requests in
//! flight.
//!
//! The parent makes a file without a name, [`Arena::create`] lays it out, and every worker
//! [`Arena::attach`]es to it by its descriptor. From then on nobody owns it and nothing is locked:
//! an entry is one word of 128 bits, changed by one compare-and-swap. A process that is killed
//! between any two instructions leaves a table in which every word is whole and true; there is
//! nothing to repair, and nobody who waits.
//!
//! | Part | Words of 16 bytes | What a word says |
//! |---|---|---|
//! | `header` | 256 | what this is, the hash key, the machine, the lanes in use |
//! | `windows` | slots | what a key was charged, in two buckets |
//! | crowd | 256 | the same, of all keys of a policy that found no slot |
//! | `leases` | slots / 4, at least 1024 | what the store granted a key and is not spent; or until when it grants nothing |
//! | `information` | as many | what the store last said of a key |
//! | `presence` | 65,536 | requests in flight of a key, by worker |
//!
//! What is only ever added up, for those who look at the gateway, takes no swap of 128 bits. It lies
//! behind all that, in words of 64 bits which are changed by one addition:
//!
//! | Part | Words of 8 bytes | What they say |
//! |---|---|---|
//! | `names` | 16 for each of at least 1024 | a name of a route, an upstream or a policy |
//! | `series` | 1 for each, and 2048 | what is counted apart, by which labels |
//! | totals | 192 for each stripe | what is counted without any label |
//! | `exemplars` | 144 for each series | a request that stands for those of a bucket |
//! | blocks | 24 for each series, in each stripe | what was counted in a series |
//!
//! The memory has its full size from the start, and takes room only where it was touched. Entries
//! are found by keyed hash, so that nobody can make keys collide; the key is drawn when the arena is
//! made and lies in it, so that workers that come later find what earlier ones counted. How a
//! word's place is found and claimed is one protocol for all tables: see `table`.
//!
//! An entry makes room for another one only when it says nothing any more: when its window has
//! passed, its lease is spent or over, nobody is in flight. A table full of live entries says
//! [`Full`]; what counts is never forgotten to make room.

use std::fmt;
use std::io;
use std::os::fd::RawFd;

mod exemplars;
mod header;
mod information;
mod key;
mod leases;
pub(crate) mod memory;
mod names;
mod presence;
mod series;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod turn;
mod windows;

pub use exemplars::Exemplar;
pub use information::Information;
pub use key::Key;
pub use leases::{Grant, Lease, MOST_LEASED, Spend};
pub use names::{Name, OTHER};
pub use presence::{Enter, LANES, MOST_IN_LANE};
pub use shape::{FEWEST_SLOTS, MOST_SERIES, MOST_SLOTS, USUAL_SERIES, USUAL_SLOTS};
pub use table::Full;
pub use windows::Charge;

use header::{HEADER_WORDS, Header};
use memory::Memory;
use portable_atomic::AtomicU128;
use shape::{STRIPES, Shape};
use table::Table;

pub(crate) use exemplars::EXEMPLARS;
pub(crate) use series::{BLOCK_WORDS, RESERVED_SERIES, TOTALS_WORDS};

/// The shared tables.
#[derive(Debug)]
pub struct Arena {
    memory: Memory,
    shape: Shape,
    hash_key: [u8; 16],
}

/// Why there is no arena.
#[derive(Debug)]
pub enum ArenaError {
    /// Sharing words of 128 bits needs a processor that swaps them in one instruction.
    NotLockFree,
    /// The number of slots is not a power of two within the bounds.
    Slots(usize),
    /// The number of series is not within the bounds.
    Series(usize),
    /// The file to lay out holds something.
    NotEmpty(u64),
    /// The file holds something else.
    NotAnArena,
    /// The arena has another layout.
    Version(u64),
    /// The arena's file has another size than its parts ask for.
    Size {
        /// Bytes that there are.
        actual: u64,
        /// Bytes that there must be.
        expected: u64,
    },
    /// There is no randomness for a hash key.
    Random,
    /// The system refused.
    System(io::Error),
}

impl fmt::Display for ArenaError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLockFree => formatter.write_str(
                "this processor cannot swap 128 bits at once (on x86-64: no cmpxchg16b), so \
                 workers cannot share counts",
            ),
            Self::Slots(slots) => write!(
                formatter,
                "the number of slots must be a power of two within {FEWEST_SLOTS} and \
                 {MOST_SLOTS}, not {slots}"
            ),
            Self::Series(series) => write!(
                formatter,
                "the number of series must be within 1 and {MOST_SERIES}, not {series}"
            ),
            Self::NotEmpty(bytes) => {
                write!(formatter, "the file to lay out holds {bytes} bytes already")
            }
            Self::NotAnArena => formatter.write_str("the file is not an arena"),
            Self::Version(version) => write!(
                formatter,
                "the arena has layout {version}, and this is layout {}",
                header::VERSION
            ),
            Self::Size { actual, expected } => write!(
                formatter,
                "the arena has {actual} bytes where its parts take {expected}"
            ),
            Self::Random => formatter.write_str("there is no randomness for a hash key"),
            Self::System(error) => write!(formatter, "shared memory: {error}"),
        }
    }
}

impl std::error::Error for ArenaError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ArenaError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Arena {
    /// Bytes that a shared arena of so many slots and series takes.
    ///
    /// # Errors
    ///
    /// [`ArenaError::Slots`], [`ArenaError::Series`].
    pub fn bytes_for(slots: usize, series: usize) -> Result<u64, ArenaError> {
        Shape::new(slots, series, STRIPES).map(|shape| shape.bytes())
    }

    /// Lay an arena out in an empty file that is open for reading and writing, and share it. The
    /// file gets its size here. Nobody may attach before this is done. `machine` is any number
    /// that no other arena has.
    ///
    /// The descriptor stays the caller's, and may be closed afterwards. The file must never
    /// shrink: whoever makes it can seal it against that.
    ///
    /// # Errors
    ///
    /// [`ArenaError`], not of [`ArenaError::NotAnArena`] and what follows from it.
    pub fn create(
        descriptor: RawFd,
        slots: usize,
        series: usize,
        machine: u128,
    ) -> Result<Self, ArenaError> {
        let shape = Shape::new(slots, series, STRIPES)?;
        let file = memory::duplicate(descriptor)?;
        let held = file.metadata()?.len();
        if held != 0 {
            return Err(ArenaError::NotEmpty(held));
        }
        file.set_len(shape.bytes())?;
        Self::lay_out(Memory::shared(&file)?, shape, machine)
    }

    /// Share an arena that was laid out.
    ///
    /// # Errors
    ///
    /// [`ArenaError`], when it is none that this version can share.
    pub fn attach(descriptor: RawFd) -> Result<Self, ArenaError> {
        check_processor()?;
        let file = memory::duplicate(descriptor)?;
        let actual = file.metadata()?.len();
        if actual < (HEADER_WORDS * size_of::<AtomicU128>()) as u64 {
            return Err(ArenaError::NotAnArena);
        }
        let memory = Memory::shared(&file)?;
        let header = Header::new(&memory.words()[..HEADER_WORDS]);
        let shape = header.shape()?;
        let expected = shape.bytes();
        if actual != expected {
            return Err(ArenaError::Size { actual, expected });
        }
        let hash_key = header.hash_key();
        Ok(Self {
            memory: memory.with_wide(shape.presence),
            shape,
            hash_key,
        })
    }

    /// An arena that this process shares with nobody, and so needs one stripe.
    ///
    /// # Errors
    ///
    /// [`ArenaError`].
    pub fn private(slots: usize) -> Result<Self, ArenaError> {
        let shape = Shape::new(slots, USUAL_SERIES, 1)?;
        let machine = u128::from_le_bytes(random()?);
        Self::lay_out(Memory::private(shape.bytes())?, shape, machine)
    }

    fn lay_out(memory: Memory, shape: Shape, machine: u128) -> Result<Self, ArenaError> {
        check_processor()?;
        let hash_key = random()?;
        let memory = memory.with_wide(shape.presence);
        Header::new(&memory.words()[..HEADER_WORDS]).write(&shape, hash_key, machine);
        Ok(Self {
            memory,
            shape,
            hash_key,
        })
    }

    /// Number of slots for windows.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.shape.slots
    }

    /// The number that this arena alone has.
    #[must_use]
    pub fn machine(&self) -> u128 {
        self.header().machine()
    }

    /// Note how many gateways share the store, and which incarnation of it this is: another one has
    /// lost what it counted. Of one that is 0, nothing is known.
    pub fn note_store(&self, gateways: u32, incarnation: u64) {
        self.header().note_store(gateways.into(), incarnation);
    }

    /// How many gateways share the store, as far as any worker has heard; at least this one.
    #[must_use]
    pub fn gateways(&self) -> u32 {
        u32::try_from(self.header().store().0).map_or(u32::MAX, |gateways| gateways.max(1))
    }

    /// The store's incarnation; 0 before there was any.
    #[must_use]
    #[inline]
    pub fn incarnation(&self) -> u64 {
        self.header().store().1
    }

    /// The key of some parts. Where they are split matters: `("a", "bc")` is not `("ab", "c")`.
    #[inline]
    #[must_use]
    pub fn key(&self, parts: &[&[u8]]) -> Key {
        Key::new(&self.hash_key, parts)
    }

    fn header(&self) -> Header<'_> {
        Header::new(&self.memory.words()[..HEADER_WORDS])
    }

    fn window_table(&self) -> Table<'_> {
        self.table(HEADER_WORDS, self.shape.windows)
    }

    fn crowd_table(&self) -> Table<'_> {
        self.table(self.shape.windows, self.shape.crowd)
    }

    fn lease_table(&self) -> Table<'_> {
        self.table(self.shape.crowd, self.shape.leases)
    }

    fn information_table(&self) -> &[AtomicU128] {
        &self.memory.words()[self.shape.leases..self.shape.information]
    }

    fn presence_table(&self) -> Table<'_> {
        self.table(self.shape.information, self.shape.presence)
    }

    #[inline]
    fn table(&self, from: usize, to: usize) -> Table<'_> {
        let words = self.memory.words();
        Table::new(&words[from..to], header::claims(words))
    }
}

/// Without one instruction for it, a swap of 128 bits takes a lock that each process has for
/// itself: no protection at all.
fn check_processor() -> Result<(), ArenaError> {
    if AtomicU128::is_lock_free() {
        Ok(())
    } else {
        Err(ArenaError::NotLockFree)
    }
}

/// Bytes that nobody can guess.
///
/// # Errors
///
/// [`ArenaError::Random`].
pub fn random() -> Result<[u8; 16], ArenaError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ArenaError::Random)?;
    Ok(bytes)
}
