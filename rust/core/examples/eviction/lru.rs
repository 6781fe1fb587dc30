//! Least recently used.

use crate::list::{List, Place};
use crate::{Map, Policy, Token};

/// Evicts what was not asked for for longest.
pub struct Lru {
    capacity: usize,
    places: Map<Place>,
    list: List,
}

impl Lru {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            places: Map::default(),
            list: List::default(),
        }
    }
}

impl Policy for Lru {
    fn request(&mut self, token: Token) -> bool {
        let Token {
            key, now, until, ..
        } = token;
        let mut known = None;
        if let Some(place) = self.places.remove(&key) {
            known = Some(*self.list.until(place)).filter(|until| *until > now);
            self.list.remove(place);
        } else if self.list.len() == self.capacity
            && let Some(victim) = self.list.pop()
        {
            self.places.remove(&victim);
        }
        let until = known.unwrap_or(until);
        self.places.insert(key, self.list.push(key, until));
        known.is_some()
    }
}
