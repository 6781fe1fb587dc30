//! What was revoked: single tokens, the tokens of a subject, or whatever was issued before a time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;

mod entry;
#[cfg(test)]
mod tests;

pub use entry::{Revocation, Target};

/// Fewest entries that are worth a look for expired ones.
const FEW: usize = 64;

/// The revocations that a gate knows, bounded by their number.
///
/// Entries against the same target merge: the later time and the later expiry win. So the same
/// entries, in any order and any number of times, come to the same.
#[derive(Debug)]
pub struct Revocations {
    maximum: usize,
    version: u64,
    fresh_until: f64,
    held: usize,
    /// Number of entries at which those that expired are forgotten.
    crowded: usize,
    /// Against tokens of every issuer.
    universal: Scope,
    by_issuer: HashMap<Box<str>, Scope>,
}

/// The revocations against tokens of one issuer, or of every one.
#[derive(Debug, Default)]
struct Scope {
    tokens: HashMap<Box<str>, Cut>,
    subjects: HashMap<Box<str>, Cut>,
    everything: Option<Cut>,
}

/// Whatever was issued before a time is revoked, until that can be forgotten.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    issued_before: f64,
    expires: f64,
}

/// There is no room for all of the entries; none was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Most entries that are held.
    pub maximum: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "no room for more than {} revocations",
            self.maximum
        )
    }
}

impl std::error::Error for Full {}

impl Revocations {
    /// Room for `maximum` entries; fresh for ever, until told otherwise.
    #[must_use]
    pub fn new(maximum: usize) -> Self {
        Self {
            maximum,
            version: 0,
            fresh_until: f64::INFINITY,
            held: 0,
            crowded: FEW,
            universal: Scope::default(),
            by_issuer: HashMap::new(),
        }
    }

    /// Take entries, and say how many of them changed anything. Expired ones do not.
    ///
    /// # Errors
    ///
    /// [`Full`] when they do not all fit; then nothing has changed.
    pub fn apply(&mut self, mut entries: Vec<Revocation>, now: f64) -> Result<usize, Full> {
        entries.retain(|entry| entry.expires > now);
        // Looking through all of them pays when their number has doubled since the last look.
        if self.held + entries.len() > self.maximum.min(self.crowded) {
            self.forget(now);
            self.crowded = FEW.max(2 * self.held);
        }
        if self.held + entries.len() > self.maximum
            && self.held + self.count_new(&entries) > self.maximum
        {
            return Err(Full {
                maximum: self.maximum,
            });
        }
        let mut changed = 0;
        for entry in entries {
            changed += usize::from(self.put(entry, now));
        }
        self.version += u64::from(changed > 0);
        Ok(changed)
    }

    /// Whether a token is revoked. One that does not say when it was issued counts as issued
    /// before every time.
    #[must_use]
    pub fn is_revoked(
        &self,
        issuer: &str,
        subject: Option<&str>,
        token_id: Option<&str>,
        issued_at: Option<f64>,
        now: f64,
    ) -> bool {
        let issued_at = issued_at.unwrap_or(f64::NEG_INFINITY);
        let scopes = [Some(&self.universal), self.by_issuer.get(issuer)];
        scopes.into_iter().flatten().any(|scope| {
            let cuts = [
                token_id.and_then(|name| scope.tokens.get(name)),
                subject.and_then(|name| scope.subjects.get(name)),
                scope.everything.as_ref(),
            ];
            let hits = |cut: &Cut| issued_at < cut.issued_before && now < cut.expires;
            cuts.into_iter().flatten().any(hits)
        })
    }

    /// A number that grows whenever a token may have become revoked.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Say until when what is held is known to be complete; from then on it is stale.
    pub const fn set_fresh_until(&mut self, time: f64) {
        self.fresh_until = time;
    }

    /// Whether revocations may exist that are not held here.
    #[must_use]
    pub const fn is_stale(&self, now: f64) -> bool {
        now > self.fresh_until
    }

    /// Number of entries; some may have expired.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.held
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// What is held and has not expired, in no particular order.
    #[must_use]
    pub fn list(&self, now: f64) -> Vec<Revocation> {
        let mut entries = Vec::new();
        self.universal.list(None, now, &mut entries);
        for (issuer, scope) in &self.by_issuer {
            scope.list(Some(issuer), now, &mut entries);
        }
        entries
    }

    fn put(&mut self, entry: Revocation, now: f64) -> bool {
        let cut = Cut {
            issued_before: entry.target.issued_before(),
            expires: entry.expires,
        };
        let scope = match entry.issuer {
            None => &mut self.universal,
            Some(issuer) => self.by_issuer.entry(issuer.into()).or_default(),
        };
        let place = match entry.target {
            Target::Token(name) => scope.tokens.entry(name.into()),
            Target::Subject { subject, .. } => scope.subjects.entry(subject.into()),
            Target::Everything { .. } => {
                self.held += usize::from(scope.everything.is_none());
                return match &mut scope.everything {
                    Some(known) => known.merge(cut, now),
                    none => none.replace(cut).is_none(),
                };
            }
        };
        match place {
            Entry::Occupied(mut known) => known.get_mut().merge(cut, now),
            Entry::Vacant(place) => {
                self.held += 1;
                place.insert(cut);
                true
            }
        }
    }

    /// How many of the entries are against targets that are not held.
    fn count_new(&self, entries: &[Revocation]) -> usize {
        let is_new = |entry: &&Revocation| {
            let scope = match &entry.issuer {
                None => Some(&self.universal),
                Some(issuer) => self.by_issuer.get(issuer.as_str()),
            };
            !scope.is_some_and(|scope| scope.holds(&entry.target))
        };
        let targets = entries.iter().filter(is_new).map(Revocation::key);
        targets.collect::<HashSet<_>>().len()
    }

    /// Drop what has expired.
    fn forget(&mut self, now: f64) {
        self.universal.forget(now);
        self.by_issuer.retain(|_, scope| {
            scope.forget(now);
            scope.len() > 0
        });
        let issuers = self.by_issuer.values().map(Scope::len);
        self.held = self.universal.len() + issuers.sum::<usize>();
    }
}

impl Scope {
    fn len(&self) -> usize {
        self.tokens.len() + self.subjects.len() + usize::from(self.everything.is_some())
    }

    fn holds(&self, target: &Target) -> bool {
        match target {
            Target::Token(name) => self.tokens.contains_key(name.as_str()),
            Target::Subject { subject, .. } => self.subjects.contains_key(subject.as_str()),
            Target::Everything { .. } => self.everything.is_some(),
        }
    }

    fn forget(&mut self, now: f64) {
        for cuts in [&mut self.tokens, &mut self.subjects] {
            cuts.retain(|_, cut| now < cut.expires);
            cuts.shrink_to(2 * cuts.len());
        }
        self.everything = self.everything.filter(|cut| now < cut.expires);
    }

    fn list(&self, issuer: Option<&str>, now: f64, entries: &mut Vec<Revocation>) {
        let mut push = |target, cut: &Cut| {
            if now < cut.expires {
                entries.push(Revocation {
                    target,
                    issuer: issuer.map(str::to_owned),
                    expires: cut.expires,
                });
            }
        };
        for (name, cut) in &self.tokens {
            push(Target::Token(name.to_string()), cut);
        }
        for (name, cut) in &self.subjects {
            let subject = name.to_string();
            let issued_before = cut.issued_before;
            push(
                Target::Subject {
                    subject,
                    issued_before,
                },
                cut,
            );
        }
        if let Some(cut) = &self.everything {
            let issued_before = cut.issued_before;
            push(Target::Everything { issued_before }, cut);
        }
    }
}

impl Cut {
    /// Take in another cut of the same target; whether that changes anything.
    fn merge(&mut self, other: Self, now: f64) -> bool {
        let before = *self;
        if now < self.expires {
            self.issued_before = self.issued_before.max(other.issued_before);
            self.expires = self.expires.max(other.expires);
        } else {
            // What has expired must not come back to life.
            *self = other;
        }
        *self != before
    }
}
