//! A worker that is killed at any moment leaves whole lines behind, and all that it has put.
//!
//! The test runs itself: a child puts numbered lines as fast as it can and says through a pipe which
//! one it has put, until it is killed.

use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pygateway_core::line_ring::LineRing;

const KILLS: u64 = 300;
/// Most turns in which something comes before a child is killed.
const LONGEST_LIFE: u64 = 500;
/// Small, so that lines pass its end and wait for room.
const CAPACITY: usize = 8192;

/// Variable by which a child knows that it is one.
const PATH: &str = "PYGATEWAY_LINE_RING_PATH";

/// Lines that a child puts before it reports: it is killed in the midst of one more often than
/// in the midst of a report.
const LINES_PER_REPORT: u64 = 16;

/// The line of a number: of many lengths, and all of it follows from the number.
fn numbered(number: u64) -> Vec<u8> {
    let mut line = number.to_string().into_bytes();
    let length = line.len() + (number.wrapping_mul(0x9e37_79b9) >> 7) as usize % 300;
    line.resize(length, b'a' + (number % 26) as u8);
    line
}

fn open(path: &Path) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    options.open(path).expect("a file for the ring")
}

/// What a child does until it is killed; nothing if this is none.
#[test]
fn child() {
    let Ok(path) = env::var(PATH) else {
        return;
    };
    let file = File::options().read(true).write(true).open(path);
    let ring = LineRing::attach(file.expect("a file").as_raw_fd()).expect("a ring");
    let mut pipe = std::io::stderr();
    for number in 0.. {
        let line = numbered(number);
        while !ring.put(&line) {
            std::thread::yield_now();
        }
        if number % LINES_PER_REPORT == 0 {
            // A write of so few bytes to a pipe happens as a whole or not at all.
            pipe.write_all(&number.to_le_bytes()).expect("a reader");
        }
    }
}

/// Counts the lines that come, which have to be whole and without a gap.
struct Judge(u64);

impl Judge {
    fn take(&mut self, ring: &LineRing) -> bool {
        let mut lines = Vec::new();
        ring.take(2000, &mut lines);
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let mut expected = numbered(self.0);
            expected.push(b'\n');
            assert!(line == expected, "{}", String::from_utf8_lossy(line));
            self.0 += 1;
        }
        !lines.is_empty()
    }
}

/// Start a child, take what it puts until something has come so often, kill it in the midst of
/// whatever it does; give how many lines it had put by its own account, and how many came.
fn run_and_kill(path: &Path, life: u64) -> (u64, u64) {
    let ring = LineRing::create(open(path).as_raw_fd(), CAPACITY, 0).expect("a ring");
    let mut child = Command::new(env::current_exe().expect("the test itself"))
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut pipe = child.stderr.take().expect("a pipe");
    let mut judge = Judge(0);
    let mut reported = 0;
    let mut turns = 0;
    while turns < life {
        if !judge.take(&ring) {
            let end = child.try_wait().expect("a process");
            assert!(end.is_none(), "the child has ended by itself: {end:?}");
            std::thread::yield_now();
            continue;
        }
        turns += 1;
        // The child reports only while there is room, so reading does not wait for ever.
        if judge.0 > reported {
            let mut report = [0; 8];
            pipe.read_exact(&mut report).expect("a report");
            reported = u64::from_le_bytes(report) + 1;
        }
    }
    child.kill().expect("a process");
    child.wait().expect("a process");
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).expect("the rest");
    if let Some(last) = rest.chunks_exact(8).last() {
        reported = u64::from_le_bytes(last.try_into().expect("8 bytes")) + 1;
    }
    while judge.take(&ring) {}
    assert_eq!((ring.damages(), ring.pending()), (0, 0));
    (reported, judge.0)
}

fn temporary_file() -> PathBuf {
    let name = format!("line-ring-kill-{}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_killed_worker_has_put_whole_lines_and_loses_none() {
    let path = temporary_file();
    let mut most = 0;
    for number in 0..KILLS {
        let life = 1 + number * 7919 % LONGEST_LIFE;
        let (reported, came) = run_and_kill(&path, life);
        // Behind the last report there can be as many as until the next one.
        assert!(
            (reported..reported + 2 * LINES_PER_REPORT).contains(&came),
            "reported {reported}, came {came}"
        );
        most = most.max(came);
    }
    assert!(
        most >= LONGEST_LIFE / 2,
        "the children did something: {most}"
    );
    std::fs::remove_file(path).expect("the ring's file");
}
