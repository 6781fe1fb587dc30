//! What a route asks of a request besides its host and path.

use crate::grammar::hexadecimal;
use crate::lines::Line;

/// A name that must be there, with any or one certain value.
#[derive(Debug, Clone)]
pub struct Criterion {
    /// Name of the field or parameter.
    pub name: Box<[u8]>,
    /// The value, or nothing if presence is enough.
    pub value: Option<Box<[u8]>>,
}

/// Methods, headers and query parameters that a route asks for; empty lists ask for nothing.
#[derive(Debug, Clone, Default)]
pub struct Criteria {
    /// Methods of which one must be used; GET includes HEAD.
    pub methods: Vec<Box<[u8]>>,
    /// Header fields, all of which must be there.
    pub headers: Vec<Criterion>,
    /// Query parameters, all of which must be there.
    pub query: Vec<Criterion>,
}

/// Why a route does not take a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// A header is missing or has another value.
    Header,
    /// A query parameter is missing or has another value.
    Query,
    /// Not its method.
    Method,
}

impl Criteria {
    /// Criteria from text.
    #[must_use]
    pub fn new(
        methods: &[&str],
        headers: &[(&str, Option<&str>)],
        query: &[(&str, Option<&str>)],
    ) -> Self {
        let bytes = |text: &str| text.as_bytes().into();
        let criteria = |pairs: &[(&str, Option<&str>)]| {
            pairs
                .iter()
                .map(|(name, value)| Criterion {
                    name: bytes(name),
                    value: value.map(bytes),
                })
                .collect()
        };
        Self {
            methods: methods.iter().map(|method| bytes(method)).collect(),
            headers: criteria(headers),
            query: criteria(query),
        }
    }

    /// Whether the method is taken, by name or because none is named.
    #[must_use]
    #[inline]
    pub fn takes_method(&self, method: &[u8]) -> bool {
        self.methods.is_empty() || self.names_method(method)
    }

    /// Whether the method is named; GET names HEAD too (RFC 9110 section 9.3.2).
    #[must_use]
    pub fn names_method(&self, method: &[u8]) -> bool {
        self.methods
            .iter()
            .any(|named| **named == *method || (method == b"HEAD" && **named == *b"GET"))
    }

    /// Whether everything that is asked for is there. The method comes last: a route that fails
    /// by its method alone is one of those that make 405 of 404.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] with the first thing that is missing.
    #[inline]
    pub fn check(&self, method: &[u8], lines: &[Line<'_>], query: &[u8]) -> Result<(), Mismatch> {
        if !self
            .headers
            .iter()
            .all(|criterion| has_header(lines, criterion))
        {
            return Err(Mismatch::Header);
        }
        if !self
            .query
            .iter()
            .all(|criterion| has_parameter(query, criterion))
        {
            return Err(Mismatch::Query);
        }
        if self.takes_method(method) {
            Ok(())
        } else {
            Err(Mismatch::Method)
        }
    }
}

/// Whether any line has the name, in any case, and the value, exactly.
fn has_header(lines: &[Line<'_>], criterion: &Criterion) -> bool {
    lines.iter().any(|line| {
        line.name.eq_ignore_ascii_case(&criterion.name)
            && criterion
                .value
                .as_ref()
                .is_none_or(|value| **value == *line.value)
    })
}

/// Whether any parameter has the name and value, once decoded.
fn has_parameter(query: &[u8], criterion: &Criterion) -> bool {
    let query = query.strip_prefix(b"?").unwrap_or(query);
    query.split(|&byte| byte == b'&').any(|parameter| {
        let mut parts = parameter.splitn(2, |&byte| byte == b'=');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        !parameter.is_empty()
            && decoded(name).eq(criterion.name.iter().copied())
            && criterion
                .value
                .as_ref()
                .is_none_or(|expected| decoded(value).eq(expected.iter().copied()))
    })
}

/// The bytes for which a part of a form-encoded query stands; `%` without digits stands for itself.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        if let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hexadecimal(*high), hexadecimal(*low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        rest = after;
        Some(if first == b'+' { b' ' } else { first })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;

    fn check(criteria: &Criteria, method: &str, query: &str) -> Result<(), Mismatch> {
        let line = Line {
            name: b"x-ENV",
            value: b"canary",
            field: Field::Other,
        };
        criteria.check(method.as_bytes(), &[line], query.as_bytes())
    }

    #[test]
    fn get_includes_head_and_no_method_any() {
        let get = Criteria::new(&["GET", "PURGE"], &[], &[]);
        for (method, expected) in [
            ("GET", Ok(())),
            ("HEAD", Ok(())),
            ("PURGE", Ok(())),
            ("get", Err(Mismatch::Method)),
            ("POST", Err(Mismatch::Method)),
        ] {
            assert_eq!(check(&get, method, ""), expected, "{method}");
        }
        assert_eq!(check(&Criteria::default(), "ANY", ""), Ok(()));
        assert_eq!(
            check(&Criteria::new(&["HEAD"], &[], &[]), "GET", ""),
            Err(Mismatch::Method)
        );
    }

    #[test]
    fn headers_by_presence_or_value() {
        for (criterion, expected) in [
            (("X-Env", None), Ok(())),
            (("x-env", Some("canary")), Ok(())),
            (("x-env", Some("Canary")), Err(Mismatch::Header)),
            (("x_env", None), Err(Mismatch::Header)),
        ] {
            let criteria = Criteria::new(&[], &[criterion], &[]);
            assert_eq!(check(&criteria, "GET", ""), expected, "{criterion:?}");
        }
    }

    #[test]
    fn parameters_by_presence_or_decoded_value() {
        let flag = Criteria::new(&[], &[], &[("a b", None)]);
        let value = Criteria::new(&[], &[], &[("a", Some("x&y"))]);
        for query in ["?a+b", "?x=1&a%20b=", "?%61+b=2"] {
            assert_eq!(check(&flag, "GET", query), Ok(()), "{query}");
        }
        for query in ["?a=1&a=x%26y", "?%61=%78%26y"] {
            assert_eq!(check(&value, "GET", query), Ok(()), "{query}");
        }
        for query in ["", "?", "?a", "?a=x&y", "?A=x%26y", "?a=x%26y%"] {
            assert_eq!(check(&value, "GET", query), Err(Mismatch::Query), "{query}");
        }
    }

    #[test]
    fn the_method_is_asked_last() {
        let criteria = Criteria::new(&["GET"], &[("X-Env", Some("stable"))], &[]);
        assert_eq!(check(&criteria, "POST", ""), Err(Mismatch::Header));
    }
}
