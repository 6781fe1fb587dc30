//! Where a request carries its credential, and how it is taken from there.
//!
//! Never in the query: what stands in a target ends up in logs, histories and Referer.

use std::fmt;

use crate::field::{Field, is_spelling};
use crate::field_names::FieldNames;
use crate::grammar::{folded, is_tchar, trim};
use crate::lines::Line;

/// A place in a request where a credential may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Authorization with the scheme Bearer (RFC 6750 section 2.1).
    Bearer,
    /// The cookie with this name.
    Cookie(Box<[u8]>),
    /// The field with this name, folded.
    Header(Box<[u8]>),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => formatter.write_str("Authorization with the scheme Bearer"),
            Self::Cookie(name) => {
                write!(formatter, "the cookie {}", String::from_utf8_lossy(name))
            }
            Self::Header(name) => write!(formatter, "the field {}", String::from_utf8_lossy(name)),
        }
    }
}

/// What stands at a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// Nothing.
    Absent,
    /// A credential.
    Once(&'a [u8]),
    /// Something that is no credential.
    Malformed,
    /// Two cookies of which nobody can say which one counts.
    Differing,
    /// More than one field, where only one may stand.
    Repeated,
}

impl Source {
    /// The source of the field with a name in any spelling.
    #[must_use]
    pub fn header(name: &[u8]) -> Self {
        Self::Header(name.iter().map(|&byte| folded(byte)).collect())
    }

    /// Whether a field is the one that is meant.
    #[must_use]
    pub fn is_field(&self, name: &[u8]) -> bool {
        match self {
            Self::Header(own) => own.len() == name.len() && is_spelling(name, own),
            Self::Bearer | Self::Cookie(_) => false,
        }
    }

    /// The field in which it stands, folded.
    fn field(&self) -> &[u8] {
        match self {
            Self::Bearer => b"authorization",
            Self::Cookie(_) => b"cookie",
            Self::Header(name) => name,
        }
    }

    /// What stands here.
    #[must_use]
    pub fn find<'a>(&self, lines: &[Line<'a>]) -> Presented<'a> {
        match self {
            Self::Bearer => bearer(lines),
            Self::Cookie(name) => cookie(name, lines),
            Self::Header(_) => header(self, lines),
        }
    }
}

/// Places whose credentials are not for the upstream.
#[derive(Debug, Default)]
pub struct Withheld {
    /// Fields that are dropped.
    pub fields: FieldNames,
    /// Cookies that are taken out of theirs.
    pub cookies: Vec<Box<[u8]>>,
}

impl Withheld {
    /// Those among `sources` that stand beside the one that counts. What they hold was verified by
    /// nobody, and an upstream that takes it for the client's would be told by the client who it is.
    #[must_use]
    pub fn beside<'a>(counts: &Source, sources: impl Iterator<Item = &'a Source>) -> Self {
        let mut withheld = Self::default();
        for source in sources {
            match (source, counts) {
                (Source::Cookie(name), Source::Cookie(own)) if name != own => {
                    withheld.cookies.push(name.clone());
                }
                // What counts stays, by whatever name it is called.
                _ if source.field() == counts.field() => {}
                (Source::Cookie(name), _) => withheld.cookies.push(name.clone()),
                _ => withheld.fields.insert(source.field(), 0),
            }
        }
        withheld
    }

    /// Whether there is no such place.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.cookies.is_empty()
    }
}

fn bearer<'a>(lines: &[Line<'a>]) -> Presented<'a> {
    match only(lines, |line| line.field == Field::Authorization) {
        Presented::Once(value) => bearer_token(value),
        other => other,
    }
}

/// RFC 6750 section 2.1: `"Bearer" 1*SP b64token`. Other schemes are no credential.
fn bearer_token(value: &[u8]) -> Presented<'_> {
    let end = value
        .iter()
        .position(|&byte| !is_tchar(byte))
        .unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Presented::Absent;
    }
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    let token = &rest[spaces..];
    if spaces > 0 && is_b64token(token) {
        Presented::Once(token)
    } else {
        Presented::Malformed
    }
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|&&byte| byte == b'=').count();
    let body = &token[..token.len() - padding];
    // In bytes and without an early exit, so that many are compared at once.
    let bad = body.iter().fold(0, |bad, &byte| {
        let is_good =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        bad | u8::from(!is_good)
    });
    !body.is_empty() && bad == 0
}

fn header<'a>(source: &Source, lines: &[Line<'a>]) -> Presented<'a> {
    match only(lines, |line| source.is_field(line.name)) {
        Presented::Once(b"") => Presented::Malformed,
        other => other,
    }
}

/// The value of the only line that is wanted.
fn only<'a>(lines: &[Line<'a>], is_wanted: impl Fn(&Line<'a>) -> bool) -> Presented<'a> {
    let mut wanted = lines.iter().filter(|line| is_wanted(line));
    match (wanted.next(), wanted.next()) {
        (None, _) => Presented::Absent,
        (Some(line), None) => Presented::Once(line.value),
        (Some(_), Some(_)) => Presented::Repeated,
    }
}

fn cookie<'a>(name: &[u8], lines: &[Line<'a>]) -> Presented<'a> {
    let mut found = None;
    for line in lines.iter().filter(|line| line.field == Field::Cookie) {
        for (_, value) in cookies(line.value).filter(|&(other, _)| other == name) {
            // A cookie that someone else set for a parent domain stands beside the real one, in an
            // order that they can choose.
            if found.is_some_and(|first| first != value) {
                return Presented::Differing;
            }
            found = Some(value);
        }
    }
    match found {
        None => Presented::Absent,
        Some(b"") => Presented::Malformed,
        Some(value) => Presented::Once(value),
    }
}

/// The cookies of a Cookie field (RFC 6265 section 4.2.1), each with its name and value.
fn cookies(field: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    field.split(|&byte| byte == b';').map(|pair| {
        let pair = trim(pair);
        match memchr::memchr(b'=', pair) {
            Some(place) => (trim(&pair[..place]), trim(&pair[place + 1..])),
            // As browsers read it: a value without a name.
            None => (&b""[..], pair),
        }
    })
}

/// Append the cookies of a Cookie field but those with one of `names`; whether any are left.
pub fn put_other_cookies<'a>(
    out: &mut Vec<u8>,
    field: &[u8],
    names: &(impl Iterator<Item = &'a Box<[u8]>> + Clone),
) -> bool {
    let mut is_first = true;
    for pair in field.split(|&byte| byte == b';').map(trim) {
        if pair.is_empty() || names.clone().any(|name| is_named(pair, name)) {
            continue;
        }
        if !is_first {
            out.extend_from_slice(b"; ");
        }
        out.extend_from_slice(pair);
        is_first = false;
    }
    !is_first
}

/// Whether a pair is the cookie of this name, or could be taken for it: some readers let whitespace
/// part cookies as well, so that `a=1 session=x` holds two.
fn is_named(pair: &[u8], name: &[u8]) -> bool {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let is_followed = |rest: &[u8]| {
        let rest = rest.strip_prefix(name);
        rest.is_some_and(|rest| rest.iter().find(|byte| !is_space(byte)) == Some(&b'='))
    };
    let mut rests = (1..pair.len()).filter(|&place| is_space(&pair[place - 1]));
    is_followed(pair) || rests.any(|place| is_followed(&pair[place..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::TextField;

    fn find<'a>(source: &Source, fields: &[TextField<'a>]) -> Presented<'a> {
        let lines: Vec<_> = fields
            .iter()
            .map(|(name, value)| Line {
                name: name.as_bytes(),
                value: value.as_bytes(),
                field: Field::recognise(name.as_bytes()).expect("a token"),
            })
            .collect();
        source.find(&lines)
    }

    fn bearer_of(value: &str) -> Presented<'_> {
        find(&Source::Bearer, &[("authorization", value)])
    }

    #[test]
    fn the_scheme_is_found_in_any_case() {
        for value in ["Bearer a.b-c", "bearer a.b-c", "BEARER   a.b-c"] {
            assert_eq!(bearer_of(value), Presented::Once(b"a.b-c"), "{value}");
        }
        assert_eq!(bearer_of("Bearer YQ=="), Presented::Once(b"YQ=="));
    }

    #[test]
    fn other_schemes_are_no_credential() {
        for value in [
            "",
            "Basic YQ==",
            "Bearers a",
            "Bear er",
            "a.b.c",
            "\"Bearer\" a",
        ] {
            assert_eq!(bearer_of(value), Presented::Absent, "{value}");
        }
        assert_eq!(
            find(&Source::Bearer, &[("X", "Bearer a")]),
            Presented::Absent
        );
    }

    #[test]
    fn a_bearer_without_a_token_is_malformed() {
        for value in [
            "Bearer",
            "Bearer ==",
            "Bearer a b",
            "Bearer a,b",
            "Bearer\ta",
            "Bearer=a",
            "Bearer a=b",
            "Bearer caf\u{e9}",
            "Bearer \"a\"",
            "Bearer  \ta",
        ] {
            assert_eq!(bearer_of(value), Presented::Malformed, "{value}");
        }
    }

    #[test]
    fn a_field_that_stands_twice_is_seen() {
        let fields = [("Authorization", "Bearer a"), ("authorization", "Bearer a")];
        assert_eq!(find(&Source::Bearer, &fields), Presented::Repeated);
        let other = [("Authorization", "Basic a"), ("authorization", "Bearer a")];
        assert_eq!(find(&Source::Bearer, &other), Presented::Repeated);
        let keys = [("X-Key", "a"), ("x_key", "a")];
        assert_eq!(find(&Source::header(b"X-KEY"), &keys), Presented::Repeated);
    }

    #[test]
    fn fields_are_found_in_any_spelling() {
        let source = Source::header(b"X-API-Key");
        assert_eq!(
            find(&source, &[("x-api-key", "a b")]),
            Presented::Once(b"a b")
        );
        assert_eq!(find(&source, &[("x_api_key", "a")]), Presented::Once(b"a"));
        assert_eq!(find(&source, &[("X-API-Key", "")]), Presented::Malformed);
        assert_eq!(find(&source, &[("X-API-Keys", "a")]), Presented::Absent);
    }

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let source = Source::Cookie((*b"session").into());
        let of = |value| find(&source, &[("Cookie", value)]);
        assert_eq!(of("a=1; session=x.y=; b=2"), Presented::Once(b"x.y="));
        assert_eq!(of("session=a;session=a"), Presented::Once(b"a"));
        assert_eq!(of("session=a; session=b"), Presented::Differing);
        assert_eq!(of("session="), Presented::Malformed);
        for absent in ["", "Session=a", "xsession=a", "session", "a=session=b"] {
            assert_eq!(of(absent), Presented::Absent, "{absent}");
        }
        let two = [("Cookie", "session=a"), ("cookie", "session=b")];
        assert_eq!(find(&source, &two), Presented::Differing);
    }

    #[test]
    fn one_cookie_is_taken_out() {
        let names = [Box::from(&b"session"[..])];
        let without = |field: &str| {
            let mut out = Vec::new();
            let is_left = put_other_cookies(&mut out, field.as_bytes(), &names.iter());
            assert_eq!(is_left, !out.is_empty());
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(without("a=1; session=x; b=2;session=y"), "a=1; b=2");
        assert_eq!(without("a=1;b=\"2 3\""), "a=1; b=\"2 3\"");
        assert_eq!(without("session=x"), "");
        assert_eq!(without("session =x; sessions=1"), "sessions=1");
    }

    #[test]
    fn a_cookie_behind_whitespace_is_taken_out_with_what_hides_it() {
        let names = [Box::from(&b"session"[..])];
        let without = |field: &str| {
            let mut out = Vec::new();
            put_other_cookies(&mut out, field.as_bytes(), &names.iter());
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(without("a=1 session=x; b=2"), "b=2");
        assert_eq!(without("a=1\tsession \t=x; b=2"), "b=2");
        assert_eq!(without("a session=x"), "");
        assert_eq!(without("a=\"1 session=x\"; b=2"), "b=2");
        for other in [
            "a=1 sessions=x",
            "a=my session",
            "a=1 xsession=x",
            "a=session=x",
        ] {
            assert_eq!(without(other), other);
        }
    }

    #[test]
    fn what_counts_is_not_withheld() {
        let header = Source::header;
        let cookie = |name: &[u8]| Source::Cookie(name.into());
        let sources = [
            Source::Bearer,
            header(b"X-Token"),
            cookie(b"a"),
            cookie(b"b"),
        ];
        let beside = |counts: &Source| {
            let withheld = Withheld::beside(counts, sources.iter());
            let fields = [&b"Authorization"[..], b"x_token", b"Cookie"];
            let has = fields.map(|name| withheld.fields.contains(name));
            (has, withheld.cookies.concat())
        };
        assert_eq!(beside(&sources[0]), ([false, true, false], b"ab".to_vec()));
        assert_eq!(beside(&sources[1]), ([true, false, false], b"ab".to_vec()));
        assert_eq!(beside(&sources[2]), ([true, true, false], b"b".to_vec()));
        // The same place by another name.
        let whole = [header(b"Authorization"), header(b"Cookie")];
        assert!(Withheld::beside(&Source::Bearer, whole[..1].iter()).is_empty());
        assert!(Withheld::beside(&cookie(b"a"), whole[1..].iter()).is_empty());
        assert!(Withheld::beside(&whole[1], [cookie(b"a")].iter()).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_found_stands_in_the_field(value in "(?i:bearer|basic)?[ \t]{0,2}[ -~]{0,20}") {
            match bearer_of(&value) {
                Presented::Once(token) => {
                    prop_assert!(value.as_bytes().ends_with(token) && is_b64token(token));
                    prop_assert!(value[..6].eq_ignore_ascii_case("bearer"));
                }
                Presented::Malformed => {
                    prop_assert!(value[..6].eq_ignore_ascii_case("bearer"));
                }
                Presented::Absent => {}
                Presented::Repeated | Presented::Differing => {
                    prop_assert!(false, "there is one field");
                }
            }
        }

        #[test]
        fn a_cookie_that_was_taken_out_is_found_no_more(
            field in "((session|a|b)? ?=? ?[xy\"=]{0,3};? ?){0,5}",
        ) {
            let names = [Box::from(&b"session"[..])];
            let mut rest = Vec::new();
            put_other_cookies(&mut rest, field.as_bytes(), &names.iter());
            let rest = String::from_utf8(rest).expect("UTF-8");
            let source = Source::Cookie((*b"session").into());
            prop_assert_eq!(find(&source, &[("Cookie", &rest)]), Presented::Absent);
        }
    }
}
