//! Few processes, one step at a time, in orders made up at random; any of them may be killed
//! before any of its steps. After every step no key has two entries.

use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::arena::table::{Layout, SET, Step};
use crate::arena::turn::{self, Next};

const PROCESSES: usize = 4;

/// What a process is told.
enum Turn {
    Step,
    Die,
}

/// A process that waits for its turn before every step.
struct Process {
    turns: Sender<Turn>,
    waits: Receiver<Next>,
    /// What it waits to do, unless it has ended.
    next: Option<Next>,
    thread: thread::JoinHandle<()>,
}

impl Process {
    fn start(run: impl FnOnce() + Send + 'static) -> Self {
        let (turns, next_turn) = channel();
        let (waiting, waits) = channel();
        let thread = thread::spawn(move || {
            turn::set(move |next| {
                waiting.send(next).unwrap();
                if let Ok(Turn::Die) | Err(_) = next_turn.recv() {
                    panic::resume_unwind(Box::new("killed"));
                }
            });
            let _ = panic::catch_unwind(AssertUnwindSafe(run));
            // The channels are closed with this.
            turn::set(|_| ());
        });
        let next = waits.recv().ok();
        Self {
            turns,
            waits,
            next,
            thread,
        }
    }

    fn give(&mut self, turn: Turn) {
        self.turns.send(turn).unwrap();
        self.next = self.waits.recv().ok();
    }

    fn step(&mut self) {
        self.give(Turn::Step);
    }

    /// Go on until a swap comes next.
    fn read(&mut self) {
        while self.next == Some(Next::Load) {
            self.step();
        }
    }

    fn end(mut self) {
        while self.next.is_some() {
            self.step();
        }
        self.thread.join().unwrap();
    }
}

/// Run processes to their ends; `choose` picks a number below a bound, `check` looks after every
/// step.
fn run(mut processes: Vec<Process>, mut choose: impl FnMut(usize) -> usize, check: impl Fn()) {
    while !processes.is_empty() {
        let place = choose(processes.len());
        let process = &mut processes[place];
        // One goes alone, at most up to its next swap: what goes wrong does so when one sleeps
        // between what it has seen and what it does about it.
        let is_hasty = choose(2) == 0;
        for _ in 0..if is_hasty { 1 << choose(6) } else { usize::MAX } {
            process.step();
            check();
            if process.next != Some(Next::Load) {
                break;
            }
        }
        if process.next.is_some() && choose(40) == 0 {
            process.give(Turn::Die);
        }
        if process.next.is_none() {
            processes.swap_remove(place).end();
        }
    }
}

/// How many entries every tag has.
fn entries(arena: &Arena) -> HashMap<u128, usize> {
    let words = &arena.memory.words()[HEADER_WORDS..arena.shape.windows];
    let mut entries = HashMap::new();
    for word in words.iter().map(|word| word.load(Ordering::SeqCst)) {
        if word != 0 && word >> 127 == 0 {
            *entries.entry(word >> 84).or_default() += 1;
        }
    }
    entries
}

/// Leave some slots free, of which some hold entries that are dead; all others are alive.
fn fill(arena: &Arena, law: &Law, free: usize, dead: usize) {
    for number in 0..FEWEST_SLOTS - free + dead {
        let now = if number < dead { T - 5000 } else { T };
        let charge = arena.charge(key(arena, 1000 + number), law, now, 1);
        assert!(matches!(charge, Charge::Admitted(_)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn in_no_order_has_a_key_two_entries(
        choices in prop::collection::vec(any::<u16>(), 400),
        free in 2..6_usize,
        dead in 0..3_usize,
        keys in 1..3_usize,
    ) {
        let arena = Arc::new(arena(FEWEST_SLOTS));
        let law = law(1, 1000);
        fill(&arena, &law, free, dead.min(free));
        let admitted: Arc<[AtomicU32]> = (0..keys).map(|_| AtomicU32::new(0)).collect();
        let processes = (0..PROCESSES).map(|process| {
            let (arena, admitted) = (Arc::clone(&arena), Arc::clone(&admitted));
            Process::start(move || {
                // Clocks differ by a bit, and every process asks twice.
                let now = T + process as u64;
                for time in 0..2 {
                    let number = (process + time) % admitted.len();
                    let charge = arena.charge(key(&arena, number), &law, now, 1);
                    if matches!(charge, Charge::Admitted(_)) {
                        admitted[number].fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        });
        let mut choices = choices.into_iter().cycle();
        let choose = |bound| usize::from(choices.next().unwrap()) % bound;
        run(processes.collect(), choose, || {
            for (tag, count) in entries(&arena) {
                assert_eq!(count, 1, "entries of {tag:x}");
            }
        });
        for (number, count) in admitted.iter().enumerate() {
            let count = count.load(Ordering::SeqCst);
            assert!(count <= 1, "key {number} was admitted {count} times");
        }
        for number in 0..keys {
            let charge = arena.charge(key(&arena, number), &law, T + 2000, 1);
            assert!(matches!(charge, Charge::Admitted(_)), "a place is stuck");
        }
    }
}

/// Entries that live for ever.
enum Lasting {}

impl Layout for Lasting {
    const BITS: u32 = 84;

    fn is_live(_payload: u128, _now_ms: u64) -> bool {
        true
    }
}

/// The one order that is dangerous if a claim may come back: P has confirmed its claim and sleeps.
/// Q takes that away in favour of its own, confirms this, and sleeps. R, which saw neither, claims
/// the very slot in which P's claim was. Then P and Q awake.
#[test]
fn a_claim_that_went_away_does_not_come_back() {
    const STRANGER: u128 = 1 << 84;
    let words: Arc<[AtomicU128]> = (0..=FEWEST_SLOTS).map(|_| AtomicU128::new(0)).collect();
    let key = Key::new(&[1; 16], &[b"key"]);
    let entered = Arc::new(AtomicU32::new(0));
    let process = || {
        let (words, entered) = (Arc::clone(&words), Arc::clone(&entered));
        Process::start(move || {
            let table = Table::new(&words[..FEWEST_SLOTS], &words[FEWEST_SLOTS]);
            let step = |known: Option<u128>| match known {
                None => Step::Put(1, true),
                Some(_) => Step::Keep(false),
            };
            if table.update::<Lasting, _>(key, 0, step) == Ok(true) {
                entered.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    // One slot is free in the first set, and two in the second.
    let first = (key.places().0 & 1) * SET;
    let second = SET - first;
    for at in (first + 1..first + SET).chain(second + 2..second + SET) {
        words[at].store(STRANGER, Ordering::SeqCst);
    }
    let (mut p, mut q, mut r) = (process(), process(), process());
    for other in [&mut q, &mut r] {
        for _ in 0..2 * SET {
            other.step();
        }
    }
    let is_claim = |at: usize| words[at].load(Ordering::SeqCst) >> 127 == 1;
    p.read();
    p.step();
    assert!(is_claim(second));
    p.read();
    words[second + 1].store(STRANGER, Ordering::SeqCst);
    q.read();
    q.step();
    assert!(is_claim(first));
    q.read();
    q.step();
    assert!(!is_claim(second));
    q.read();
    words[second + 1].store(0, Ordering::SeqCst);
    r.read();
    r.step();
    assert!(is_claim(first) && is_claim(second));
    p.step();
    q.step();
    for process in [p, q, r] {
        process.end();
    }
    assert_eq!(entered.load(Ordering::SeqCst), 1);
}
