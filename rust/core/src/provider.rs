//! Those who vouch for clients, with what they know at the moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use crate::api_keys::ApiKeys;
use crate::claims::Expectations;
use crate::credential::Source;
use crate::field::Field;
use crate::grammar::is_token;
use crate::keys::KeyRing;
use crate::principal::Recipe;
use crate::rate_limit::entitlements::EntitlementRecipe;
use crate::specification::{self, ProviderKind, SpecError};

/// One who vouches for clients.
#[derive(Debug)]
pub struct Provider {
    /// Name.
    pub name: Box<str>,
    /// Where its credentials stand.
    pub sources: Vec<Source>,
    /// How its claims make a principal.
    pub recipe: Recipe,
    /// How it vouches.
    pub kind: Kind,
    /// Grows whenever what it knows has changed.
    version: AtomicU64,
}

/// How a provider vouches.
#[derive(Debug)]
pub enum Kind {
    /// By signing tokens.
    Jwt {
        /// What they must claim.
        expectations: Expectations,
        /// What they are signed with.
        keys: RwLock<KeyRing>,
    },
    /// By keeping a list of keys.
    ApiKeys {
        /// The list.
        keys: RwLock<ApiKeys>,
        /// Whether another one may have more.
        remote: bool,
    },
    /// By being asked.
    ForwardAuth {
        /// Names of the request's fields that it gets.
        request_headers: Vec<Source>,
        /// Names of its answer's fields that the upstream gets.
        response_headers: Vec<Box<str>>,
        /// Seconds for which an answer may be remembered.
        cache: f64,
    },
}

impl Provider {
    /// Compile a provider. `entitlements` is what limits ask about its clients.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        provider: &specification::Provider,
        entitlements: &Arc<EntitlementRecipe>,
    ) -> Result<Self, SpecError> {
        let sources = provider.sources.iter().map(compile_source);
        for name in identity_headers(provider) {
            check_identity_header(name)?;
        }
        Ok(Self {
            name: provider.name.as_str().into(),
            sources: sources.collect::<Result<_, _>>()?,
            recipe: Recipe::compile(provider, entitlements)?,
            kind: Kind::compile(&provider.kind)?,
            version: AtomicU64::new(0),
        })
    }

    /// A number that grows whenever what the provider knows has changed.
    #[must_use]
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Note that what the provider knows has changed.
    pub fn renew(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }
}

impl Kind {
    fn compile(kind: &ProviderKind) -> Result<Self, SpecError> {
        Ok(match kind {
            ProviderKind::Jwt(jwt) => {
                let expectations = Expectations::compile(jwt)?;
                let keys = RwLock::default();
                Self::Jwt { expectations, keys }
            }
            ProviderKind::ApiKeys(api_keys) => Self::ApiKeys {
                keys: RwLock::default(),
                remote: api_keys.remote,
            },
            ProviderKind::ForwardAuth(service) => {
                let names = service.request_headers.iter();
                let sources = names.map(|name| header_source(name));
                let names = service.response_headers.iter();
                Self::ForwardAuth {
                    request_headers: sources.collect::<Result<_, _>>()?,
                    response_headers: names.map(|name| name.as_str().into()).collect(),
                    cache: service.cache,
                }
            }
        })
    }
}

/// Names of the fields in which a provider tells the upstream who the client is.
pub fn identity_headers(provider: &specification::Provider) -> impl Iterator<Item = &str> {
    let answered: &[String] = match &provider.kind {
        ProviderKind::ForwardAuth(service) => &service.response_headers,
        _ => &[],
    };
    let claimed = provider.claims_to_headers.iter().map(|(_, name)| name);
    claimed.chain(answered).map(String::as_str)
}

/// Fields that tell who the client is are taken from every request. So they cannot be fields that
/// mean something else, and least of all those in which credentials stand.
fn check_identity_header(name: &str) -> Result<(), SpecError> {
    let may_be = match Field::recognise(name.as_bytes()) {
        Ok(Field::Other) => true,
        Ok(Field::Reserved) => name.to_ascii_lowercase().starts_with("x-forwarded-"),
        _ => false,
    };
    if may_be {
        Ok(())
    } else {
        Err(SpecError(format!("{name:?} cannot tell who a client is")))
    }
}

fn compile_source(source: &specification::Source) -> Result<Source, SpecError> {
    match source {
        specification::Source::Bearer {} => Ok(Source::Bearer),
        specification::Source::Header(name) => header_source(name),
        specification::Source::Cookie(name) if is_token(name.as_bytes()) => {
            Ok(Source::Cookie(name.as_bytes().into()))
        }
        specification::Source::Cookie(name) => {
            Err(SpecError(format!("{name:?} is no name of a cookie")))
        }
    }
}

fn header_source(name: &str) -> Result<Source, SpecError> {
    if is_token(name.as_bytes()) {
        Ok(Source::header(name.as_bytes()))
    } else {
        Err(SpecError(format!("{name:?} is no field name")))
    }
}
