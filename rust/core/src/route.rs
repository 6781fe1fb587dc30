//! Who takes a request: patterns, what else a route asks for, precedence, and the look-up.

pub mod criteria;
pub mod pattern;
pub mod precedence;
pub mod table;

pub use criteria::{Criteria, Mismatch};
pub use pattern::{HostPattern, PathPattern};
pub use precedence::Precedence;
pub use table::{Match, Question, RouteTable};
