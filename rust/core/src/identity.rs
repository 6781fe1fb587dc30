//! Identifiers of requests and traces: unique, not secret.

use std::sync::Mutex;

use crate::grammar::hexadecimal;
use crate::specification::SpecError;

/// Longest X-Request-ID that is believed.
const LONGEST_REQUEST_ID: usize = 128;

/// A generator of identifiers (xoshiro256++ of Blackman and Vigna, 2021).
///
/// It is fast and statistically good, but whoever sees some of its output can work out the rest:
/// nothing may rely on these identifiers being hard to guess. The same seed gives the same
/// identifiers.
#[derive(Debug)]
pub struct Generator {
    state: Mutex<[u64; 4]>,
}

impl Generator {
    /// A generator that starts from `seed`.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> Self {
        let mut state = [0; 4];
        let mut salt = 0;
        for (word, bytes) in state.iter_mut().zip(seed.as_chunks::<8>().0) {
            // Mixed, because a seed of few bits, such as zeros, would show for many steps.
            salt = GOLDEN_RATIO.wrapping_add(salt);
            *word = mix(u64::from_le_bytes(*bytes).wrapping_add(salt));
        }
        // From zero the sequence would be nothing but zeros.
        if state == [0; 4] {
            state[0] = GOLDEN_RATIO;
        }
        Self {
            state: Mutex::new(state),
        }
    }

    /// The next words of the sequence.
    fn next<const COUNT: usize>(&self) -> [u64; COUNT] {
        // A panic cannot leave the state half-way, so a poisoned lock is as good as any.
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        std::array::from_fn(|_| step(&mut state))
    }

    /// A UUID of version 7 (RFC 9562 section 5.7) at `now` Unix seconds.
    #[must_use]
    #[expect(
        clippy::cast_sign_loss,
        reason = "times before 1970 become 0, which is what is wanted"
    )]
    pub fn uuid7(&self, now: f64) -> String {
        let [random_a, random_b] = self.next();
        let milliseconds = (now * 1000.0) as u64;
        let high = milliseconds << 16 | 0x7000 | random_a >> 52;
        let low = 0b10 << 62 | random_b >> 2;
        let mut digits = [0; 32];
        write_hexadecimal(&mut digits[..16], high);
        write_hexadecimal(&mut digits[16..], low);
        let mut text = *b"00000000-0000-0000-0000-000000000000";
        for (place, group) in [
            (0, 0..8),
            (9, 8..12),
            (14, 12..16),
            (19, 16..20),
            (24, 20..32),
        ] {
            text[place..place + group.len()].copy_from_slice(&digits[group]);
        }
        String::from_utf8(text.to_vec()).unwrap_or_default()
    }

    /// The trace of a request (W3C Trace Context): that of `parent` continued with new spans, or a
    /// new one. Without `sampling` nobody collects spans here, so the upstream is told of the
    /// parent's: one that nobody hears of again would tear the trace.
    #[must_use]
    #[inline]
    pub fn trace(&self, parent: Option<&Traceparent>, sampling: Option<Sampling>) -> Trace {
        let [high, low, span, client_span] = self.next();
        // Zero is not an identifier.
        let (span, client_span) = (span | 1, client_span | 1);
        if let Some(parent) = parent {
            return Trace {
                id: parent.trace,
                parent: Some(parent.span),
                span,
                client_span: if sampling.is_some() {
                    client_span
                } else {
                    parent.span
                },
                flags: parent.flags,
                is_sampled: sampling.is_some() && parent.flags & SAMPLED != 0,
            };
        }
        let id = u128::from(high | 1) << 64 | u128::from(low);
        let is_sampled = sampling.is_some_and(|sampling| sampling.takes(id));
        Trace {
            id,
            parent: None,
            span,
            client_span,
            flags: RANDOM | if is_sampled { SAMPLED } else { 0 },
            is_sampled,
        }
    }
}

/// The flag of a traceparent that says that its spans are collected.
const SAMPLED: u8 = 1;

/// The flag that says that at least the last 56 bits of the trace's identifier are random, so that
/// others can sample by them. Further flags mean nothing yet, and are not passed on (W3C Trace
/// Context Level 2, trace-flags).
const RANDOM: u8 = 2;

/// The trace that a request is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Its identifier.
    pub id: u128,
    /// The span of a trusted peer that the request comes from.
    pub parent: Option<u64>,
    /// The gateway's own span.
    pub span: u64,
    /// The span of the request to the upstream.
    pub client_span: u64,
    /// Flags, as they are passed on.
    pub flags: u8,
    /// Whether the gateway's spans are collected.
    pub is_sampled: bool,
}

impl Trace {
    /// The traceparent for the upstream.
    #[must_use]
    #[inline]
    pub fn traceparent(&self) -> [u8; TRACEPARENT_LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hexadecimal(&mut text[3..19], (self.id >> 64) as u64);
        write_hexadecimal(&mut text[19..35], self.id as u64);
        write_hexadecimal(&mut text[36..52], self.client_span);
        text[53] = DIGITS[usize::from(self.flags >> 4)];
        text[54] = DIGITS[usize::from(self.flags & 15)];
        text
    }
}

/// Which traces are sampled of those that nobody has decided about yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Those are whose identifier's low half is less.
    below: u128,
}

impl Sampling {
    /// Sampling of a share of all traces, from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`SpecError`], when it is none.
    #[expect(
        clippy::cast_sign_loss,
        reason = "a share is not negative, which is checked"
    )]
    pub fn new(ratio: f64) -> Result<Self, SpecError> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(SpecError(format!("tracing: {ratio} is no share")));
        }
        // 2^64, so that 1 takes all.
        let below = (ratio * 18_446_744_073_709_551_616.0) as u128;
        Ok(Self { below })
    }

    /// Whether a new trace is sampled. Everybody who goes by its identifier decides alike.
    #[must_use]
    #[inline]
    pub const fn takes(self, id: u128) -> bool {
        (id & u64::MAX as u128) < self.below
    }
}

/// 2^64 divided by the golden ratio, odd.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): one to one, each bit depends on all.
const fn mix(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

fn step(state: &mut [u64; 4]) -> u64 {
    let result = state[0]
        .wrapping_add(state[3])
        .rotate_left(23)
        .wrapping_add(state[0]);
    let shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = state[3].rotate_left(45);
    result
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn write_hexadecimal(slot: &mut [u8], number: u64) {
    for (pair, byte) in slot.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Length of a traceparent of version 00.
pub const TRACEPARENT_LENGTH: usize = 55;

/// What a well-formed traceparent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent {
    trace: u128,
    span: u64,
    flags: u8,
}

impl Traceparent {
    /// Read a traceparent, strictly: lower-case digits, no zero identifiers.
    ///
    /// Later versions may go on after a hyphen; what is known of them is read (W3C Trace Context,
    /// Versioning of traceparent), and passed on as version 00. Version ff is forbidden.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (text, rest) = value.split_first_chunk::<TRACEPARENT_LENGTH>()?;
        let is_well_formed = text.iter().enumerate().all(|(index, &byte)| match index {
            2 | 35 | 52 => byte == b'-',
            _ => hexadecimal(byte).is_some() && !byte.is_ascii_uppercase(),
        });
        let is_version_known = match &text[..2] {
            b"00" => rest.is_empty(),
            b"ff" => false,
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        if !is_well_formed || !is_version_known {
            return None;
        }
        let [trace, span, flags] = [3..35, 36..52, 53..55].map(|range| number(&text[range]));
        (trace != 0 && span != 0).then_some(Self {
            trace,
            span: span as u64,
            flags: flags as u8 & (SAMPLED | RANDOM),
        })
    }
}

/// The number that hexadecimal digits give.
fn number(digits: &[u8]) -> u128 {
    digits.iter().fold(0, |number, &digit| {
        number << 4 | u128::from(hexadecimal(digit).unwrap_or_default())
    })
}

/// Whether a trusted peer's X-Request-ID can be passed on, logged and shown as it is.
#[must_use]
pub fn is_request_id(value: &[u8]) -> bool {
    (1..=LONGEST_REQUEST_ID).contains(&value.len())
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._~+/=:@-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_time_version_and_variant() {
        let generator = Generator::new(&[7; 32]);
        let first = generator.uuid7(1_645_557_742.0);
        assert_eq!(&first[..15], "017f22e2-79b0-7");
        assert!(
            matches!(first.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
            "{first}"
        );
        assert_eq!(first.len(), 36);
        assert_ne!(generator.uuid7(1_645_557_742.0), first);
        assert!(generator.uuid7(-1.0).starts_with("00000000-0000-7"));
    }

    #[test]
    fn the_same_seed_gives_the_same_identifiers() {
        let one = Generator::new(&[3; 32]);
        let other = Generator::new(&[3; 32]);
        assert_eq!(one.uuid7(1.0), other.uuid7(1.0));
        assert_eq!(one.trace(None, None), other.trace(None, None));
        assert_ne!(Generator::new(&[0; 32]).uuid7(1.0), one.uuid7(1.0));
    }

    #[test]
    fn traces_are_passed_on_as_they_are_where_nobody_collects_spans() {
        let generator = Generator::new(&[9; 32]);
        let given = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = generator.trace(Traceparent::parse(given).as_ref(), None);
        assert_eq!(&trace.traceparent(), given);
        assert!(trace.parent == Some(0x00f0_67aa_0ba9_02b7) && !trace.is_sampled);
        let fresh = generator.trace(None, None).traceparent();
        assert!(Traceparent::parse(&fresh).is_some() && fresh.ends_with(b"-02"));
    }

    #[test]
    fn traces_are_continued_with_a_new_span() {
        let generator = Generator::new(&[9; 32]);
        let given = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let sampling = Sampling::new(1.0).ok();
        let trace = generator.trace(Traceparent::parse(given).as_ref(), sampling);
        let next = trace.traceparent();
        assert_eq!((&next[..36], &next[52..]), (&given[..36], &given[52..]));
        assert_ne!(next[36..52], given[36..52]);
        assert!(Traceparent::parse(&next).is_some());
        assert_eq!(trace.parent, Some(0x00f0_67aa_0ba9_02b7));
        assert!(trace.span != trace.client_span && trace.client_span != 0x00f0_67aa_0ba9_02b7);
    }

    #[test]
    fn a_parent_decides_what_is_sampled_and_else_the_ratio() {
        let generator = Generator::new(&[9; 32]);
        let [none, half, all] = [0.0, 0.5, 1.0].map(|ratio| Sampling::new(ratio).unwrap());
        for (flags, is_sampled) in [("01", true), ("00", false), ("03", true)] {
            let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            let parent = Traceparent::parse(text.as_bytes());
            for sampling in [none, half, all] {
                let trace = generator.trace(parent.as_ref(), Some(sampling));
                assert_eq!(trace.is_sampled, is_sampled);
                assert!(trace.traceparent().ends_with(flags.as_bytes()));
            }
        }
        let sampled = |sampling| {
            let traces = (0..1000).map(|_| generator.trace(None, Some(sampling)));
            traces
                .filter(|trace| trace.is_sampled && trace.flags == 3)
                .count()
        };
        assert_eq!((sampled(none), sampled(all)), (0, 1000));
        assert!((400..600).contains(&sampled(half)));
        assert!(Sampling::new(1.1).is_err() && Sampling::new(f64::NAN).is_err());
    }

    #[test]
    fn later_versions_are_read_as_far_as_they_are_known() {
        let known = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let expected = Traceparent::parse(format!("00-{known}").as_bytes());
        for text in [
            format!("01-{known}"),
            format!("cc-{known}-what-the-future-will-be-like"),
            format!("fe-{known}-"),
        ] {
            assert_eq!(Traceparent::parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn flags_that_mean_nothing_yet_are_not_passed_on() {
        let generator = Generator::new(&[9; 32]);
        for (given, passed_on) in [("ff", "03"), ("fe", "02"), ("09", "01"), ("80", "00")] {
            let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{given}");
            let trace = generator.trace(Traceparent::parse(text.as_bytes()).as_ref(), None);
            assert!(
                trace.traceparent().ends_with(passed_on.as_bytes()),
                "{given}"
            );
        }
    }

    #[test]
    fn malformed_traceparents_are_not_continued() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Traceparent::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn request_ids_are_bounded_in_charset_and_length() {
        assert!(is_request_id(b"a.b_c~d+e/f=g:h@i-1") && is_request_id(&[b'a'; 128]));
        for bad in [&b""[..], b"a b", b"a,b", b"\xe9", b"a\"", &[b'a'; 129]] {
            assert!(!is_request_id(bad), "{bad:?}");
        }
    }
}
