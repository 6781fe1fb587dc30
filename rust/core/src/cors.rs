//! Cross-origin requests (Fetch section 3.3): which pages of other sites may call a route.

use crate::grammar::{is_token, list, write_decimal};
use crate::specification::{self, SpecError};

/// A field of a response.
pub type OwnedField = (Vec<u8>, Vec<u8>);

/// A route's cross-origin policy.
#[derive(Debug)]
pub struct Cors {
    origins: Origins,
    methods: Names,
    headers: Names,
    expose: Box<[u8]>,
    credentials: bool,
    max_age: Option<u64>,
}

#[derive(Debug)]
enum Origins {
    Any,
    These {
        exact: Vec<Box<[u8]>>,
        below: Vec<Below>,
    },
}

/// Origins whose host ends in a certain way after one or more labels.
#[derive(Debug)]
struct Below {
    /// As `https://`.
    scheme: Box<[u8]>,
    /// As `.example.com` or `.example.com:8443`.
    end: Box<[u8]>,
}

#[derive(Debug)]
enum Names {
    Any,
    These {
        names: Vec<Box<[u8]>>,
        joined: Box<[u8]>,
    },
}

impl Cors {
    /// Compile a policy.
    ///
    /// # Errors
    ///
    /// [`SpecError`] when it is malformed or would give credentials to every site.
    pub fn compile(cors: &specification::Cors) -> Result<Self, SpecError> {
        let origins = Origins::compile(&cors.origins)?;
        if matches!(origins, Origins::Any) && cors.credentials {
            return Err(SpecError(
                "cors: credentials need named origins, not *".to_owned(),
            ));
        }
        if let Some(bad) = cors.expose.iter().find(|name| !is_token(name.as_bytes())) {
            return Err(SpecError(format!("cors: {bad:?} is no field name")));
        }
        Ok(Self {
            origins,
            methods: if cors.methods.is_empty() {
                Names::Any
            } else {
                Names::compile(&cors.methods)?
            },
            headers: Names::compile(&cors.headers)?,
            expose: cors.expose.join(", ").into_bytes().into(),
            credentials: cors.credentials,
            max_age: cors.max_age,
        })
    }

    /// The field lines that the response to an actual request carries.
    #[must_use]
    pub fn answer(&self, origin: Option<&[u8]>) -> Vec<u8> {
        let mut lines = Vec::new();
        let mut put = |name: &[u8], value: &[u8]| {
            lines.extend_from_slice(name);
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value);
            lines.extend_from_slice(b"\r\n");
        };
        if let Some(allowed) = origin.and_then(|origin| self.allowed_origin(origin)) {
            put(b"Access-Control-Allow-Origin", allowed);
            if self.credentials {
                put(b"Access-Control-Allow-Credentials", b"true");
            }
            if !self.expose.is_empty() {
                put(b"Access-Control-Expose-Headers", &self.expose);
            }
        }
        // A cache must not give one site the answer that another got, or none got.
        if !matches!(self.origins, Origins::Any) {
            put(b"Vary", b"Origin");
        }
        lines
    }

    /// The fields of the answer to a preflight; without permission, only Vary.
    #[must_use]
    pub fn preflight(
        &self,
        origin: &[u8],
        method: &[u8],
        headers: Option<&[u8]>,
    ) -> Vec<OwnedField> {
        let mut fields = Vec::new();
        let mut put = |name: &[u8], value: &[u8]| fields.push((name.to_vec(), value.to_vec()));
        let headers = headers.unwrap_or_default();
        let is_allowed = self.methods.contains(method, false)
            && list(headers).all(|name| name.is_empty() || self.headers.contains(name, true));
        if let Some(origin) = self.allowed_origin(origin)
            && is_allowed
        {
            put(b"Access-Control-Allow-Origin", origin);
            put(
                b"Access-Control-Allow-Methods",
                self.methods.permitted(method),
            );
            if !headers.is_empty() {
                put(
                    b"Access-Control-Allow-Headers",
                    self.headers.permitted(headers),
                );
            }
            if self.credentials {
                put(b"Access-Control-Allow-Credentials", b"true");
            }
            if let Some(max_age) = self.max_age {
                let mut text = Vec::new();
                write_decimal(&mut text, max_age);
                put(b"Access-Control-Max-Age", &text);
            }
        }
        put(
            b"Vary",
            b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        );
        fields
    }

    /// What Access-Control-Allow-Origin says to an origin, if it is allowed.
    fn allowed_origin<'a>(&self, origin: &'a [u8]) -> Option<&'a [u8]> {
        match &self.origins {
            Origins::Any => Some(b"*"),
            Origins::These { exact, below } => {
                // Browsers write origins in lower case (RFC 6454 section 6.2).
                let is_exact = exact.iter().any(|known| **known == *origin);
                (is_exact || below.iter().any(|pattern| pattern.contains(origin))).then_some(origin)
            }
        }
    }
}

impl Origins {
    fn compile(origins: &[String]) -> Result<Self, SpecError> {
        if origins.iter().any(|origin| origin == "*") {
            return Ok(Self::Any);
        }
        let mut exact = Vec::new();
        let mut below = Vec::new();
        for origin in origins {
            if !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(SpecError(format!("cors: {origin:?} is no origin")));
            }
            let bytes = |text: &str| text.to_ascii_lowercase().into_bytes().into_boxed_slice();
            match origin.split_once("://*.") {
                Some((scheme, end)) if !end.contains('*') => below.push(Below {
                    scheme: bytes(&format!("{scheme}://")),
                    end: bytes(&format!(".{end}")),
                }),
                None if !origin.contains('*') => exact.push(bytes(origin)),
                _ => return Err(SpecError(format!("cors: {origin:?} is no origin"))),
            }
        }
        Ok(Self::These { exact, below })
    }
}

impl Below {
    fn contains(&self, origin: &[u8]) -> bool {
        origin
            .strip_prefix(&*self.scheme)
            .and_then(|rest| rest.strip_suffix(&*self.end))
            .is_some_and(|labels| {
                !labels.is_empty()
                    && labels
                        .iter()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
            })
    }
}

impl Names {
    fn compile(names: &[String]) -> Result<Self, SpecError> {
        if let Some(bad) = names.iter().find(|name| !is_token(name.as_bytes())) {
            return Err(SpecError(format!("cors: {bad:?} is no name")));
        }
        if names.iter().any(|name| name == "*") {
            return Ok(Self::Any);
        }
        Ok(Self::These {
            joined: names.join(", ").into_bytes().into(),
            names: names.iter().map(|name| name.as_bytes().into()).collect(),
        })
    }

    fn contains(&self, name: &[u8], ignore_case: bool) -> bool {
        match self {
            Self::Any => is_token(name),
            Self::These { names, .. } => names
                .iter()
                .any(|known| **known == *name || (ignore_case && known.eq_ignore_ascii_case(name))),
        }
    }

    /// All names, or what was asked for where any is permitted: `*` does not work everywhere.
    fn permitted<'a>(&'a self, asked: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Any => asked,
            Self::These { joined, .. } => joined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], headers: &[&str], credentials: bool) -> Cors {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Cors::compile(&specification::Cors {
            origins: owned(origins),
            methods: owned(&["GET", "PUT"]),
            headers: owned(headers),
            expose: owned(&["X-Total"]),
            credentials,
            max_age: Some(600),
        })
        .expect("a policy")
    }

    fn answer(cors: &Cors, origin: Option<&str>) -> String {
        String::from_utf8(cors.answer(origin.map(str::as_bytes))).expect("ASCII")
    }

    fn is_allowed(origins: &[&str], origin: &str) -> bool {
        answer(&cors(origins, &[], false), Some(origin)).contains("Allow-Origin")
    }

    #[test]
    fn origins_are_compared_as_a_whole() {
        assert!(is_allowed(&["https://a.example"], "https://a.example"));
        for origin in [
            "https://a.example.evil",
            "https://evil-a.example",
            "http://a.example",
            "https://a.example:444",
            "https://A.example",
            "null",
            "",
        ] {
            assert!(!is_allowed(&["https://a.example"], origin), "{origin}");
        }
    }

    #[test]
    fn origins_below_a_domain() {
        let below = &["https://*.example.com"][..];
        assert!(
            is_allowed(below, "https://a.example.com")
                && is_allowed(below, "https://a.b.example.com")
        );
        for origin in [
            "https://example.com",
            "https://.example.com",
            "https://evil.org/.example.com",
            "https://aexample.com",
            "https://a.example.com:8443",
            "https://u@a.example.com",
            "http://a.example.com",
        ] {
            assert!(!is_allowed(below, origin), "{origin}");
        }
    }

    #[test]
    fn answers_depend_on_the_origin_unless_any_is_allowed() {
        let named = cors(&["https://a.example"], &[], true);
        assert_eq!(
            answer(&named, Some("https://a.example")),
            "Access-Control-Allow-Origin: https://a.example\r\nAccess-Control-Allow-Credentials: true\r\n\
             Access-Control-Expose-Headers: X-Total\r\nVary: Origin\r\n"
        );
        assert_eq!(
            answer(&named, Some("https://b.example")),
            "Vary: Origin\r\n"
        );
        assert_eq!(answer(&named, None), "Vary: Origin\r\n");
        let any = cors(&["*"], &[], false);
        assert!(
            answer(&any, Some("https://b.example"))
                .starts_with("Access-Control-Allow-Origin: *\r\n")
        );
        assert_eq!(answer(&any, None), "");
    }

    #[test]
    fn preflights_need_origin_method_and_headers() {
        let named = cors(&["https://a.example"], &["X-Token", "Content-Type"], false);
        let allowed = |origin: &str, method: &str, headers: Option<&str>| {
            let fields = named.preflight(
                origin.as_bytes(),
                method.as_bytes(),
                headers.map(str::as_bytes),
            );
            assert_eq!(fields.last().expect("Vary").0, b"Vary");
            fields.len() > 1
        };
        assert!(allowed(
            "https://a.example",
            "PUT",
            Some("x-token,content-type")
        ));
        assert!(allowed("https://a.example", "GET", None));
        assert!(!allowed("https://b.example", "GET", None));
        assert!(!allowed("https://a.example", "put", None));
        assert!(!allowed("https://a.example", "DELETE", None));
        assert!(!allowed(
            "https://a.example",
            "GET",
            Some("x-token, x-other")
        ));
    }

    #[test]
    fn any_header_reflects_what_was_asked() {
        let any = cors(&["*"], &["*"], false);
        let fields = any.preflight(b"https://a", b"GET", Some(b"x-a, x-b"));
        assert!(fields.contains(&(
            b"Access-Control-Allow-Headers".to_vec(),
            b"x-a, x-b".to_vec()
        )));
        assert_eq!(any.preflight(b"https://a", b"GET", Some(b"x a")).len(), 1);
    }

    #[test]
    fn credentials_for_everybody_are_refused() {
        let policy = specification::Cors {
            origins: vec!["*".to_owned()],
            methods: Vec::new(),
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: true,
            max_age: None,
        };
        assert!(Cors::compile(&policy).is_err());
    }
}
