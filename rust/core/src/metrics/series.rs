//! What is counted apart: the labels of a series, as the key by which the arena knows it.
//!
//! | Bits | Meaning |
//! |---|---|
//! | 3 | kind, from 1 |
//! | 20 | name |
//! | 4 | method |
//! | 10 | status; 0 is none |

use crate::arena::{Name, RESERVED_SERIES};
use crate::method::{self, Known};

const STATUS_BITS: u32 = 10;
const METHOD_BITS: u32 = 4;
const NAME_BITS: u32 = 20;
/// Bits of a key.
pub(super) const KEY_BITS: u32 = 3 + NAME_BITS + METHOD_BITS + STATUS_BITS;

/// One more than the largest status that can be written (RFC 9110 section 15).
const STATUSES: u16 = 1000;

/// The number of every method that is not known.
const OTHER_METHOD: u64 = 9;

const KNOWN_METHODS: [Known; OTHER_METHOD as usize] = [
    Known::Connect,
    Known::Delete,
    Known::Get,
    Known::Head,
    Known::Options,
    Known::Patch,
    Known::Post,
    Known::Put,
    Known::Trace,
];

/// A series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Series {
    /// Requests of a route.
    Requests {
        route: Name,
        method: Option<Known>,
        status: u16,
    },
    /// Requests to an upstream; the status is 0 if it has not answered.
    Upstream { upstream: Name, status: u16 },
    /// What happened on the way to an upstream.
    Events { upstream: Name },
    /// What a policy decided.
    Policy { policy: Name },
}

impl Series {
    /// The key, which is not 0.
    #[inline]
    pub(super) fn key(self) -> u64 {
        let (kind, name, method, status) = match self {
            Self::Requests {
                route,
                method,
                status,
            } => {
                let method = method.map_or(OTHER_METHOD, |method| method as u64);
                (1, route, method, status)
            }
            Self::Upstream { upstream, status } => (2, upstream, 0, status),
            Self::Events { upstream } => (3, upstream, 0, 0),
            Self::Policy { policy } => (4, policy, 0, 0),
        };
        let key = kind << NAME_BITS | u64::from(name.number());
        let key = key << METHOD_BITS | method;
        key << STATUS_BITS | u64::from(status.min(STATUSES - 1))
    }

    /// What a key says; nothing, if no series has it.
    pub(super) fn from_key(key: u64) -> Option<Self> {
        let status = (key & ((1 << STATUS_BITS) - 1)) as u16;
        let key = key >> STATUS_BITS;
        let method = (key & ((1 << METHOD_BITS) - 1)) as usize;
        let key = key >> METHOD_BITS;
        let name = Name::from_number((key & ((1 << NAME_BITS) - 1)) as u32);
        Some(match key >> NAME_BITS {
            1 => Self::Requests {
                route: name,
                method: KNOWN_METHODS.get(method).copied(),
                status,
            },
            2 => Self::Upstream {
                upstream: name,
                status,
            },
            3 => Self::Events { upstream: name },
            4 => Self::Policy { policy: name },
            _ => return None,
        })
    }

    /// The series that stands in for this one where there are too many; its status is kept.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Requests { status, .. } => Self::Requests {
                route: Name::OTHER,
                method: None,
                status,
            },
            Self::Upstream { status, .. } => Self::Upstream {
                upstream: Name::OTHER,
                status,
            },
            Self::Events { .. } => Self::Events {
                upstream: Name::OTHER,
            },
            Self::Policy { .. } => Self::Policy {
                policy: Name::OTHER,
            },
        }
    }

    /// Whether this is counted as its [`other`](Self::other) whatever room there is: its name
    /// found no place.
    pub(super) fn is_nameless(self) -> bool {
        let (Self::Requests { route: name, .. }
        | Self::Upstream { upstream: name, .. }
        | Self::Events { upstream: name }
        | Self::Policy { policy: name }) = self;
        name == Name::OTHER
    }

    /// Which of the places that are reserved is that of a series that stands in for others.
    pub(super) fn reserved(self) -> usize {
        const { assert!(2 * STATUSES as usize + 2 <= RESERVED_SERIES) };
        let number = match self {
            Self::Requests { status, .. } => status.min(STATUSES - 1),
            Self::Upstream { status, .. } => STATUSES + status.min(STATUSES - 1),
            Self::Events { .. } => 2 * STATUSES,
            Self::Policy { .. } => 2 * STATUSES + 1,
        };
        usize::from(number)
    }
}

/// What metrics call a method.
pub(super) const fn method_name(method: Option<Known>) -> &'static str {
    match method {
        Some(method) => method.name(),
        None => method::OTHER,
    }
}
