//! Timestamps, of which all but the fraction is written once a second.

use crate::date::{MONTHS, civil, put_digits};

/// `2026-11-28T05:39:16`
type Second = [u8; 19];
/// `28/Nov/2026:05:39:16 +0000`
type CombinedSecond = [u8; 26];

/// The second that was last asked for, as both formats write it.
#[derive(Debug)]
pub(super) struct Clock {
    /// Since 1970; the least there is before anybody has asked.
    second: i64,
    text: Second,
    combined: CombinedSecond,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self {
            second: i64::MIN,
            text: *b"0000-00-00T00:00:00",
            combined: *b"00/Jan/0000:00:00:00 +0000",
        }
    }

    /// Write Unix seconds as RFC 3339 has them, in UTC and with milliseconds.
    #[inline]
    pub(super) fn put(&mut self, out: &mut Vec<u8>, at: f64) {
        // To the nearest one; before 1970, where nobody is, to one beside it.
        let milliseconds = (at * 1000.0 + 0.5) as i64;
        self.turn_to(milliseconds.div_euclid(1000));
        out.extend_from_slice(&self.text);
        let mut fraction = *b".000Z";
        put_digits(&mut fraction[1..4], milliseconds.rem_euclid(1000));
        out.extend_from_slice(&fraction);
    }

    /// Write Unix seconds as the combined format has them, without its brackets.
    pub(super) fn put_combined(&mut self, out: &mut Vec<u8>, at: f64) {
        self.turn_to(at.floor() as i64);
        out.extend_from_slice(&self.combined);
    }

    #[inline]
    fn turn_to(&mut self, second: i64) {
        if second != self.second {
            self.write(second);
        }
    }

    /// Years are those from 0 to 9999; others are brought to the nearest of these.
    #[cold]
    fn write(&mut self, second: i64) {
        const YEAR_0: i64 = -62_167_219_200;
        const YEAR_10000: i64 = 253_402_300_800;
        self.second = second;
        let second = second.clamp(YEAR_0, YEAR_10000 - 1);
        let (year, month, day) = civil(second.div_euclid(86_400));
        let of_day = second.rem_euclid(86_400);
        let time = [of_day / 3600, of_day / 60 % 60, of_day % 60];
        put_digits(&mut self.text[..4], year);
        put_digits(&mut self.text[5..7], month);
        put_digits(&mut self.text[8..10], day);
        put_digits(&mut self.combined[..2], day);
        let name = MONTHS[usize::try_from(month - 1).unwrap_or_default()];
        self.combined[3..6].copy_from_slice(name);
        put_digits(&mut self.combined[7..11], year);
        for (index, number) in time.into_iter().enumerate() {
            let place = 11 + 3 * index;
            put_digits(&mut self.text[place..place + 2], number);
            put_digits(&mut self.combined[place + 1..place + 3], number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(clock: &mut Clock, at: f64) -> (String, String) {
        let (mut out, mut combined) = (Vec::new(), Vec::new());
        clock.put(&mut out, at);
        clock.put_combined(&mut combined, at);
        let text = |bytes| String::from_utf8(bytes).expect("ASCII");
        (text(out), text(combined))
    }

    #[test]
    fn known_times() {
        let mut clock = Clock::new();
        for (at, text, combined) in [
            (
                0.0,
                "1970-01-01T00:00:00.000Z",
                "01/Jan/1970:00:00:00 +0000",
            ),
            (
                784_111_777.25,
                "1994-11-06T08:49:37.250Z",
                "06/Nov/1994:08:49:37 +0000",
            ),
            (
                784_111_777.5,
                "1994-11-06T08:49:37.500Z",
                "06/Nov/1994:08:49:37 +0000",
            ),
            (
                951_782_400.123,
                "2000-02-29T00:00:00.123Z",
                "29/Feb/2000:00:00:00 +0000",
            ),
            (
                1_735_689_599.999,
                "2024-12-31T23:59:59.999Z",
                "31/Dec/2024:23:59:59 +0000",
            ),
            // Back again: clocks are set.
            (
                1.0,
                "1970-01-01T00:00:01.000Z",
                "01/Jan/1970:00:00:01 +0000",
            ),
            (
                -2.0,
                "1969-12-31T23:59:58.001Z",
                "31/Dec/1969:23:59:58 +0000",
            ),
            (
                1e300,
                "9999-12-31T23:59:59.807Z",
                "31/Dec/9999:23:59:59 +0000",
            ),
            (
                f64::NAN,
                "1970-01-01T00:00:00.000Z",
                "01/Jan/1970:00:00:00 +0000",
            ),
        ] {
            assert_eq!(both(&mut clock, at), (text.to_owned(), combined.to_owned()));
        }
    }
}
