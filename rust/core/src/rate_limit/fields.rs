//! Tells clients how they stand: RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)
//! with an item for each policy, and the older X-RateLimit fields for the tightest one.

use crate::grammar::write_decimal;
use crate::specification::{FieldChanges, LIMIT_FIELDS};

/// How a request stands with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Name of the policy.
    pub name: &'a str,
    /// What may be had.
    pub quota: u32,
    /// What is left of that.
    pub remaining: u32,
    /// The window; nothing, where it is requests at a time that are counted.
    pub window: Option<Span>,
}

/// A window, and when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Length in milliseconds.
    pub length: u64,
    /// Milliseconds until more can be had: where nothing is left, until a request can succeed;
    /// otherwise, until the present bucket ends.
    pub reset_ms: u64,
}

/// Which of the fields the gateway writes: a route may decide about them by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written(u8);

impl Written {
    /// The fields about which a route says nothing.
    #[must_use]
    pub fn beside(changes: &FieldChanges) -> Self {
        let set = changes.set.iter().map(|(name, _)| name);
        let names: Vec<_> = set.chain(&changes.remove).collect();
        let is_free = |field: &str| !names.iter().any(|name| name.eq_ignore_ascii_case(field));
        let bits = LIMIT_FIELDS.iter().enumerate();
        Self(bits.fold(0, |bits, (number, field)| {
            bits | u8::from(is_free(field)) << number
        }))
    }

    const fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    /// The lines that tell how a request stands.
    #[must_use]
    pub fn lines(self, standings: &[Standing<'_>]) -> Vec<u8> {
        let mut out = Vec::with_capacity(192 + 64 * standings.len());
        if standings.is_empty() {
            return out;
        }
        if self.has(0) {
            put_list(&mut out, LIMIT_FIELDS[0], standings, put_policy);
        }
        if self.has(1) {
            put_list(&mut out, LIMIT_FIELDS[1], standings, put_standing);
        }
        let windows = standings
            .iter()
            .filter_map(|standing| Some((standing, standing.window?)));
        // The tightest: of those that leave as little, the one that lasts longest.
        let tightest =
            windows.min_by_key(|(standing, span)| (standing.remaining, u64::MAX - span.reset_ms));
        if let Some((standing, span)) = tightest {
            let values = [
                u64::from(standing.quota),
                u64::from(standing.remaining),
                seconds(span.reset_ms),
            ];
            for (number, value) in (2..).zip(values) {
                if self.has(number) {
                    out.extend_from_slice(LIMIT_FIELDS[number].as_bytes());
                    out.extend_from_slice(b": ");
                    write_decimal(&mut out, value);
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        out
    }
}

/// Whole seconds, never too few.
#[must_use]
pub const fn seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1000)
}

fn put_list(
    out: &mut Vec<u8>,
    field: &str,
    standings: &[Standing<'_>],
    put_item: fn(&mut Vec<u8>, &Standing<'_>),
) {
    out.extend_from_slice(field.as_bytes());
    for (place, standing) in standings.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b": \"" } else { b", \"" });
        out.extend_from_slice(standing.name.as_bytes());
        out.push(b'"');
        put_item(out, standing);
    }
    out.extend_from_slice(b"\r\n");
}

fn put_policy(out: &mut Vec<u8>, standing: &Standing<'_>) {
    out.extend_from_slice(b";q=");
    write_decimal(out, standing.quota.into());
    if let Some(span) = standing.window {
        out.extend_from_slice(b";w=");
        write_decimal(out, seconds(span.length));
    } else {
        out.extend_from_slice(b";qu=\"concurrent-requests\"");
    }
}

fn put_standing(out: &mut Vec<u8>, standing: &Standing<'_>) {
    out.extend_from_slice(b";r=");
    write_decimal(out, standing.remaining.into());
    if let Some(span) = standing.window {
        out.extend_from_slice(b";t=");
        write_decimal(out, seconds(span.reset_ms));
    }
}
