//! What the store has granted this machine and nobody has spent yet; or until when it grants
//! nothing.
//!
//! | Bits | Meaning |
//! |---|---|
//! | 1 | claim |
//! | 41 | tag |
//! | 36 | when it ends, in milliseconds of Unix time, modulo 2^36 |
//! | 1 | refused: this is the note of a refusal |
//! | 24 | what is left; of a note, 1 |
//! | 5 | size of the last grant, as a power of two; 0 for none |
//! | 20 | number of the store's bucket in which it was charged, modulo 2^20; of a note, when to ask again, in ticks of 64 ms |
//!
//! What is granted was charged in the store. So whatever is dropped here, because there is no room
//! or because another lease is better, is lost until the window ends, and never spent twice.
//!
//! An entry of which nothing is left, or that is over, makes room for others at once; until one
//! comes, it still tells how much of the last grant was used, by which the next one is measured.

use super::Arena;
use super::key::Key;
use super::table::{Layout, Step};
use crate::window::{BACKWARD_MS, LONGEST_MS, Law};

const TIME_BITS: u32 = 36;
const COUNT_BITS: u32 = 24;
const SIZE_BITS: u32 = 5;
const BUCKET_BITS: u32 = 20;
/// Milliseconds by which it is said when to ask again.
const TICK_MS: u64 = 64;

/// Most that a lease holds; what is granted beyond it is lost until the window ends.
pub const MOST_LEASED: u32 = (1 << COUNT_BITS) - 1;

/// A grant of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// What may be spent.
    pub count: u32,
    /// What the store granted at once, of which the count may be a rest. Only the power of two is
    /// kept, rounded down.
    pub size: u32,
    /// The store's bucket in which it was charged.
    pub bucket: u64,
    /// Unix milliseconds, on this machine's clock, at which that bucket ends.
    pub expires_ms: u64,
}

/// What is left of grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What may be spent.
    pub left: u32,
    /// The store's bucket in which it was charged.
    pub bucket: u64,
    /// Unix milliseconds.
    pub expires_ms: u64,
}

/// What came of spending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Spend {
    /// It was spent.
    Spent {
        /// What is left after that.
        left: u32,
        /// What was spent, as it may be deposited again.
        taken: Grant,
    },
    /// There is not enough.
    Short {
        /// About how much of the last grant was used; zero if that is not known.
        size: u32,
    },
    /// Nothing is known of the key.
    Absent,
}

/// Payloads of leases.
enum Leases {}

/// A payload, unpacked.
#[derive(Debug, Clone, Copy)]
struct Entry {
    ends_ms: u64,
    is_refusal: bool,
    count: u32,
    size: u32,
    bucket: u64,
}

impl Layout for Leases {
    const BITS: u32 = TIME_BITS + 1 + COUNT_BITS + SIZE_BITS + BUCKET_BITS;

    fn is_live(payload: u128, now_ms: u64) -> bool {
        Entry::unpack(payload, now_ms).is_live(now_ms, LONGEST_MS)
    }
}

impl Entry {
    fn pack(self) -> u128 {
        let low = |number: u64, bits: u32| u128::from(number) & ((1 << bits) - 1);
        let size = u64::from(u32::BITS - self.size.leading_zeros());
        let mut word = low(self.ends_ms, TIME_BITS);
        word = word << 1 | u128::from(self.is_refusal);
        word = word << COUNT_BITS | u128::from(self.count.min(MOST_LEASED));
        word = word << SIZE_BITS | low(size.min((1 << SIZE_BITS) - 1), SIZE_BITS);
        word << BUCKET_BITS | low(self.bucket, BUCKET_BITS)
    }

    fn unpack(mut word: u128, now_ms: u64) -> Self {
        let mut low = |bits: u32| {
            let number = word & ((1 << bits) - 1);
            word >>= bits;
            number as u64
        };
        let bucket = low(BUCKET_BITS);
        let size = low(SIZE_BITS);
        let count = low(COUNT_BITS) as u32;
        let is_refusal = low(1) == 1;
        Self {
            ends_ms: nearest(now_ms, low(TIME_BITS), TIME_BITS),
            is_refusal,
            count,
            size: if size == 0 { 0 } else { 1 << (size - 1) },
            bucket,
        }
    }

    /// Whether it says something that counts. Nothing lasts longer than two windows: what seems to
    /// was left behind by a clock that has been set back.
    fn is_live(&self, now_ms: u64, length: u64) -> bool {
        let is_near = self.ends_ms <= now_ms + 2 * length + BACKWARD_MS;
        self.count > 0 && self.ends_ms > now_ms && is_near
    }

    /// How much of the last grant was used, as far as its size is known.
    const fn used(&self) -> u32 {
        self.size.saturating_sub(self.count)
    }

    fn lease(&self, now_ms: u64, law: &Law) -> Option<Lease> {
        (!self.is_refusal && self.is_live(now_ms, law.length())).then(|| Lease {
            left: self.count,
            bucket: nearest(law.bucket(self.ends_ms), self.bucket, BUCKET_BITS),
            expires_ms: self.ends_ms,
        })
    }
}

/// The number nearest to another one of which the lowest bits are these.
const fn nearest(near: u64, low: u64, bits: u32) -> u64 {
    let unused = 64 - bits;
    let ahead = (low.wrapping_sub(near) << unused).cast_signed() >> unused;
    near.saturating_add_signed(ahead)
}

impl Arena {
    /// Spend from a key's lease.
    #[inline]
    pub fn spend(&self, key: Key, law: &Law, now_ms: u64, cost: u32) -> Spend {
        let step = |known: Option<u128>| {
            let Some(mut entry) = known.map(|known| Entry::unpack(known, now_ms)) else {
                return Step::Keep(Spend::Absent);
            };
            let size = entry.used();
            let (left, ends_ms) = (entry.count, entry.ends_ms);
            let is_lease = entry.is_live(now_ms, law.length()) && !entry.is_refusal;
            if !is_lease || cost > left {
                Step::Keep(Spend::Short { size })
            } else {
                entry.count -= cost;
                let spent = Spend::Spent {
                    left: entry.count,
                    taken: Grant {
                        count: cost,
                        size: entry.size,
                        bucket: nearest(law.bucket(ends_ms), entry.bucket, BUCKET_BITS),
                        expires_ms: ends_ms,
                    },
                };
                Step::Put(entry.pack(), spent)
            }
        };
        let key = key.salted(law.length());
        let result = self.lease_table().update::<Leases, _>(key, now_ms, step);
        // What was not spent in so many tries counts as not there.
        result.unwrap_or(Spend::Absent)
    }

    /// Put a grant into a key's lease; whether it is there now.
    ///
    /// Grants of the same bucket add up, and end when the first of them does. Of grants of
    /// different buckets, the newer one replaces the older one.
    #[must_use]
    pub fn deposit(&self, key: Key, law: &Law, now_ms: u64, grant: &Grant) -> bool {
        let fresh = Entry {
            ends_ms: grant.expires_ms,
            is_refusal: false,
            count: grant.count.min(MOST_LEASED),
            size: grant.size,
            bucket: grant.bucket,
        };
        // One that is used up already is worth noting for its size.
        let whole = Entry { count: 1, ..fresh };
        if !whole.is_live(now_ms, law.length()) {
            return false;
        }
        let step = |known: Option<u128>| {
            let known = known.map(|known| Entry::unpack(known, now_ms));
            let mut next = fresh;
            if let Some(lease) = known.and_then(|known| known.lease(now_ms, law)) {
                if lease.bucket > grant.bucket {
                    return Step::Keep(false);
                }
                if lease.bucket == grant.bucket {
                    next.count = MOST_LEASED.min(lease.left + next.count);
                    next.ends_ms = next.ends_ms.min(lease.expires_ms);
                }
            }
            Step::Put(next.pack(), true)
        };
        let key = key.salted(law.length());
        let result = self.lease_table().update::<Leases, _>(key, now_ms, step);
        result.unwrap_or(false)
    }

    /// Note that the store has refused a key, and would until a time, but may be asked again before.
    /// What is refused has a key of its own: leases lie elsewhere. Times are Unix milliseconds.
    pub fn note_refusal(&self, key: Key, law: &Law, now_ms: u64, until_ms: u64, ask_ms: u64) {
        let note = Entry {
            ends_ms: until_ms,
            is_refusal: true,
            count: 1,
            size: 0,
            bucket: ask_ms.div_ceil(TICK_MS),
        };
        if note.is_live(now_ms, law.length()) {
            let key = key.salted(law.length());
            let step = |_: Option<u128>| Step::Put(note.pack(), ());
            // Without room for the note, the store is asked once more.
            let _ = self.lease_table().update::<Leases, _>(key, now_ms, step);
        }
    }

    /// Until when the store would refuse a key, as far as it need not be asked.
    #[must_use]
    pub fn refusal(&self, key: Key, law: &Law, now_ms: u64) -> Option<u64> {
        let known = self.lease_table().get::<Leases>(key.salted(law.length()))?;
        let note = Entry::unpack(known, now_ms);
        let now = now_ms / TICK_MS;
        let is_fresh = nearest(now, note.bucket, BUCKET_BITS) > now;
        let holds = note.is_refusal && is_fresh && note.is_live(now_ms, law.length());
        holds.then_some(note.ends_ms)
    }

    /// Forget that the store has refused a key: it was given something back.
    pub fn forget_refusal(&self, key: Key, law: &Law, now_ms: u64) {
        let step = |known: Option<u128>| {
            let known = known.map(|known| Entry::unpack(known, now_ms));
            match known.filter(|known| known.is_refusal) {
                Some(note) => Step::Put(Entry { count: 0, ..note }.pack(), ()),
                None => Step::Keep(()),
            }
        };
        let key = key.salted(law.length());
        // Where there is no entry, there is nothing to forget.
        let _ = self.lease_table().update::<Leases, _>(key, now_ms, step);
    }

    /// What is left of a key's lease.
    #[must_use]
    pub fn lease(&self, key: Key, law: &Law, now_ms: u64) -> Option<Lease> {
        let known = self.lease_table().get::<Leases>(key.salted(law.length()))?;
        Entry::unpack(known, now_ms).lease(now_ms, law)
    }

    /// Take out what is left of a key's lease, to give it back.
    #[must_use]
    pub fn withdraw(&self, key: Key, law: &Law, now_ms: u64) -> Option<Lease> {
        let step = |known: Option<u128>| {
            let known = known.map(|known| Entry::unpack(known, now_ms));
            let lease = known.and_then(|known| known.lease(now_ms, law));
            match (known, lease) {
                (Some(entry), Some(_)) => {
                    let rest = Entry {
                        count: 0,
                        size: entry.used(),
                        ..entry
                    };
                    Step::Put(rest.pack(), lease)
                }
                _ => Step::Keep(None),
            }
        };
        let key = key.salted(law.length());
        let result = self.lease_table().update::<Leases, _>(key, now_ms, step);
        result.unwrap_or(None)
    }
}
