//! Entries in a table that never moves, found by hash, and linked into two queues.

use std::ops::{Index, IndexMut};

/// Number of a slot.
pub(super) type Place = u32;

/// No slot.
const NONE: Place = Place::MAX;

/// The two queues of S3-FIFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Small,
    Main,
}

/// One entry, or room for one.
#[derive(Debug)]
pub(super) struct Slot<V> {
    pub(super) hash: u64,
    pub(super) weight: usize,
    pub(super) value: Option<V>,
    credential: Box<[u8]>,
    provider: u32,
    /// The next entry of the same bucket, or the next free slot.
    next: Place,
    newer: Place,
    older: Place,
    queue: Queue,
    pub(super) uses: u8,
}

/// The ends of a queue.
#[derive(Debug)]
struct Ends {
    newest: Place,
    oldest: Place,
    count: usize,
    weight: usize,
}

/// A fixed number of slots.
///
/// All tables have their full size from the start: growing would stall one unlucky request, and
/// hold the old table beside the new one. The system gives memory only to what has been touched.
#[derive(Debug)]
pub(super) struct Slots<V> {
    table: Vec<Slot<V>>,
    capacity: usize,
    free: Place,
    /// By hash, the first entry of a chain; their number is a power of two.
    buckets: Box<[Place]>,
    queues: [Ends; 2],
}

impl<V> Slots<V> {
    /// Memory of a slot and, at most, of its share of the buckets.
    pub(super) const BYTES_PER_SLOT: usize = size_of::<Slot<V>>() + 2 * size_of::<Place>();

    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.min(NONE as usize);
        let buckets = if capacity == 0 {
            1
        } else {
            capacity.next_power_of_two()
        };
        let ends = || Ends {
            newest: NONE,
            oldest: NONE,
            count: 0,
            weight: 0,
        };
        Self {
            table: Vec::with_capacity(capacity),
            capacity,
            free: NONE,
            buckets: vec![NONE; buckets].into(),
            queues: [ends(), ends()],
        }
    }

    /// Memory of the tables.
    pub(super) fn bytes(&self) -> usize {
        self.table.capacity() * size_of::<Slot<V>>() + size_of_val(&*self.buckets)
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) const fn len(&self) -> usize {
        self.queues[0].count + self.queues[1].count
    }

    pub(super) const fn is_full(&self) -> bool {
        self.len() == self.capacity
    }

    pub(super) fn is_empty(&self, queue: Queue) -> bool {
        self.count(queue) == 0
    }

    /// Number of entries in a queue.
    pub(super) const fn count(&self, queue: Queue) -> usize {
        self.queues[queue as usize].count
    }

    /// Weight of the entries in a queue.
    pub(super) const fn weight(&self, queue: Queue) -> usize {
        self.queues[queue as usize].weight
    }

    /// The entry that has been in a queue for longest. The queue is not empty.
    pub(super) const fn oldest(&self, queue: Queue) -> Place {
        self.queues[queue as usize].oldest
    }

    pub(super) fn find(&self, hash: u64, provider: u32, credential: &[u8]) -> Option<Place> {
        let mut place = self.buckets[self.bucket(hash)];
        while place != NONE {
            let slot = &self[place];
            if slot.hash == hash && slot.provider == provider && *slot.credential == *credential {
                return Some(place);
            }
            place = slot.next;
        }
        None
    }

    /// Add an entry as the newest of a queue. There is room, and it is not held yet.
    pub(super) fn put(
        &mut self,
        queue: Queue,
        hash: u64,
        provider: u32,
        credential: Box<[u8]>,
        weight: usize,
        value: V,
    ) {
        let bucket = self.bucket(hash);
        let slot = Slot {
            hash,
            weight,
            value: Some(value),
            credential,
            provider,
            next: self.buckets[bucket],
            newer: NONE,
            older: NONE,
            queue,
            uses: 0,
        };
        let place = if self.free == NONE {
            self.table.push(slot);
            self.table.len() as Place - 1
        } else {
            let place = self.free;
            self.free = self[place].next;
            self[place] = slot;
            place
        };
        self.buckets[bucket] = place;
        self.link(place, queue);
    }

    /// Free a slot, and say in which queue its entry was.
    pub(super) fn release(&mut self, place: Place) -> Queue {
        self.unlink(place);
        self.unchain(place);
        let free = self.free;
        let slot = &mut self[place];
        slot.value = None;
        slot.credential = Box::default();
        slot.next = free;
        let queue = slot.queue;
        self.free = place;
        queue
    }

    /// Make an entry the newest of a queue.
    pub(super) fn renew(&mut self, place: Place, queue: Queue) {
        self.unlink(place);
        self.link(place, queue);
    }

    fn bucket(&self, hash: u64) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    fn link(&mut self, place: Place, queue: Queue) {
        let ends = &mut self.queues[queue as usize];
        let second = ends.newest;
        ends.newest = place;
        ends.count += 1;
        let slot = &mut self.table[place as usize];
        ends.weight += slot.weight;
        slot.queue = queue;
        slot.newer = NONE;
        slot.older = second;
        if second == NONE {
            ends.oldest = place;
        } else {
            self[second].newer = place;
        }
    }

    fn unlink(&mut self, place: Place) {
        let Slot {
            newer,
            older,
            queue,
            weight,
            ..
        } = self[place];
        let ends = &mut self.queues[queue as usize];
        ends.count -= 1;
        ends.weight -= weight;
        if newer == NONE {
            ends.newest = older;
        }
        if older == NONE {
            ends.oldest = newer;
        }
        if newer != NONE {
            self[newer].older = older;
        }
        if older != NONE {
            self[older].newer = newer;
        }
    }

    /// Take an entry out of its bucket's chain.
    fn unchain(&mut self, place: Place) {
        let Slot { hash, next, .. } = self[place];
        let bucket = self.bucket(hash);
        let mut before = self.buckets[bucket];
        if before == place {
            self.buckets[bucket] = next;
            return;
        }
        while self[before].next != place {
            before = self[before].next;
        }
        self[before].next = next;
    }
}

impl<V> Index<Place> for Slots<V> {
    type Output = Slot<V>;

    fn index(&self, place: Place) -> &Slot<V> {
        &self.table[place as usize]
    }
}

impl<V> IndexMut<Place> for Slots<V> {
    fn index_mut(&mut self, place: Place) -> &mut Slot<V> {
        &mut self.table[place as usize]
    }
}
