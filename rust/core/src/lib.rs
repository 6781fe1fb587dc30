//! The decisions of an API gateway, without I/O, clock, logging or callbacks.
//!
//! Everything revolves around one question: *may this request go, where, and with which bytes at
//! its head?* [`Gate::decide`] asks it and [`gate`] tells the story; what it needs is, in the
//! order of use:
//!
//! | Module | Thought |
//! |---|---|
//! | [`grammar`] | characters and lists of RFC 9110 section 5.6 |
//! | [`tokens`] | a head's lines and fields, split |
//! | [`field`], [`field_names`] | which header fields mean something to a gateway, or to a route |
//! | [`lines`], [`request`] | borrowed field lines, and a request head that passed the guards |
//! | [`host`], [`target`], [`path`] | what is asked for, in one canonical form |
//! | [`framing`] | where a message's body ends (RFC 9112 section 6.3) |
//! | [`connection`] | persistence, nominations, upgrades |
//! | [`route`] | who takes it: patterns, precedence, lookup |
//! | [`client`], [`identity`], [`tracestate`] | who asks, and under which identifiers |
//! | [`authentication`] | who that is, and what they may: the story that the next lines serve |
//! | [`access`], [`provider`], [`credential`] | what routes require, who vouches, what is shown |
//! | [`jwt`], [`json`], [`claims`], [`keys`], [`api_keys`] | what a credential says, and whether it is true |
//! | [`principal`], [`rule`], [`verdict`] | what comes of it |
//! | [`memory`], [`token`], [`revocation`] | what is remembered, and what ends it |
//! | [`window`], [`arena`], [`rate_limit`] | how much they may ask for, and where that is counted |
//! | [`challenge`] | how a client is told that it does not get in |
//! | [`cors`], [`template`], [`rewrite`], [`policy`] | what a route does to messages |
//! | [`head`], [`reply`], [`status`], [`date`] | the bytes of outgoing heads |
//! | [`decision`] | the answer |
//! | [`conclusion`], [`method`] | the end of a request, and where its time went |
//! | [`telemetry`], [`metrics`], [`access_log`], [`line_ring`] | what is counted and logged of it |
//! | [`explain`], [`rehearsal`] | the same answer in words, for people |
//! | [`specification`], [`tables`] | the configuration, as it comes and as it is looked up |

pub mod access;
pub mod access_log;
pub mod api_keys;
pub mod arena;
pub mod authentication;
pub mod challenge;
pub mod claims;
pub mod client;
pub mod conclusion;
pub mod connection;
pub mod cors;
pub mod credential;
pub mod date;
pub mod decision;
pub mod explain;
pub mod field;
pub mod field_names;
#[cfg(test)]
mod fixture;
pub mod flaw;
pub mod framing;
pub mod gate;
pub mod grammar;
pub mod head;
pub mod host;
pub mod identity;
pub mod json;
pub mod jwt;
pub mod keys;
pub mod line_ring;
pub mod lines;
pub mod memory;
pub mod method;
pub mod metrics;
pub mod path;
pub mod policy;
pub mod principal;
pub mod provider;
pub mod rate_limit;
pub mod rehearsal;
pub mod reply;
pub mod request;
pub mod revocation;
pub mod rewrite;
pub mod route;
pub mod rule;
pub mod specification;
pub mod status;
pub mod tables;
pub mod target;
pub mod telemetry;
pub mod template;
pub mod token;
pub mod tokens;
pub mod tracestate;
pub mod verdict;
pub mod window;

pub use decision::{
    Decision, Forward, ProtocolError, Reason, Reject, Respond, Unfunded, Unverified,
};
pub use gate::Gate;
pub use specification::SpecError;
