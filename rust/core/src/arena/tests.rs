use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::*;
use crate::window::{Law, Window};

mod exemplars;
mod leases;
mod names;
mod orders;
mod presence;
mod races;
mod series;
mod windows;

const T: u64 = 1_750_000_000_000;

fn law(quota: u32, length: u64) -> Law {
    Law::new(quota, length).unwrap()
}

fn arena(slots: usize) -> Arena {
    Arena::private(slots).unwrap()
}

fn key(arena: &Arena, number: usize) -> Key {
    arena.key(&[b"test", &number.to_le_bytes()])
}

/// An empty file that nobody else finds.
fn file() -> File {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("pygateway-arena-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = File::options();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

#[test]
fn what_one_counts_another_one_sees() {
    let file = file();
    let law = law(3, 1000);
    let first = Arena::create(file.as_raw_fd(), 64, 8, 7).unwrap();
    let second = Arena::attach(file.as_raw_fd()).unwrap();
    drop(file);
    assert_eq!((second.slots(), second.machine()), (64, 7));
    let key = first.key(&[b"a"]);
    assert_eq!(second.key(&[b"a"]), key);
    assert!(matches!(first.charge(key, &law, T, 2), Charge::Admitted(_)));
    assert!(matches!(second.charge(key, &law, T, 2), Charge::Refused(_)));
    drop(first);
    assert_eq!(second.peek(key, &law, T).current, 2);
}

#[test]
fn only_arenas_are_attached_to() {
    let empty = file();
    let attach = |file: &File| Arena::attach(file.as_raw_fd()).map(|_| ());
    assert!(matches!(attach(&empty), Err(ArenaError::NotAnArena)));
    empty.set_len(10_000).unwrap();
    assert!(matches!(attach(&empty), Err(ArenaError::NotAnArena)));
    let taken = Arena::create(empty.as_raw_fd(), 64, 8, 0);
    assert!(matches!(taken, Err(ArenaError::NotEmpty(10_000))));
    assert!(matches!(Arena::attach(-1), Err(ArenaError::System(_))));

    let other = file();
    drop(Arena::create(other.as_raw_fd(), 64, 8, 0).unwrap());
    other
        .set_len(Arena::bytes_for(64, 8).unwrap() + 16)
        .unwrap();
    assert!(matches!(attach(&other), Err(ArenaError::Size { .. })));

    let newer = file();
    let made = Arena::create(newer.as_raw_fd(), 64, 8, 0).unwrap();
    made.memory.words()[0].fetch_add(1, Ordering::SeqCst);
    let error = attach(&newer).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the arena has layout 3, and this is layout 2"
    );
}

#[test]
fn slots_are_powers_of_two_within_bounds() {
    for slots in [0, 8, 48, 1000, 2 * MOST_SLOTS] {
        assert!(matches!(
            Arena::bytes_for(slots, 1),
            Err(ArenaError::Slots(_))
        ));
    }
    for series in [0, MOST_SERIES + 1] {
        let result = Arena::bytes_for(64, series);
        assert!(matches!(result, Err(ArenaError::Series(_))));
    }
    let wide = 4096 + 16 * (1 << 20) + 4096 + 2 * 16 * (1 << 18) + (1 << 20);
    let all_series = 4096 + 2048;
    let narrow =
        128 * 4096 + 8 * all_series + 1536 * 64 + 1152 * all_series + 192 * 64 * all_series;
    let bytes = Arena::bytes_for(USUAL_SLOTS, USUAL_SERIES).unwrap();
    assert_eq!(bytes, wide + narrow);
}

#[test]
fn no_two_parts_share_a_byte() {
    for series in [1, 7, USUAL_SERIES, MOST_SERIES] {
        let shape = Shape::new(64, series, STRIPES).unwrap();
        let all_series = series + RESERVED_SERIES;
        let mut end = 0;
        let mut follow = |part: std::ops::Range<usize>| {
            assert!(end <= part.start && part.start < part.end);
            assert!(part.start.is_multiple_of(8), "a cache line is of one part");
            end = part.end;
        };
        follow(shape.names());
        follow(shape.directory());
        (0..STRIPES).for_each(|stripe| follow(shape.totals(stripe)));
        (0..all_series).for_each(|place| follow(shape.exemplars(place)));
        for stripe in [0, 1, STRIPES - 1] {
            (0..all_series).for_each(|place| follow(shape.block(stripe, place)));
        }
        let narrow = shape.bytes() - 16 * shape.presence as u64;
        assert!(end as u64 * 8 <= narrow && narrow < end as u64 * 8 + 8 * 192);
    }
}

/// An arena in a file, with few series.
fn small(series: usize) -> Arena {
    Arena::create(file().as_raw_fd(), FEWEST_SLOTS, series, 0).unwrap()
}

#[test]
fn keys_differ_by_their_parts_and_by_their_arena() {
    let arena = arena(64);
    let one = arena.key(&[b"a", b"bc"]);
    assert_eq!(one, arena.key(&[b"a", b"bc"]));
    assert_ne!(one, arena.key(&[b"ab", b"c"]));
    assert_ne!(one, arena.key(&[b"abc"]));
    assert_ne!(one, arena.key(&[b"a", b"bc", b""]));
    assert_ne!(one, Arena::private(64).unwrap().key(&[b"a", b"bc"]));
    assert_eq!(one.salted(0), one);
    assert_ne!(one.salted(1), one.salted(2));
}

#[test]
fn what_the_store_says_of_itself_is_remembered() {
    let arena = arena(64);
    assert_eq!((arena.gateways(), arena.incarnation()), (1, 0));
    arena.note_store(3, 5);
    assert_eq!((arena.gateways(), arena.incarnation()), (3, 5));
    arena.note_store(2, 0);
    assert_eq!((arena.gateways(), arena.incarnation()), (2, 5));
    arena.note_store(2, 6);
    assert_eq!((arena.gateways(), arena.incarnation()), (2, 6));
}

#[test]
fn information_is_a_note_that_ends() {
    let arena = arena(64);
    let (one, two) = (key(&arena, 1), key(&arena, 2));
    let information = Information {
        remaining: 12,
        quota: 1 << 26,
        resets_ms: T + 5,
    };
    arena.set_information(one, &information);
    assert_eq!(arena.information(one, T), Some(information));
    assert_eq!(arena.information(one, T + 4), Some(information));
    assert_eq!(arena.information(one, T + 5), None);
    assert_eq!(arena.information(two, T), None);
}
