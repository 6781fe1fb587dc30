//! Workers that are killed at any moment leave counts that are true.
//!
//! The test runs itself: children count requests as fast as they can and report each through a
//! pipe, until they are killed. Meanwhile somebody looks on.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pygateway_core::arena::{Arena, FEWEST_SLOTS};
use pygateway_core::method::Known;
use pygateway_core::metrics::measurements::Measurements;
use pygateway_core::metrics::{AuthOutcome, Metrics, Observation, Phases};
use pygateway_core::specification::Specification;

/// Lanes of the children: two that share a stripe, and two others.
const LANES: [u8; 4] = [0, 64, 1, 200];
const KILLS_PER_LANE: usize = 100;
/// Most reports before a child is killed.
const LONGEST_LIFE: u64 = 400;
/// Series that have a place: fewer than there are, so that some are crowded.
const SERIES: usize = 24;
const ROUTES: u16 = 8;
const STATUSES: u16 = 6;
const BYTES: u64 = 3;
const SECONDS: f64 = 0.25;

/// Variables by which a child knows that it is one, and what to do.
const PATH: &str = "PYGATEWAY_METRICS_PATH";
const SEED: &str = "PYGATEWAY_METRICS_SEED";
const LANE: &str = "PYGATEWAY_METRICS_LANE";

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

fn open(path: &Path) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true);
    options.open(path).expect("a file for the arena")
}

/// Routes whose names are new to the arena in every fourth child or so, and one upstream.
fn specification(generation: u64) -> Specification {
    let route = |number: u16| {
        format!(
            r#"{{"name": "route-{number}-of-{generation}", "hosts": [], "paths": [], "methods": [],
            "headers": [], "query": [], "action": {{"forward": {{}}}}, "rewrite":
            {{"strip_prefix": null, "add_prefix": null, "path": null, "host": "preserve"}},
            "request_headers": {{"set": [], "add": [], "remove": []}}, "response_headers":
            {{"set": [], "add": [], "remove": []}}, "security_headers": null, "hsts": null,
            "body_bytes": null, "cors": null}}"#
        )
    };
    let routes: Vec<_> = (0..ROUTES).map(route).collect();
    let json = format!(
        r#"{{"limits": {{"header_bytes": 8192, "header_count": 20, "target_bytes": 100,
        "body_bytes": 1000}}, "trusted_proxies": [], "via": "gw", "health_path": null,
        "security_headers": [], "hsts": null, "upstreams": ["app"], "routes": [{}]}}"#,
        routes.join(",")
    );
    Specification::from_json(json.as_bytes()).expect("a specification")
}

fn request(route: u16, status: u16, number: u32) -> Observation {
    Observation {
        method: Some(Known::Get),
        route: Some(route.into()),
        status,
        duration: SECONDS,
        overhead: SECONDS / 2.0,
        phases: Phases {
            decide: Some(SECONDS),
            ..Phases::default()
        },
        upstream: Some((0, true)),
        request_bytes: 0,
        response_bytes: BYTES,
        // Both halves of the trace, and the time, say the same number.
        exemplar: Some((u128::from(number) << 64 | u128::from(number), number.into())),
    }
}

/// What a child does until it is killed; nothing if this is none.
#[test]
fn child() {
    let Ok(path) = env::var(PATH) else {
        return;
    };
    let number = |name| -> u64 { env::var(name).expect(name).parse().expect(name) };
    let arena = Arena::attach(open(Path::new(&path)).as_raw_fd()).expect("an arena");
    let mut random = Random(number(SEED));
    let specification = specification(random.below(4));
    let metrics = Metrics::compile(&specification, Arc::new(arena), number(LANE) as u8);
    // A write of so few bytes to a pipe happens as a whole or not at all.
    let mut pipe = std::io::stderr();
    loop {
        let route = random.below(ROUTES.into()) as u16;
        let status = 200 + random.below(STATUSES.into()) as u16;
        metrics.observe(&request(route, status, random.below(1 << 32) as u32));
        metrics.count_auth(AuthOutcome::Accepted);
        pipe.write_all(&status.to_le_bytes()).expect("a reader");
    }
}

/// Requests by status that children say they have counted.
type Reports = HashMap<u16, u64>;

fn start(path: &Path, lane: u8, random: &mut Random) -> Child {
    let program = env::current_exe().expect("the test itself");
    let mut command = Command::new(program);
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(PATH, path).env(LANE, lane.to_string());
    command.env(SEED, (random.below(1 << 40) + 1).to_string());
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped()).spawn().expect("a child")
}

/// Let a child report so often, kill it in the midst of whatever it does, and read what it had
/// reported until then.
fn run_and_kill(mut child: Child, life: u64, reports: &mut Reports) {
    let mut pipe = child.stderr.take().expect("a pipe");
    let mut bytes = vec![0; 2 * life as usize];
    pipe.read_exact(&mut bytes).expect("reports");
    child.kill().expect("a process");
    child.wait().expect("a process");
    pipe.read_to_end(&mut bytes).expect("the rest");
    for report in bytes.chunks_exact(2) {
        let status = u16::from_le_bytes([report[0], report[1]]);
        assert!(
            (200..200 + STATUSES).contains(&status),
            "the child complains"
        );
        *reports.entry(status).or_default() += 1;
    }
}

fn kill_many(path: &Path, lane: u8) -> Reports {
    let mut random = Random(u64::from(lane) + 7);
    let mut reports = Reports::new();
    for _ in 0..KILLS_PER_LANE {
        let child = start(path, lane, &mut random);
        run_and_kill(child, 1 + random.below(LONGEST_LIFE), &mut reports);
    }
    reports
}

fn float(count: u64) -> f64 {
    let count = u32::try_from(count);
    count.expect("what a test can count").into()
}

/// What was counted, as numbers that only ever grow, by what they are of.
fn numbers(found: &Measurements) -> HashMap<String, f64> {
    let mut numbers = HashMap::new();
    for series in &found.requests {
        let key = format!("{} {} {}", series.method, series.route, series.status);
        assert!(
            series.route == "_other" || series.route.starts_with("route-"),
            "{key}: no name is torn"
        );
        let counts = [series.durations.count(), series.response_bytes];
        let [count, bytes] = counts.map(float);
        let sum = series.durations.sum;
        let sums = [("count", count), ("bytes", bytes), ("sum", sum)];
        for (what, number) in sums {
            let before = numbers.insert(format!("{key} {what}"), number);
            assert!(before.is_none(), "{key} is there once");
        }
        for (bucket, trace_id, seconds, unix_seconds) in &series.exemplars {
            let (high, low) = trace_id.split_at(16);
            let number = u32::from_str_radix(low, 16).expect("hexadecimal digits");
            assert_eq!(
                (high, *unix_seconds),
                (low, f64::from(number)),
                "no exemplar is torn"
            );
            assert_eq!((*bucket, *seconds), (9, SECONDS));
        }
    }
    numbers.insert("crowded".into(), float(found.crowded_series));
    numbers.insert("accepted".into(), float(found.auth["accepted"]));
    numbers.insert("overhead".into(), found.overhead.sum);
    numbers
}

/// Look on until it is over; how often that was.
fn look_on(arena: &Arena, is_over: &AtomicBool) -> u32 {
    let mut before = HashMap::new();
    let mut times = 0;
    while !is_over.load(Ordering::Relaxed) {
        let now = numbers(&arena.measurements());
        for (what, number) in &before {
            assert!(now.get(what) >= Some(number), "{what} goes down");
        }
        before = now;
        times += 1;
        thread::yield_now();
    }
    times
}

fn temporary_file() -> PathBuf {
    let name = format!("metrics-kill-{}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn killed_workers_leave_true_counts() {
    let path = temporary_file();
    let arena = Arena::create(open(&path).as_raw_fd(), FEWEST_SLOTS, SERIES, 1).expect("an arena");
    let is_over = AtomicBool::new(false);
    let reports = thread::scope(|scope| {
        let looking = scope.spawn(|| look_on(&arena, &is_over));
        let runs = LANES.map(|lane| {
            scope.spawn({
                let path = &path;
                move || kill_many(path, lane)
            })
        });
        let mut sum = Reports::new();
        for run in runs {
            for (status, count) in run.join().expect("a lane") {
                *sum.entry(status).or_default() += count;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(looking.join().expect("nothing goes down") > 0);
        sum
    });
    std::fs::remove_file(path).expect("the arena's file");

    let found = arena.measurements();
    let kills = (LANES.len() * KILLS_PER_LANE) as u64;
    let reported: u64 = reports.values().sum();
    assert!(reported > kills, "the children did something");
    // Of each killed child, one request at most is counted in part, or counted and not reported.
    let check = |what: &str, counted: u64, reported: u64| {
        assert!(
            (reported..=reported + kills).contains(&counted),
            "{what}: {counted} of {reported}"
        );
    };
    for (status, reported) in reports {
        let series = found.requests.iter();
        let of_status = series.filter(|series| series.status == status.to_string());
        let counted = of_status.map(|series| series.durations.count());
        check(&format!("status {status}"), counted.sum(), reported);
    }
    let requests: u64 = found
        .requests
        .iter()
        .map(|series| series.durations.count())
        .sum();
    check("requests", requests, reported);
    let bytes: u64 = found
        .requests
        .iter()
        .map(|series| series.response_bytes)
        .sum();
    assert_eq!(bytes % BYTES, 0, "bytes are added at once");
    check("bytes", bytes / BYTES, reported);
    let sum: f64 = found
        .requests
        .iter()
        .map(|series| series.durations.sum)
        .sum();
    let sum = sum / SECONDS;
    assert!(
        (float(reported)..=float(reported + kills)).contains(&sum),
        "sum: {sum}"
    );
    check("overhead", found.overhead.count(), reported);
    check("decide", found.phases["decide"].count(), reported);
    check("accepted", found.auth["accepted"], reported);
    let upstreams = found.upstreams.iter();
    check(
        "upstream",
        upstreams.map(|series| series.durations.count()).sum(),
        reported,
    );

    // More series came than there is room for, and those that found none are all crowded.
    let own = found
        .requests
        .iter()
        .filter(|series| series.route != "_other");
    let others = found
        .requests
        .iter()
        .filter(|series| series.route == "_other");
    assert!(own.count() > 0);
    let in_others: u64 = others.map(|series| series.durations.count()).sum();
    assert!(in_others > 0 && in_others <= found.crowded_series);
    assert!(found.crowded_series <= in_others + kills);
}
