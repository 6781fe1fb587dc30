//! What the limits know of the store, what they ask it for, and what they do with its answers.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{SHA256, digest};

use super::funding::{Acquire, Answer, Funding, Grant, Outcome, Refund, Shortfall};
use super::policy::Policy;
use super::{RateLimits, milliseconds};
use crate::arena::{Arena, Charge, Grant as Lease, Information, Key, Spend};
use crate::specification::Mode;
use crate::window::{Law, Window};

/// Most that is asked for ahead. Beyond, questions are so rare that their cost is nothing.
const LARGEST_LEASE: u32 = 10_000;

/// Longest time in milliseconds for which it is noted that the store refuses a key. Another machine
/// may give something back meanwhile; and to ask once a second costs nothing.
const LONGEST_NOTE_MS: u64 = 1000;

/// Bytes of a key's digest: as many as make a collision unthinkable.
const DIGEST_BYTES: usize = 16;

/// What is known of the store.
#[derive(Debug, Default)]
pub(super) struct StoreState {
    up: AtomicBool,
}

/// What the gateway knows of the store.
#[derive(Debug, Clone, Copy)]
pub struct StoreReport {
    /// Whether it answers.
    pub up: bool,
    /// How many gateways share it.
    pub gateways: u32,
    /// A number that is another one when the store has lost what it held.
    pub incarnation: u64,
}

impl StoreState {
    /// The same, as it is now.
    pub(super) fn snapshot(&self) -> Self {
        Self {
            up: AtomicBool::new(self.is_up()),
        }
    }

    #[inline]
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }
}

impl RateLimits {
    /// Take note of how the store is.
    pub fn set_store(&self, report: &StoreReport) {
        // A worker that has not heard of it yet knows of one gateway, its own. Then what another
        // worker has heard last holds.
        if report.up || report.gateways > 1 {
            let incarnation = if report.up { report.incarnation } else { 0 };
            self.arena.note_store(report.gateways, incarnation);
        }
        self.store.up.store(report.up, Ordering::Release);
    }

    /// This machine's share of a quota while the store is away, and the key by which all is counted
    /// that was admitted or granted to it.
    #[cold]
    pub(super) fn share(&self, law: Law, key: Key) -> (Law, Key) {
        // Where there are more gateways than quota, each has one request: none would be an outage.
        let share = law.quota() / self.arena.gateways();
        (law.with_quota(share.max(1)), used(key))
    }

    /// What to ask the store for.
    #[cold]
    pub(super) fn acquire(
        &self,
        (policy, described, key, law): (usize, &Policy, Key, Law),
        text: &[u8],
        cost: u32,
        now_ms: u64,
    ) -> Acquire {
        Acquire {
            policy,
            digest: hexadecimal(text),
            quota: law.quota(),
            cost,
            want: if described.mode == Mode::Leased {
                self.lease_size(key, &law, cost, now_ms)
            } else {
                cost
            },
            debt: self.take_debt(key, &law, now_ms),
            key,
            law,
        }
    }

    /// How much to ask for ahead: twice as much as was used the last time. So a key that is asked
    /// for once leaves nothing unused, and a busy one soon needs few questions.
    fn lease_size(&self, key: Key, law: &Law, cost: u32, now_ms: u64) -> u32 {
        match self.arena.spend(lease_key(key, law), law, now_ms, cost) {
            Spend::Short { size } => size.saturating_mul(2).clamp(cost, LARGEST_LEASE.max(cost)),
            Spend::Spent { taken, .. } => {
                // Another worker has just got some: it is left to those who come after.
                let _ = self.arena.deposit(lease_key(key, law), law, now_ms, &taken);
                cost
            }
            Spend::Absent => cost,
        }
    }

    /// Take what the store does not know: what was admitted without it, and what it has forgotten.
    fn take_debt(&self, key: Key, law: &Law, now_ms: u64) -> Window {
        let all = self.arena.peek(used(key), law, now_ms);
        self.arena.raise(self.told(key), law, now_ms, all)
    }

    /// The key of what the present incarnation of the store was told.
    fn told(&self, key: Key) -> Key {
        told(key, self.arena.incarnation())
    }

    /// Take in what the store has answered, in the order in which it was asked; nothing, where it
    /// has not. `sent` is when it was asked, and `now` when it had answered, in Unix seconds: what
    /// it has handed out ends early rather than late, and so does what it has refused begin again
    /// late rather than early. `earlier` is what had been granted to the request before.
    #[cold]
    pub fn fund(
        &self,
        shortfall: &Shortfall,
        answers: &[Option<Answer>],
        (sent, now): (f64, f64),
        earlier: Option<&Funding>,
    ) -> Funding {
        let mut grants: Vec<_> = shortfall
            .acquires
            .iter()
            .enumerate()
            .map(|(place, acquire)| {
                let answer = answers.get(place).copied().flatten();
                let outcome = match answer {
                    Some(answer) => self.take_answer(acquire, answer, sent, now),
                    None => self.take_failure(acquire, now),
                };
                Grant::new(acquire, outcome)
            })
            .collect();
        if let Some(earlier) = earlier.filter(|earlier| earlier.origin == self.origin) {
            for grant in earlier.grants.iter().filter(|grant| grant.settle()) {
                grants.push(grant.renewed());
            }
        }
        Funding {
            origin: shortfall.origin,
            grants,
            arena: Arc::clone(&self.arena),
        }
    }

    fn take_answer(&self, acquire: &Acquire, answer: Answer, sent: f64, now: f64) -> Outcome {
        let (sent_ms, now_ms) = (milliseconds(sent), milliseconds(now));
        let Acquire { key, cost, law, .. } = acquire;
        let lease_key = lease_key(*key, law);
        if answer.granted < *cost {
            let until_ms = now_ms + answer.retry_ms;
            let note = refusal_key(lease_key, *cost);
            let ask_ms = now_ms + LONGEST_NOTE_MS;
            self.arena.note_refusal(note, law, now_ms, until_ms, ask_ms);
            let information = Information {
                remaining: answer.remaining,
                quota: law.quota(),
                resets_ms: until_ms,
            };
            self.arena.set_information(lease_key, &information);
            return Outcome::Refused { until_ms };
        }
        // The store is only said to know what is known here, too: without a place for the one, the
        // other would seem to be owed by the store.
        let charge = |key| {
            self.arena
                .charge_unchecked(key, law, now_ms, answer.granted)
        };
        if charge(used(*key)) != Charge::Full {
            let _ = charge(self.told(*key));
        }
        let surplus = answer.granted - cost;
        if self.policies[acquire.policy].mode == Mode::Leased {
            let lease = Lease {
                count: surplus,
                size: answer.granted,
                bucket: answer.bucket,
                expires_ms: sent_ms + answer.reset_ms,
            };
            let is_held = self.arena.deposit(lease_key, law, now_ms, &lease);
            let information = Information {
                remaining: answer.remaining,
                quota: law.quota(),
                resets_ms: lease.expires_ms,
            };
            self.arena.set_information(lease_key, &information);
            if is_held && surplus > 0 {
                self.leases.watch(acquire);
            }
        }
        Outcome::Granted {
            remaining: answer.remaining.saturating_add(surplus),
            bucket: answer.bucket,
            reset_ms: answer.reset_ms,
        }
    }

    /// What the store was to be told, it was not.
    fn take_failure(&self, acquire: &Acquire, now: f64) -> Outcome {
        let Acquire { key, law, debt, .. } = acquire;
        let now_ms = milliseconds(now);
        for (bucket, amount) in [
            (debt.bucket, debt.current),
            (debt.bucket.saturating_sub(1), debt.previous),
        ] {
            if amount > 0 {
                let told = self.told(*key);
                self.arena.refund(told, law, now_ms, bucket, amount);
            }
        }
        Outcome::Failed
    }

    /// Take at most so many leases that have rested since this was last asked, to be given back.
    #[must_use]
    pub fn unused_leases(&self, now: f64, most: usize) -> Vec<Refund> {
        self.leases.rested(&self.arena, milliseconds(now), most)
    }
}

/// The key of all that was admitted or granted on this machine. No window has such a length, by
/// which windows of one key are told apart.
const fn used(key: Key) -> Key {
    key.salted(1 << 62)
}

/// The key of what an incarnation of the store was told.
const fn told(key: Key, incarnation: u64) -> Key {
    key.salted(incarnation | 1 << 63)
}

/// The key of what the store has handed out ahead. Clients whose tiers differ may count together, but
/// each goes by its own quota.
#[inline]
pub(super) const fn lease_key(key: Key, law: &Law) -> Key {
    key.salted(1 << 61 | law.quota() as u64)
}

/// The key of what was refused to requests of a cost.
pub(super) const fn refusal_key(lease_key: Key, cost: u32) -> Key {
    lease_key.salted(1 << 60 | cost as u64)
}

/// Take back what was granted to this machine in a bucket; how much of it the present incarnation of
/// the store has charged. What an earlier one had granted is not given to this one, unless it was told
/// of it since.
pub(super) fn take_back(
    arena: &Arena,
    (key, law): (Key, &Law),
    now_ms: u64,
    bucket: u64,
    amount: u32,
) -> u32 {
    let told = told(key, arena.incarnation());
    let known = arena.peek(told, law, now_ms);
    for key in [used(key), told] {
        arena.refund(key, law, now_ms, bucket, amount);
    }
    // By the clock of the store, the bucket can be the one before or after.
    amount.min(known.previous.saturating_add(known.current))
}

/// How every machine names a key. Without a secret that all machines share, only a cryptographic
/// hash keeps clients from making two keys the same.
fn hexadecimal(text: &[u8]) -> String {
    let hash = digest(&SHA256, text);
    let mut out = String::with_capacity(2 * DIGEST_BYTES);
    for byte in hash.as_ref().iter().take(DIGEST_BYTES) {
        // Nothing can go wrong when a string is written to.
        let _ = write!(out, "{byte:02x}");
    }
    out
}
