//! What is found out about credentials between two decisions, and what becomes of them then.

use std::sync::Arc;

use super::issuer::{Candidates, Issuer, signer};
use super::{Authentication, Standing};
use crate::api_keys::{self, ApiKeyError};
use crate::claims::{Claims, Registered};
use crate::decision::Reason;
use crate::field_names::FieldNames;
use crate::flaw::Flaw;
use crate::grammar::{is_field_value, trim};
use crate::head::put_field;
use crate::jwt::Jwt;
use crate::memory::Refused;
use crate::provider::Kind;
use crate::verdict::{Accepted, Open, Pending, Verdict, Voucher};

/// What others found out: somebody is to be let in.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// What is known about them: a JSON object. Of a token, its own claims count.
    pub claims: &'a [u8],
    /// Until when it may be remembered, in Unix seconds.
    pub until: f64,
    /// Fields of a service's answer.
    pub headers: &'a [(&'a [u8], &'a [u8])],
}

/// What was asked for makes no sense; the text says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misuse(pub &'static str);

impl From<ApiKeyError> for Misuse {
    fn from(error: ApiKeyError) -> Self {
        Self(error.0)
    }
}

impl Authentication {
    /// Check a signature, and remember what came of it.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when it is not a signature that is open.
    pub fn verify(&self, pending: &Pending, now: f64) -> Result<Verdict, Misuse> {
        self.check_origin(pending)?;
        if pending.open != Open::Signature {
            return Err(Misuse("it is not a signature that has to be checked"));
        }
        // Of a burst with one token, the first has found it out for all.
        if let Some(known) = self.remembered(pending.group, &pending.credential, now) {
            return Ok(pending.verdict(known));
        }
        Ok(pending.verdict(self.verify_signature(pending, now)))
    }

    fn verify_signature(&self, pending: &Pending, now: f64) -> Result<Arc<Accepted>, Reason> {
        let jwt = Jwt::read(&pending.credential)?;
        let issuer = self.issuer(pending.group, &jwt).ok_or(Flaw::Issuer)?;
        // Again: it may have waited, and the keys may have changed meanwhile.
        let registered = issuer.expectations.check(&jwt, now)?;
        let Candidates::Public(keys) = issuer.candidates(&jwt) else {
            return Err(Reason::TokenInvalid);
        };
        self.conclude(
            pending.group,
            &pending.credential,
            issuer,
            (&jwt, &registered),
            signer(&keys, &jwt),
            now,
        )
    }

    /// Let somebody in of whom others found out who it is.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the claims are malformed, or nobody asked.
    pub fn admit(
        &self,
        pending: &Pending,
        admission: &Admission<'_>,
        now: f64,
    ) -> Result<Verdict, Misuse> {
        self.check_origin(pending)?;
        let outcome = match pending.open {
            Open::External => self.admit_token(pending, admission.until, now),
            Open::ApiKey | Open::ForwardAuth => {
                let claims = api_keys::read_claims(admission.claims)?;
                self.admit_person(pending, &claims, admission, now)
            }
            Open::Signature | Open::Key => {
                return Err(Misuse(
                    "signatures and keys are not for others to decide about",
                ));
            }
        };
        Ok(pending.verdict(outcome))
    }

    /// A token whose signature others checked.
    fn admit_token(
        &self,
        pending: &Pending,
        until: f64,
        now: f64,
    ) -> Result<Arc<Accepted>, Reason> {
        let jwt = Jwt::read(&pending.credential)?;
        let issuer = self.issuer(pending.group, &jwt).ok_or(Flaw::Issuer)?;
        let registered = issuer.expectations.check(&jwt, now)?;
        let key = pending.key.as_ref().filter(|key| key.is_alive());
        let key = key.ok_or(Reason::TokenInvalid)?;
        let principal = self.principal(pending, &registered, &jwt.claims, Vec::new());
        let until = self
            .memory
            .life(now, until.min(registered.validity.expires));
        let accepted = Accepted::new(principal, Voucher::Key(Arc::clone(key)), until);
        self.accept(pending.group, &pending.credential, accepted, now)
    }

    /// Somebody who is known otherwise than by a token.
    fn admit_person(
        &self,
        pending: &Pending,
        claims: &Claims,
        admission: &Admission<'_>,
        now: f64,
    ) -> Result<Arc<Accepted>, Reason> {
        let registered = api_keys::registered_unbounded(claims)?;
        if registered.validity.is_over(now) {
            return Err(Reason::TokenExpired);
        }
        if registered.validity.is_early(now) {
            return Err(Reason::TokenInvalid);
        }
        let provider = &self.providers[pending.provider as usize];
        // What it knows by now may say otherwise: the answer holds for this once.
        let version = provider.version();
        let mut lines = Vec::new();
        let mut until = if version == pending.version {
            admission.until
        } else {
            now
        };
        if let Kind::ForwardAuth {
            response_headers,
            cache,
            ..
        } = &provider.kind
        {
            put_answered(&mut lines, response_headers, admission.headers);
            until = until.min(now + cache);
        }
        let principal = self.principal(pending, &registered, claims, lines);
        let until = self
            .memory
            .life(now, until.min(registered.validity.expires));
        let voucher = Voucher::Version {
            provider: pending.provider,
            version,
        };
        let accepted = Accepted::new(principal, voucher, until);
        self.accept(pending.group, &pending.credential, accepted, now)
    }

    fn principal(
        &self,
        pending: &Pending,
        registered: &Registered<'_>,
        claims: &Claims,
        lines: Vec<u8>,
    ) -> crate::principal::Principal {
        let rules = &self.groups[pending.group as usize].rules;
        let recipe = &self.providers[pending.provider as usize].recipe;
        recipe.make(registered, claims, rules, lines)
    }

    /// Refuse somebody of whom others found out that they are to be refused, and remember it for so
    /// many seconds.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the reason is not about credentials.
    pub fn deny(
        &self,
        pending: &Pending,
        reason: Reason,
        now: f64,
        remember: f64,
    ) -> Result<Verdict, Misuse> {
        self.check_origin(pending)?;
        if !reason.is_of_credential() {
            return Err(Misuse("the reason is not about a credential"));
        }
        if remember > 0.0 {
            let refused = Refused {
                reason,
                provider: pending.provider,
                version: pending.version,
                until: now + remember,
            };
            let credential = &pending.credential;
            self.memory.refuse(pending.group, credential, now, refused);
            // The last word counts, also against what was accepted while this was found out.
            self.memory.forget(pending.group, credential);
        }
        Ok(pending.verdict(Err(reason)))
    }

    fn check_origin(&self, pending: &Pending) -> Result<(), Misuse> {
        if pending.gate == self.gate {
            Ok(())
        } else {
            Err(Misuse("it is from another gate"))
        }
    }

    /// A token whose signature was checked: by `key`, or in vain.
    pub(super) fn conclude(
        &self,
        group: u32,
        token: &[u8],
        issuer: Issuer<'_>,
        (jwt, registered): (&Jwt<'_>, &Registered<'_>),
        key: Option<Arc<crate::keys::Key>>,
        now: f64,
    ) -> Result<Arc<Accepted>, Reason> {
        let Some(key) = key else {
            let refused = Refused {
                reason: Reason::TokenInvalid,
                provider: issuer.number,
                version: issuer.version,
                until: f64::INFINITY,
            };
            self.memory.refuse(group, token, now, refused);
            return Err(Reason::TokenInvalid);
        };
        let provider = &self.providers[issuer.number as usize];
        let rules = &self.groups[group as usize].rules;
        let principal = provider
            .recipe
            .make(registered, &jwt.claims, rules, Vec::new());
        // The leeway is for the clocks of others. Remembering is by this one.
        let end = registered.validity.expires + registered.validity.leeway;
        let until = self.memory.life(now, end);
        self.accept(
            group,
            token,
            Accepted::new(principal, Voucher::Key(key), until),
            now,
        )
    }

    /// Remember what was accepted, and say how it stands.
    pub(super) fn accept(
        &self,
        group: u32,
        credential: &[u8],
        accepted: Accepted,
        now: f64,
    ) -> Result<Arc<Accepted>, Reason> {
        let accepted = Arc::new(accepted);
        // Also when it is revoked: that it is, is then known without work.
        if now < accepted.until {
            self.memory.accept(group, credential, &accepted);
        }
        match self.standing(&accepted, now) {
            Standing::Good => Ok(accepted),
            Standing::Revoked => Err(Reason::TokenRevoked),
            Standing::Void => Err(Reason::TokenInvalid),
        }
    }
}

/// Append the fields of a service's answer that the upstream gets.
fn put_answered(out: &mut Vec<u8>, wanted: &[Box<str>], answered: &[(&[u8], &[u8])]) {
    for name in wanted {
        let mut names = FieldNames::default();
        names.insert(name.as_bytes(), 0);
        for (_, value) in answered.iter().filter(|(given, _)| names.contains(given)) {
            let value = trim(value);
            if is_field_value(value) {
                put_field(out, name.as_bytes(), value);
            }
        }
    }
}
