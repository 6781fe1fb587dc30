//! Numbers, written without their general machinery.

/// Write an integer.
#[inline]
pub(super) fn put_integer(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Write seconds as milliseconds with three decimals; what is no time at all is 0.
#[inline]
#[expect(
    clippy::cast_sign_loss,
    reason = "the conversion saturates: negative times become 0"
)]
pub(super) fn put_milliseconds(out: &mut Vec<u8>, seconds: f64) {
    let microseconds = (seconds * 1e6 + 0.5) as u64;
    put_integer(out, microseconds / 1000);
    let rest = microseconds % 1000;
    let digit = |divisor: u64| b'0' + (rest / divisor % 10) as u8;
    out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
}

/// Write the 32 digits of an identifier.
#[inline]
pub(super) fn put_hexadecimal(out: &mut Vec<u8>, number: u128) {
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn milliseconds_have_three_decimals() {
        for (seconds, text) in [
            (0.0, "0.000"),
            (0.000_000_4, "0.000"),
            (0.000_000_6, "0.001"),
            (0.001_25, "1.250"),
            (12.345_678_9, "12345.679"),
            (-1.0, "0.000"),
            (f64::NAN, "0.000"),
            (f64::INFINITY, "18446744073709551.615"),
        ] {
            assert_eq!(written(|out| put_milliseconds(out, seconds)), text);
        }
    }

    proptest! {
        #[test]
        fn integers_are_those_of_the_library(number in any::<u64>(), small in 0_u64..1000) {
            for number in [number, small] {
                prop_assert_eq!(written(|out| put_integer(out, number)), number.to_string());
            }
        }

        #[test]
        fn identifiers_have_all_their_digits(number in any::<u128>()) {
            prop_assert_eq!(written(|out| put_hexadecimal(out, number)), format!("{number:032x}"));
        }
    }
}
