//! What has to be had from the store before a request may go on, and what came of asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::milliseconds;
use super::store::{lease_key, refusal_key, take_back};
use crate::arena::{Arena, Key};
use crate::window::{Law, Window};

/// What has to be had from the store.
#[derive(Debug)]
pub struct Shortfall {
    /// The limits that ask.
    pub(super) origin: u64,
    /// What to ask for.
    pub acquires: Vec<Acquire>,
}

/// One question to the store.
#[derive(Debug)]
pub struct Acquire {
    /// Number of the policy.
    pub policy: usize,
    /// The key, as every machine names it.
    pub digest: String,
    /// The client's quota.
    pub quota: u32,
    /// What the request costs: less is of no use.
    pub cost: u32,
    /// What is asked for: the cost, or more, to be spent by later requests.
    pub want: u32,
    /// What was admitted here and the store does not know: it has to be told.
    pub debt: Window,
    /// The key, as this machine names it.
    pub(super) key: Key,
    /// The law.
    pub(super) law: Law,
}

/// What the store answered to an [`Acquire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What it has charged: the cost or more, or nothing at all.
    pub granted: u32,
    /// What is left for everybody.
    pub remaining: u32,
    /// The bucket in which it was charged.
    pub bucket: u64,
    /// Milliseconds until that bucket ends.
    pub reset_ms: u64,
    /// Milliseconds until the cost could be granted.
    pub retry_ms: u64,
}

/// What came of asking the store, for one request.
#[derive(Debug)]
pub struct Funding {
    pub(super) origin: u64,
    pub(super) grants: Vec<Grant>,
    /// Where the machine counts what it was granted.
    pub(super) arena: Arc<Arena>,
}

/// What came of one question.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) policy: usize,
    pub(super) digest: String,
    pub(super) key: Key,
    pub(super) law: Law,
    pub(super) cost: u32,
    pub(super) outcome: Outcome,
    /// Whether the request has spent it, or it was given back.
    settled: AtomicBool,
}

/// How a question was answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// The cost is paid.
    Granted {
        /// What is left for everybody, and for this machine.
        remaining: u32,
        bucket: u64,
        reset_ms: u64,
    },
    /// It cannot be had now.
    Refused {
        /// Unix milliseconds from which on it can be.
        until_ms: u64,
    },
    /// Nobody answered.
    Failed,
}

/// Something to be given back to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Number of the policy.
    pub policy: usize,
    /// The key, as every machine names it.
    pub digest: String,
    /// How much.
    pub amount: u32,
    /// The bucket in which it was charged.
    pub bucket: u64,
}

impl Grant {
    pub(super) fn new(acquire: &Acquire, outcome: Outcome) -> Self {
        Self {
            policy: acquire.policy,
            digest: acquire.digest.clone(),
            key: acquire.key,
            law: acquire.law,
            cost: acquire.cost,
            outcome,
            settled: AtomicBool::new(!matches!(outcome, Outcome::Granted { .. })),
        }
    }

    /// The same, for the request to which it was granted, once `settle` has taken it over.
    pub(super) fn renewed(&self) -> Self {
        Self {
            policy: self.policy,
            digest: self.digest.clone(),
            key: self.key,
            law: self.law,
            cost: self.cost,
            outcome: self.outcome,
            settled: AtomicBool::new(false),
        }
    }

    /// Whether it can be spent now. A request spends it once, whatever happens.
    pub(super) fn is_open(&self) -> bool {
        !self.settled.load(Ordering::Acquire)
    }

    /// Spend it, or take it to be given back; false, if that has been done.
    pub(super) fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }
}

impl Funding {
    /// What there is for a policy's key at a cost.
    pub(super) fn find(&self, origin: u64, policy: usize, key: Key, cost: u32) -> Option<&Grant> {
        let is_meant =
            |grant: &&Grant| grant.policy == policy && grant.key == key && grant.cost >= cost;
        let mut grants = self.grants.iter().filter(|_| self.origin == origin);
        grants.find(is_meant)
    }

    /// Take what was granted and not spent, to be given back. Whoever was refused because of it need
    /// not stay so.
    #[must_use]
    pub fn refunds(&self, now: f64) -> Vec<Refund> {
        let now_ms = milliseconds(now);
        let refund = |grant: &Grant| match grant.outcome {
            Outcome::Granted { bucket, .. } if grant.settle() => {
                let amount = self.take_back(grant, bucket, now_ms);
                (amount > 0).then(|| Refund {
                    policy: grant.policy,
                    digest: grant.digest.clone(),
                    amount,
                    bucket,
                })
            }
            _ => None,
        };
        self.grants.iter().filter_map(refund).collect()
    }

    fn take_back(&self, grant: &Grant, bucket: u64, now_ms: u64) -> u32 {
        let Grant { key, law, cost, .. } = grant;
        let note = refusal_key(lease_key(*key, law), *cost);
        self.arena.forget_refusal(note, law, now_ms);
        take_back(&self.arena, (*key, law), now_ms, bucket, *cost)
    }
}
