//! Credentials that are not known: what can be found out at once, and what has to be asked for.

use std::sync::Arc;

use super::issuer::{Candidates, signer};
use super::{Asked, Authentication, Trouble, read};
use crate::access::{Access, Bench};
use crate::api_keys;
use crate::decision::Reason;
use crate::flaw::Flaw;
use crate::jwt::Jwt;
use crate::provider::Kind;
use crate::verdict::{Accepted, Open, Pending, Question, Voucher};

impl Authentication {
    /// All but the signature of a token, and that as well where it is one with a shared secret.
    pub(super) fn examine_token(
        &self,
        group: u32,
        token: &[u8],
        now: f64,
    ) -> Result<Arc<Accepted>, Trouble> {
        let jwt = Jwt::read_if(token, |algorithm, key_id| {
            self.could_be_checked(group, algorithm, key_id)
        });
        let jwt = jwt?;
        let issuer = self.issuer(group, &jwt).ok_or(Flaw::Issuer)?;
        let registered = issuer.expectations.check(&jwt, now)?;
        let open = |open, key| Pending {
            version: issuer.version,
            algorithm: Some(jwt.algorithm),
            key_id: jwt.key_id.clone(),
            key,
            ..self.pending(group, issuer.number, open, token)
        };
        Err(match issuer.candidates(&jwt) {
            Candidates::Shared(keys) => {
                let checked = (&jwt, &registered);
                let key = signer(&keys, &jwt);
                return self
                    .conclude(group, token, issuer, checked, key, now)
                    .map_err(Trouble::from);
            }
            Candidates::None { renewable: false } => Flaw::UnknownKey.into(),
            Candidates::None { renewable: true } => open(Open::Key, None).into(),
            Candidates::Public(_) => open(Open::Signature, None).into(),
            Candidates::External(key) => open(Open::External, Some(key)).into(),
        })
    }

    /// A credential about which something has to be found out.
    fn pending(&self, group: u32, provider: u32, open: Open, credential: &[u8]) -> Pending {
        let version = self.providers[provider as usize].version();
        Pending {
            gate: self.gate,
            group,
            provider,
            version,
            open,
            credential: credential.into(),
            algorithm: None,
            key_id: None,
            key: None,
            digest: None,
            question: None,
        }
    }

    /// An API key, by the list that is here.
    pub(super) fn examine_key(
        &self,
        group: u32,
        number: u32,
        key: &[u8],
        now: f64,
    ) -> Result<Arc<Accepted>, Trouble> {
        let provider = &self.providers[number as usize];
        let Kind::ApiKeys { keys, remote } = &provider.kind else {
            return Err(Reason::TokenInvalid.into());
        };
        // Before the look, so that what changes meanwhile ends what was found.
        let version = provider.version();
        let keys = read(keys);
        let digest = keys.digest(key);
        let known = digest.as_ref().and_then(|digest| keys.get(digest));
        let Some(known) = known else {
            return Err(match (remote, digest) {
                (false, _) => Reason::TokenInvalid.into(),
                (true, None) => Reason::AuthUnavailable.into(),
                (true, Some(digest)) => Pending {
                    version,
                    digest: Some(digest),
                    ..self.pending(group, number, Open::ApiKey, key)
                }
                .into(),
            });
        };
        let registered = api_keys::registered(&known.claims, known.validity)?;
        if registered.validity.is_over(now) {
            return Err(Reason::TokenExpired.into());
        }
        if registered.validity.is_early(now) {
            return Err(Reason::TokenInvalid.into());
        }
        let rules = &self.groups[group as usize].rules;
        let principal = provider
            .recipe
            .make(&registered, &known.claims, rules, Vec::new());
        let until = self.memory.life(now, f64::INFINITY);
        let voucher = Voucher::Version {
            provider: number,
            version,
        };
        self.accept(group, key, Accepted::new(principal, voucher, until), now)
            .map_err(Trouble::from)
    }

    /// What a service is asked about a request; nothing, if there is no need to ask.
    pub(super) fn question(
        &self,
        bench: Bench,
        access: &Access,
        asked: &Asked<'_>,
    ) -> Option<Question> {
        let provider = self.groups[bench.group as usize].providers[0];
        let Kind::ForwardAuth {
            request_headers, ..
        } = &self.providers[provider as usize].kind
        else {
            return None;
        };
        let request = asked.request;
        let mut fields = Vec::new();
        for line in &request.lines.all {
            if request_headers
                .iter()
                .any(|wanted| wanted.is_field(line.name))
            {
                fields.push((line.name.to_vec(), line.value.to_vec()));
            }
        }
        if fields.is_empty() && access.optional {
            return None;
        }
        let mut target = request.path.as_bytes().to_vec();
        target.extend_from_slice(request.target.query);
        Some(Question {
            method: request.method.to_vec(),
            target,
            host: request
                .host
                .map(|host| host.text.to_vec())
                .unwrap_or_default(),
            scheme: asked.peer.scheme(request.singles.forwarded_proto),
            client: asked.client.to_owned(),
            fields,
        })
    }

    /// What a service said, or that it has to be asked.
    pub(super) fn ask(
        &self,
        bench: Bench,
        question: Question,
        asked: &Asked<'_>,
    ) -> Result<Arc<Accepted>, Trouble> {
        if self.is_closed(asked.now) {
            return Err(Reason::AuthUnavailable.into());
        }
        let credential = question.fingerprint();
        if let Some(known) = self.known(bench.group, &credential, asked) {
            return known.map_err(Trouble::from);
        }
        let provider = self.groups[bench.group as usize].providers[0];
        Err(Pending {
            question: Some(Box::new(question)),
            ..self.pending(bench.group, provider, Open::ForwardAuth, &credential)
        }
        .into())
    }
}
