//! Names of routes, upstreams and policies: each has one number, whichever process asked first.
//!
//! A place is 16 words of 64 bits:
//!
//! | Word | Meaning |
//! |---|---|
//! | 0 | keyed hash of the name; 0: the place is free |
//! | 1 | bytes of the text; 0: it is not complete |
//! | 2 to 9 | text |
//!
//! Places are looked at in order from where the hash points to, and are never given up. So a name
//! has one place: whoever took it had seen those before it taken by others, and they still are.
//!
//! 1. *claim*: put the hash into the first free place, by compare-and-swap. Where it stands already
//!    the place is the name's, whosever claim that was.
//! 2. *write*: unless the length is there, write the text. All who do so write the same.
//! 3. *complete*: write the length.
//!
//! Who is killed after the claim leaves a place that the next one to ask for the name completes, and
//! whose number nobody has used. Two names that agree in all 64 bits of a hash would be taken for
//! one; of 4096 names, one arena in two million millions has such a pair.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::Arena;

/// Words of a place: two cache lines.
pub(super) const NAME_WORDS: usize = 16;

const HASH: usize = 0;
const LENGTH: usize = 1;
const TEXT: usize = 2;

/// Longest text, in bytes.
const MOST_BYTES: usize = 64;
const WORD: usize = size_of::<u64>();

/// The name of whatever has found no place.
pub const OTHER: &str = "_other";

/// The number of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(u32);

impl Name {
    /// The empty name.
    pub const NONE: Self = Self(0);
    /// [`OTHER`].
    pub const OTHER: Self = Self(1);

    const FIRST: u32 = 2;

    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

impl Arena {
    /// The number of a name; of one that is longer than 64 bytes, that of its beginning. Where
    /// there are too many names it is [`Name::OTHER`].
    #[must_use]
    pub fn intern(&self, name: &str) -> Name {
        let text = beginning(name);
        match text {
            "" => return Name::NONE,
            OTHER => return Name::OTHER,
            _ => {}
        }
        let hash = self.key(&[b"name", text.as_bytes()]).number();
        let (places, _) = self.names().as_chunks::<NAME_WORDS>();
        let first = hash as usize % places.len();
        let in_order = (first..places.len()).chain(0..first);
        for number in in_order {
            let place = &places[number];
            if is_claimed(&place[HASH], hash) {
                complete(place, text.as_bytes());
                return Name(number as u32 + Name::FIRST);
            }
        }
        Name::OTHER
    }

    /// What a number stands for; nothing, if nobody has been given it.
    #[must_use]
    pub fn name(&self, name: Name) -> Option<String> {
        let Some(number) = name.0.checked_sub(Name::FIRST) else {
            let text = if name == Name::NONE { "" } else { OTHER };
            return Some(text.to_owned());
        };
        let (places, _) = self.names().as_chunks::<NAME_WORDS>();
        let place = places.get(number as usize)?;
        let length = place[LENGTH].load(Acquire) as usize;
        if !(1..=MOST_BYTES).contains(&length) {
            return None;
        }
        let words = &place[TEXT..][..length.div_ceil(WORD)];
        let bytes = words
            .iter()
            .flat_map(|word| word.load(Relaxed).to_le_bytes());
        String::from_utf8(bytes.take(length).collect()).ok()
    }

    fn names(&self) -> &[AtomicU64] {
        &self.memory.counters()[self.shape.names()]
    }
}

/// The longest beginning that has a place, in whole characters.
fn beginning(name: &str) -> &str {
    let mut end = name.len().min(MOST_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Step 1; whether the place is the name's.
fn is_claimed(place: &AtomicU64, hash: u64) -> bool {
    let known = match place.load(Acquire) {
        0 => place.compare_exchange(0, hash, AcqRel, Acquire).err(),
        known => Some(known),
    };
    known.is_none_or(|known| known == hash)
}

/// Steps 2 and 3.
fn complete(place: &[AtomicU64; NAME_WORDS], text: &[u8]) {
    if place[LENGTH].load(Acquire) != 0 {
        return;
    }
    for (word, bytes) in place[TEXT..].iter().zip(text.chunks(WORD)) {
        let mut padded = [0; WORD];
        padded[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_le_bytes(padded), Relaxed);
    }
    place[LENGTH].store(text.len() as u64, Release);
}
