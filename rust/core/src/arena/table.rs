//! How entries are found, claimed, changed and replaced: the same for every table.
//!
//! A key has 16 candidate slots: two sets of eight by two parts of its hash. Two choices keep
//! sets evenly filled (Mitzenmacher, "The power of two choices in randomized load balancing", 2001),
//! so that a table is nearly full before a key finds no place. A word is
//!
//! | claim: 1 bit | tag: what is left | payload: [`Layout::BITS`] |
//! |---|---|---|
//! | 0 | 0 | 0: empty |
//! | 0 | of a key, not 0 | an *entry* |
//! | 1 | of a key, not 0 | a *claim*: a number that no other claim ever had |
//!
//! and only ever changes by compare-and-swap. Two keys that agree in tag and in a set would be
//! taken for one. Among as many keys as a table has slots, the odds of even one such pair are one
//! in half a million (windows and leases) or in sixteen thousand (presence), and nobody can look
//! for one without the hash key.
//!
//! # One entry per key
//!
//! Two processes that count a key for the first time at once must not make two entries of it: each
//! would admit the whole quota. So an entry comes to be in these steps, of which a crash may
//! leave out any rest:
//!
//! 1. *claim*: put a claim where a word is empty, dead, or itself a claim. A claim of the same
//!    key that lies there already will do, whosoever it is.
//! 2. *confirm*: see that the claim is in its slot.
//! 3. *look*: read all other candidates, after that. A word of the same key in any of them, entry
//!    or claim, sends this back to the start.
//! 4. *enter*: swap exactly that claim for an entry.
//!
//! At no time are there two entries of one key. For suppose that P entered at `s` and, while that
//! entry was there, Q entered at `t`. As P's claim was in `s` from its making until it was swapped
//! (a claim is unique, so that one that went away never comes back), `s` bore a word of the key
//! from P's claim up to Q's entering; and `t` did so from Q's claim up to then. P's look at `t`
//! found none: it came before Q's claim. Q's look at `s` found none: it came before P's claim.
//! So, in the one order that all sequentially consistent accesses have,
//!
//! ```text
//! P claims s  <=  P confirms s  <  P looks at t  <  Q claims t  <=  Q confirms t  <  Q looks at s  <  P claims s
//! ```
//!
//! which is a circle. Clocks play no part in this: an entry that looks alive to one process and dead
//! to another is changed or replaced by swapping exactly the word that was seen, and one of the
//! two finds it changed.
//!
//! An entry that is dead is still the only one of its key, and is simply used again by it.
//!
//! # Replacing
//!
//! A claim may take the place of an entry that is dead whatever happens from now on, which a
//! payload and the time alone must tell: strangers do not know its policy. A payload that was
//! seen, changed and became the same again is as dead as before.

use std::fmt;
use std::hint;
use std::sync::atomic::Ordering::SeqCst;

use portable_atomic::AtomicU128;

use super::key::Key;
use super::turn::{self, Next};

/// Slots of a set: two cache lines.
pub(super) const SET: usize = 8;

/// Slots in which an entry may lie.
const CANDIDATES: usize = 2 * SET;

/// Tries before a key counts as one that finds no place. A swap fails when another one has been
/// faster, so that of all processes one gets on at every try; nobody loses so often by chance.
const ATTEMPTS: usize = 1024;

const CLAIM: u128 = 1 << 127;

/// There is no room for another entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("every slot in which the key may lie is in use")
    }
}

impl std::error::Error for Full {}

/// What the payload of a table's words means.
pub(super) trait Layout {
    /// Bits of it, at least 64.
    const BITS: u32;

    /// Whether the entry still says something that must not be lost.
    fn is_live(payload: u128, now_ms: u64) -> bool;
}

/// What to do with a key's entry.
pub(super) enum Step<T> {
    /// Leave it.
    Keep(T),
    /// Give it a payload.
    Put(u128, T),
}

/// A table of words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    words: &'a [AtomicU128],
    claims: &'a AtomicU128,
}

/// Where a key's entry may lie: the candidates in order, and its words without their payload.
#[derive(Debug, Clone, Copy)]
struct Candidates {
    sets: [usize; 2],
    entry: u128,
}

/// A word and its place.
type Found = (usize, u128);

/// What there is of a key.
enum Presence {
    Entry(Found),
    Claim(Found),
    Nothing,
}

impl<'a> Table<'a> {
    /// Words of a power of two, at least two sets.
    #[inline]
    pub(super) const fn new(words: &'a [AtomicU128], claims: &'a AtomicU128) -> Self {
        Self { words, claims }
    }

    /// Number of words.
    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    /// What a key's entry says, dead or alive.
    #[inline]
    pub(super) fn get<L: Layout>(&self, key: Key) -> Option<u128> {
        match self.find::<L>(&self.candidates::<L>(key)) {
            Presence::Entry((_, word)) => Some(payload::<L>(word)),
            Presence::Claim(_) | Presence::Nothing => None,
        }
    }

    /// Change what a key's entry says. `step` is given that, if there is an entry, and decides; it
    /// may be asked repeatedly, and the last answer counts.
    #[inline]
    pub(super) fn update<L: Layout, T>(
        &self,
        key: Key,
        now_ms: u64,
        mut step: impl FnMut(Option<u128>) -> Step<T>,
    ) -> Result<T, Full> {
        let candidates = self.candidates::<L>(key);
        for _ in 0..ATTEMPTS {
            let found = self.find::<L>(&candidates);
            let known = match found {
                Presence::Entry((_, word)) => Some(payload::<L>(word)),
                Presence::Claim(_) | Presence::Nothing => None,
            };
            let (next, answer) = match step(known) {
                Step::Keep(answer) => return Ok(answer),
                Step::Put(next, answer) => (candidates.entry | next, answer),
            };
            let place = match found {
                Presence::Entry(place) => Some(place),
                Presence::Claim(claim) => self.confirm::<L>(&candidates, claim),
                Presence::Nothing => {
                    let claim = self.claim::<L>(&candidates, now_ms)?;
                    claim.and_then(|claim| self.confirm::<L>(&candidates, claim))
                }
            };
            if place.is_some_and(|place| self.swap(place, next)) {
                return Ok(answer);
            }
            hint::spin_loop();
        }
        Err(Full)
    }

    #[inline]
    pub(super) fn load(&self, at: usize) -> u128 {
        turn::wait(Next::Load);
        self.words[at].load(SeqCst)
    }

    /// Replace a word by another one if it is still there.
    #[inline]
    pub(super) fn swap(&self, (at, word): Found, next: u128) -> bool {
        turn::wait(Next::Swap);
        let result = self.words[at].compare_exchange(word, next, SeqCst, SeqCst);
        result.is_ok()
    }

    #[inline]
    fn candidates<L: Layout>(&self, key: Key) -> Candidates {
        let mask = self.words.len() / SET - 1;
        let (first, second) = key.places();
        let first = first & mask;
        let second = second & mask;
        // A key whose two sets are the same takes the neighbour for its second.
        let second = second ^ usize::from(first == second);
        Candidates {
            sets: [first * SET, second * SET],
            entry: key.tag(127 - L::BITS) << L::BITS,
        }
    }

    /// The key's entry; else the first claim for it.
    #[inline]
    fn find<L: Layout>(&self, candidates: &Candidates) -> Presence {
        let mut claim = Presence::Nothing;
        for at in candidates.places() {
            let word = self.load(at);
            if is_entry_of::<L>(word, candidates.entry) {
                return Presence::Entry((at, word));
            }
            if is_of::<L>(word, candidates.entry) && matches!(claim, Presence::Nothing) {
                claim = Presence::Claim((at, word));
            }
        }
        claim
    }

    /// Step 1, in the set that has more room; the claim, or `None` when another one was faster.
    #[cold]
    fn claim<L: Layout>(
        &self,
        candidates: &Candidates,
        now_ms: u64,
    ) -> Result<Option<Found>, Full> {
        let [first, second] = candidates.sets.map(|set| self.room::<L>(set, now_ms));
        let (count, place) = if second.0 > first.0 { second } else { first };
        if count == 0 {
            return Err(Full);
        }
        let number = self.claims.fetch_add(1, SeqCst) as u64;
        let claim = CLAIM | candidates.entry | u128::from(number);
        Ok(self.swap(place, claim).then_some((place.0, claim)))
    }

    /// How many places of a set may be taken, and the best of them: empty ones come first, then
    /// dead ones, and claims, which somebody may be about to use, last.
    fn room<L: Layout>(&self, set: usize, now_ms: u64) -> (usize, Found) {
        let mut count = 0;
        let mut best = (u8::MAX, (set, 0));
        for at in set..set + SET {
            let word = self.load(at);
            let rank = if word == 0 {
                0
            } else if word & CLAIM != 0 {
                2
            } else if L::is_live(payload::<L>(word), now_ms) {
                continue;
            } else {
                1
            };
            count += 1;
            if rank < best.0 {
                best = (rank, (at, word));
            }
        }
        (count, best.1)
    }

    /// Steps 2 and 3: the claim, if there is nothing else of the key. Of several claims the first
    /// in the order of candidates stays, whoever looks.
    #[cold]
    fn confirm<L: Layout>(&self, candidates: &Candidates, claim: Found) -> Option<Found> {
        if self.load(claim.0) != claim.1 {
            return None;
        }
        let mut is_past = false;
        let mut is_only = true;
        for at in candidates.places() {
            if at == claim.0 {
                is_past = true;
                continue;
            }
            let word = self.load(at);
            if !is_of::<L>(word, candidates.entry) {
                continue;
            }
            is_only = false;
            if is_entry_of::<L>(word, candidates.entry) || !is_past {
                self.swap(claim, 0);
                break;
            }
            self.swap((at, word), 0);
        }
        is_only.then_some(claim)
    }
}

impl Candidates {
    #[inline]
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let [first, second] = self.sets;
        (0..CANDIDATES).map(move |step| {
            if step < SET {
                first + step
            } else {
                second + step - SET
            }
        })
    }
}

/// Whether a word, entry or claim, is of the key whose entries begin like this.
#[inline]
const fn is_of<L: Layout>(word: u128, entry: u128) -> bool {
    (word & !CLAIM) >> L::BITS == entry >> L::BITS
}

#[inline]
const fn is_entry_of<L: Layout>(word: u128, entry: u128) -> bool {
    word >> L::BITS == entry >> L::BITS
}

/// What an entry says.
#[inline]
pub(super) const fn payload<L: Layout>(word: u128) -> u128 {
    word & ((1 << L::BITS) - 1)
}

/// What an entry says, of whatever key; `None` of a word that is none.
pub(super) const fn entry_payload<L: Layout>(word: u128) -> Option<u128> {
    if word == 0 || word & CLAIM != 0 {
        None
    } else {
        Some(payload::<L>(word))
    }
}
