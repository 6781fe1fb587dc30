//! Names of whoever asks first.

use std::sync::Barrier;
use std::thread;

use super::*;
use crate::arena::names::NAME_WORDS;

fn place(arena: &Arena, name: Name) -> &[AtomicU64] {
    let from = (name.number() as usize - 2) * NAME_WORDS;
    &arena.memory.counters()[arena.shape.names()][from..from + NAME_WORDS]
}

#[test]
fn a_name_has_one_number_in_all_processes() {
    let file = file();
    let first = Arena::create(file.as_raw_fd(), 64, 8, 0).unwrap();
    let second = Arena::attach(file.as_raw_fd()).unwrap();
    let users = first.intern("users");
    assert_eq!(second.intern("users"), users);
    assert_ne!(second.intern("orders"), users);
    assert_eq!(second.name(users).as_deref(), Some("users"));
    assert_eq!(
        first.name(second.intern("orders")).as_deref(),
        Some("orders")
    );
}

#[test]
fn the_empty_name_and_that_of_others_need_no_place() {
    let arena = arena(64);
    assert_eq!(
        (arena.intern(""), arena.intern(OTHER)),
        (Name::NONE, Name::OTHER)
    );
    assert_eq!(arena.name(Name::NONE).as_deref(), Some(""));
    assert_eq!(arena.name(Name::OTHER).as_deref(), Some("_other"));
    assert_eq!(arena.name(Name::from_number(2)), None);
    assert_eq!(arena.name(Name::from_number(u32::MAX)), None);
}

#[test]
fn names_of_every_length_are_kept_up_to_64_bytes() {
    let arena = arena(64);
    for length in 1..=64 {
        let text: String = ('a'..='z').cycle().take(length).collect();
        assert_eq!(arena.name(arena.intern(&text)), Some(text));
    }
    let long = "ä".repeat(40);
    assert_eq!(arena.name(arena.intern(&long)), Some("ä".repeat(32)));
    // A character of two bytes does not fit into the last one.
    let long = format!("x{long}");
    let number = arena.intern(&long);
    assert_eq!(arena.name(number), Some(format!("x{}", "ä".repeat(31))));
    assert_eq!(arena.intern(&format!("x{}", "ä".repeat(35))), number);
}

#[test]
fn a_full_table_calls_the_rest_others() {
    let arena = small(1);
    let numbers: Vec<_> = (0..1024)
        .map(|number| arena.intern(&format!("n{number}")))
        .collect();
    assert!(!numbers.contains(&Name::OTHER));
    assert_eq!(arena.intern("one more"), Name::OTHER);
    for (number, &name) in numbers.iter().enumerate() {
        assert_eq!(arena.intern(&format!("n{number}")), name);
        assert_eq!(arena.name(name), Some(format!("n{number}")));
    }
}

#[test]
fn whoever_asks_next_completes_what_a_killed_process_began() {
    let text = "a-name-of-more-than-one-word";
    let arena = arena(64);
    let number = arena.intern(text);
    let whole: Vec<u64> = read(&arena, number);
    // Killed before the first, after the first, ..., after the last word of the text: then of the
    // place nothing but its hash is complete.
    for written in 0..=text.len().div_ceil(8) {
        let words = place(&arena, number);
        words[1].store(0, Ordering::SeqCst);
        words[2 + written..]
            .iter()
            .for_each(|word| word.store(0, Ordering::SeqCst));
        assert_eq!(arena.name(number), None);
        assert_eq!(arena.intern(text), number);
        assert_eq!(read(&arena, number), whole);
    }
}

fn read(arena: &Arena, name: Name) -> Vec<u64> {
    let words = place(arena, name).iter();
    words.map(|word| word.load(Ordering::SeqCst)).collect()
}

#[test]
fn threads_that_ask_at_once_are_told_the_same() {
    const THREADS: usize = 4;
    const NAMES: usize = 300;
    let arena = small(1);
    let barrier = Barrier::new(THREADS);
    let told = thread::scope(|scope| {
        let ask = |thread: usize| {
            let (arena, barrier) = (&arena, &barrier);
            move || {
                barrier.wait();
                let mut told = vec![Name::NONE; NAMES];
                for step in 0..NAMES {
                    let number = (step + thread * 7) % NAMES;
                    let name = arena.intern(&format!("name-{number}"));
                    assert_eq!(arena.name(name), Some(format!("name-{number}")));
                    told[number] = name;
                }
                told
            }
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(ask(thread)))
            .collect();
        let told = threads.into_iter().map(|thread| thread.join().unwrap());
        told.collect::<Vec<_>>()
    });
    assert!(told.iter().all(|one| *one == told[0]));
    let mut numbers: Vec<_> = told[0].iter().map(|name| name.number()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), NAMES);
}
