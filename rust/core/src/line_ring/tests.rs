use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;

use proptest::prelude::*;

use super::*;

const SMALL: usize = LEAST_CAPACITY;

/// An empty file that nobody else finds.
fn file() -> File {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Relaxed);
    let name = format!("pygateway-lines-{}-{number}", std::process::id());
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

/// Who puts, and who takes.
fn ends(capacity: usize) -> (LineRing, LineRing) {
    let file = file();
    let taking = LineRing::create(file.as_raw_fd(), capacity, 7).unwrap();
    (LineRing::attach(file.as_raw_fd()).unwrap(), taking)
}

fn take(ring: &LineRing, most: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    ring.take(most, &mut lines);
    lines
}

#[test]
fn what_one_puts_the_other_takes() {
    let (putting, taking) = ends(SMALL);
    assert_eq!(taking.pending(), 0);
    assert!(putting.put(b"one") && putting.put(b"") && putting.put(b"three, longer than a word"));
    assert_eq!(taking.pending(), putting.pending());
    assert_eq!(taking.pending(), 16 + 8 + 40);
    assert_eq!(take(&taking, 1000), b"one\n\nthree, longer than a word\n");
    assert_eq!((take(&taking, 1000), putting.pending()), (Vec::new(), 0));
}

#[test]
fn capacities_are_rounded_up_and_bounded() {
    assert_eq!(ends(SMALL + 1).1.capacity(), 2 * SMALL);
    for capacity in [0, SMALL - 1, GREATEST_CAPACITY + 1, usize::MAX] {
        let refused = LineRing::create(file().as_raw_fd(), capacity, 7);
        assert!(matches!(refused, Err(LineRingError::Capacity(_))));
    }
}

#[test]
fn only_rings_are_attached_to() {
    let other = file();
    let attach = |file: &File| LineRing::attach(file.as_raw_fd()).map(|_| ());
    assert!(matches!(attach(&other), Err(LineRingError::NotARing)));
    other.set_len(10_000).unwrap();
    assert!(matches!(attach(&other), Err(LineRingError::NotARing)));
    let taken = LineRing::create(other.as_raw_fd(), SMALL, 7);
    assert!(matches!(taken, Err(LineRingError::NotEmpty(10_000))));
    assert!(matches!(
        LineRing::attach(-1),
        Err(LineRingError::System(_))
    ));
    let ring = file();
    let made = LineRing::create(ring.as_raw_fd(), SMALL, 7).unwrap();
    for capacity in [0, 3, 2 * SMALL as u64, u64::MAX] {
        made.shared(CAPACITY).store(capacity, Relaxed);
        assert!(matches!(attach(&ring), Err(LineRingError::NotARing)));
    }
}

#[test]
fn a_line_without_room_is_refused_and_nothing_else_is_lost() {
    let (putting, taking) = ends(SMALL);
    // With the word before it a line takes 32 bytes.
    let line = [b'x'; 24];
    let mut put = 0;
    while putting.put(&line) {
        put += 1;
    }
    assert_eq!((put, putting.pending()), (SMALL / 32, SMALL));
    assert!(!putting.put(b""));
    assert_eq!(take(&taking, 1), [&line[..], b"\n"].concat());
    assert!(!putting.put(&[b'y'; 25]) && putting.put(&[b'y'; 24]) && !putting.put(b""));
    assert_eq!(take(&taking, usize::MAX).len(), put * 25);
}

#[test]
fn a_line_as_large_as_the_ring_fits_and_a_larger_one_never_does() {
    let (putting, taking) = ends(SMALL);
    assert!(putting.put(b"moves everything by two words") && !take(&taking, 1).is_empty());
    let line: Vec<u8> = (0..SMALL - WORD).map(|index| index as u8).collect();
    assert!(putting.put(&line));
    assert_eq!(take(&taking, 1), [&line[..], b"\n"].concat());
    assert!(!putting.put(&vec![b'x'; SMALL - WORD + 1]));
}

#[test]
fn about_as_much_is_taken_as_was_asked_for() {
    let (putting, taking) = ends(SMALL);
    for line in [b"aaa", b"bbb", b"ccc"] {
        assert!(putting.put(line));
    }
    assert_eq!(take(&taking, 8), b"aaa\nbbb\n");
    assert_eq!(take(&taking, 0), b"ccc\n");
}

#[test]
fn who_takes_later_goes_on_where_another_has_stopped() {
    let file = file();
    let first = LineRing::create(file.as_raw_fd(), SMALL, 7).unwrap();
    let putting = LineRing::attach(file.as_raw_fd()).unwrap();
    assert!(putting.put(b"one") && putting.put(b"two"));
    assert_eq!(take(&first, 1), b"one\n");
    drop(first);
    assert_eq!(take(&putting, 100), b"two\n");
}

#[test]
fn threads_that_put_take_turns() {
    let (putting, taking) = ends(1 << 16);
    thread::scope(|scope| {
        for name in [b'a', b'b'] {
            let putting = &putting;
            scope.spawn(move || {
                for length in 0..100 {
                    assert!(putting.put(&vec![name; length]));
                }
            });
        }
    });
    let lines = take(&taking, usize::MAX);
    let lines: Vec<_> = lines.split(|&byte| byte == b'\n').collect();
    assert_eq!(lines.len(), 201);
    assert!(
        lines
            .iter()
            .all(|line| line.windows(2).all(|pair| pair[0] == pair[1]))
    );
}

/// The line of a number: of many lengths, and all of it follows from the number.
fn numbered(number: u64) -> Vec<u8> {
    let mut line = number.to_string().into_bytes();
    let length = line.len() + (number.wrapping_mul(0x9e37_79b9) >> 7) as usize % 200;
    line.resize(length, b'a' + (number % 26) as u8);
    line
}

#[test]
fn two_threads_lose_nothing_and_keep_the_order() {
    const COUNT: u64 = 300_000;
    let (putting, taking) = ends(SMALL);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..COUNT {
                let line = numbered(number);
                while !putting.put(&line) {
                    thread::yield_now();
                }
            }
            ended.store(true, Release);
        });
        let mut next = 0;
        loop {
            let at_the_end = ended.load(Acquire);
            let lines = take(&taking, 1000);
            if lines.is_empty() {
                if at_the_end {
                    break;
                }
                thread::yield_now();
            }
            for line in lines.split_inclusive(|&byte| byte == b'\n') {
                let mut expected = numbered(next);
                expected.push(b'\n');
                assert!(line == expected, "{next}");
                next += 1;
            }
        }
        assert_eq!((next, taking.damages()), (COUNT, 0));
    });
}

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<u8>),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let line = proptest::collection::vec(any::<u8>(), 0..1500);
    prop_oneof![
        3 => line.prop_map(Step::Put),
        2 => (0_usize..3000).prop_map(Step::Take),
    ]
}

proptest! {
    #[test]
    fn it_is_a_queue(steps in proptest::collection::vec(step(), 0..80), start in any::<u64>()) {
        let (putting, taking) = ends(SMALL);
        // Positions may begin anywhere, also shortly before they pass their greatest value.
        let start = start & !7;
        putting.shared(HEAD).store(start, Relaxed);
        putting.shared(TAIL).store(start, Relaxed);
        let mut queue = VecDeque::new();
        let mut held = 0;
        for step in steps {
            match step {
                Step::Put(line) => {
                    let size = record_size(line.len());
                    prop_assert_eq!(putting.put(&line), held + size <= SMALL);
                    if held + size <= SMALL {
                        held += size;
                        queue.push_back(line);
                    }
                }
                Step::Take(most) => {
                    let mut expected = Vec::new();
                    while let Some(line) = queue.front() {
                        if !expected.is_empty() && expected.len() + line.len() >= most {
                            break;
                        }
                        held -= record_size(line.len());
                        expected.extend_from_slice(line);
                        expected.push(b'\n');
                        queue.pop_front();
                    }
                    prop_assert_eq!(take(&taking, most), expected);
                }
            }
            prop_assert_eq!(taking.pending(), held);
        }
        prop_assert_eq!(taking.damages(), 0);
    }

    /// Whatever a worker writes, wherever: who takes neither fails nor goes on for ever, and what
    /// is put afterwards arrives.
    #[test]
    fn nonsense_is_dropped_and_over(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..20),
        nonsense in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..40),
        head in prop_oneof![
            2 => Just(None),
            1 => any::<u64>().prop_map(Some),
            1 => (0_u64..2 * SMALL as u64).prop_map(Some),
        ],
        tail in prop_oneof![2 => Just(None), 1 => any::<u64>().prop_map(Some)],
        has_taken in any::<bool>(),
    ) {
        let (putting, taking) = ends(SMALL);
        for line in &lines {
            prop_assert!(putting.put(line));
        }
        if has_taken {
            take(&taking, 50);
        }
        for (place, word) in nonsense {
            let records = putting.records();
            records[place.index(records.len())].store(word, Relaxed);
        }
        for (word, value) in [(HEAD, head), (TAIL, tail)] {
            if let Some(value) = value {
                putting.shared(word).store(value, Relaxed);
            }
        }
        // Each call takes a line or drops everything: so many are enough.
        for _ in 0..=SMALL / WORD {
            take(&taking, 0);
        }
        prop_assert!(take(&taking, usize::MAX).is_empty());
        prop_assert!(putting.put(b"after"));
        let after = take(&taking, usize::MAX);
        // A head within a word goes on being nonsense, and costs only its own lines.
        let aligned = putting.shared(HEAD).load(Relaxed).is_multiple_of(WORD as u64);
        prop_assert_eq!(after.as_slice(), if aligned { &b"after\n"[..] } else { &b""[..] });
    }
}

#[test]
fn a_worker_gone_mad_costs_what_lies_there_and_is_noticed() {
    let (putting, taking) = ends(SMALL);
    for length in [0_u64, 1 << 20, u64::from(u32::MAX), u64::MAX] {
        let damages = taking.damages();
        assert!(putting.put(b"good"));
        let place = putting.place(putting.shared(HEAD).load(Relaxed));
        assert!(putting.put(b"bad") && putting.put(b"lost"));
        putting.records()[place].store(length, Relaxed);
        assert_eq!(take(&taking, usize::MAX), b"good\n");
        assert_eq!(taking.damages(), damages + 1);
        assert!(putting.put(b"good again"));
        assert_eq!(take(&taking, usize::MAX), b"good again\n");
    }
}
