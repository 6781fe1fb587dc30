//! Which entries left the small queue lately without having been used.

/// Ghosts that share a place in the table.
const WAYS: usize = 4;

/// A part of a hash, and when it was put.
type Ghost = (u32, u32);

/// The hashes of entries that left lately, without the entries: whoever comes back finds its way
/// to the main queue. Errors, in either direction, cost a little of the hit rate and nothing else.
#[derive(Debug)]
pub(super) struct Ghosts {
    table: Box<[[Ghost; WAYS]]>,
    /// Number of ghosts that were ever put, which is the clock by which they age.
    puts: u32,
    /// Age beyond which a ghost is forgotten.
    lifetime: u32,
}

impl Ghosts {
    /// Memory of a ghost, at most.
    pub(super) const BYTES_PER_GHOST: usize = 2 * size_of::<Ghost>();

    pub(super) fn new(capacity: usize) -> Self {
        let sets = (capacity / WAYS).max(1).next_power_of_two();
        Self {
            table: vec![[(0, 0); WAYS]; sets].into(),
            puts: 0,
            lifetime: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.table)
    }

    /// Remember a hash, until `lifetime` others were put.
    pub(super) fn put(&mut self, hash: u64, lifetime: usize) {
        self.puts = self.puts.wrapping_add(1);
        self.lifetime = lifetime as u32;
        let now = self.puts;
        let set = self.set(hash);
        // In place of the oldest, of which an empty one is a case.
        let oldest = set.iter_mut().max_by_key(|(_, put)| now.wrapping_sub(*put));
        if let Some(ghost) = oldest {
            *ghost = (tag(hash), now);
        }
    }

    /// Whether a hash is remembered; it is not, from now on.
    pub(super) fn take(&mut self, hash: u64) -> bool {
        let (now, lifetime) = (self.puts, self.lifetime);
        let is_it =
            |ghost: &&mut Ghost| ghost.0 == tag(hash) && now.wrapping_sub(ghost.1) < lifetime;
        let found = self.set(hash).iter_mut().find(is_it);
        found
            .map(|ghost| *ghost = (0, now.wrapping_sub(lifetime)))
            .is_some()
    }

    fn set(&mut self, hash: u64) -> &mut [Ghost; WAYS] {
        let sets = self.table.len();
        &mut self.table[hash as usize & (sets - 1)]
    }
}

/// The half of a hash that does not choose the place in the table.
const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}
