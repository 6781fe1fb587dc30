//! What routes require of credentials, compiled once when the configuration is loaded.

use std::collections::HashMap;

use crate::credential::{Presented, Source, Withheld};
use crate::lines::Line;
use crate::provider::{Kind, Provider};
use crate::rule::Rule;
use crate::specification::{self, SpecError};

/// What a route requires.
#[derive(Debug)]
pub struct Access {
    /// Where credentials may stand, the preferred place first; nowhere, if a service is asked.
    places: Vec<Place>,
    /// Who judges requests whose credential stands nowhere in particular.
    service: Option<Bench>,
    /// Numbers of the providers whose word counts.
    pub providers: Box<[u32]>,
    /// Whether requests without a credential are served as well.
    pub optional: bool,
    /// Scheme of the challenge.
    pub scheme: &'static str,
    /// The scopes that are asked for, with spaces between them.
    pub scopes: Box<str>,
}

/// A place where a credential may stand, and who judges what stands there.
#[derive(Debug)]
struct Place {
    source: Source,
    bench: Bench,
    /// The route's other places; nothing, where there are none.
    others: Option<Withheld>,
}

/// Who judges a credential, and by which rule.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// Number of the group of providers.
    pub group: u32,
    /// Number of the rule within the group.
    pub rule: Option<u32>,
}

/// Providers that judge the same credentials, the preferred one first. What became of a credential
/// is remembered by group: another group could choose another provider for it.
#[derive(Debug)]
pub struct Group {
    /// Numbers of the providers. All are for tokens, or there is only one.
    pub providers: Box<[u32]>,
    /// The rules of the routes that use the group.
    pub rules: Vec<Rule>,
}

/// What a request has to show for itself on a route.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'access, 'a> {
    /// Who judges it.
    pub bench: Bench,
    /// The credential.
    pub presented: Presented<'a>,
    /// The places whose credentials do not count.
    pub others: Option<&'access Withheld>,
}

impl Access {
    /// The first credential in the order of places.
    #[must_use]
    pub fn find<'a>(&self, lines: &[Line<'a>]) -> Option<Shown<'_, 'a>> {
        self.places.iter().find_map(|place| {
            let presented = place.source.find(lines);
            (presented != Presented::Absent).then_some(Shown {
                bench: place.bench,
                presented,
                others: place.others.as_ref(),
            })
        })
    }

    /// Who judges the request as a whole.
    #[must_use]
    pub const fn service(&self) -> Option<Bench> {
        self.service
    }
}

/// Compiles what routes require, so that what they share is there once.
#[derive(Debug)]
pub struct Compiler<'a> {
    providers: &'a [Provider],
    groups: Vec<Group>,
    by_providers: HashMap<Box<[u32]>, u32>,
    /// By group and the rule as a text.
    by_rule: HashMap<(u32, String), u32>,
}

impl<'a> Compiler<'a> {
    /// A compiler for routes that name these providers.
    #[must_use]
    pub fn new(providers: &'a [Provider]) -> Self {
        Self {
            providers,
            groups: Vec::new(),
            by_providers: HashMap::new(),
            by_rule: HashMap::new(),
        }
    }

    /// The groups that came up.
    #[must_use]
    pub fn finish(self) -> Vec<Group> {
        self.groups
    }

    /// Compile what a route requires.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(&mut self, access: &specification::Access) -> Result<Access, SpecError> {
        if access.providers.is_empty() {
            return Err(SpecError("there is no provider".to_owned()));
        }
        for &number in &access.providers {
            self.provider(number)?;
        }
        let is_service = |number: &u32| {
            let kind = &self.providers[*number as usize].kind;
            matches!(kind, Kind::ForwardAuth { .. })
        };
        let mut compiled = Access {
            places: Vec::new(),
            service: None,
            providers: access.providers.as_slice().into(),
            optional: access.optional,
            scheme: self.scheme(&access.providers),
            scopes: [&access.rule.all_scopes[..], &access.rule.any_scopes]
                .concat()
                .join(" ")
                .into(),
        };
        if access.providers.iter().any(is_service) {
            if access.providers.len() > 1 {
                return Err(SpecError("a service that is asked stands alone".to_owned()));
            }
            compiled.service = Some(self.bench(&access.providers, &access.rule)?);
            return Ok(compiled);
        }
        compiled.places = self.places(access)?;
        if compiled.places.is_empty() {
            return Err(SpecError("there is no place for a credential".to_owned()));
        }
        Ok(compiled)
    }

    fn provider(&self, number: u32) -> Result<&'a Provider, SpecError> {
        let provider = self.providers.get(number as usize);
        provider.ok_or_else(|| SpecError(format!("there is no provider {number}")))
    }

    /// Every source once. Who reads it first decides what it holds: tokens, for all the providers
    /// that take them from there, or a key.
    fn places(&mut self, access: &specification::Access) -> Result<Vec<Place>, SpecError> {
        let mut places: Vec<Place> = Vec::new();
        for &number in &access.providers {
            let provider = self.provider(number)?;
            for source in &provider.sources {
                if places.iter().any(|place| place.source == *source) {
                    continue;
                }
                let group = match provider.kind {
                    Kind::Jwt { .. } => self.issuers(&access.providers, source),
                    _ => vec![number],
                };
                places.push(Place {
                    source: source.clone(),
                    bench: self.bench(&group, &access.rule)?,
                    others: None,
                });
            }
        }
        let sources: Vec<_> = places.iter().map(|place| place.source.clone()).collect();
        for place in &mut places {
            let others = Withheld::beside(&place.source, sources.iter());
            place.others = (!others.is_empty()).then_some(others);
        }
        Ok(places)
    }

    /// Those among some providers who take tokens from a source.
    fn issuers(&self, among: &[u32], source: &Source) -> Vec<u32> {
        let takes = |number: &u32| {
            let provider = &self.providers[*number as usize];
            matches!(provider.kind, Kind::Jwt { .. }) && provider.sources.contains(source)
        };
        let mut issuers: Vec<u32> = Vec::new();
        for number in among.iter().copied().filter(takes) {
            if !issuers.contains(&number) {
                issuers.push(number);
            }
        }
        issuers
    }

    fn bench(&mut self, providers: &[u32], rule: &specification::Rule) -> Result<Bench, SpecError> {
        let group = self.group(providers);
        let key = (group, format!("{rule:?}"));
        if let Some(&known) = self.by_rule.get(&key) {
            return Ok(Bench {
                group,
                rule: Some(known),
            });
        }
        let Some(compiled) = Rule::compile(rule).map_err(|error| error.within("rule"))? else {
            return Ok(Bench { group, rule: None });
        };
        let rules = &mut self.groups[group as usize].rules;
        let number = rules.len() as u32;
        rules.push(compiled);
        self.by_rule.insert(key, number);
        Ok(Bench {
            group,
            rule: Some(number),
        })
    }

    /// The number of the group of these providers.
    fn group(&mut self, providers: &[u32]) -> u32 {
        if let Some(&known) = self.by_providers.get(providers) {
            return known;
        }
        let number = self.groups.len() as u32;
        self.by_providers.insert(providers.into(), number);
        self.groups.push(Group {
            providers: providers.into(),
            rules: Vec::new(),
        });
        number
    }

    /// Bearer, unless nothing but API keys are taken, which have no registered scheme.
    fn scheme(&self, providers: &[u32]) -> &'static str {
        let is_api_keys = |number: &u32| {
            let kind = &self.providers[*number as usize].kind;
            matches!(kind, Kind::ApiKeys { .. })
        };
        let is_bearer = |number: &u32| {
            let sources = &self.providers[*number as usize].sources;
            sources.contains(&Source::Bearer)
        };
        if providers.iter().all(is_api_keys) && !providers.iter().any(is_bearer) {
            "ApiKey"
        } else {
            "Bearer"
        }
    }
}
