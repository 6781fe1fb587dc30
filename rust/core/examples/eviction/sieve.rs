//! SIEVE (Zhang, Yang, Yue, Vigfusson and Rashmi, NSDI 2024).

use crate::list::{List, Place};
use crate::{Map, Policy, Token};

/// Evicts what the hand finds unused, and clears the marks of what it passes.
pub struct Sieve {
    capacity: usize,
    places: Map<Place>,
    list: List,
    hand: Option<Place>,
}

impl Sieve {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            places: Map::default(),
            list: List::default(),
            hand: None,
        }
    }

    fn evict(&mut self) {
        while let Some(place) = self.hand.or(self.list.oldest()) {
            self.hand = self.list.newer(place);
            if !std::mem::take(self.list.mark(place)) {
                self.places.remove(&self.list.remove(place));
                return;
            }
        }
    }
}

impl Policy for Sieve {
    fn request(&mut self, token: Token) -> bool {
        let Token {
            key, now, until, ..
        } = token;
        if let Some(&place) = self.places.get(&key) {
            *self.list.mark(place) = true;
            let good_until = self.list.until(place);
            let is_good = *good_until > now;
            if !is_good {
                *good_until = until;
            }
            return is_good;
        }
        if self.list.len() == self.capacity {
            self.evict();
        }
        self.places.insert(key, self.list.push(key, until));
        false
    }
}
