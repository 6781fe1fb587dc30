//! What is wrong with a credential, in words for operators. Clients are told less: a [`Reason`].

use crate::decision::Reason;

macro_rules! flaws {
    ($($(#[$note:meta])* $name:ident = $word:literal, $sentence:literal;)*) => {
        /// Why a credential is not accepted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Flaw {
            $($(#[$note])* #[doc = $sentence] $name,)*
        }

        impl Flaw {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word for it. Several ways to be malformed share one.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

flaws! {
    Missing = "credential-missing", "No credential stands where the provider looks for one.";
    Two = "two-credentials", "Two credentials stand in one place, and nobody can say which one counts.";
    NoCredential = "malformed", "What stands in the place of the credential cannot be one.";
    TooLarge = "too-large", "The credential has more bytes than the gateway reads.";
    NotCompact = "malformed", "It is no token: it does not have three parts with dots between them.";
    Header = "malformed", "The token's header is no JSON object in base64url, or one that readers may differ about.";
    Payload = "malformed", "The token's payload is no JSON object in base64url, or one that readers may differ about.";
    SignatureText = "malformed", "The token's signature is empty or no base64url.";
    KeyId = "malformed", "The token's key id is no text, or too long.";
    NoAlgorithm = "malformed", "The token does not say by which algorithm it is signed.";
    UnknownAlgorithm = "algorithm-not-allowed", "The token names an algorithm that is known to nobody here, or none.";
    Extension = "critical-header", "The token's header asks for an extension (crit, zip or b64) that is not understood here.";
    Algorithm = "algorithm-not-allowed", "The provider does not allow the token's algorithm.";
    Type = "wrong-type", "The token is of another type (typ) than the provider takes.";
    Issuer = "wrong-issuer", "The token is not from the provider's issuer (iss).";
    Audience = "wrong-audience", "The token is not meant for the provider's audience (aud).";
    Endless = "missing-claim", "The token does not say when it expires (exp).";
    Malclaim = "malformed-claim", "A registered claim (exp, nbf, iat, sub or jti) has another type than it must have, or is too long.";
    Expired = "expired", "Its time is over (exp).";
    TooLong = "too-long-lived", "It would be valid for longer than the provider lets tokens live (exp).";
    Early = "not-yet-valid", "Its time has not come yet (nbf).";
    Future = "issued-in-future", "It was issued in the future (iat): somebody's clock is wrong.";
    Claim = "missing-claim", "A claim is missing that the provider requires.";
    UnknownKey = "unknown-key", "The provider has no key of this id for this algorithm.";
    Signature = "bad-signature", "None of the provider's keys has made the signature.";
    UnknownApiKey = "unknown-api-key", "The provider does not know the API key.";
    Revoked = "revoked", "It was revoked, by itself or with everything of its subject or issuer.";
    Rule = "rule-not-met", "The credential is good, but does not grant what the route requires.";
    PassedOver = "passed-over", "It could be from this provider, but another one of the route judges such tokens.";
    Stale = "revocations-unknown", "Revocations may be missing, and nobody is let in until they are complete.";
    Unavailable = "unavailable", "Who had to be asked did not answer.";
    Denied = "denied", "Who was asked has refused it.";
}

impl Flaw {
    /// What the client is told of a credential that has it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Missing => Reason::TokenMissing,
            Self::Two => Reason::BadRequest,
            Self::Expired => Reason::TokenExpired,
            Self::Revoked => Reason::TokenRevoked,
            Self::Rule => Reason::InsufficientScope,
            Self::Stale | Self::Unavailable => Reason::AuthUnavailable,
            _ => Reason::TokenInvalid,
        }
    }
}

impl From<Flaw> for Reason {
    fn from(flaw: Flaw) -> Self {
        flaw.reason()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_has_a_word_and_a_sentence() {
        for flaw in Flaw::ALL {
            let is_of_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(flaw.word().bytes().all(is_of_word), "{flaw:?}");
            assert!(flaw.sentence().ends_with('.'), "{flaw:?}");
        }
    }
}
