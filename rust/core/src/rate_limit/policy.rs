//! Limits, compiled once when the configuration is loaded.

use super::entitlements::EntitlementRecipe;
use crate::client::Networks;
use crate::credential::Source;
use crate::grammar::is_token;
use crate::specification::{self, Mode, RateLimitPolicy, SpecError, StoreFailure};
use crate::window::Law;

/// Most policies of a gate. The table for keys without a place has room for that many.
pub const MOST_POLICIES: usize = 128;

/// Most limits of one route: each is looked up for each request.
pub const MOST_LIMITS: usize = 16;

/// Most parts of a key.
const MOST_PARTS: usize = 8;

/// Most requests in flight that a policy may allow a key: the arena counts as many for one worker.
pub const MOST_IN_FLIGHT: u32 = 2000;

/// A limit, and whom it counts apart.
#[derive(Debug)]
pub struct Policy {
    /// Name.
    pub name: Box<str>,
    /// What makes two requests count together.
    pub by: Vec<Part>,
    /// How many requests in how much time; the quota may be another one for some.
    pub law: Option<Law>,
    /// How many requests at a time.
    pub concurrency: Option<u32>,
    /// Who counts.
    pub mode: Mode,
    /// What is done when the store is away.
    pub on_store_failure: StoreFailure,
    /// Where a trusted peer says what a request costs.
    pub cost: Option<Source>,
    /// Clients that it does not concern.
    pub exempt: Networks,
    /// Whether it only reports.
    pub shadow: bool,
}

/// Something by which requests are told apart.
#[derive(Debug)]
pub enum Part {
    /// The subject of the credential.
    User,
    /// The network of the client's address: how many leading bits count.
    Ip {
        /// Of an IPv4 address.
        ipv4: u8,
        /// Of an IPv6 address.
        ipv6: u8,
    },
    /// The name of the API key.
    ApiKey,
    /// A header field.
    Header(Source),
    /// A claim, by its number among those that are remembered.
    Claim(usize),
    /// The route.
    Route,
}

impl Policy {
    /// Compile a policy; what it asks about clients goes into `recipe`.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        policy: &RateLimitPolicy,
        recipe: &mut EntitlementRecipe,
    ) -> Result<Self, SpecError> {
        check_name(&policy.name)?;
        recipe.add(policy)?;
        if policy.by.len() > MOST_PARTS {
            return Err(SpecError(format!("a key has at most {MOST_PARTS} parts")));
        }
        let law = policy.window.map(|size| {
            Law::new(size.quota, size.length).map_err(|error| SpecError(error.to_string()))
        });
        let law = law.transpose()?;
        if let Some(tiers) = &policy.tiers {
            for (name, quota) in &tiers.quotas {
                let usable = law.is_some_and(|law| Law::new(*quota, law.length()).is_ok());
                if !usable {
                    return Err(SpecError(format!("tier {name:?}: {quota} is no quota")));
                }
            }
        }
        match policy.concurrency {
            None if law.is_none() => return Err(SpecError("it limits nothing".to_owned())),
            Some(limit) if !(1..=MOST_IN_FLIGHT).contains(&limit) => {
                return Err(SpecError(format!(
                    "{limit} requests at a time is out of range"
                )));
            }
            _ => {}
        }
        let by = policy.by.iter().map(|part| Part::compile(part, recipe));
        Ok(Self {
            name: policy.name.as_str().into(),
            by: by.collect::<Result<_, _>>()?,
            law,
            concurrency: policy.concurrency,
            mode: policy.mode,
            on_store_failure: policy.on_store_failure,
            cost: policy.cost_header.as_deref().map(field).transpose()?,
            exempt: Networks::parse(&policy.exempt.networks)
                .map_err(|text| SpecError(format!("exempt: {text:?} is no network")))?,
            shadow: policy.shadow,
        })
    }

    /// Whether the store counts.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.mode != Mode::Local
    }
}

impl Part {
    fn compile(
        part: &specification::KeyPart,
        recipe: &mut EntitlementRecipe,
    ) -> Result<Self, SpecError> {
        Ok(match part {
            specification::KeyPart::User {} => Self::User,
            specification::KeyPart::ApiKey {} => Self::ApiKey,
            specification::KeyPart::Route {} => Self::Route,
            specification::KeyPart::Header(name) => Self::Header(field(name)?),
            specification::KeyPart::Claim(names) => Self::Claim(recipe.claim(names)?),
            &specification::KeyPart::Ip { ipv4, ipv6 } => {
                if !(1..=32).contains(&ipv4) || !(1..=128).contains(&ipv6) {
                    return Err(SpecError("ip: no such prefix".to_owned()));
                }
                Self::Ip { ipv4, ipv6 }
            }
        })
    }
}

fn field(name: &str) -> Result<Source, SpecError> {
    if is_token(name.as_bytes()) {
        Ok(Source::header(name.as_bytes()))
    } else {
        Err(SpecError(format!("{name:?} is no field name")))
    }
}

/// Names stand in field values between quotes (RFC 9651 section 3.3.3).
fn check_name(name: &str) -> Result<(), SpecError> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if !name.is_empty() && name.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(SpecError(format!("{name:?} is no name of a policy")))
    }
}
