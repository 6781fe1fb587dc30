//! What a route does to the target before the upstream sees it.

use std::borrow::Cow;

use crate::path;
use crate::template::{Template, Values};

/// The Host that the upstream gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamHost {
    /// What the client sent.
    Preserve,
    /// The authority of the chosen endpoint.
    Endpoint,
    /// This text.
    Literal(Box<str>),
}

/// Changes of the path, applied from first to last, and of the host.
#[derive(Debug, Clone)]
pub struct Rewrite {
    /// Removed from the front where it ends with a segment; no final slash.
    pub strip_prefix: Option<Box<str>>,
    /// Replaces the path.
    pub path: Option<Template>,
    /// Put in front; no final slash.
    pub add_prefix: Option<Box<str>>,
    /// Host.
    pub host: UpstreamHost,
}

impl Rewrite {
    /// Whether the path stays as it is.
    #[must_use]
    pub const fn keeps_path(&self) -> bool {
        self.strip_prefix.is_none() && self.path.is_none() && self.add_prefix.is_none()
    }

    /// The path for the upstream, canonical again.
    ///
    /// # Errors
    ///
    /// [`path::PathError`] when a template made something that is no path.
    pub fn apply<'a>(
        &self,
        canonical: &'a str,
        values: impl FnOnce() -> Values<'a>,
    ) -> Result<Cow<'a, str>, path::PathError> {
        let mut result = Cow::Borrowed(canonical);
        if let Some(prefix) = &self.strip_prefix {
            result = Cow::Borrowed(strip_prefix(canonical, prefix));
        }
        if let Some(template) = &self.path {
            let rendered = template.render(&values());
            result = Cow::Owned(path::canonical(rendered.as_bytes())?.into_owned());
        }
        if let Some(prefix) = &self.add_prefix {
            result = Cow::Owned([&**prefix, &*result].concat());
        }
        Ok(result)
    }
}

/// `path` without `prefix`, if the prefix ends where a segment ends.
fn strip_prefix<'a>(path: &'a str, prefix: &str) -> &'a str {
    match path.strip_prefix(prefix) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// A prefix as [`Rewrite`] holds it: canonical and without final slash; nothing if it was `/`.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_prefix(text: &str) -> Result<Option<Box<str>>, String> {
    let canonical = path::canonical_of_text(text)
        .map_err(|error| format!("prefix {text:?}: {}", error.detail()))?;
    let prefix = canonical.strip_suffix('/').unwrap_or(&canonical);
    Ok((!prefix.is_empty()).then(|| prefix.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::PathPattern;

    fn rewrite(strip: &str, template: &str, add: &str) -> Rewrite {
        let prefix = |text: &str| {
            if text.is_empty() {
                None
            } else {
                parse_prefix(text).expect(text)
            }
        };
        let patterns = [PathPattern::any()];
        Rewrite {
            strip_prefix: prefix(strip),
            path: (!template.is_empty())
                .then(|| Template::parse(template, &patterns).expect(template)),
            add_prefix: prefix(add),
            host: UpstreamHost::Preserve,
        }
    }

    fn apply(rewrite: &Rewrite, path: &str) -> Result<String, path::PathError> {
        let pattern = PathPattern::any();
        let captures = pattern.captures(path).expect("any path");
        let values = || Values {
            path,
            host: "",
            query: "",
            captures,
        };
        rewrite.apply(path, values).map(Cow::into_owned)
    }

    #[test]
    fn prefixes_end_where_segments_end() {
        for (strip, add, path, expected) in [
            ("/a", "", "/a/b", "/b"),
            ("/a/", "", "/a", "/"),
            ("/a", "", "/ab", "/ab"),
            ("/", "", "/a", "/a"),
            ("", "/v1/", "/a", "/v1/a"),
            ("/a", "/v1", "/a", "/v1/"),
            ("/caf\u{e9}", "", "/caf%C3%A9/x", "/x"),
        ] {
            let result = apply(&rewrite(strip, "", add), path);
            assert_eq!(result.as_deref(), Ok(expected), "{strip} {add} {path}");
        }
    }

    #[test]
    fn templates_make_canonical_paths_or_nothing() {
        assert_eq!(
            apply(&rewrite("", "/new//{rest}", ""), "/a/b").as_deref(),
            Ok("/new/a/b")
        );
        assert_eq!(
            apply(&rewrite("", "/.{rest}", "/v"), "/").as_deref(),
            Ok("/v/")
        );
        assert_eq!(
            apply(&rewrite("", "{rest}", ""), "/a"),
            Err(path::PathError::Character)
        );
    }
}
