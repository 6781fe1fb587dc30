//! What can happen that is counted, each with the word for it.

use crate::decision::Reason;

/// An enumeration of which every element has a name, in the order of their numbers.
macro_rules! named {
    ($(#[$meta:meta])* $kind:ident { $($(#[$doc:meta])* $element:ident = $name:expr,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind {
            $($(#[$doc])* $element,)+
        }

        impl $kind {
            /// Every element.
            pub const ALL: &[Self] = &[$(Self::$element,)+];

            /// The word for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$element => $name,)+
                }
            }
        }
    };
}

named! {
    /// What happened on the way to an upstream.
    UpstreamEvent {
        /// A request was tried again.
        Retry = "retry",
        /// No connection could be made.
        ConnectFailed = "connect-failed",
        /// No answer came in time.
        Timeout = "timeout",
        /// The connection ended before the response did.
        Reset = "reset",
        /// The response broke a guard.
        ProtocolError = "protocol-error",
        /// All connections were in use, and the queue full or too slow.
        Overloaded = "overloaded",
    }
}

named! {
    /// What somebody is told who asks for what is not open.
    AuthOutcome {
        /// They are let in.
        Accepted = "accepted",
        /// There is no credential.
        TokenMissing = Reason::TokenMissing.name(),
        /// It is none that counts.
        TokenInvalid = Reason::TokenInvalid.name(),
        /// Its time is over.
        TokenExpired = Reason::TokenExpired.name(),
        /// It was revoked.
        TokenRevoked = Reason::TokenRevoked.name(),
        /// It does not permit this.
        InsufficientScope = Reason::InsufficientScope.name(),
        /// Nobody can say.
        AuthUnavailable = Reason::AuthUnavailable.name(),
    }
}

named! {
    /// What a policy decides about a request, and why it may have decided by less than it knows.
    PolicyOutcome {
        /// It was admitted, and charged.
        Admitted = "admitted",
        /// It was refused.
        Refused = "refused",
        /// It would have been refused, had the policy not only reported.
        Shadowed = "shadowed",
        /// It was admitted without being counted, because the store is away.
        Uncounted = "uncounted",
        /// It was refused because the store is away.
        Unavailable = "unavailable",
        /// Its key found no place of its own, whatever was decided.
        Crowded = "crowded",
    }
}

named! {
    /// What is remembered of credentials.
    Cache {
        /// Those that were accepted.
        Tokens = "tokens",
        /// Those that were refused.
        Refusals = "refusals",
    }
}

named! {
    /// What a cache does.
    CacheEvent {
        /// It finds something.
        Hit = "hits",
        /// It does not.
        Miss = "misses",
        /// Something has to make room.
        Eviction = "evictions",
    }
}

impl UpstreamEvent {
    /// The event with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|event| event.name() == name)
    }
}

impl AuthOutcome {
    /// What a reason is counted as; nothing, if it is not about credentials.
    #[must_use]
    pub fn of(reason: Reason) -> Option<Self> {
        let mut refused = Self::ALL[1..].iter().copied();
        refused.find(|outcome| outcome.name() == reason.name())
    }
}
