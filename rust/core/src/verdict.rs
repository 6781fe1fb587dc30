//! What became of a credential, and what is left to find out about one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::api_keys::Digest;
use crate::decision::Reason;
use crate::keys::{Algorithm, Key};
use crate::principal::Principal;

/// A credential that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Who it is.
    pub principal: Principal,
    /// Who vouches for it.
    pub voucher: Voucher,
    /// Until when it may be remembered, in Unix seconds.
    pub until: f64,
    /// Under which version of the revocations it was looked at, and in the last bit, whether it was
    /// revoked.
    checked: AtomicU64,
}

/// Who vouches for a credential. When that ends, so does what was accepted because of it.
#[derive(Debug)]
pub enum Voucher {
    /// A key, for as long as it is one of the provider's.
    Key(Arc<Key>),
    /// What a provider knew at a version.
    Version {
        /// Number of the provider.
        provider: u32,
        /// The version.
        version: u64,
    },
}

/// Never looked at. Versions do not come that far.
const UNCHECKED: u64 = u64::MAX;

impl Accepted {
    /// A credential that was accepted just now.
    #[must_use]
    pub const fn new(principal: Principal, voucher: Voucher, until: f64) -> Self {
        Self {
            principal,
            voucher,
            until,
            checked: AtomicU64::new(UNCHECKED),
        }
    }

    /// Whether it is revoked, as far as is known at `version`. `look` is asked once for each
    /// version; it tells the version that it looked at.
    #[inline]
    pub fn is_revoked(&self, version: u64, look: impl FnOnce(&Principal) -> (u64, bool)) -> bool {
        let checked = self.checked.load(Ordering::Relaxed);
        if checked >> 1 == version {
            return checked & 1 == 1;
        }
        let (version, is_revoked) = look(&self.principal);
        let checked = version << 1 | u64::from(is_revoked);
        self.checked.store(checked, Ordering::Relaxed);
        is_revoked
    }
}

/// What became of one credential at one gate.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The gate.
    pub(crate) gate: u64,
    /// The group of providers that judged.
    pub(crate) group: u32,
    /// The credential.
    pub(crate) credential: Arc<[u8]>,
    /// What became of it.
    pub outcome: Result<Arc<Accepted>, Reason>,
}

impl Verdict {
    /// Whether this is about a credential.
    #[must_use]
    pub fn is_about(&self, gate: u64, group: u32, credential: &[u8]) -> bool {
        self.gate == gate && self.group == group && *self.credential == *credential
    }
}

/// What has to be found out about a credential, outside of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Whether its signature is right.
    Signature,
    /// With which key to check it.
    Key,
    /// Whether a signature is right that others have to check.
    External,
    /// Whose API key it is.
    ApiKey,
    /// What a service says about the request.
    ForwardAuth,
}

impl Open {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Key => "key",
            Self::External => "external",
            Self::ApiKey => "api-key",
            Self::ForwardAuth => "forward-auth",
        }
    }
}

/// A credential about which something has to be found out.
#[derive(Debug)]
pub struct Pending {
    /// The gate.
    pub(crate) gate: u64,
    /// The group of providers that judges.
    pub(crate) group: u32,
    /// Number of the provider.
    pub provider: u32,
    /// Its version: what is found out by what it knew is not remembered once it knows better.
    pub(crate) version: u64,
    /// What has to be found out.
    pub open: Open,
    /// The credential; of a request as a whole, what stands for it.
    pub credential: Arc<[u8]>,
    /// How it claims to be signed.
    pub algorithm: Option<Algorithm>,
    /// With which key it claims to be signed.
    pub key_id: Option<String>,
    /// The key with which others can check it.
    pub key: Option<Arc<Key>>,
    /// The digest of an API key.
    pub digest: Option<Digest>,
    /// What a service is asked.
    pub question: Option<Box<Question>>,
}

/// What a service is told of a request.
#[derive(Debug, Default)]
pub struct Question {
    /// Method.
    pub method: Vec<u8>,
    /// Canonical path and query.
    pub target: Vec<u8>,
    /// Host.
    pub host: Vec<u8>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The client's address.
    pub client: String,
    /// Fields.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Question {
    /// Bytes that are the same for the same question, and differ for different ones.
    #[must_use]
    pub fn fingerprint(&self) -> Vec<u8> {
        let fields = self.fields.iter().flat_map(|(name, value)| [name, value]);
        let mut out = Vec::with_capacity(256);
        for part in [&self.method, &self.target, &self.host]
            .into_iter()
            .chain(fields)
        {
            put_part(&mut out, part);
        }
        put_part(&mut out, self.scheme.as_bytes());
        put_part(&mut out, self.client.as_bytes());
        out
    }
}

/// Append a part so that it is clear where it ends.
fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_le_bytes());
    out.extend_from_slice(part);
}

impl Pending {
    /// A verdict about it.
    #[must_use]
    pub fn verdict(&self, outcome: Result<Arc<Accepted>, Reason>) -> Verdict {
        Verdict {
            gate: self.gate,
            group: self.group,
            credential: Arc::clone(&self.credential),
            outcome,
        }
    }
}
