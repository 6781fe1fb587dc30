//! W-TinyLFU (Einziger, Friedman and Manes, ACM Transactions on Storage 2017).

use crate::list::{List, Place};
use crate::{Map, Policy, Token};

const ROWS: usize = 4;
const MOST: u8 = 15;

/// The parts of the cache: a window for what is new, and a main part of two segments.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Window,
    Probation,
    Protected,
}

/// What leaves the window enters the main part only if it was asked for more often than what would
/// have to leave there.
pub struct TinyLfu {
    capacity: usize,
    places: Map<(Part, Place)>,
    parts: [List; 3],
    sketch: Sketch,
}

impl TinyLfu {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            places: Map::default(),
            parts: Default::default(),
            sketch: Sketch::new(capacity),
        }
    }

    fn part(&mut self, part: Part) -> &mut List {
        &mut self.parts[part as usize]
    }

    fn push(&mut self, part: Part, (key, until): (u64, u64)) {
        let place = self.part(part).push(key, until);
        self.places.insert(key, (part, place));
    }

    /// Take out the oldest of a part, with the time until which it is good.
    fn pop(&mut self, part: Part) -> Option<(u64, u64)> {
        let place = self.part(part).oldest()?;
        let until = *self.part(part).until(place);
        Some((self.part(part).remove(place), until))
    }

    fn use_again(&mut self, key: u64, until: u64, part: Part, place: Place) {
        self.part(part).remove(place);
        let next = if part == Part::Window {
            part
        } else {
            Part::Protected
        };
        self.push(next, (key, until));
        // One part in a hundred is window, and four fifths of the rest are protected.
        let most = (self.capacity - self.capacity.div_ceil(100)) * 4 / 5;
        if self.part(Part::Protected).len() > most
            && let Some(demoted) = self.pop(Part::Protected)
        {
            self.push(Part::Probation, demoted);
        }
    }

    fn leave_window(&mut self) {
        let Some(candidate) = self.pop(Part::Window) else {
            return;
        };
        if self.places.len() > self.capacity {
            let loser = match self.part(Part::Probation).oldest() {
                Some(victim) if self.is_better(candidate.0, victim) => {
                    self.part(Part::Probation).remove(victim)
                }
                _ => candidate.0,
            };
            self.places.remove(&loser);
            if loser == candidate.0 {
                return;
            }
        }
        self.push(Part::Probation, candidate);
    }

    fn is_better(&mut self, candidate: u64, victim: Place) -> bool {
        let victim = self.part(Part::Probation).key(victim);
        self.sketch.count(candidate) > self.sketch.count(victim)
    }
}

impl Policy for TinyLfu {
    fn request(&mut self, token: Token) -> bool {
        let Token {
            key, now, until, ..
        } = token;
        self.sketch.add(key);
        if let Some(&(part, place)) = self.places.get(&key) {
            let good_until = *self.part(part).until(place);
            let is_good = good_until > now;
            let until = if is_good { good_until } else { until };
            self.use_again(key, until, part, place);
            return is_good;
        }
        self.push(Part::Window, (key, until));
        if self.part(Part::Window).len() > self.capacity.div_ceil(100) {
            self.leave_window();
        }
        false
    }
}

/// How often keys were asked for lately: a count-min sketch whose counters are halved at times.
struct Sketch {
    counters: Vec<[u8; ROWS]>,
    additions: usize,
    sample: usize,
}

impl Sketch {
    fn new(capacity: usize) -> Self {
        Self {
            counters: vec![[0; ROWS]; capacity.next_power_of_two()],
            additions: 0,
            sample: 10 * capacity,
        }
    }

    fn places(&self, key: u64) -> [usize; ROWS] {
        let hash = key.wrapping_add(1).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let step = (hash >> 32 | 1) as usize;
        std::array::from_fn(|row| {
            (hash as usize).wrapping_add(row.wrapping_mul(step)) & (self.counters.len() - 1)
        })
    }

    fn add(&mut self, key: u64) {
        for (row, place) in self.places(key).into_iter().enumerate() {
            let counter = &mut self.counters[place][row];
            *counter = MOST.min(*counter + 1);
        }
        self.additions += 1;
        if self.additions == self.sample {
            self.additions /= 2;
            self.counters
                .as_flattened_mut()
                .iter_mut()
                .for_each(|counter| *counter /= 2);
        }
    }

    fn count(&self, key: u64) -> u8 {
        let rows = self.places(key).into_iter().enumerate();
        let counters = rows.map(|(row, place)| self.counters[place][row]);
        counters.min().unwrap_or(0)
    }
}
