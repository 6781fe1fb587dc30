//! One canonical path: it routes, it is authorised, and it is what the upstream gets.
//!
//! Attacks live where a gateway checks one reading of a path and the upstream acts on another. So
//! a path is brought into one form (RFC 3986 section 6.2.2), and where upstreams are known to
//! read further (`;` parameters, encoded slashes), [`readings`] lists what they may make of it.

use std::borrow::Cow;

use crate::grammar::hexadecimal;

/// Why a path cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// A byte that may not stand in a path, or a control character in encoded form.
    Character,
    /// `%` without two hexadecimal digits.
    Encoding,
    /// More `..` than segments before it.
    AboveRoot,
    /// A dot segment with parameters (`..;x`), which some upstreams resolve and others do not.
    DotParameters,
}

impl PathError {
    /// One sentence for the client.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Character => "The path contains a character that is not allowed.",
            Self::Encoding => "The path contains an invalid percent-encoding.",
            Self::AboveRoot => "The path leads above the root.",
            Self::DotParameters => "The path contains a dot segment with parameters.",
        }
    }
}

/// What may be done with a byte that stands in a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// pchar (RFC 3986 section 3.3) but `%`, and `/`.
    Keep,
    /// Printable, but not allowed in a path: clients that send it mean its encoded form.
    Encode,
    Refuse,
}

static TREATMENTS: [Treatment; 256] = treatments();

const fn treatments() -> [Treatment; 256] {
    let mut table = [Treatment::Refuse; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        table[index] = match byte {
            _ if is_unreserved(byte) => Treatment::Keep,
            b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' => Treatment::Keep,
            b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                Treatment::Encode
            }
            _ => Treatment::Refuse,
        };
        index += 1;
    }
    table
}

/// Unreserved characters (RFC 3986 section 2.3) mean the same encoded or not.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Bring a path, which starts with `/`, into its canonical form.
///
/// Unreserved characters are decoded, other triplets written in upper case, characters that must
/// not stand bare are encoded, empty segments are merged and dot segments removed. Applying it
/// twice changes nothing more. Most paths are canonical already and are borrowed.
///
/// # Errors
///
/// [`PathError`] says why the path cannot be used.
#[inline]
pub fn canonical(path: &[u8]) -> Result<Cow<'_, str>, PathError> {
    if is_plain(path)
        && let Ok(text) = std::str::from_utf8(path)
    {
        return Ok(Cow::Borrowed(text));
    }
    rewrite(path, DotSegments::Plain).map(Cow::Owned)
}

/// How strictly dot segments are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DotSegments {
    /// With parameters they are refused.
    Plain,
    /// With parameters they are names like any other: another reading takes the parameters away.
    Verbatim,
}

/// Whether a path is canonical at first sight: no byte to change and no segment to drop.
fn is_plain(path: &[u8]) -> bool {
    let mut previous = 0;
    path.first() == Some(&b'/')
        && path.iter().all(|&byte| {
            let starts_oddly = previous == b'/' && matches!(byte, b'/' | b'.');
            previous = byte;
            TREATMENTS[usize::from(byte)] == Treatment::Keep && !starts_oddly
        })
}

fn rewrite(path: &[u8], dots: DotSegments) -> Result<String, PathError> {
    let [b'/', path @ ..] = path else {
        return Err(PathError::Character);
    };
    let mut out = String::with_capacity(path.len() + 8);
    // Whether the path ends in `/`: after an empty or a dot segment it does.
    let mut ends_in_slash = false;
    for segment in path.split(|&byte| byte == b'/') {
        let start = out.len();
        out.push('/');
        decode_segment(segment, &mut out)?;
        let decoded = &out[start + 1..];
        ends_in_slash = matches!(decoded, "" | "." | "..");
        let has_parameters = decoded.starts_with(".;") || decoded.starts_with("..;");
        if has_parameters && dots == DotSegments::Plain {
            return Err(PathError::DotParameters);
        }
        if ends_in_slash {
            let is_parent = decoded == "..";
            out.truncate(start);
            if is_parent {
                let parent = out.rfind('/').ok_or(PathError::AboveRoot)?;
                out.truncate(parent);
            }
        }
    }
    if ends_in_slash {
        out.push('/');
    }
    Ok(out)
}

fn decode_segment(segment: &[u8], out: &mut String) -> Result<(), PathError> {
    let mut rest = segment;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte == b'%' {
            let [high, low, tail @ ..] = rest else {
                return Err(PathError::Encoding);
            };
            rest = tail;
            let high = hexadecimal(*high).ok_or(PathError::Encoding)?;
            let low = hexadecimal(*low).ok_or(PathError::Encoding)?;
            match high << 4 | low {
                control if control.is_ascii_control() => return Err(PathError::Character),
                plain if is_unreserved(plain) => out.push(char::from(plain)),
                other => encode(other, out),
            }
        } else {
            match TREATMENTS[usize::from(*byte)] {
                Treatment::Keep => out.push(char::from(*byte)),
                Treatment::Encode => encode(*byte, out),
                Treatment::Refuse => return Err(PathError::Character),
            }
        }
    }
    Ok(())
}

fn encode(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Canonical form of text that was written by the operator, such as a segment of a pattern: bytes
/// outside ASCII are encoded rather than refused.
///
/// # Errors
///
/// [`PathError`] as for [`canonical`].
pub fn canonical_of_text(text: &str) -> Result<String, PathError> {
    let mut ascii = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() {
            ascii.push(char::from(byte));
        } else {
            encode(byte, &mut ascii);
        }
    }
    canonical(ascii.as_bytes()).map(Cow::into_owned)
}

/// Whether upstreams may read a canonical path in more than one way.
#[must_use]
#[inline]
pub fn is_ambiguous(path: &str) -> bool {
    path.bytes().any(|byte| matches!(byte, b';' | b'%'))
        && (path.contains(';') || path.contains("%2F") || path.contains("%5C"))
}

/// What upstreams may make of an ambiguous canonical path: parameters stripped from segments,
/// encoded slashes and backslashes taken for slashes, or both in either order.
///
/// # Errors
///
/// Each reading can fail as [`canonical`] does, most often above the root.
pub fn readings(path: &str) -> impl Iterator<Item = Result<String, PathError>> {
    let stripped = without_parameters(path);
    let split = with_decoded_slashes(path);
    let both = [with_decoded_slashes(&stripped), without_parameters(&split)];
    [stripped, split]
        .into_iter()
        .chain(both)
        .map(|reading| rewrite(reading.as_bytes(), DotSegments::Verbatim))
}

fn without_parameters(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        out.push_str(segment.split(';').next().unwrap_or_default());
    }
    out
}

fn with_decoded_slashes(path: &str) -> String {
    path.replace("%2F", "/").replace("%5C", "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(path: &str) -> Result<String, PathError> {
        canonical(path.as_bytes()).map(Cow::into_owned)
    }

    #[test]
    fn canonical_paths_are_borrowed() {
        for path in ["/", "/a", "/a/b.c/", "/a;b=1/@:!$&'()*+,~-_"] {
            assert!(matches!(canonical(path.as_bytes()), Ok(Cow::Borrowed(text)) if text == path));
        }
    }

    #[test]
    fn each_rule_brings_its_form() {
        for (path, expected) in [
            ("/%61%2D%7e", "/a-~"),
            ("/%c3%a9%2f%5c%3b", "/%C3%A9%2F%5C%3B"),
            ("/\"<>^`{|}[]", "/%22%3C%3E%5E%60%7B%7C%7D%5B%5D"),
            ("//a///b//", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
            ("/a/%2e%2E/c", "/c"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a//../b", "/b"),
            ("/.well-known/..x/.../", "/.well-known/..x/.../"),
            ("/.", "/"),
            ("/%25%32%65", "/%252e"),
        ] {
            assert_eq!(of(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn unusable_paths_are_refused() {
        for (path, expected) in [
            ("", PathError::Character),
            ("a", PathError::Character),
            ("/a b", PathError::Character),
            ("/a\\b", PathError::Character),
            ("/a#b", PathError::Character),
            ("/\u{e9}", PathError::Character),
            ("/a\0", PathError::Character),
            ("/%00", PathError::Character),
            ("/%0a", PathError::Character),
            ("/%7F", PathError::Character),
            ("/%", PathError::Encoding),
            ("/%4", PathError::Encoding),
            ("/%4g", PathError::Encoding),
            ("/%u0041", PathError::Encoding),
            ("/..", PathError::AboveRoot),
            ("/a/../..", PathError::AboveRoot),
            ("/%2e%2e/a", PathError::AboveRoot),
            ("/a/..;x/b", PathError::DotParameters),
            ("/a/.;/b", PathError::DotParameters),
            ("/a/%2e%2e;/b", PathError::DotParameters),
        ] {
            assert_eq!(of(path), Err(expected), "{path}");
        }
    }

    #[test]
    fn readings_of_parameters_and_encoded_slashes() {
        let all = |path: &str| readings(path).collect::<Vec<_>>();
        assert!(!is_ambiguous("/a%25/b.c"));
        assert!(is_ambiguous("/a;x") && is_ambiguous("/a%2Fb") && is_ambiguous("/a%5Cb"));
        assert_eq!(all("/a;x/b;y")[0].as_deref(), Ok("/a/b"));
        assert_eq!(all("/a/..%2Fadmin")[1].as_deref(), Ok("/admin"));
        assert_eq!(all("/a/..%5Cadmin")[1].as_deref(), Ok("/admin"));
        assert_eq!(all("/a;%2F..%2Fadmin")[3].as_deref(), Ok("/admin"));
        assert_eq!(all("/..%2Fadmin")[1], Err(PathError::AboveRoot));
        assert_eq!(all("/a%2F..;x/b")[3].as_deref(), Ok("/b"));
    }

    #[test]
    fn operators_may_write_any_text() {
        assert_eq!(canonical_of_text("/caf\u{e9}").as_deref(), Ok("/caf%C3%A9"));
        assert_eq!(canonical_of_text("/caf%c3%a9").as_deref(), Ok("/caf%C3%A9"));
    }

    proptest! {
        #[test]
        fn canonical_form_is_stable(path in "/[a-c./%0-9A-Fef;~\\[{]{0,24}") {
            if let Ok(once) = of(&path) {
                prop_assert_eq!(of(&once), Ok(once.clone()));
                prop_assert!(once.starts_with('/') && !once.contains("//"));
                prop_assert!(once.split('/').all(|segment| segment != "." && segment != ".."));
            }
        }

        #[test]
        fn the_short_cut_agrees_with_the_long_way(path in "/[a-b./;]{0,12}") {
            if is_plain(path.as_bytes()) {
                prop_assert_eq!(rewrite(path.as_bytes(), DotSegments::Plain).ok(), Some(path));
            }
        }

        #[test]
        fn no_bytes_panic(path in prop::collection::vec(any::<u8>(), 0..32)) {
            if let Ok(text) = canonical(&path) {
                prop_assert!(text.is_ascii());
                for reading in readings(&text).flatten() {
                    prop_assert!(reading.starts_with('/'));
                }
            }
        }
    }
}
