use super::*;

#[test]
fn what_was_put_is_found_by_provider_and_credential() {
    let mut cache = TokenCache::new(1 << 16);
    cache.insert(0, b"one", 1, 0);
    cache.insert(1, b"one", 2, 0);
    assert_eq!(cache.get(0, b"one"), Some(&1));
    assert_eq!(cache.get(1, b"one"), Some(&2));
    assert_eq!(cache.get(2, b"one"), None);
    assert_eq!(cache.get(0, b"on"), None);
    cache.insert(0, b"one", 3, 0);
    assert_eq!(cache.get(0, b"one"), Some(&3));
    cache.remove(0, b"one");
    assert_eq!(cache.get(0, b"one"), None);
    assert_eq!(cache.get(1, b"one"), Some(&2));
    let statistics = cache.statistics();
    assert_eq!(
        (statistics.entries, statistics.hits, statistics.misses),
        (1, 4, 3)
    );
}

#[test]
fn a_cache_without_memory_holds_nothing() {
    for bytes in [0, 1, 64, 500] {
        let mut cache = TokenCache::new(bytes);
        cache.insert(0, b"one", 1, 0);
        assert_eq!(cache.get(0, b"one"), None, "{bytes}");
        assert_eq!(cache.statistics().entries, 0, "{bytes}");
    }
}

#[test]
fn a_value_too_large_replaces_nothing_but_its_own() {
    let mut cache = TokenCache::new(1 << 16);
    cache.insert(0, b"one", 1, 0);
    cache.insert(0, b"two", 2, 0);
    cache.insert(0, b"two", 3, 1 << 16);
    cache.insert(0, b"three", 4, usize::MAX);
    assert_eq!(cache.get(0, b"one"), Some(&1));
    assert_eq!(cache.get(0, b"two"), None);
    assert_eq!(cache.get(0, b"three"), None);
}

#[test]
fn tokens_shown_once_do_not_push_out_one_in_use() {
    let mut cache = TokenCache::new(1 << 20);
    for _ in 0..3 {
        for name in 0..100_u32 {
            if cache.get(0, &name.to_le_bytes()).is_none() {
                cache.insert(0, &name.to_le_bytes(), (), 1000);
            }
        }
    }
    for name in 0..100_000_u32 {
        cache.insert(1, &name.to_le_bytes(), (), 1000);
    }
    let held = |name: &u32| cache.get(0, &name.to_le_bytes()).is_some();
    assert_eq!((0..100).filter(held).count(), 100);
}

#[test]
fn what_comes_back_soon_after_leaving_is_kept_longer() {
    let mut ghosts = Ghosts::new(64);
    // The upper half of a hash is what is compared.
    let hash = |number: u64| number << 32 | number;
    (1..=10).for_each(|number| ghosts.put(hash(number), 8));
    assert!(!ghosts.take(hash(1)) && !ghosts.take(hash(2)));
    assert!(ghosts.take(hash(3)) && ghosts.take(hash(10)));
    assert!(!ghosts.take(hash(3)) && !ghosts.take(hash(11)));
    // Without a main queue to speak of there is nothing to remember.
    ghosts.put(hash(12), 0);
    assert!(!ghosts.take(hash(12)));
}

mod properties {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// An entry of the model.
    struct Held {
        key: (u32, Vec<u8>),
        value: u32,
        weight: usize,
        uses: u8,
    }

    /// The same policy, written without regard to cost.
    struct Model {
        small: VecDeque<Held>,
        main: VecDeque<Held>,
        ghosts: Ghosts,
        room: usize,
        capacity: usize,
    }

    fn weight(entries: &VecDeque<Held>) -> usize {
        entries.iter().map(|held| held.weight).sum()
    }

    impl Model {
        fn get(&mut self, key: &(u32, Vec<u8>)) -> Option<u32> {
            let mut entries = self.small.iter_mut().chain(&mut self.main);
            let held = entries.find(|held| held.key == *key)?;
            held.uses = MOST_USES.min(held.uses + 1);
            Some(held.value)
        }

        fn remove(&mut self, key: &(u32, Vec<u8>)) -> Option<Queue> {
            let before = (self.small.len(), self.main.len());
            self.small.retain(|held| held.key != *key);
            self.main.retain(|held| held.key != *key);
            if self.small.len() < before.0 {
                return Some(Queue::Small);
            }
            (self.main.len() < before.1).then_some(Queue::Main)
        }

        fn insert(&mut self, hash: impl Fn(&(u32, Vec<u8>)) -> u64, held: Held) {
            let queue = match self.remove(&held.key) {
                Some(queue) => queue,
                None if self.ghosts.take(hash(&held.key)) => Queue::Main,
                None => Queue::Small,
            };
            if held.weight > self.room {
                return;
            }
            while self.small.len() + self.main.len() == self.capacity
                || weight(&self.small) + weight(&self.main) + held.weight > self.room
            {
                self.evict(&hash);
            }
            match queue {
                Queue::Small => self.small.push_back(held),
                Queue::Main => self.main.push_back(held),
            }
        }

        fn evict(&mut self, hash: impl Fn(&(u32, Vec<u8>)) -> u64) {
            for step in 1..=LONGEST_WALK {
                let spare = step < LONGEST_WALK;
                if weight(&self.small) > self.room / SMALL_SHARE || self.main.is_empty() {
                    let mut held = self.small.pop_front().expect("an entry");
                    if held.uses < PROMOTING_USES || !spare {
                        return self.ghosts.put(hash(&held.key), self.main.len());
                    }
                    held.uses = 0;
                    self.main.push_back(held);
                } else {
                    let mut held = self.main.pop_front().expect("an entry");
                    if held.uses == 0 || !spare {
                        return;
                    }
                    held.uses -= 1;
                    self.main.push_back(held);
                }
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Get,
        Insert { value: u32, extra: usize },
        Remove,
    }

    fn steps() -> impl Strategy<Value = Vec<((u32, Vec<u8>), Step)>> {
        let extra = prop_oneof![
            8 => 0..2000_usize,
            1 => 0..60_000_usize,
            1 => Just(0),
        ];
        let step = prop_oneof![
            6 => Just(Step::Get),
            6 => (any::<u32>(), extra).prop_map(|(value, extra)| Step::Insert { value, extra }),
            1 => Just(Step::Remove),
        ];
        // A few names that come often, and many that do not.
        let name = prop_oneof![0..12_u16, 0..200_u16];
        let key = (0..2_u32, name).prop_map(|(provider, name)| {
            (provider, name.to_le_bytes().repeat(usize::from(name % 40)))
        });
        prop::collection::vec((key, step), 0..1500)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_holds_what_the_model_holds(steps in steps(), bytes in 2000..100_000_usize) {
            let mut cache = TokenCache::new(bytes);
            let hasher = cache.hasher.clone();
            let hash = |key: &(u32, Vec<u8>)| {
                let mut state = hasher.build_hasher();
                key.0.hash(&mut state);
                state.write(&key.1);
                state.finish()
            };
            let mut model = Model {
                small: VecDeque::new(),
                main: VecDeque::new(),
                ghosts: Ghosts::new(cache.slots.capacity()),
                room: cache.room,
                capacity: cache.slots.capacity(),
            };
            for (key, step) in steps {
                match step {
                    Step::Get => {
                        prop_assert_eq!(cache.get(key.0, &key.1).copied(), model.get(&key));
                    }
                    Step::Insert { value, extra } => {
                        cache.insert(key.0, &key.1, value, extra);
                        let weight = allocated(key.1.len()) + extra;
                        model.insert(hash, Held { key, value, weight, uses: 0 });
                    }
                    Step::Remove => {
                        cache.remove(key.0, &key.1);
                        model.remove(&key);
                    }
                }
                let statistics = cache.statistics();
                prop_assert!(statistics.bytes <= bytes);
                prop_assert_eq!(cache.taken, weight(&model.small) + weight(&model.main));
                prop_assert_eq!(statistics.entries, model.small.len() + model.main.len());
            }
        }
    }
}
