//! The Date field (RFC 9110 section 5.6.7), written once a second.

use std::sync::Mutex;

/// Length of an IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
const LENGTH: usize = 29;

/// Names of the months.
pub(crate) const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// An IMF-fixdate.
pub type DateText = [u8; LENGTH];

/// The date of the last second that was asked for.
#[derive(Debug)]
pub struct DateCache {
    last: Mutex<(i64, DateText)>,
}

impl Default for DateCache {
    fn default() -> Self {
        Self {
            last: Mutex::new((0, imf_fixdate(0))),
        }
    }
}

impl DateCache {
    /// The date at `now` Unix seconds.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "fractions of a second are dropped"
    )]
    pub fn at(&self, now: f64) -> DateText {
        let second = now.floor() as i64;
        // A poisoned cache would still hold a date: writing it cannot panic half-way.
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.0 != second {
            *last = (second, imf_fixdate(second));
        }
        last.1
    }
}

/// Write a date between the years 0 and 9999; others are brought to the nearest of these.
fn imf_fixdate(second: i64) -> DateText {
    const YEAR_0: i64 = -62_167_219_200;
    const YEAR_10000: i64 = 253_402_300_800;
    let second = second.clamp(YEAR_0, YEAR_10000 - 1);
    let days = second.div_euclid(86_400);
    let of_day = second.rem_euclid(86_400);
    let (year, month, day) = civil(days);
    // 1 January 1970 was a Thursday.
    let weekday = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"]
        [usize::try_from(days.rem_euclid(7)).unwrap_or_default()];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or_default()];
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    text[..3].copy_from_slice(weekday);
    put_digits(&mut text[5..7], day);
    text[8..11].copy_from_slice(month);
    put_digits(&mut text[12..16], year);
    put_digits(&mut text[17..19], of_day / 3600);
    put_digits(&mut text[20..22], of_day / 60 % 60);
    put_digits(&mut text[23..25], of_day % 60);
    text
}

/// Year, month and day in the Gregorian calendar of a day counted from 1 January 1970.
///
/// Years are taken to begin in March, so that leap days come last: then the day of the year gives
/// the month by one linear formula (months of 31, 30, 31, 30, 31 days repeat every 153 days).
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const DAYS_FROM_MARCH_OF_YEAR_0: i64 = 719_468;
    let since = days + DAYS_FROM_MARCH_OF_YEAR_0;
    let cycle = since.div_euclid(DAYS_OF_400_YEARS);
    let of_cycle = since.rem_euclid(DAYS_OF_400_YEARS);
    let leap_days = of_cycle / 1460 - of_cycle / 36_524 + of_cycle / 146_096;
    let year = (of_cycle - leap_days) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year + 400 * cycle + i64::from(month <= 2), month, day)
}

/// Write a number's last digits, as many as there is room for.
pub(crate) fn put_digits(slot: &mut [u8], number: i64) {
    let mut rest = number;
    for digit in slot.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(second: i64) -> String {
        String::from_utf8(imf_fixdate(second).to_vec()).expect("ASCII")
    }

    #[test]
    fn known_dates() {
        for (second, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(text(second), expected);
        }
    }

    #[test]
    fn the_cache_follows_the_clock_both_ways() {
        let cache = DateCache::default();
        for now in [0.0, 1.9, 2.0, 1.0, f64::NAN] {
            #[expect(clippy::cast_possible_truncation, reason = "as the cache does")]
            let expected = imf_fixdate(now.floor() as i64);
            assert_eq!(cache.at(now), expected);
        }
    }

    proptest! {
        #[test]
        fn each_day_follows_the_one_before(day in -719_000_i64..2_900_000) {
            let (year, month, of_month) = civil(day);
            let next = civil(day + 1);
            let is_next = next == (year, month, of_month + 1)
                || (next == (year, month + 1, 1) && of_month >= 28)
                || (next == (year + 1, 1, 1) && (month, of_month) == (12, 31));
            prop_assert!(is_next, "{day}: {year}-{month}-{of_month}, then {next:?}");
        }
    }
}
