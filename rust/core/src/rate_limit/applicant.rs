//! Who asks for what, and whom that counts with.

use std::cell::OnceCell;
use std::net::IpAddr;

use super::policy::{Part, Policy};
use crate::client::Peer;
use crate::credential::Presented;
use crate::principal::Principal;
use crate::request::RequestHead;

/// A request that passed every other check.
#[derive(Debug)]
pub struct Applicant<'a> {
    /// The request.
    pub request: &'a RequestHead<'a>,
    /// Who sent it.
    pub peer: &'a Peer,
    /// Address of the client.
    pub client: &'a str,
    /// Who the client is, where that is known.
    pub principal: Option<&'a Principal>,
    /// Number of the route.
    pub route: usize,
    /// Name of the route.
    pub route_name: &'a str,
    /// The client's address, once somebody wants to know.
    pub address: OnceCell<Option<IpAddr>>,
}

impl Applicant<'_> {
    fn address(&self) -> Option<IpAddr> {
        *self.address.get_or_init(|| self.client.parse().ok())
    }

    /// Whether a policy does not concern the client.
    #[inline]
    pub fn is_exempt(&self, number: usize, policy: &Policy) -> bool {
        let by_principal = |principal: &Principal| principal.entitlements.is_exempt(number);
        self.principal.is_some_and(by_principal)
            || (!policy.exempt.is_empty()
                && self
                    .address()
                    .is_some_and(|address| policy.exempt.contains(address)))
    }

    /// What the request costs: what a trusted peer says, or else `usual`. Nothing costs more than
    /// the whole quota, since it could never be had.
    #[inline]
    pub fn cost(&self, policy: &Policy, usual: u32, quota: u32) -> u32 {
        let said = policy.cost.as_ref().filter(|_| self.peer.trusted);
        let said = said.and_then(|source| match source.find(&self.request.lines.all) {
            Presented::Once(value) => parse_cost(value),
            _ => None,
        });
        said.unwrap_or(usual).min(quota)
    }

    /// Write what two requests must have in common to count together. What a request lacks is
    /// replaced by the client's address, so that leaving something out is no way around a limit.
    #[inline]
    pub fn write_key(&self, policy: &Policy, out: &mut Vec<u8>) {
        out.clear();
        let length = policy.law.map_or(0, |law| law.length());
        put(out, b'p', policy.name.as_bytes());
        put(out, b'w', &length.to_le_bytes());
        for part in &policy.by {
            if !self.write_part(part, out) {
                self.write_address(32, DEFAULT_IPV6, out);
            }
        }
    }

    /// Write a part of the key; tells if the request has one.
    #[inline]
    fn write_part(&self, part: &Part, out: &mut Vec<u8>) -> bool {
        let principal = self.principal;
        match part {
            &Part::Ip { ipv4, ipv6 } => {
                self.write_address(ipv4, ipv6, out);
            }
            Part::User => {
                let Some((principal, subject)) =
                    principal.and_then(|known| Some((known, known.subject.as_deref()?)))
                else {
                    return false;
                };
                put(out, b'i', principal.issuer.as_bytes());
                put(out, b'u', subject.as_bytes());
            }
            Part::ApiKey => {
                let key = principal.filter(|known| known.is_api_key);
                let Some((principal, name)) = key.and_then(|known| {
                    let name = known.token_id.as_deref().or(known.subject.as_deref());
                    Some((known, name?))
                }) else {
                    return false;
                };
                put(out, b'i', principal.issuer.as_bytes());
                put(out, b'k', name.as_bytes());
            }
            &Part::Claim(number) => {
                let claim = principal.and_then(|known| known.entitlements.claim(number));
                let Some(claim) = claim else { return false };
                put(out, b'c', claim.as_bytes());
            }
            Part::Header(source) => {
                // Of two lines, one may be a client's own beside that of a proxy which is to be
                // believed: they say nothing.
                let Presented::Once(value) = source.find(&self.request.lines.all) else {
                    return false;
                };
                put(out, b'h', value);
            }
            Part::Route => put(out, b'r', self.route_name.as_bytes()),
        }
        true
    }

    fn write_address(&self, ipv4: u8, ipv6: u8, out: &mut Vec<u8>) {
        match self.address() {
            Some(IpAddr::V4(address)) => {
                let network = u32::MAX.checked_shl(32 - u32::from(ipv4)).unwrap_or(0);
                put(out, b'4', &(address.to_bits() & network).to_be_bytes());
            }
            Some(IpAddr::V6(address)) => {
                let network = u128::MAX.checked_shl(128 - u32::from(ipv6)).unwrap_or(0);
                put(out, b'6', &(address.to_bits() & network).to_be_bytes());
            }
            // A unix socket has no addresses.
            None => put(out, b'a', self.client.as_bytes()),
        }
    }
}

/// One household or server usually has so much of the address space (RFC 6177).
const DEFAULT_IPV6: u8 = 64;

/// Append something so that nothing else is written in the same way.
#[inline]
fn put(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

/// A cost as a whole number; one that is too long is as good as endless.
fn parse_cost(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = std::str::from_utf8(value).ok()?;
    Some(digits.parse().unwrap_or(u32::MAX))
}
