//! Text that anybody may have written, so that it stays where it belongs.

use memchr::memchr;

/// Longest path; what is longer is cut off. Like all of these, in bytes as they came.
pub(super) const LONGEST_PATH: usize = 2048;
/// Longest Referer.
pub(super) const LONGEST_REFERER: usize = 1024;
/// Longest User-Agent; those of browsers have up to 250.
pub(super) const LONGEST_USER_AGENT: usize = 512;
/// Longest user.
pub(super) const LONGEST_USER: usize = 256;
/// Longest host: that of a DNS name, and a port.
pub(super) const LONGEST_HOST: usize = 262;
/// Longest method; those that are registered have up to 17.
pub(super) const LONGEST_METHOD: usize = 32;
/// Longest of everything that the gateway or its configuration has named.
pub(super) const LONGEST_NAME: usize = 256;

/// What stands behind text that was cut off.
const CUT: &[u8] = b"...";

/// Write text into a JSON string, whose quotes are the caller's. What is longer than `longest` is
/// cut off, and marked.
///
/// Beyond what RFC 8259 section 7 asks for, all is escaped that can move a cursor, end a line or turn
/// the direction of text around. Bytes that are no UTF-8 are taken for ISO-8859-1, which RFC 9110
/// section 5.5 says that they have been.
#[inline]
pub(super) fn put_json(out: &mut Vec<u8>, text: &[u8], longest: usize) {
    let (kept, is_cut) = cut(text, longest);
    let plain = plain_length(kept);
    out.extend_from_slice(&kept[..plain]);
    if plain < kept.len() {
        escape_json(out, &kept[plain..]);
    }
    if is_cut {
        out.extend_from_slice(CUT);
    }
}

#[cold]
fn escape_json(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                _ if is_dangerous(character) => put_code(out, character as u32),
                _ => {
                    let mut bytes = [0; 4];
                    out.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
                }
            }
        }
        for &byte in chunk.invalid() {
            put_code(out, byte.into());
        }
    }
}

/// Whether a character acts on what is around it: controls, line and paragraph separators, marks of
/// direction, and what cannot be seen. All of them are in the basic plane.
const fn is_dangerous(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

/// Write `\u` and four digits.
fn put_code(out: &mut Vec<u8>, code: u32) {
    let digit = |shift: u32| b"0123456789abcdef"[(code >> shift & 15) as usize];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Write text into a line of the combined format: whatever is not a visible ASCII character becomes
/// `\xHH`, as do quotes and backslashes (so nginx does it), and spaces where `is_word` says that
/// they would end it. Text that is empty is `-`, and text that is `-` is escaped.
pub(super) fn put_combined(out: &mut Vec<u8>, text: &[u8], longest: usize, is_word: bool) {
    if text.is_empty() {
        out.push(b'-');
        return;
    }
    let (kept, is_cut) = cut(text, longest);
    let plain = match plain_length(kept) {
        _ if kept == b"-" => 0,
        plain if is_word => memchr(b' ', &kept[..plain]).unwrap_or(plain),
        plain => plain,
    };
    out.extend_from_slice(&kept[..plain]);
    for &byte in &kept[plain..] {
        let is_taken = (is_word && byte == b' ') || kept == b"-";
        if is_plain(byte) && !is_taken {
            out.push(byte);
        } else {
            let digit = |number: u8| b"0123456789ABCDEF"[usize::from(number)];
            out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    if is_cut {
        out.extend_from_slice(CUT);
    }
}

/// The part of a Referer that is nobody's secret: without query and fragment, and with nothing before
/// the host where there is a user (RFC 9110 section 10.1.3 forbids users and fragments, which does not
/// keep anybody from sending them).
pub(super) fn bare_referer(referer: &[u8]) -> &[u8] {
    let before = |stops: &[u8], text: &[u8]| text.iter().position(|byte| stops.contains(byte));
    let referer = &referer[..before(b"?#", referer).unwrap_or(referer.len())];
    let scheme = referer.windows(2).position(|pair| pair == b"//");
    let start = scheme.map_or(0, |scheme| scheme + 2);
    let end = before(b"/", &referer[start..]).map_or(referer.len(), |end| start + end);
    let user = referer[start..end].iter().rposition(|&byte| byte == b'@');
    user.map_or(referer, |user| &referer[start + user + 1..])
}

/// The first `longest` bytes, less half a character at their end, and whether there are more.
fn cut(text: &[u8], longest: usize) -> (&[u8], bool) {
    if text.len() <= longest {
        return (text, false);
    }
    let is_boundary = |end: &usize| text[*end] & 0xc0 != 0x80;
    // In text that is no UTF-8 there may be no boundary near.
    let end = (longest - 3..=longest).rev().find(is_boundary);
    (&text[..end.unwrap_or(longest)], true)
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// How many bytes from the start stand for themselves.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if !is_plain_word(u64::from_le_bytes(*word)) {
            return 8 * index;
        }
    }
    let rest = rest.iter().position(|&byte| !is_plain(byte));
    rest.map_or(text.len(), |rest| 8 * words.len() + rest)
}

/// Whether eight bytes are plain, all of them: the high bit of each byte of a sum tells of a byte
/// that is not (Warren, "Hacker's Delight", section 6-1).
#[inline]
const fn is_plain_word(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    const fn has_zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let controls = word.wrapping_sub(0x20 * ONES) & !word;
    let quotes = has_zero(word ^ (0x22 * ONES));
    let backslashes = has_zero(word ^ (0x5c * ONES));
    let deletes = has_zero(word ^ (0x7f * ONES));
    (word | controls | quotes | backslashes | deletes) & HIGH == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &[u8]) -> String {
        let mut out = Vec::new();
        put_json(&mut out, text, 1000);
        String::from_utf8(out).expect("UTF-8")
    }

    fn combined(text: &[u8], longest: usize, is_word: bool) -> String {
        let mut out = Vec::new();
        put_combined(&mut out, text, longest, is_word);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn json_text_has_nothing_that_acts() {
        for (text, written) in [
            (&b""[..], ""),
            (b"/users/7", "/users/7"),
            (b"a\"b\\c", "a\\\"b\\\\c"),
            (
                b"one\r\ntwo\x00\x1b[2J\x7f",
                "one\\u000d\\u000atwo\\u0000\\u001b[2J\\u007f",
            ),
            ("Zoë ✓ 🦀".as_bytes(), "Zoë ✓ 🦀"),
            (b"Zo\xeb \xff\xfe", "Zo\\u00eb \\u00ff\\u00fe"),
            (
                "\u{85}\u{2028}\u{2029}\u{202e}\u{feff}".as_bytes(),
                "\\u0085\\u2028\\u2029\\u202e\\ufeff",
            ),
            // Overlong forms and halves of surrogate pairs are no UTF-8.
            (
                b"\xc0\xaf\xed\xa0\x80",
                "\\u00c0\\u00af\\u00ed\\u00a0\\u0080",
            ),
        ] {
            assert_eq!(json(text), written);
        }
    }

    #[test]
    fn combined_text_is_visible_ascii() {
        assert_eq!(combined(b"", 9, false), "-");
        assert_eq!(combined(b"-", 9, false), r"\x2D");
        assert_eq!(combined(b"--", 9, false), "--");
        assert_eq!(
            combined(b"a b\"c\\\n\xe9", 99, false),
            r"a b\x22c\x5C\x0A\xE9"
        );
        assert_eq!(combined(b"a b", 99, true), r"a\x20b");
        assert_eq!(combined(b"abcdef", 4, true), "abcd...");
    }

    #[test]
    fn text_is_cut_between_characters() {
        let text = "abéc".as_bytes();
        assert_eq!(cut(text, 5), (text, false));
        assert_eq!(cut(text, 4), ("abé".as_bytes(), true));
        assert_eq!(cut(text, 3), (&b"ab"[..], true));
        let text = "a🦀🦀".as_bytes();
        assert_eq!(cut(text, 8), (&text[..5], true));
        assert_eq!(cut(text, 5), (&text[..5], true));
        assert_eq!(cut(&[0x80; 20], 10), (&[0x80; 10][..], true));
    }

    #[test]
    fn referers_keep_no_secret() {
        for (referer, bare) in [
            (
                &b"https://a.example/b?token=c#d"[..],
                &b"https://a.example/b"[..],
            ),
            (b"https://a.example/b#d?e", b"https://a.example/b"),
            (b"https://ada:secret@a.example/b", b"a.example/b"),
            (b"ada:secret@a", b"a"),
            (b"https://a.example/@ada/b", b"https://a.example/@ada/b"),
            (b"?a", b""),
        ] {
            assert_eq!(bare_referer(referer), bare);
        }
    }

    proptest! {
        #[test]
        fn plain_bytes_are_found_eight_at_a_time(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let plain = plain_length(&text);
            prop_assert!(text[..plain].iter().copied().all(is_plain));
            // From there on at most seven more.
            let exact = text.iter().position(|&byte| !is_plain(byte)).unwrap_or(text.len());
            prop_assert!(exact - plain < 8);
        }

        #[test]
        fn plain_words_are_words_of_plain_bytes(word in any::<[u8; 8]>(), plain in "[ -~]{8}") {
            prop_assert_eq!(
                is_plain_word(u64::from_le_bytes(word)),
                word.iter().copied().all(is_plain)
            );
            let plain = plain.as_bytes();
            let word = u64::from_le_bytes(plain.try_into().expect("8 bytes"));
            prop_assert_eq!(is_plain_word(word), plain.iter().copied().all(is_plain));
        }

        #[test]
        fn json_is_read_back(text in any::<String>()) {
            let read: String = serde_json::from_str(&format!("\"{}\"", json(text.as_bytes()))).expect("JSON");
            prop_assert!(text.len() > 1000 || read == text);
        }

        #[test]
        fn any_bytes_make_one_harmless_string(text in proptest::collection::vec(any::<u8>(), 0..1200)) {
            let written = json(&text);
            prop_assert!(!written.chars().any(is_dangerous));
            let read: String = serde_json::from_str(&format!("\"{written}\"")).expect("JSON");
            prop_assert!(!read.is_empty() || text.is_empty());
            let written = combined(&text, 1000, true);
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'));
        }
    }
}
