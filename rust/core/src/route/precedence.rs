//! Which of several routes that match wins: one ordering, and the winner is its greatest.

use std::cmp::Reverse;

use super::criteria::Criteria;
use super::pattern::{HostPattern, PathPattern, Segment};

/// How precisely a route's host is given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostRank {
    /// Any host.
    Any,
    /// A suffix; of two that match the same host, the longer has more bytes.
    Suffix(usize),
    /// The host itself.
    Exact,
}

/// How precisely one segment of a route's path is given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SegmentRank {
    /// Whatever is left.
    Rest,
    /// Any segment.
    Parameter,
    /// The segment itself.
    Static,
}

/// Rank of one host and path pattern of one route. Fields are compared from first to last, and
/// the greater rank wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence {
    /// Exact host, then longest suffix, then any.
    host: HostRank,
    /// Segment by segment from the left; of two equal beginnings the longer wins.
    path: Vec<SegmentRank>,
    /// A route that names methods before one that takes any.
    names_methods: bool,
    /// More headers asked for.
    headers: usize,
    /// More query parameters asked for.
    query: usize,
    /// The earlier in the configuration.
    order: Reverse<usize>,
}

impl Precedence {
    /// Rank a host and a path pattern of the route that stands at `order` in the configuration.
    #[must_use]
    pub fn new(host: &HostPattern, path: &PathPattern, criteria: &Criteria, order: usize) -> Self {
        Self {
            host: match host {
                HostPattern::Any => HostRank::Any,
                HostPattern::Suffix(suffix) => HostRank::Suffix(suffix.len()),
                HostPattern::Exact(_) => HostRank::Exact,
            },
            path: path
                .segments
                .iter()
                .map(|segment| match segment {
                    Segment::Rest => SegmentRank::Rest,
                    Segment::Parameter(_) => SegmentRank::Parameter,
                    Segment::Static(_) => SegmentRank::Static,
                })
                .collect(),
            names_methods: !criteria.methods.is_empty(),
            headers: criteria.headers.len(),
            query: criteria.query.len(),
            order: Reverse(order),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(host: &str, path: &str, criteria: &Criteria, order: usize) -> Precedence {
        let host = HostPattern::parse(host).expect(host);
        let path = PathPattern::parse(path).expect(path);
        Precedence::new(&host, &path, criteria, order)
    }

    #[test]
    fn each_rule_decides_before_the_next() {
        let any = Criteria::default();
        let get = Criteria::new(&["GET"], &[], &[]);
        let header = Criteria::new(&[], &[("X-Env", None)], &[]);
        let query = Criteria::new(&[], &[], &[("q", None)]);
        // From the least to the greatest, each beating the one before by an earlier rule.
        let ascending = [
            rank("*", "/*", &any, 1),
            rank("*", "/*", &any, 0),
            rank("*", "/*", &query, 9),
            rank("*", "/*", &header, 9),
            rank("*", "/*", &get, 9),
            rank("*", "/{a}/*", &any, 9),
            rank("*", "/{a}/b", &any, 9),
            rank("*", "/a/*", &any, 9),
            rank("*", "/a/{b}", &any, 9),
            rank("*", "/a/b", &any, 9),
            rank("*", "/a/b/*", &any, 9),
            rank("*.example", "/*", &any, 9),
            rank("*.b.example", "/*", &any, 9),
            rank("a.b.example", "/*", &any, 9),
        ];
        assert!(ascending.is_sorted_by(|less, greater| less < greater));
    }
}
