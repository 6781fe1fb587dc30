//! Workers that are killed at any moment leave nothing behind in the arena that is wrong.
//!
//! The test runs itself: children charge, spend and enter as fast as they can and report every
//! success through a pipe, until they are killed.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use pygateway_core::arena::{Arena, Charge, Enter, Grant, Key, Spend};
use pygateway_core::window::Law;

const CHILDREN: usize = 4;
const ROUNDS: u64 = 6;
const KILLS_PER_ROUND: usize = 100;
const SLOTS: usize = 8192;
const KEYS: u32 = 3000;
const QUOTA: u32 = 500;
const LENGTH_MS: u64 = 1000;
const FIRST_MS: u64 = 1_750_000_000_000;
/// Most reports before a child is killed.
const LONGEST_LIFE: u64 = 400;
/// Keys of leases and of requests in flight: few, so that children meet.
const FEW: u32 = 20;
const GRANTED: u32 = 50_000;
const IN_FLIGHT: u32 = 3;

/// Variables by which a child knows that it is one, and what to do.
const PATH: &str = "PYGATEWAY_ARENA_PATH";
const NOW: &str = "PYGATEWAY_ARENA_NOW";
const SEED: &str = "PYGATEWAY_ARENA_SEED";
const LANE: &str = "PYGATEWAY_ARENA_LANE";

const CHARGED: u8 = 1;
const SPENT: u8 = 2;

/// A small generator of pseudo-random numbers (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % bound
    }
}

fn law() -> Law {
    Law::new(QUOTA, LENGTH_MS).expect("within bounds")
}

fn open(path: &Path) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true);
    options.open(path).expect("a file for the arena")
}

fn key(arena: &Arena, kind: &[u8], number: u32) -> Key {
    arena.key(&[kind, &number.to_le_bytes()])
}

/// What a child does until it is killed; nothing if this is none.
#[test]
fn child() {
    let Ok(path) = env::var(PATH) else {
        return;
    };
    let number = |name| -> u64 { env::var(name).expect(name).parse().expect(name) };
    let arena = Arena::attach(open(Path::new(&path)).as_raw_fd()).expect("an arena");
    let (law, now, lane) = (law(), number(NOW), number(LANE) as u8);
    let mut random = Random(number(SEED));
    // A write of so few bytes to a pipe happens as a whole or not at all.
    let mut pipe = std::io::stderr();
    let mut report = |kind: u8, number: u32| {
        let [a, b, c, d] = number.to_le_bytes();
        pipe.write_all(&[kind, a, b, c, d]).expect("a reader");
    };
    loop {
        // Most charges are of few keys; the others go about, to find new ones.
        let range = if random.below(2) == 0 { FEW } else { KEYS };
        let of_window = random.below(range.into()) as u32;
        let charge = arena.charge(key(&arena, b"window", of_window), &law, now, 1);
        if matches!(charge, Charge::Admitted(_)) {
            report(CHARGED, of_window);
        }
        let of_few = random.below(FEW.into()) as u32;
        let lease = arena.spend(key(&arena, b"lease", of_few), &law, now, 1);
        if matches!(lease, Spend::Spent { .. }) {
            report(SPENT, of_few);
        }
        let of_presence = key(&arena, b"presence", of_few);
        if let Enter::Entered(count) = arena.enter(of_presence, lane, IN_FLIGHT) {
            assert!(count <= IN_FLIGHT);
            if random.below(8) > 0 {
                arena.leave(of_presence, lane);
            }
        }
    }
}

/// A child, and what it reports.
struct Worker {
    process: Child,
}

type Reports = HashMap<(u8, u32), u32>;

impl Worker {
    fn start(path: &Path, now: u64, lane: u8, random: &mut Random) -> Self {
        let program = env::current_exe().expect("the test itself");
        let mut command = Command::new(program);
        command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(PATH, path).env(NOW, now.to_string());
        command.env(LANE, lane.to_string());
        command.env(SEED, (random.below(1 << 40) + 1).to_string());
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a child");
        Self { process }
    }

    /// Let it report so often, kill it in the midst of whatever it does, and read what it had
    /// reported until then.
    fn run_and_kill(mut self, life: u64, reports: &mut Reports) {
        let mut pipe = self.process.stderr.take().expect("a pipe");
        let mut bytes = vec![0; 5 * life as usize];
        pipe.read_exact(&mut bytes).expect("reports");
        self.process.kill().expect("a process");
        self.process.wait().expect("a process");
        pipe.read_to_end(&mut bytes).expect("the rest");
        for report in bytes.chunks_exact(5) {
            let number = u32::from_le_bytes([report[1], report[2], report[3], report[4]]);
            assert!(matches!(report[0], CHARGED | SPENT), "the child complains");
            *reports.entry((report[0], number)).or_default() += 1;
        }
    }
}

/// Start and kill workers in all lanes; what they have reported.
fn round(path: &Path, arena: &Arena, now: u64) -> Reports {
    let run_lane = |lane: u8| {
        let mut random = Random(now + u64::from(lane));
        let mut reports = Reports::new();
        for _ in 0..KILLS_PER_ROUND / CHILDREN {
            arena.occupy_lane(lane);
            let worker = Worker::start(path, now, lane, &mut random);
            worker.run_and_kill(1 + random.below(LONGEST_LIFE), &mut reports);
            arena.clear_lane(lane);
            arena.free_lane(lane);
        }
        reports
    };
    thread::scope(|scope| {
        // Two lanes of one group, and two of others.
        let lanes = [0, 1, 9, 200];
        let runs = lanes.map(|lane| scope.spawn(move || run_lane(lane)));
        let mut sum = Reports::new();
        for run in runs {
            for (what, count) in run.join().expect("a round") {
                *sum.entry(what).or_default() += count;
            }
        }
        sum
    })
}

fn temporary_file() -> PathBuf {
    let name = format!("arena-kill-{}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn killed_workers_leave_true_counts_and_no_stuck_slot() {
    let path = temporary_file();
    let arena = Arena::create(open(&path).as_raw_fd(), SLOTS, 1, 1).expect("an arena");
    let law = law();
    for number in 0..ROUNDS {
        // Everything that earlier rounds have counted is over, and makes room.
        let now = FIRST_MS + number * 4 * LENGTH_MS;
        let grant = Grant {
            count: GRANTED,
            size: 1,
            bucket: law.bucket(now),
            expires_ms: now + LENGTH_MS,
        };
        for number in 0..FEW {
            assert!(arena.deposit(key(&arena, b"lease", number), &law, now, &grant));
        }
        let reports = round(&path, &arena, now);
        let reported = |kind, number| reports.get(&(kind, number)).copied().unwrap_or_default();

        // Between a success and its report, every kill may have hidden one.
        let mut hidden = 0;
        for number in 0..KEYS {
            let counted = arena
                .peek(key(&arena, b"window", number), &law, now)
                .current;
            assert!(counted <= QUOTA, "key {number}: {counted}");
            let reported = reported(CHARGED, number);
            assert!(reported <= counted, "key {number}: {reported} of {counted}");
            hidden += counted - reported;
        }
        for number in 0..FEW {
            let lease = arena.lease(key(&arena, b"lease", number), &law, now);
            let spent = GRANTED - lease.expect("a lease").left;
            let reported = reported(SPENT, number);
            assert!(reported <= spent, "lease {number}: {reported} of {spent}");
            hidden += spent - reported;
            assert_eq!(arena.in_flight(key(&arena, b"presence", number)), 0);
        }
        assert!(hidden <= KILLS_PER_ROUND as u32, "{hidden} hidden");
        let busiest = (0..FEW).map(|number| reported(CHARGED, number)).max();
        assert!(busiest > Some(0), "the children did something");
    }
    // At the end of the next bucket every key has most of its quota again.
    let now = FIRST_MS + (ROUNDS * 4 - 2) * LENGTH_MS - 1;
    for number in 0..KEYS {
        let charge = arena.charge(key(&arena, b"window", number), &law, now, 1);
        assert!(
            matches!(charge, Charge::Admitted(_)),
            "{number}: {charge:?}"
        );
    }
    std::fs::remove_file(path).expect("the arena's file");
}
