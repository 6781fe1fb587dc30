//! The leases that this worker has brought, so that those which nobody uses can be given back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::funding::{Acquire, Refund};
use super::store::{lease_key, take_back};
use crate::arena::{Arena, Key};
use crate::window::Law;

/// Most leases that are watched. What is not watched ends with its window.
const MOST_WATCHED: usize = 65_536;

/// Leases by key and quota.
#[derive(Debug, Default)]
pub(super) struct HeldLeases(Mutex<HashMap<(Key, u32), Held>>);

#[derive(Debug)]
struct Held {
    policy: usize,
    digest: String,
    law: Law,
    /// What was left when it was last looked at, if it was.
    left: Option<u32>,
}

impl HeldLeases {
    /// Watch a lease that was brought.
    pub(super) fn watch(&self, acquire: &Acquire) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = held.contains_key(&(acquire.key, acquire.quota));
        if held.len() >= MOST_WATCHED && !is_known {
            return;
        }
        let lease = Held {
            policy: acquire.policy,
            digest: acquire.digest.clone(),
            law: acquire.law,
            left: None,
        };
        held.insert((acquire.key, acquire.quota), lease);
    }

    /// Take at most so many of those from which nothing was spent since this was last asked.
    pub(super) fn rested(&self, arena: &Arena, now_ms: u64, most: usize) -> Vec<Refund> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refunds = Vec::new();
        held.retain(|&(key, _), lease| {
            if refunds.len() >= most {
                return true;
            }
            let law = &lease.law;
            let at = lease_key(key, law);
            let Some(found) = arena.lease(at, law, now_ms) else {
                return false;
            };
            if lease.left != Some(found.left) {
                lease.left = Some(found.left);
                return true;
            }
            if let Some(taken) = arena.withdraw(at, law, now_ms) {
                let amount = take_back(arena, (key, law), now_ms, taken.bucket, taken.left);
                if amount > 0 {
                    refunds.push(Refund {
                        policy: lease.policy,
                        digest: std::mem::take(&mut lease.digest),
                        amount,
                        bucket: taken.bucket,
                    });
                }
            }
            false
        });
        refunds
    }
}
