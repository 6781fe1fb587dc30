//! The forms of a request target (RFC 9112 section 3.2).

use crate::host::Authority;

/// A request target, taken apart but not yet canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// What absolute-form names as its server, with the default port of its scheme.
    pub authority: Option<(Authority<'a>, u16)>,
    /// The path as it was written; `/` for asterisk-form.
    pub path: &'a [u8],
    /// The query with its `?`, or nothing.
    pub query: &'a [u8],
    /// Whether the target is `*`, which asks about the server as a whole.
    pub asterisk: bool,
}

impl<'a> Target<'a> {
    /// Tell the forms apart; authority-form belongs to CONNECT, which the gateway does not do.
    ///
    /// # Errors
    ///
    /// One sentence for the client.
    pub fn parse(method: &[u8], target: &'a [u8]) -> Result<Self, &'static str> {
        match target {
            // Section 3.2.1: origin-form.
            [b'/', ..] => Self::of_path(None, target),
            // Section 3.2.4: asterisk-form.
            b"*" if method == b"OPTIONS" => Ok(Self {
                authority: None,
                path: b"/",
                query: b"",
                asterisk: true,
            }),
            // Section 3.2.2: absolute-form.
            _ => Self::parse_absolute(method, target),
        }
    }

    fn parse_absolute(method: &[u8], target: &'a [u8]) -> Result<Self, &'static str> {
        let (rest, default_port) = if let Some(rest) = strip_scheme(target, b"http://") {
            (rest, 80)
        } else if let Some(rest) = strip_scheme(target, b"https://") {
            (rest, 443)
        } else {
            return Err("The request target has none of the forms of RFC 9112 section 3.2.");
        };
        let end = rest
            .iter()
            .position(|byte| b"/?#".contains(byte))
            .unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let authority =
            Authority::parse(authority).ok_or("The authority of the request target is invalid.")?;
        let authority = Some((authority, default_port));
        if rest.is_empty() {
            // Section 3.2.4: the last proxy turns OPTIONS without a path into asterisk-form.
            let asterisk = method == b"OPTIONS";
            return Ok(Self {
                authority,
                path: b"/",
                query: b"",
                asterisk,
            });
        }
        Self::of_path(authority, rest)
    }

    fn of_path(
        authority: Option<(Authority<'a>, u16)>,
        rest: &'a [u8],
    ) -> Result<Self, &'static str> {
        let end = rest
            .iter()
            .position(|&byte| byte == b'?')
            .unwrap_or(rest.len());
        let (path, query) = rest.split_at(end);
        let path = if path.is_empty() { b"/" } else { path };
        // A fragment never leaves a user agent; here it is an attempt at confusion.
        if rest.contains(&b'#') {
            return Err("The request target contains a fragment.");
        }
        if !query.iter().all(u8::is_ascii_graphic) {
            return Err("The query contains a character that is not allowed.");
        }
        Ok(Self {
            authority,
            path,
            query,
            asterisk: false,
        })
    }
}

/// What follows `scheme`, which is compared without regard to case.
fn strip_scheme<'a>(target: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = target.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &'static str) -> Result<Target<'static>, &'static str> {
        Target::parse(b"GET", target.as_bytes())
    }

    #[test]
    fn origin_form() {
        let target = get("/a?b=/?c\\").expect("origin-form");
        assert_eq!((target.path, target.query), (&b"/a"[..], &b"?b=/?c\\"[..]));
        assert!(target.authority.is_none() && !target.asterisk);
    }

    #[test]
    fn absolute_form() {
        let target = get("HTTPS://a.example:8443?q").expect("absolute-form");
        let (authority, default_port) = target.authority.expect("an authority");
        assert_eq!(
            (authority.text, default_port),
            (&b"a.example:8443"[..], 443)
        );
        assert_eq!((target.path, target.query), (&b"/"[..], &b"?q"[..]));
    }

    #[test]
    fn asterisk_form_belongs_to_options() {
        assert!(Target::parse(b"OPTIONS", b"*").is_ok_and(|target| target.asterisk));
        assert!(Target::parse(b"OPTIONS", b"http://a").is_ok_and(|target| target.asterisk));
        assert!(Target::parse(b"OPTIONS", b"http://a/").is_ok_and(|target| !target.asterisk));
        assert!(get("*").is_err() && get("http://a").is_ok_and(|target| !target.asterisk));
    }

    #[test]
    fn anything_else_is_refused() {
        for target in [
            "",
            "a",
            "?a",
            "a/b",
            "**",
            "http:/a",
            "http://",
            "http://u@h/",
            "http://h:x/",
            "ftp://h/",
            "//h\u{0}?\u{1}",
            "/a#b",
            "/a?b#c",
            "http://h#f",
            "h:80",
            "/?a b",
            "/?\u{7f}",
            "/?\u{e9}",
            "http//h",
            "http://h\\x/",
        ] {
            assert!(get(target).is_err(), "{target:?}");
        }
    }
}
