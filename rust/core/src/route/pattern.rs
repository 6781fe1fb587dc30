//! Patterns for hosts and paths.

use crate::path;

/// Which hosts a route serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// Every host, and requests that name none.
    Any,
    /// Hosts that end in this text, which starts with a dot, after one or more labels.
    Suffix(Box<str>),
    /// This host.
    Exact(Box<str>),
}

impl HostPattern {
    /// Read `*`, `*.example.com` or `example.com`.
    ///
    /// # Errors
    ///
    /// What is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let lower = text.to_ascii_lowercase();
        let lower = lower.strip_suffix('.').unwrap_or(&lower);
        let (is_suffix, name) = lower
            .strip_prefix("*.")
            .map_or((false, lower), |suffix| (true, suffix));
        let authority = crate::host::Authority::parse(name.as_bytes());
        if authority.is_none_or(|authority| authority.port.is_some()) {
            return Err(format!("{text:?} is no host name without port"));
        }
        Ok(if is_suffix {
            Self::Suffix(format!(".{name}").into())
        } else {
            Self::Exact(name.into())
        })
    }

    /// Whether a host in lower case is served.
    #[must_use]
    pub fn matches(&self, host: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Suffix(suffix) => {
                host.is_some_and(|host| host.len() > suffix.len() && host.ends_with(&**suffix))
            }
            Self::Exact(name) => host == Some(&**name),
        }
    }
}

/// One segment of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text, canonical.
    Static(Box<str>),
    /// Any one segment that is not empty.
    Parameter(Box<str>),
    /// Everything that is left, which may be nothing. Always last.
    Rest,
}

/// Which paths a route serves: static segments, `{parameter}`, and a trailing `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// The segments.
    pub segments: Vec<Segment>,
}

/// What the parts of a pattern stood for in one path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Captures<'a> {
    /// Names of parameters with their segments.
    pub parameters: Vec<(&'a str, &'a str)>,
    /// What the trailing `*` took.
    pub rest: &'a str,
}

impl PathPattern {
    /// The pattern of a route that restricts no paths.
    #[must_use]
    pub fn any() -> Self {
        Self {
            segments: vec![Segment::Rest],
        }
    }

    /// Read a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("path {text:?} does not start with /"));
        };
        let count = rest.split('/').count();
        let mut segments = Vec::with_capacity(count);
        for (index, segment) in rest.split('/').enumerate() {
            let is_last = index + 1 == count;
            let segment = parse_segment(segment, is_last)
                .map_err(|problem| format!("path {text:?}: {problem}"))?;
            if let Segment::Parameter(name) = &segment
                && segments.contains(&segment)
            {
                return Err(format!("path {text:?}: {{{name}}} stands twice"));
            }
            segments.push(segment);
        }
        Ok(Self { segments })
    }

    /// Whether the pattern is a path rather than a set of paths.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| matches!(segment, Segment::Static(_)))
    }

    /// Whether the pattern ends in `*`.
    #[must_use]
    pub fn has_rest(&self) -> bool {
        self.segments.last() == Some(&Segment::Rest)
    }

    /// Whether the pattern has this parameter.
    #[must_use]
    pub fn has_parameter(&self, name: &str) -> bool {
        self.segments
            .iter()
            .any(|segment| matches!(segment, Segment::Parameter(known) if **known == *name))
    }

    /// What the pattern's parts stand for in a canonical path, or nothing if it does not match.
    #[must_use]
    pub fn captures<'a>(&'a self, path: &'a str) -> Option<Captures<'a>> {
        let mut captures = Captures::default();
        let mut left = Some(path.strip_prefix('/')?);
        for segment in &self.segments {
            let text = left?;
            let (first, after) = first_segment(text);
            match segment {
                Segment::Rest => {
                    captures.rest = text;
                    return Some(captures);
                }
                Segment::Static(expected) if **expected == *first => {}
                Segment::Parameter(name) if !first.is_empty() => {
                    captures.parameters.push((name, first));
                }
                Segment::Static(_) | Segment::Parameter(_) => return None,
            }
            left = after;
        }
        left.is_none().then_some(captures)
    }
}

/// The text up to the first slash, and what follows the slash if there is one.
#[must_use]
#[inline]
pub fn first_segment(text: &str) -> (&str, Option<&str>) {
    // Segments are short: a plain loop beats the searcher for characters.
    match text.bytes().position(|byte| byte == b'/') {
        Some(slash) => (&text[..slash], Some(&text[slash + 1..])),
        None => (text, None),
    }
}

fn parse_segment(text: &str, is_last: bool) -> Result<Segment, String> {
    if text == "*" {
        return if is_last {
            Ok(Segment::Rest)
        } else {
            Err("* is not at the end".to_owned())
        };
    }
    if let Some(name) = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    {
        return if is_parameter_name(name) {
            Ok(Segment::Parameter(name.into()))
        } else {
            Err(format!("{text} does not name a parameter"))
        };
    }
    if text.contains(['{', '}', '*', '?', '#']) {
        return Err(format!("segment {text:?} mixes text with {{}}, *, ? or #"));
    }
    if text.is_empty() && !is_last {
        return Err("there are two slashes in a row".to_owned());
    }
    let canonical = path::canonical_of_text(&format!("/{text}"))
        .map_err(|error| format!("segment {text:?}: {}", error.detail()))?;
    let canonical = &canonical[1..];
    if canonical.is_empty() && !text.is_empty() {
        return Err(format!("segment {text:?} is no name"));
    }
    Ok(Segment::Static(canonical.into()))
}

/// Names of parameters: those of variables, so that templates can tell them from text. `path`,
/// `rest`, `host` and `query` have a meaning in templates already.
fn is_parameter_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !matches!(name, "path" | "rest" | "host" | "query")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern)
            .expect(pattern)
            .captures(path)
            .is_some()
    }

    #[test]
    fn static_paths_match_themselves() {
        assert!(matches("/", "/"));
        assert!(matches("/users", "/users") && !matches("/users", "/users/"));
        assert!(matches("/users/", "/users/") && !matches("/users/", "/users"));
        assert!(matches("/caf\u{e9}/%7Ea", "/caf%C3%A9/~a"));
    }

    #[test]
    fn a_parameter_is_one_segment_with_text() {
        assert!(matches("/users/{id}", "/users/1"));
        assert!(!matches("/users/{id}", "/users/"));
        assert!(!matches("/users/{id}", "/users/1/"));
        assert!(!matches("/users/{id}", "/users"));
    }

    #[test]
    fn the_rest_may_be_empty_but_its_slash_not_missing() {
        assert!(matches("/users/*", "/users/") && matches("/users/*", "/users/a/b"));
        assert!(!matches("/users/*", "/users") && !matches("/users/*", "/usersx"));
        assert!(matches("/*", "/") && matches("/*", "/a//"));
    }

    #[test]
    fn captures_by_name() {
        let pattern = PathPattern::parse("/{a}/x/{b}/*").expect("a pattern");
        let captures = pattern.captures("/1/x/2/3/4").expect("a match");
        assert_eq!(captures.parameters, [("a", "1"), ("b", "2")]);
        assert_eq!(captures.rest, "3/4");
    }

    #[test]
    fn faulty_patterns_are_refused() {
        for text in [
            "",
            "a",
            "/a*",
            "/*/a",
            "/{}",
            "/{a",
            "/a}",
            "/{a}{b}",
            "/{a}.json",
            "/{a}/{a}",
            "/{rest}",
            "//a",
            "/a//b",
            "/..",
            "/a/./b",
            "/a?b",
            "/a#b",
            "/%zz",
            "/a b",
            "/{a b}",
            "/..;x",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
        for text in ["", "a:80", "a b", "*a", "*.", "a.*", "http://a", "*.*"] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_by_suffix_have_one_or_more_labels_before_it() {
        let pattern = HostPattern::parse("*.Example.com").expect("a pattern");
        assert!(pattern.matches(Some("a.example.com")) && pattern.matches(Some("a.b.example.com")));
        assert!(!pattern.matches(Some("example.com")) && !pattern.matches(Some("aexample.com")));
        assert!(!pattern.matches(Some(".example.com")) && !pattern.matches(None));
        assert!(HostPattern::parse("A.example.").is_ok_and(|host| host.matches(Some("a.example"))));
        assert!(HostPattern::Any.matches(None));
    }
}
