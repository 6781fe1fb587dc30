//! Characters and lists of RFC 9110 section 5.6: the alphabet of every guard.

/// Canonical form of each byte in a field name, or 0 where none may stand.
///
/// One look-up validates (only tchar has a form), folds case, and makes `_` and `-` one: many
/// upstreams (CGI, WSGI) cannot tell the two apart, so neither does the gateway where it matters.
static FOLDED: [u8; 256] = folded_table();

const fn folded_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        table[index] = match byte {
            b'A'..=b'Z' => byte | 0x20,
            b'_' => b'-',
            _ if is_tchar(byte) => byte,
            _ => 0,
        };
        index += 1;
    }
    table
}

/// Whether `byte` is a tchar, the alphabet of tokens.
#[must_use]
#[inline]
pub const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Whether `text` is a token: one or more tchar.
#[must_use]
pub fn is_token(text: &[u8]) -> bool {
    // By table: this is asked for every name that means nothing.
    !text.is_empty() && text.iter().all(|&byte| folded(byte) != 0)
}

/// The folded form of one byte of a field name; 0 when it may not stand in one.
#[must_use]
#[inline]
pub fn folded(byte: u8) -> u8 {
    FOLDED[byte as usize]
}

/// Whether `value` may be a field value (RFC 9110 section 5.5): no control but HTAB.
///
/// Bytes from 0x80 are obs-text and pass unread.
#[must_use]
#[inline]
pub fn is_field_value(value: &[u8]) -> bool {
    // Without an early exit, and in bytes rather than bools, the compiler compares many bytes at
    // once; refusals are too rare to be worth leaving early for.
    value
        .iter()
        .fold(0, |bad, &byte| bad | u8::from(is_control(byte)))
        == 0
}

/// Whether a byte may not stand in a field value: a control character other than HTAB.
const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// `value` without optional whitespace (SP, HTAB) at its ends.
#[must_use]
#[inline]
pub fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut rest = value;
    while let [first, tail @ ..] = rest
        && is_space(first)
    {
        rest = tail;
    }
    while let [head @ .., last] = rest
        && is_space(last)
    {
        rest = head;
    }
    rest
}

/// The elements of a comma-separated list (RFC 9110 section 5.6.1), trimmed, empty ones included.
pub fn list(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

/// A non-negative decimal number of digits only, at most 2^63-1.
///
/// Signs, spaces, underscores and other notations are what lenient parsers disagree about.
#[must_use]
pub fn digits(text: &[u8]) -> Option<u64> {
    const GREATEST: u64 = i64::MAX as u64;
    if text.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number
            .checked_mul(10)?
            .checked_add(u64::from(byte - b'0'))?;
    }
    (number <= GREATEST).then_some(number)
}

/// Append `number` in decimal.
pub fn write_decimal(out: &mut Vec<u8>, number: u64) {
    let mut buffer = [0_u8; 20];
    let mut start = buffer.len();
    let mut rest = number;
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[start..]);
}

/// The value of one hexadecimal digit.
#[must_use]
pub const fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn separators_and_controls_are_not_tchar() {
        for byte in 0..=u8::MAX {
            let separator = b"\"(),/:;<=>?@[\\]{} \t".contains(&byte);
            let expected = (0x21..0x7f).contains(&byte) && !separator;
            assert_eq!(is_tchar(byte), expected, "{byte}");
            assert_eq!(folded(byte) != 0, expected, "{byte}");
        }
    }

    #[test]
    fn field_values_hold_no_control_but_tab() {
        assert!(is_field_value(b""));
        assert!(is_field_value(b"a\tb \xff\x80"));
        for byte in (0..0x20).chain([0x7f]).filter(|&byte| byte != b'\t') {
            assert!(!is_field_value(&[b'a', byte]), "{byte}");
        }
    }

    #[test]
    fn digits_are_digits_only() {
        assert_eq!(digits(b"0"), Some(0));
        assert_eq!(digits(b"0042"), Some(42));
        assert_eq!(digits(b"9223372036854775807"), Some(i64::MAX as u64));
        for bad in [
            "",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "1.0",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(digits(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn lists_are_split_and_trimmed() {
        let elements: Vec<_> = list(b" a,\tb ,,c ").collect();
        assert_eq!(elements, [&b"a"[..], b"b", b"", b"c"]);
    }

    proptest! {
        #[test]
        fn written_decimals_read_back(number in 0..=i64::MAX as u64) {
            let mut out = Vec::new();
            write_decimal(&mut out, number);
            prop_assert_eq!(digits(&out), Some(number));
        }
    }
}
