//! Places among the requests in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::RateLimits;
use crate::arena::Key;

/// Places among the requests in flight, to be returned when the request has ended. They are also
/// returned when this is dropped, and when the worker dies, by whoever watches it.
#[derive(Debug)]
pub struct Permits {
    pub(super) limits: Arc<RateLimits>,
    pub(super) entered: Vec<Key>,
    pub(super) returned: AtomicBool,
}

impl Permits {
    /// Return the places. Doing so again does nothing.
    pub fn give_back(&self) {
        if !self.returned.swap(true, Ordering::AcqRel) {
            for &key in &self.entered {
                self.limits.arena.leave(key, self.limits.lane);
            }
        }
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        self.give_back();
    }
}
