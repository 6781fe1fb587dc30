//! How often two buckets judge otherwise than an exact log, and how far off they can be driven.
//!
//!     cargo run --release -p pygateway-core --example misjudgement
//!
//! *Law* is what the law admits of all requests, *log* what a limiter would that keeps an exact log
//! of its own. Two columns then judge the law's single answers by an exact log of what the law has
//! admitted: *wrongly admitted* although that log was full, *wrongly refused* although it had
//! room, if only for one. The *worst window* is the most that any true sliding window has seen, as
//! a multiple of the quota: the law's bound is 2. Traffic is the same on every run.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times and counts far below 2^52"
)]

use std::collections::VecDeque;

use pygateway_core::window::{Law, Window};

const REQUESTS: u32 = 1_000_000;
const WINDOW_MS: u64 = 10_000;
const QUOTA: u32 = 1000;

/// A small generator of pseudo-random numbers (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    /// Within 0 and 1.
    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Milliseconds between two requests of a Poisson process.
    fn gap(&mut self, mean_ms: f64) -> f64 {
        -mean_ms * (1.0 - self.fraction()).ln()
    }
}

/// Requests at a steady mean rate, given as a multiple of what the quota allows.
fn poisson(rate: f64) -> impl FnMut(&mut Random, f64) -> f64 {
    let mean = WINDOW_MS as f64 / f64::from(QUOTA) / rate;
    move |random, now| now + random.gap(mean)
}

/// Nothing for a while, then far more than the quota allows, for random times.
fn on_off(rate: f64, on_ms: f64, off_ms: f64) -> impl FnMut(&mut Random, f64) -> f64 {
    let mean = WINDOW_MS as f64 / f64::from(QUOTA) / rate;
    let mut end = 0.0;
    move |random, now| {
        let next = now + random.gap(mean);
        if next < end {
            return next;
        }
        let start = end.max(now) + random.gap(off_ms);
        end = start + random.gap(on_ms);
        start
    }
}

/// A quota within the last `part` of every other bucket, and one within the part before that of
/// the buckets between: two of them within a window, of which the law forgives the most.
fn bucket_ends(part: f64) -> impl FnMut(&mut Random, f64) -> f64 {
    let length = WINDOW_MS as f64;
    let step = part * length / f64::from(QUOTA);
    move |_, now| {
        let next = now + step;
        let bucket = (next / length).floor();
        let parts = if bucket % 2.0 == 0.0 { 1.0 } else { 2.0 };
        let start = (bucket + 1.0 - parts * part) * length;
        if next < start + part * length {
            return next.max(start);
        }
        // Only after an odd bucket's burst is anything left of the bucket.
        (bucket + 2.0 - part) * length
    }
}

/// Everything within the first `part` of every other bucket: what the law resents the most.
fn bucket_starts(part: f64) -> impl FnMut(&mut Random, f64) -> f64 {
    let length = WINDOW_MS as f64;
    let step = part * length / f64::from(QUOTA);
    move |_, now| {
        let next = now + step;
        let start = (next / length).floor() * length;
        if next - start < part * length {
            next
        } else {
            start + length
        }
    }
}

/// What was admitted, charge by charge.
#[derive(Default)]
struct Log {
    times: VecDeque<u64>,
}

impl Log {
    fn has_room(&mut self, law: &Law, now: u64) -> bool {
        let is_past = |&time: &u64| time + law.length() <= now;
        while self.times.front().is_some_and(is_past) {
            self.times.pop_front();
        }
        self.times.len() < law.quota() as usize
    }
}

struct Judgement {
    admitted: u32,
    by_log: u32,
    wrongly_admitted: u32,
    wrongly_refused: u32,
    worst: usize,
}

fn judge(law: &Law, mut next: impl FnMut(&mut Random, f64) -> f64) -> Judgement {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut window = Window::default();
    let mut log = Log::default();
    let mut exact = Log::default();
    let mut now = 1e12;
    let mut judgement = Judgement {
        admitted: 0,
        by_log: 0,
        wrongly_admitted: 0,
        wrongly_refused: 0,
        worst: 0,
    };
    for _ in 0..REQUESTS {
        now = next(&mut random, now);
        let time = now as u64;
        let has_room = log.has_room(law, time);
        if exact.has_room(law, time) {
            exact.times.push_back(time);
            judgement.by_log += 1;
        }
        match law.charge(window, time, 1) {
            Some(charged) => {
                window = charged;
                log.times.push_back(time);
                judgement.admitted += 1;
                judgement.wrongly_admitted += u32::from(!has_room);
            }
            None => judgement.wrongly_refused += u32::from(has_room),
        }
        judgement.worst = judgement.worst.max(log.times.len());
    }
    judgement
}

fn report(name: &str, judgement: &Judgement) {
    let share = |count: u32| 100.0 * f64::from(count) / f64::from(REQUESTS);
    println!(
        "{name:<50} {:>6.2} % {:>6.2} % {:>10.3} % {:>11.3} % {:>12.3}",
        share(judgement.admitted),
        share(judgement.by_log),
        share(judgement.wrongly_admitted),
        share(judgement.wrongly_refused),
        judgement.worst as f64 / f64::from(QUOTA),
    );
}

fn main() {
    let Ok(law) = Law::new(QUOTA, WINDOW_MS) else {
        unreachable!("within bounds");
    };
    println!("{QUOTA} per {WINDOW_MS} ms, {REQUESTS} requests each");
    println!(
        "{:<50} {:>8} {:>8} {:>12} {:>13} {:>12}",
        "traffic", "law", "log", "wrongly adm.", "wrongly ref.", "worst window"
    );
    for rate in [0.5, 0.9, 1.0, 1.1, 2.0, 10.0] {
        let name = format!("Poisson at {rate} of the quota");
        report(&name, &judge(&law, poisson(rate)));
    }
    for (rate, on, off) in [
        (2.0, 5e3, 5e3),
        (5.0, 1e3, 9e3),
        (10.0, 3e3, 3e4),
        (50.0, 200.0, 1e4),
    ] {
        let name = format!("on/off: {rate} of it for {on} ms, then {off} ms off");
        report(&name, &judge(&law, on_off(rate, on, off)));
    }
    for part in [0.5, 0.1, 0.01, 0.001] {
        let name = format!("adversary at the last {part} of each bucket");
        report(&name, &judge(&law, bucket_ends(part)));
    }
    report(
        "unlucky: the first 0.1 of each bucket",
        &judge(&law, bucket_starts(0.1)),
    );
}
