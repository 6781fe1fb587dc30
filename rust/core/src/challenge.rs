//! How a client is told that it does not get in (RFC 6750 section 3): one fixed sentence for each
//! reason, so that nobody learns which check a forgery failed.

use crate::access::Access;
use crate::decision::{Reason, Refusal};
use crate::grammar::is_field_value;
use crate::specification::SpecError;

/// The realm, ready to stand in a challenge.
#[derive(Debug, Clone)]
pub struct Realm(Box<str>);

impl Realm {
    /// A realm as a quoted string (RFC 9110 section 5.6.4).
    ///
    /// # Errors
    ///
    /// [`SpecError`] when it contains a control character.
    pub fn new(text: &str) -> Result<Self, SpecError> {
        if !is_field_value(text.as_bytes()) {
            return Err(SpecError(
                "realm: it contains a control character".to_owned(),
            ));
        }
        let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
        Ok(Self(escaped.into()))
    }

    /// The refusal for a reason, on a route.
    #[must_use]
    pub fn refuse(&self, access: &Access, reason: Reason) -> Refusal {
        let mut refusal = Refusal::new(reason, detail(reason));
        if reason == Reason::AuthUnavailable {
            refusal
                .headers
                .push((b"Retry-After".to_vec(), b"1".to_vec()));
            return refusal;
        }
        let mut challenge = format!("{} realm=\"{}\"", access.scheme, self.0);
        // The parameters belong to Bearer. Without a credential there is no error (section 3.1).
        if access.scheme == "Bearer"
            && let Some(error) = error(reason)
        {
            challenge.push_str(error);
            if reason == Reason::InsufficientScope && !access.scopes.is_empty() {
                challenge.push_str(", scope=\"");
                challenge.push_str(&access.scopes);
                challenge.push('"');
            }
        }
        let field = (b"WWW-Authenticate".to_vec(), challenge.into_bytes());
        refusal.headers.push(field);
        refusal
    }
}

const fn detail(reason: Reason) -> &'static str {
    match reason {
        Reason::TokenMissing => "This resource needs a credential.",
        Reason::TokenExpired => "The credential has expired.",
        Reason::TokenRevoked => "The credential was revoked.",
        Reason::InsufficientScope => "The credential does not allow this.",
        Reason::AuthUnavailable => "Credentials cannot be checked at the moment.",
        Reason::BadRequest => "There is more than one credential.",
        _ => "The credential is not valid.",
    }
}

const fn error(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::TokenMissing => None,
        Reason::TokenExpired => {
            Some(", error=\"invalid_token\", error_description=\"The token has expired\"")
        }
        Reason::TokenRevoked => {
            Some(", error=\"invalid_token\", error_description=\"The token was revoked\"")
        }
        Reason::InsufficientScope => Some(", error=\"insufficient_scope\""),
        Reason::BadRequest => Some(", error=\"invalid_request\""),
        _ => Some(", error=\"invalid_token\", error_description=\"The token is not valid\""),
    }
}
