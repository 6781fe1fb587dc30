//! Says why a credential is not accepted, for operators: by the functions that decide, asked again.
//!
//! Clients are told less, and traffic never comes here.

use serde_json::{Map, Value, json};

use super::issuer::{Candidates, Issuer, signer};
use super::{Authentication, read};
use crate::access::{Access, Bench};
use crate::api_keys;
use crate::claims::Claims;
use crate::credential::Presented;
use crate::decision::Reason;
use crate::flaw::Flaw;
use crate::jwt::{Jwt, glimpse};
use crate::lines::Line;
use crate::provider::Kind;

/// Longest text of a token that is repeated.
const LONGEST_TEXT: usize = 1024;

/// What operators are told of a credential, beside what became of it.
#[derive(Debug, Default)]
pub struct Account<'a> {
    /// Name of the provider that judges it.
    pub provider: Option<&'a str>,
    /// What a token says of itself, believed or not.
    pub says: Option<Value>,
    /// The providers that do not accept it, each with the reason.
    pub tried: Vec<Value>,
}

/// What is wrong, and what the provider wants instead.
type Finding = (Flaw, Option<String>);

impl Authentication {
    /// What there is to tell of the credential in some fields. `refused` says what came of it, where
    /// it was not accepted. Nothing, where no credential is asked for.
    #[must_use]
    #[cold]
    pub fn account(
        &self,
        route: usize,
        lines: &[Line<'_>],
        refused: Option<Reason>,
        now: f64,
    ) -> Option<Account<'_>> {
        let access = self.routes.get(route)?.as_ref()?;
        let mut account = Account::default();
        let mut judge = access.service().map(|bench| self.first(bench));
        if access.service().is_none()
            && let Some(shown) = access.find(lines)
            && let Presented::Once(credential) = shown.presented
            && credential.len() <= self.token_bytes
        {
            let group = shown.bench.group;
            judge = Some(self.first(shown.bench));
            if let Kind::Jwt { .. } = self.kind(self.first(shown.bench)) {
                account.says = says(credential);
                let jwt = Jwt::read(credential).ok();
                judge = jwt.and_then(|jwt| Some(self.issuer(group, &jwt)?.number));
            }
        }
        account.provider = judge.and_then(|number| self.provider_name(number));
        if let Some(reason) = refused {
            let tried = self.tried(access, lines, reason, now).into_iter();
            let told = |(number, (flaw, wanted)): (u32, Finding)| {
                let sentence = flaw.sentence();
                json!({
                    "provider": self.provider_name(number),
                    "why": flaw.word(),
                    "detail": wanted.map_or_else(
                        || sentence.to_owned(),
                        |wanted| format!("{sentence} {wanted}"),
                    ),
                })
            };
            account.tried = tried.map(told).collect();
        }
        Some(account)
    }

    /// Whether two credentials stand where one may be.
    #[must_use]
    #[cold]
    pub fn is_ambiguous(&self, route: usize, lines: &[Line<'_>]) -> bool {
        let access = self.routes.get(route).and_then(Option::as_ref);
        let shown = access.and_then(|access| access.find(lines));
        shown.is_some_and(|shown| shown.presented == Presented::Repeated)
    }

    fn kind(&self, number: u32) -> &Kind {
        &self.providers[number as usize].kind
    }

    /// The preferred provider of those that judge.
    fn first(&self, bench: Bench) -> u32 {
        self.groups[bench.group as usize].providers[0]
    }

    fn tried(
        &self,
        access: &Access,
        lines: &[Line<'_>],
        reason: Reason,
        now: f64,
    ) -> Vec<(u32, Finding)> {
        let all = |numbers: &[u32], flaw: Flaw| -> Vec<_> {
            numbers.iter().map(|&each| (each, (flaw, None))).collect()
        };
        if reason == Reason::AuthUnavailable && self.is_closed(now) {
            return all(&access.providers, Flaw::Stale);
        }
        if let Some(bench) = access.service() {
            let finding = self.late(bench, None, reason, Flaw::Denied);
            return vec![(self.first(bench), finding)];
        }
        let Some(shown) = access.find(lines) else {
            let missing = |&number: &u32| {
                let sources = self.providers[number as usize].sources.iter();
                let places: Vec<_> = sources.map(ToString::to_string).collect();
                let wanted = format!("That is {}.", places.join(", or "));
                (number, (Flaw::Missing, Some(wanted)))
            };
            return access.providers.iter().map(missing).collect();
        };
        let judges = &self.groups[shown.bench.group as usize].providers;
        let credential = match shown.presented {
            Presented::Once(credential) if credential.len() <= self.token_bytes => credential,
            Presented::Once(_) => return all(judges, Flaw::TooLarge),
            Presented::Repeated | Presented::Differing => return all(judges, Flaw::Two),
            Presented::Malformed | Presented::Absent => return all(judges, Flaw::NoCredential),
        };
        let first = judges[0];
        match self.kind(first) {
            Kind::Jwt { .. } => self.tried_token(shown.bench, credential, reason, now),
            _ => vec![(first, self.tried_key(shown.bench, credential, reason, now))],
        }
    }

    fn tried_token(
        &self,
        bench: Bench,
        token: &[u8],
        reason: Reason,
        now: f64,
    ) -> Vec<(u32, Finding)> {
        let read = Jwt::read(token);
        let judge = read
            .as_ref()
            .ok()
            .and_then(|jwt| self.issuer(bench.group, jwt));
        let numbers = self.groups[bench.group as usize].providers.iter();
        let tried = numbers.filter_map(|&number| {
            let Kind::Jwt { expectations, .. } = self.kind(number) else {
                return None;
            };
            let jwt = match &read {
                Ok(jwt) => jwt,
                Err(flaw) => {
                    let wanted = expectations.wanted(*flaw, &Map::new(), now);
                    return Some((number, (*flaw, wanted)));
                }
            };
            let (flaw, wanted) = match &judge {
                Some(judge) if judge.number == number => {
                    self.judged(bench, judge, jwt, reason, now)
                }
                Some(_) if !expectations.is_issuer(&jwt.claims) => (Flaw::Issuer, None),
                Some(_) if !expectations.is_audience(&jwt.claims) => (Flaw::Audience, None),
                Some(_) => (Flaw::PassedOver, None),
                None => (
                    expectations.check(jwt, now).err().unwrap_or(Flaw::Issuer),
                    None,
                ),
            };
            let wanted = wanted.or_else(|| expectations.wanted(flaw, &jwt.claims, now));
            Some((number, (flaw, wanted)))
        });
        tried.collect()
    }

    /// In the order of [`Self::examine_token`].
    fn judged(
        &self,
        bench: Bench,
        issuer: &Issuer<'_>,
        jwt: &Jwt<'_>,
        reason: Reason,
        now: f64,
    ) -> Finding {
        let unknown = || (Flaw::UnknownKey, Some(issuer.described_keys()));
        if !self.could_be_checked(bench.group, jwt.algorithm, jwt.key_id.as_deref()) {
            return if issuer.expectations.is_algorithm(jwt.algorithm) {
                unknown()
            } else {
                (Flaw::Algorithm, None)
            };
        }
        if let Err(flaw) = issuer.expectations.check(jwt, now) {
            return (flaw, None);
        }
        match issuer.candidates(jwt) {
            Candidates::None { .. } if reason == Reason::AuthUnavailable => {
                (Flaw::Unavailable, None)
            }
            Candidates::None { .. } => unknown(),
            Candidates::Shared(keys) | Candidates::Public(keys) if signer(&keys, jwt).is_none() => {
                (Flaw::Signature, None)
            }
            // What others have found out, all the rest being right.
            _ => self.late(
                bench,
                Some((issuer.number, &jwt.claims)),
                reason,
                Flaw::Signature,
            ),
        }
    }

    /// In the order of [`Self::examine_key`].
    fn tried_key(&self, bench: Bench, key: &[u8], reason: Reason, now: f64) -> Finding {
        let number = self.first(bench);
        let Kind::ApiKeys { keys, .. } = self.kind(number) else {
            return (Flaw::Denied, None);
        };
        let keys = read(keys);
        let digest = keys.digest(key);
        let Some(known) = digest.as_ref().and_then(|digest| keys.get(digest)) else {
            return self.late(bench, None, reason, Flaw::UnknownApiKey);
        };
        match api_keys::registered(&known.claims, known.validity) {
            Err(_) => (Flaw::Malclaim, None),
            Ok(registered) if registered.validity.is_over(now) => (Flaw::Expired, None),
            Ok(registered) if registered.validity.is_early(now) => (Flaw::Early, None),
            Ok(_) => self.late(bench, Some((number, &known.claims)), reason, Flaw::Denied),
        }
    }

    /// Why somebody is refused of whom it was found out who they are; `otherwise`, if that was not
    /// found out. `known` are the provider and the claims, if those are here.
    fn late(
        &self,
        bench: Bench,
        known: Option<(u32, &Claims)>,
        reason: Reason,
        otherwise: Flaw,
    ) -> Finding {
        match reason {
            Reason::TokenRevoked => (Flaw::Revoked, None),
            Reason::TokenExpired => (Flaw::Expired, None),
            Reason::AuthUnavailable => (Flaw::Unavailable, None),
            Reason::InsufficientScope => {
                let rules = &self.groups[bench.group as usize].rules;
                let rule = bench.rule.and_then(|rule| rules.get(rule as usize));
                let grants = known.map(|(number, claims)| {
                    let recipe = &self.providers[number as usize].recipe;
                    recipe.grants(claims)
                });
                match rule {
                    Some(rule) => (Flaw::Rule, Some(rule.described(grants.as_ref()))),
                    None => (Flaw::Denied, None),
                }
            }
            _ => (otherwise, None),
        }
    }
}

/// What a token says of itself; nothing, where nothing can be read. Never its signature.
fn says(token: &[u8]) -> Option<Value> {
    let [header, claims] = glimpse(token);
    if header.is_empty() && claims.is_empty() {
        return None;
    }
    let is_short = |text: &&str| text.len() <= LONGEST_TEXT;
    let text = |members: &Map<String, Value>, name: &str| {
        let value = members.get(name).and_then(Value::as_str);
        value.filter(is_short).map(ToOwned::to_owned)
    };
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    let audience: Vec<_> = match claims.get("aud") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let audience: Vec<_> = audience.into_iter().filter(is_short).collect();
    Some(json!({
        "issuer": text(&claims, "iss"),
        "audience": audience,
        "subject": text(&claims, "sub"),
        "token_id": text(&claims, "jti"),
        "key_id": text(&header, "kid"),
        "algorithm": text(&header, "alg"),
        "type": text(&header, "typ"),
        "issued_at": time("iat"),
        "not_before": time("nbf"),
        "expires": time("exp"),
    }))
}
