//! Templates for rewritten paths and redirect locations.

use crate::route::PathPattern;
use crate::route::pattern::Captures;

/// What a template is filled with.
#[derive(Debug)]
pub struct Values<'a> {
    /// Canonical path.
    pub path: &'a str,
    /// Host without port; empty when the client named none.
    pub host: &'a str,
    /// Query with its `?`, or nothing.
    pub query: &'a str,
    /// What the route's pattern took.
    pub captures: Captures<'a>,
}

/// Text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Path,
    Rest,
    Host,
    Query,
    Parameter(Box<str>),
}

impl Template {
    /// Read a template for a route with these path patterns.
    ///
    /// # Errors
    ///
    /// What is wrong with it: unbalanced braces, a character that may not stand in a URI, or a
    /// placeholder that a pattern of the route does not fill.
    pub fn parse(text: &str, patterns: &[PathPattern]) -> Result<Self, String> {
        if let Some(bad) = text.chars().find(|bad| !bad.is_ascii_graphic()) {
            return Err(format!("template {text:?} contains {bad:?}"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("template {text:?} has a {{ without }}"));
            };
            push_literal(&mut parts, literal)?;
            parts.push(placeholder(name, patterns)?);
            rest = after;
        }
        push_literal(&mut parts, rest)?;
        Ok(Self { parts })
    }

    /// Whether the query stands in the template, be it as a placeholder or as text.
    #[must_use]
    pub fn has_query(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Query => true,
            Part::Literal(text) => text.contains('?'),
            _ => false,
        })
    }

    /// The text with its placeholders filled.
    #[must_use]
    pub fn render(&self, values: &Values<'_>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            out.push_str(match part {
                Part::Literal(text) => text,
                Part::Path => values.path,
                Part::Rest => values.captures.rest,
                Part::Host => values.host,
                Part::Query => values.query,
                Part::Parameter(name) => values
                    .captures
                    .parameters
                    .iter()
                    .find(|(known, _)| **known == **name)
                    .map_or("", |(_, value)| value),
            });
        }
        out
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) -> Result<(), String> {
    if text.contains('}') {
        return Err(format!("template text {text:?} has a }} without {{"));
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text.into()));
    }
    Ok(())
}

fn placeholder(name: &str, patterns: &[PathPattern]) -> Result<Part, String> {
    match name {
        "path" => Ok(Part::Path),
        "host" => Ok(Part::Host),
        "query" => Ok(Part::Query),
        "rest" if patterns.iter().any(PathPattern::has_rest) => Ok(Part::Rest),
        "rest" => Err("{rest} stands for a trailing *, which no path of the route has".to_owned()),
        _ if patterns.iter().all(|pattern| pattern.has_parameter(name)) => {
            Ok(Part::Parameter(name.into()))
        }
        _ => Err(format!(
            "{{{name}}} is not a parameter of every path of the route"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<PathPattern> {
        texts
            .iter()
            .map(|text| PathPattern::parse(text).expect(text))
            .collect()
    }

    #[test]
    fn placeholders_are_filled() {
        let patterns = patterns(&["/users/{id}/*"]);
        let template = Template::parse("https://{host}/u/{id}/x{rest}{query}{path}", &patterns);
        let path = "/users/7/a/b";
        let captures = patterns[0].captures(path).expect("a match");
        let values = Values {
            path,
            host: "h",
            query: "?q",
            captures,
        };
        let text = template.expect("a template").render(&values);
        assert_eq!(text, "https://h/u/7/xa/b?q/users/7/a/b");
    }

    #[test]
    fn faulty_templates_are_refused() {
        let patterns = patterns(&["/users/{id}", "/people/{id}/{other}"]);
        for text in [
            "/{",
            "/}",
            "/{}",
            "/{nobody}",
            "/{other}",
            "/{rest}",
            "/a b",
            "/\u{e9}",
            "/\r\n",
        ] {
            assert!(Template::parse(text, &patterns).is_err(), "{text}");
        }
        assert!(Template::parse("/{id}", &patterns).is_ok());
    }

    #[test]
    fn a_query_is_noticed() {
        let has_query = |text| Template::parse(text, &[]).expect(text).has_query();
        assert!(has_query("/a?b=c") && has_query("/a{query}") && !has_query("/a{path}"));
    }
}
