//! Requests in flight of keys, by the worker that has them.
//!
//! | Bits | Meaning |
//! |---|---|
//! | 1 | claim |
//! | 34 | tag |
//! | 5 | group of lanes |
//! | 8 x 11 | in flight, by lane of the group |
//!
//! Every worker counts in a lane of its own, so that when one has died, what it had in flight can be
//! taken away and nothing else. Eight lanes make a group, which has a word of its own. Where only
//! one group is in use, as on most machines, a key's word is all there is, and entering is
//! one swap. Otherwise a request enters first, then adds up the words of all groups, and leaves
//! again if that is too much: of two that enter at once, at least the later one sees the other.
//! Both may leave again where one could have stayed, but never do both stay that may not.

use super::Arena;
use super::key::Key;
use super::table::{Layout, Step, Table, entry_payload};

const GROUP_BITS: u32 = 5;
const LANES_PER_GROUP: u8 = 8;
/// Lanes in use are two words of bits.
const GROUPS_PER_HALF: u8 = 16;
const COUNT_BITS: u32 = 11;
const COUNTS_BITS: u32 = COUNT_BITS * LANES_PER_GROUP as u32;

/// Number of lanes, and of workers that can count at a time.
pub const LANES: usize = 256;

/// Most requests of one key that one worker has in flight, whatever the limit.
pub const MOST_IN_LANE: u32 = (1 << COUNT_BITS) - 1;

/// What came of entering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Enter {
    /// The request is in flight: this many are, with it.
    Entered(u32),
    /// It is not: this many are, without it.
    Refused(u32),
    /// It is not: the key has no entry, and there is no room for one.
    Full,
}

/// Payloads of presence.
enum Presence {}

impl Layout for Presence {
    const BITS: u32 = GROUP_BITS + COUNTS_BITS;

    #[inline]
    fn is_live(payload: u128, _now_ms: u64) -> bool {
        payload & ((1 << COUNTS_BITS) - 1) != 0
    }
}

/// Where a lane's count begins in its word.
#[inline]
const fn shift(lane: u8) -> u32 {
    COUNT_BITS * (lane % LANES_PER_GROUP) as u32
}

#[inline]
const fn count(payload: u128, lane: u8) -> u32 {
    (payload >> shift(lane)) as u32 & MOST_IN_LANE
}

/// In flight in all lanes of a word.
#[inline]
fn sum(payload: u128) -> u32 {
    (0..LANES_PER_GROUP).map(|lane| count(payload, lane)).sum()
}

const fn group_of(payload: u128) -> u8 {
    (payload >> COUNTS_BITS) as u8
}

/// Groups of which a lane is in use.
#[inline]
fn groups(mut lanes: [u128; 2]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let half = usize::from(lanes[0] == 0);
        if lanes[half] == 0 {
            return None;
        }
        let group = lanes[half].trailing_zeros() as u8 / LANES_PER_GROUP;
        lanes[half] &= !(0xff << (group * LANES_PER_GROUP));
        Some(group + half as u8 * GROUPS_PER_HALF)
    })
}

impl Arena {
    /// Count a request of a key in, unless the limit is reached. The lane is occupied.
    pub fn enter(&self, key: Key, lane: u8, limit: u32) -> Enter {
        let table = self.presence_table();
        let group = lane / LANES_PER_GROUP;
        let step = |known: Option<u128>| {
            let known = known.unwrap_or(u128::from(group) << COUNTS_BITS);
            let in_flight = sum(known);
            if in_flight >= limit || count(known, lane) == MOST_IN_LANE {
                Step::Keep(Enter::Refused(in_flight))
            } else {
                let next = known + (1 << shift(lane));
                Step::Put(next, Enter::Entered(in_flight + 1))
            }
        };
        let key_of_group = key.salted(u64::from(group));
        let result = table.update::<Presence, _>(key_of_group, 0, step);
        let Ok(Enter::Entered(in_group)) = result else {
            return result.unwrap_or(Enter::Full);
        };
        // Looked at only now: who occupies a lane of another group later than this adds up later
        // still, and finds this request.
        let mut others = self.header().lanes();
        let half = usize::from(group / GROUPS_PER_HALF);
        others[half] &= !(0xff << (group % GROUPS_PER_HALF * LANES_PER_GROUP));
        let elsewhere = self.in_groups(key, groups(others));
        let in_flight = in_group + elsewhere;
        if in_flight <= limit {
            return Enter::Entered(in_flight);
        }
        self.leave(key, lane);
        Enter::Refused(in_flight - 1)
    }

    /// Count a request of a key out. One that was cleared away in the meantime is not missed.
    pub fn leave(&self, key: Key, lane: u8) {
        let step = |known: Option<u128>| match known {
            Some(known) if count(known, lane) > 0 => Step::Put(known - (1 << shift(lane)), ()),
            _ => Step::Keep(()),
        };
        let table = self.presence_table();
        let key = key.salted(u64::from(lane / LANES_PER_GROUP));
        // The count is this lane's alone, and others change the word only so often while one swap
        // is tried: a request that is over must not count on.
        while table.update::<Presence, _>(key, 0, step).is_err() {}
    }

    /// Requests of a key in flight, on the whole machine.
    #[must_use]
    pub fn in_flight(&self, key: Key) -> u32 {
        self.in_groups(key, groups(self.header().lanes()))
    }

    /// Take a lane into use. Nobody counts in it: it was cleared after its last use.
    pub fn occupy_lane(&self, lane: u8) {
        self.header().set_lane(lane, true);
    }

    /// Say that nobody counts in a lane any more. It is cleared.
    pub fn free_lane(&self, lane: u8) {
        self.header().set_lane(lane, false);
    }

    /// Take away what a worker had in flight that is gone.
    pub fn clear_lane(&self, lane: u8) {
        let table = self.presence_table();
        for at in 0..table.len() {
            while !is_cleared(&table, at, lane) {}
        }
    }

    fn in_groups(&self, key: Key, groups: impl Iterator<Item = u8>) -> u32 {
        let table = self.presence_table();
        let payload = |group| table.get::<Presence>(key.salted(u64::from(group)));
        groups.filter_map(payload).map(sum).sum()
    }
}

/// Clear a lane in one word; `false` when somebody was faster.
fn is_cleared(table: &Table<'_>, at: usize, lane: u8) -> bool {
    let word = table.load(at);
    match entry_payload::<Presence>(word) {
        Some(payload) if group_of(payload) == lane / LANES_PER_GROUP => {
            let lanes = u128::from(count(payload, lane)) << shift(lane);
            lanes == 0 || table.swap((at, word), word - lanes)
        }
        _ => true,
    }
}
