//! Who a client is, made from what its credential claims: once, when the credential is accepted.

use std::sync::Arc;

use serde_json::Value;

use crate::claims::{ClaimPath, Claims, Registered, Validity, is_inexact};
use crate::grammar::trim;
use crate::rate_limit::entitlements::{EntitlementRecipe, Entitlements};
use crate::rule::{Grants, Rule};
use crate::specification::{self, ProviderKind, SpecError};

/// Who a client is.
#[derive(Debug)]
pub struct Principal {
    /// `sub`.
    pub subject: Option<Box<str>>,
    /// `iss`, or the provider's name where there is none.
    pub issuer: Box<str>,
    /// `jti`.
    pub token_id: Option<Box<str>>,
    /// `iat`.
    pub issued_at: Option<f64>,
    /// When the credential is valid.
    pub validity: Validity,
    /// Lines for the upstream.
    pub lines: Box<[u8]>,
    /// Whether it stands for an API key, whose name is `token_id`.
    pub is_api_key: bool,
    /// How limits treat it.
    pub entitlements: Entitlements,
    /// Which rules are met, one bit each.
    granted: Box<[u64]>,
}

/// How principals are made from a provider's claims.
#[derive(Debug)]
pub struct Recipe {
    /// The provider's name.
    name: Box<str>,
    headers: Vec<(ClaimPath, Box<str>)>,
    scopes: Vec<ClaimPath>,
    roles: Option<ClaimPath>,
    is_of_api_keys: bool,
    entitlements: Arc<EntitlementRecipe>,
}

impl Principal {
    /// Whether the rule with this number is met.
    #[must_use]
    #[inline]
    pub fn is_granted(&self, rule: u32) -> bool {
        let word = self.granted.get(rule as usize / 64);
        word.is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }

    /// Memory behind the value, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let texts = text(&self.subject) + text(&self.token_id) + self.issuer.len();
        texts + self.lines.len() + size_of_val(&*self.granted) + self.entitlements.weight()
    }
}

impl Recipe {
    /// Compile what a provider's specification says, and the limits ask.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        provider: &specification::Provider,
        entitlements: &Arc<EntitlementRecipe>,
    ) -> Result<Self, SpecError> {
        let headers = provider
            .claims_to_headers
            .iter()
            .map(|(path, name)| Ok((ClaimPath::new(path)?, name.as_str().into())));
        let scopes = provider
            .scope_claims
            .iter()
            .map(|path| ClaimPath::new(path));
        let roles = &provider.roles_claim;
        Ok(Self {
            name: provider.name.as_str().into(),
            headers: headers.collect::<Result<_, SpecError>>()?,
            scopes: scopes.collect::<Result<_, _>>()?,
            roles: (!roles.is_empty())
                .then(|| ClaimPath::new(roles))
                .transpose()?,
            is_of_api_keys: matches!(provider.kind, ProviderKind::ApiKeys(_)),
            entitlements: Arc::clone(entitlements),
        })
    }

    /// The principal of a credential that was accepted. `lines` go to the upstream before those
    /// that its claims make.
    #[must_use]
    pub fn make(
        &self,
        registered: &Registered<'_>,
        claims: &Claims,
        rules: &[Rule],
        mut lines: Vec<u8>,
    ) -> Principal {
        for (path, name) in &self.headers {
            if let Some(value) = path.find(claims).and_then(header_value) {
                crate::head::put_field(&mut lines, name.as_bytes(), &value);
            }
        }
        let grants = self.grants(claims);
        Principal {
            subject: registered.subject.map(Into::into),
            issuer: registered.issuer.unwrap_or(&self.name).into(),
            token_id: registered.token_id.map(Into::into),
            issued_at: registered.issued_at,
            validity: registered.validity,
            lines: lines.into(),
            is_api_key: self.is_of_api_keys,
            entitlements: self
                .entitlements
                .make(registered.subject, &grants.scopes, claims),
            granted: evaluate(rules, &grants),
        }
    }

    /// What claims grant.
    #[must_use]
    pub fn grants<'a>(&self, claims: &'a Claims) -> Grants<'a> {
        let scope_claim = self.scopes.iter().find_map(|path| path.find(claims));
        let role_claim = self.roles.as_ref().and_then(|path| path.find(claims));
        Grants {
            scopes: scope_claim.map(scopes_of).unwrap_or_default(),
            roles: role_claim.map(roles_of).unwrap_or_default(),
            claims,
        }
    }
}

/// Which rules are met, one bit each.
fn evaluate(rules: &[Rule], grants: &Grants<'_>) -> Box<[u64]> {
    let mut granted = vec![0; rules.len().div_ceil(64)];
    for (number, rule) in rules.iter().enumerate() {
        granted[number / 64] |= u64::from(rule.is_met(grants)) << (number % 64);
    }
    granted.into()
}

/// The scopes in a claim: a text with spaces between them (RFC 8693 section 4.2), or a list.
fn scopes_of(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => text.split(' ').filter(|scope| !scope.is_empty()).collect(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The roles in a claim: a list, or one text. A text with spaces is one role: who could name it
/// would otherwise be given its parts.
fn roles_of(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => vec![text],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A claim as a field value. None for what cannot be written as one without changing its meaning.
fn header_value(claim: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match claim {
        Value::Array(elements) => {
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                let start = out.len();
                put_scalar(&mut out, element)?;
                if out[start..].contains(&b',') {
                    return None;
                }
            }
        }
        scalar => put_scalar(&mut out, scalar)?,
    }
    Some(trim(&out).to_vec())
}

fn put_scalar(out: &mut Vec<u8>, value: &Value) -> Option<()> {
    match value {
        Value::String(text) if !text.bytes().any(|byte| byte.is_ascii_control()) => {
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) if is_inexact(number) => return None,
        Value::Bool(_) | Value::Number(_) => out.extend_from_slice(value.to_string().as_bytes()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recipe(changes: &Value) -> Recipe {
        let mut provider = json!({
            "name": "main", "sources": [], "scope_claims": [["scope"], ["scp"]],
            "roles_claim": ["realm", "roles"], "claims_to_headers": [],
            "kind": {"api_keys": {"remote": false}},
        });
        for (name, value) in changes.as_object().expect("an object") {
            provider[name] = value.clone();
        }
        let provider = serde_json::from_value(provider).expect("a provider");
        Recipe::compile(&provider, &Arc::default()).expect("a recipe")
    }

    const ALWAYS: Validity = Validity {
        not_before: f64::NEG_INFINITY,
        expires: f64::INFINITY,
        leeway: 0.0,
    };

    fn make(recipe: &Recipe, claims: &Value, rules: &[Rule]) -> Principal {
        let registered = Registered {
            issuer: claims["iss"].as_str(),
            subject: claims["sub"].as_str(),
            token_id: None,
            issued_at: None,
            validity: ALWAYS,
        };
        let claims = claims.as_object().expect("an object");
        recipe.make(&registered, claims, rules, b"X-Given: 1\r\n".to_vec())
    }

    fn header(value: &Value) -> Option<String> {
        header_value(value).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
    }

    #[test]
    fn claims_become_lines() {
        let recipe = recipe(&json!({"claims_to_headers": [
            [["sub"], "X-User"], [["realm", "roles"], "X-Roles"], [["absent"], "X-Absent"],
            [["realm"], "X-Realm"],
        ]}));
        let claims = json!({"sub": " an\u{ef} ", "realm": {"roles": ["a", 1, true]}});
        let principal = make(&recipe, &claims, &[]);
        assert_eq!(
            String::from_utf8_lossy(&principal.lines),
            "X-Given: 1\r\nX-User: an\u{ef}\r\nX-Roles: a,1,true\r\n"
        );
        assert_eq!(&*principal.issuer, "main");
        assert!(principal.weight() >= principal.lines.len());
        assert_eq!(
            &*make(&recipe, &json!({"iss": "https://i"}), &[]).issuer,
            "https://i"
        );
    }

    #[test]
    fn values_that_would_change_their_meaning_are_left_out() {
        assert_eq!(header(&json!(1.5)).as_deref(), Some("1.5"));
        assert_eq!(header(&json!("a,b")).as_deref(), Some("a,b"));
        assert_eq!(header(&json!(" ")).as_deref(), Some(""));
        assert_eq!(header(&json!([])).as_deref(), Some(""));
        let whole = header(&json!([u64::MAX, i64::MIN]));
        assert_eq!(
            whole.as_deref(),
            Some("18446744073709551615,-9223372036854775808")
        );
        for value in [
            json!(null),
            json!({}),
            json!("a\r\nX-Admin: 1"),
            json!("a\tb"),
            json!("\u{7f}"),
            json!(["a,b"]),
            json!(["a", null]),
            json!([["a"]]),
            json!(["a\n"]),
            json!("\0"),
            // Too large for 64 bits: another number is written in the same way.
            json!(18_446_744_073_709_551_616.0),
            json!([1, -9_007_199_254_740_992.0]),
        ] {
            assert_eq!(header(&value), None, "{value}");
        }
    }

    #[test]
    fn the_first_scope_claim_counts() {
        let rule = |scope: &str| {
            let rule =
                json!({"all_scopes": [scope], "any_scopes": [], "any_roles": [], "claims": []});
            Rule::compile(&serde_json::from_value(rule).expect("a rule"))
                .expect("a rule")
                .expect("one")
        };
        let rules = [rule("a"), rule("b"), rule("c")];
        let granted = |claims: &Value| {
            let principal = make(&recipe(&json!({})), claims, &rules);
            (0..4)
                .filter(|&number| principal.is_granted(number))
                .collect::<Vec<_>>()
        };
        assert_eq!(granted(&json!({"scope": "a  c", "scp": ["b"]})), [0, 2]);
        assert_eq!(granted(&json!({"scope": null, "scp": ["b", 1]})), [1]);
        assert_eq!(granted(&json!({"scope": 7, "scp": "a"})), [] as [u32; 0]);
        assert_eq!(granted(&json!({"scope": ["a b"]})), [] as [u32; 0]);
    }

    #[test]
    fn roles_are_a_list_or_one_text() {
        assert_eq!(roles_of(&json!(["a", 1, "b"])), ["a", "b"]);
        assert_eq!(roles_of(&json!("super admin")), ["super admin"]);
    }

    #[test]
    fn rules_beyond_a_word_have_bits_too() {
        let rule = |number: u32| {
            let rule = json!({"all_scopes": [number.to_string()], "any_scopes": [], "any_roles": [], "claims": []});
            Rule::compile(&serde_json::from_value(rule).expect("a rule"))
                .expect("a rule")
                .expect("one")
        };
        let rules: Vec<_> = (0..130).map(rule).collect();
        let principal = make(
            &recipe(&json!({})),
            &json!({"scope": "0 63 64 129"}),
            &rules,
        );
        let granted: Vec<_> = (0..200)
            .filter(|&number| principal.is_granted(number))
            .collect();
        assert_eq!(granted, [0, 63, 64, 129]);
    }
}
