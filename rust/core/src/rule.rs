//! What a client must be allowed on a route: scopes, roles, claims.

use std::fmt;

use regex_lite::Regex;
use serde_json::{Number, Value};

use crate::claims::{ClaimPath, Claims, is_inexact};
use crate::specification::{self, SpecError};

/// What a credential grants.
#[derive(Debug)]
pub struct Grants<'a> {
    /// Scopes.
    pub scopes: Vec<&'a str>,
    /// Roles.
    pub roles: Vec<&'a str>,
    /// Everything that it claims.
    pub claims: &'a Claims,
}

/// What a client must be allowed; all of it.
#[derive(Debug)]
pub struct Rule {
    all_scopes: Vec<Box<str>>,
    any_scopes: Vec<Box<str>>,
    any_roles: Vec<Box<str>>,
    claims: Vec<(ClaimPath, Condition)>,
}

#[derive(Debug)]
enum Condition {
    In(Vec<Value>),
    Matches(Regex),
}

impl Rule {
    /// Compile a rule; nothing, if it asks for nothing.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(rule: &specification::Rule) -> Result<Option<Self>, SpecError> {
        if *rule == specification::Rule::default() {
            return Ok(None);
        }
        let boxed = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let claims = rule
            .claims
            .iter()
            .map(|(path, condition)| Ok((ClaimPath::new(path)?, Condition::compile(condition)?)));
        Ok(Some(Self {
            all_scopes: boxed(&rule.all_scopes),
            any_scopes: boxed(&rule.any_scopes),
            any_roles: boxed(&rule.any_roles),
            claims: claims.collect::<Result<_, SpecError>>()?,
        }))
    }

    /// Whether what is granted is enough.
    #[must_use]
    pub fn is_met(&self, grants: &Grants<'_>) -> bool {
        self.has_all_scopes(grants)
            && is_any(&self.any_scopes, &grants.scopes)
            && is_any(&self.any_roles, &grants.roles)
            && self.unmet_claims(grants).next().is_none()
    }

    fn has_all_scopes(&self, grants: &Grants<'_>) -> bool {
        let mut wanted = self.all_scopes.iter();
        wanted.all(|scope| grants.scopes.contains(&&**scope))
    }

    /// The claims that do not say what they have to.
    fn unmet_claims<'a>(&'a self, grants: &'a Grants<'_>) -> impl Iterator<Item = &'a ClaimPath> {
        let is_met = |path: &ClaimPath, condition: &Condition| {
            let value = path.find(grants.claims);
            value.is_some_and(|value| condition.holds(value))
        };
        let unmet = self
            .claims
            .iter()
            .filter(move |(path, condition)| !is_met(path, condition));
        unmet.map(|(path, _)| path)
    }

    /// What is wanted and not granted; all that is wanted, where nobody knows what is granted. For
    /// people.
    #[must_use]
    #[cold]
    pub fn described(&self, grants: Option<&Grants<'_>>) -> String {
        let mut parts = Vec::new();
        let mut tell =
            |words: &str, wanted: &[Box<str>], is_met: bool, granted: Option<&[&str]>| {
                if !wanted.is_empty() && !is_met {
                    let granted = granted.map_or_else(String::new, |granted| {
                        format!("; it grants {}", quoted(granted.iter()))
                    });
                    parts.push(format!(
                        "It needs {words} {}{granted}.",
                        quoted(wanted.iter())
                    ));
                }
            };
        let scopes = grants.map(|grants| &*grants.scopes);
        let roles = grants.map(|grants| &*grants.roles);
        tell(
            "all of the scopes",
            &self.all_scopes,
            grants.is_some_and(|grants| self.has_all_scopes(grants)),
            scopes,
        );
        tell(
            "one of the scopes",
            &self.any_scopes,
            scopes.is_some_and(|scopes| is_any(&self.any_scopes, scopes)),
            scopes,
        );
        tell(
            "one of the roles",
            &self.any_roles,
            roles.is_some_and(|roles| is_any(&self.any_roles, roles)),
            roles,
        );
        let unmet: Vec<_> = match grants {
            Some(grants) => self.unmet_claims(grants).collect(),
            None => self.claims.iter().map(|(path, _)| path).collect(),
        };
        for path in unmet {
            parts.push(format!("The claim {path} is not what it has to be."));
        }
        parts.join(" ")
    }
}

fn quoted(names: impl Iterator<Item = impl fmt::Debug>) -> String {
    let names: Vec<_> = names.map(|name| format!("{name:?}")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Whether one of `wanted` is granted, or none is wanted.
fn is_any(wanted: &[Box<str>], granted: &[&str]) -> bool {
    wanted.is_empty() || wanted.iter().any(|name| granted.contains(&&**name))
}

impl Condition {
    fn compile(condition: &specification::Condition) -> Result<Self, SpecError> {
        match condition {
            specification::Condition::Equals(value) => Ok(Self::In(vec![value.clone()])),
            specification::Condition::In(values) => Ok(Self::In(values.clone())),
            specification::Condition::Matches(pattern) => {
                let faulty = |error| SpecError(format!("{pattern:?}: {error}"));
                // By itself first: what only makes sense between the anchors is a trick.
                Regex::new(pattern).map_err(faulty)?;
                let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(faulty)?;
                Ok(Self::Matches(whole))
            }
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::In(values), value) => values.iter().any(|wanted| is_same(wanted, value)),
            (Self::Matches(pattern), Value::String(text)) => pattern.is_match(text),
            (Self::Matches(_), _) => false,
        }
    }
}

/// Whether two values are equal; numbers by what they stand for, so that 1 is 1.0.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => is_same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| is_same(value, other)))
        }
        (one, other) => one == other,
    }
}

fn is_same_number(one: &Number, other: &Number) -> bool {
    if is_inexact(one) || is_inexact(other) {
        return false;
    }
    if one.is_f64() == other.is_f64() {
        return one == other;
    }
    one.as_f64() == other.as_f64()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rule(rule: &Value) -> Result<Option<Rule>, SpecError> {
        let mut whole = json!({"all_scopes": [], "any_scopes": [], "any_roles": [], "claims": []});
        for (name, value) in rule.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        Rule::compile(&serde_json::from_value(whole).expect("a rule"))
    }

    fn is_met(wanted: &Value, claims: &Value) -> bool {
        let grants = Grants {
            scopes: vec!["read", "write"],
            roles: vec!["user"],
            claims: claims.as_object().expect("an object"),
        };
        let rule = rule(wanted).expect("a rule");
        rule.is_none_or(|rule| rule.is_met(&grants))
    }

    fn claim(condition: &Value, claims: &Value) -> bool {
        is_met(&json!({"claims": [[["a", "b"], condition]]}), claims)
    }

    #[test]
    fn scopes_and_roles() {
        let met = |wanted: &Value| is_met(wanted, &json!({}));
        assert!(met(&json!({})) && rule(&json!({})).expect("a rule").is_none());
        assert!(met(&json!({"all_scopes": ["read", "write"]})));
        assert!(!met(&json!({"all_scopes": ["read", "admin"]})));
        assert!(met(&json!({"any_scopes": ["admin", "read"]})));
        assert!(!met(&json!({"any_scopes": ["admin", "Read", "rea"]})));
        assert!(met(&json!({"any_roles": ["admin", "user"]})));
        assert!(!met(&json!({"any_roles": ["read"]})));
        assert!(!met(
            &json!({"all_scopes": ["read"], "any_roles": ["admin"]})
        ));
    }

    #[test]
    fn claims_are_found_by_path_and_compared_whole() {
        let equals = |value: &Value, claims: &Value| claim(&json!({"equals": value}), claims);
        assert!(equals(&json!("x"), &json!({"a": {"b": "x"}})));
        for claims in [
            json!({}),
            json!({"a": "x"}),
            json!({"a.b": "x"}),
            json!({"a": {"b": ["x"]}}),
            json!({"a": {"b": "X"}}),
            json!({"a": {"b": null}}),
            json!({"a": [{"b": "x"}]}),
        ] {
            assert!(!equals(&json!("x"), &claims), "{claims}");
        }
        assert!(equals(&json!(1), &json!({"a": {"b": 1.0}})));
        assert!(!equals(&json!(1), &json!({"a": {"b": "1"}})));
        assert!(!equals(&json!(1), &json!({"a": {"b": true}})));
        assert!(equals(
            &json!([1, {"c": 2}]),
            &json!({"a": {"b": [1.0, {"c": 2}]}})
        ));
        assert!(!equals(&json!(null), &json!({"a": {}})));
        assert!(equals(&json!(u64::MAX), &json!({"a": {"b": u64::MAX}})));
        assert!(!equals(
            &json!(u64::MAX),
            &json!({"a": {"b": u64::MAX - 1}})
        ));
        // What lost digits is equal to nothing, not even to itself.
        let large = json!(18_446_744_073_709_551_616.0);
        assert!(!equals(&large, &json!({"a": {"b": large}})));
        assert!(!equals(&json!([large]), &json!({"a": {"b": [large]}})));
        let one_of = json!({"in": ["x", 2]});
        assert!(claim(&one_of, &json!({"a": {"b": 2}})));
        assert!(!claim(&one_of, &json!({"a": {"b": 3}})));
        assert!(!claim(&json!({"in": []}), &json!({"a": {"b": 3}})));
    }

    #[test]
    fn regular_expressions_match_from_start_to_end() {
        let matches = |pattern: &str, text: &str| {
            claim(&json!({"matches": pattern}), &json!({"a": {"b": text}}))
        };
        assert!(matches(r"[a-z]+@example\.com", "ab@example.com"));
        assert!(!matches(r"[a-z]+@example\.com", "ab@example.com.evil"));
        assert!(!matches(r"[a-z]+@example\.com", "ab@example.com\n"));
        assert!(!matches("a|b", "ax") && !matches("a|b", "xb") && matches("a|b", "b"));
        assert!(!matches("(?m)^a$", "a\nb") && !matches("(?s).", ""));
        assert!(!claim(&json!({"matches": ".*"}), &json!({"a": {"b": 1}})));
    }

    #[test]
    fn faulty_regular_expressions_are_refused() {
        for pattern in ["(", "a)|(b", "(?x)a #", r"\p{L}"] {
            let wanted = json!({"claims": [[["a"], {"matches": pattern}]]});
            assert!(rule(&wanted).is_err(), "{pattern}");
        }
        assert!(rule(&json!({"claims": [[[], {"equals": 1}]]})).is_err());
    }

    proptest! {
        #[test]
        fn whole_matches_are_those_that_span_the_text(
            pattern in r"[ab]{0,3}[|*+?]?(\([ab|]{0,3}\)[*+?]?)?[ab.]{0,2}",
            text in "[abc]{0,5}",
        ) {
            let compiled = Regex::new(&pattern);
            prop_assume!(compiled.is_ok());
            // The same question without anchors: is there a match that is as long as the text?
            let spans = |text: &str| {
                Regex::new(&format!("^(?:{pattern})$")).expect("a pattern").find(text)
                    .is_some_and(|found| found.len() == text.len())
            };
            let met = claim(&json!({"matches": pattern}), &json!({"a": {"b": text}}));
            prop_assert_eq!(met, spans(&text));
        }
    }
}
