//! Request methods (RFC 9110 section 9), as metrics and logs name them.

/// A request's method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// One that OpenTelemetry's conventions know.
    Known(Known),
    /// Any other one, which has the characters of a token.
    Other(Box<str>),
    /// That of a head that could not be read.
    Unreadable,
}

/// The methods that metrics tell apart, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Known {
    Connect,
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
    Trace,
}

/// Names of the known methods, in the order of their numbers.
const NAMES: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// What metrics call a method that is none of the known ones (OpenTelemetry's HTTP conventions).
pub const OTHER: &str = "_OTHER";

impl Known {
    /// The method's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// The method with a name.
    #[must_use]
    #[inline]
    pub const fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"GET" => Self::Get,
            b"POST" => Self::Post,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => return None,
        })
    }
}

impl Method {
    /// The method of a head that could be read.
    #[must_use]
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        match Known::from_name(name) {
            Some(known) => Self::Known(known),
            None => Self::Other(String::from_utf8_lossy(name).into()),
        }
    }

    /// As it was written; empty where nobody knows.
    #[must_use]
    #[inline]
    pub fn text(&self) -> &str {
        match self {
            Self::Known(known) => known.name(),
            Self::Other(name) => name,
            Self::Unreadable => "",
        }
    }

    /// The one that metrics know it as; none is [`OTHER`].
    #[must_use]
    #[inline]
    pub const fn known(&self) -> Option<Known> {
        match self {
            Self::Known(known) => Some(*known),
            Self::Other(_) | Self::Unreadable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_has_its_name() {
        for name in NAMES {
            let method = Method::of(name.as_bytes());
            assert_eq!(method.text(), name);
            assert_eq!(method.known().map(Known::name), Some(name));
        }
        let other = Method::of(b"PROPFIND");
        assert_eq!((other.text(), other.known()), ("PROPFIND", None));
        assert_eq!(Method::of(b"get").known(), None);
        assert_eq!(Method::Unreadable.text(), "");
    }
}
