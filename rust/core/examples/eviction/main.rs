//! Which eviction policy suits tokens: hit rates of several, on made-up traffic.
//!
//!     cargo run --release -p pygateway-core --example eviction
//!
//! The policies here only count; the token cache is the gateway's own. Every policy gets as many
//! entries as fit into the token cache. Traffic is reproducible; the cache's keyed hash, which
//! differs from run to run, can change the last digit.

mod lfu;
mod list;
mod lru;
mod sieve;
mod traffic;

use std::hash::{BuildHasherDefault, Hasher};

use pygateway_core::token::TokenCache;

use lfu::TinyLfu;
use lru::Lru;
use sieve::Sieve;
use traffic::{Habit, SUBJECTS, Token, Traffic, Zipf};

/// What a token and its principal take, about.
const BYTES_PER_TOKEN: usize = 1024;
/// Requests before counting starts, and counted ones.
const WARM_UP: usize = 2_000_000;
const COUNTED: usize = 2_000_000;

/// A cache that only knows what it holds.
trait Policy {
    /// Ask for a token, and hold it from now on. Whether it was held and good.
    fn request(&mut self, token: Token) -> bool;
}

/// Keys are well mixed, or counted upwards: one multiplication is hash enough here.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("keys are numbers");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(32);
    }
}

type Map<V> = std::collections::HashMap<u64, V, BuildHasherDefault<Mixer>>;

impl Policy for TokenCache<u64> {
    fn request(&mut self, token: Token) -> bool {
        let credential = token.key.to_le_bytes();
        let is_good = self
            .get(0, &credential)
            .is_some_and(|&until| until > token.now);
        if !is_good {
            self.insert(0, &credential, token.until, BYTES_PER_TOKEN);
        }
        is_good
    }
}

/// How many tokens a cache of so many bytes holds.
fn entries(bytes: usize) -> usize {
    let mut cache = TokenCache::new(bytes);
    for key in 0..2 * (bytes / BYTES_PER_TOKEN) as u64 {
        cache.request(Token::once(key));
    }
    cache.statistics().entries
}

/// The hit rate among tokens that come again at all.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn hit_rate(policy: &mut dyn Policy, mut traffic: Traffic<'_>) -> f64 {
    let (mut hits, mut returning) = (0_usize, 0_usize);
    for count in 0..WARM_UP + COUNTED {
        let token = traffic.next_token();
        let is_hit = policy.request(token);
        if count >= WARM_UP {
            hits += usize::from(is_hit);
            returning += usize::from(token.returns);
        }
    }
    hits as f64 / returning as f64
}

fn main() {
    println!(
        "{SUBJECTS} subjects, {COUNTED} requests counted after {WARM_UP}, hit rate in percent"
    );
    println!();
    println!(
        "| traffic | cache | entries | LRU | SIEVE | W-TinyLFU | token cache (S3-FIFO) | most popular |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for exponent in [0.8, 1.0, 1.2] {
        let zipf = Zipf::new(exponent);
        for habit in Habit::ALL {
            for mebibytes in [8, 64, 256] {
                let bytes = mebibytes << 20;
                let count = entries(bytes);
                let mut cells = Vec::new();
                let mut policies: [Box<dyn Policy>; 4] = [
                    Box::new(Lru::new(count)),
                    Box::new(Sieve::new(count)),
                    Box::new(TinyLfu::new(count)),
                    Box::new(TokenCache::new(bytes)),
                ];
                for policy in &mut policies {
                    let rate = hit_rate(policy.as_mut(), Traffic::new(&zipf, habit));
                    cells.push(format!("{:.1}", 100.0 * rate));
                }
                println!(
                    "| Zipf {exponent}{} | {mebibytes} MiB | {count} | {} | {:.1} |",
                    habit.words(),
                    cells.join(" | "),
                    100.0 * zipf.share_of(count),
                );
            }
        }
    }
}
