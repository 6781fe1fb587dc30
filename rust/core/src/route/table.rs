//! The look-up: candidates in order of [`Precedence`], without looking at every route.
//!
//! Hosts are found in hash maps, the longest suffix first; paths first in a hash map of static
//! paths, then in a tree of segments whose branches are tried from static to rest. So candidates
//! come out in exactly the order of precedence, whose first match wins; the tests hold this
//! against the plain maximum over all routes.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::criteria::{Criteria, Mismatch};
use super::pattern::{HostPattern, PathPattern, Segment, first_segment};
use super::precedence::Precedence;
use crate::lines::Line;

/// What a route is chosen by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Host in lower case.
    pub host: Option<&'a str>,
    /// Canonical path.
    pub path: &'a str,
    /// Method.
    pub method: &'a [u8],
    /// Field lines.
    pub lines: &'a [Line<'a>],
    /// Query, with or without its `?`.
    pub query: &'a [u8],
}

/// A route as it is matched.
#[derive(Debug)]
pub struct Matcher {
    /// Hosts; never empty.
    pub hosts: Vec<HostPattern>,
    /// Paths; never empty.
    pub paths: Vec<PathPattern>,
    /// What else is asked for.
    pub criteria: Criteria,
}

/// The route that takes a request, and the pattern by which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Index of the route.
    pub route: usize,
    /// Index of the path pattern in the route.
    pub path: usize,
}

/// A host and path pattern of a route at its place in the table.
#[derive(Debug)]
struct Entry {
    precedence: Precedence,
    found: Match,
}

/// Entries with the same patterns, the greatest precedence first.
type Entries = Vec<Entry>;

/// A segment of the tree.
#[derive(Debug, Default)]
struct Node {
    fixed: HashMap<Box<str>, Node>,
    parameter: Option<Box<Node>>,
    /// Patterns that end here.
    here: Entries,
    /// Patterns that go on with `*`.
    rest: Entries,
}

/// All paths of one host pattern.
#[derive(Debug, Default)]
struct PathTable {
    fixed: HashMap<Box<str>, Entries>,
    root: Node,
}

/// All routes.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Matcher>,
    exact: HashMap<Box<str>, PathTable>,
    suffixes: HashMap<Box<str>, PathTable>,
    any: PathTable,
}

impl RouteTable {
    /// Arrange routes, which are given in the order of the configuration.
    #[must_use]
    pub fn new(routes: Vec<Matcher>) -> Self {
        let mut table = Self::default();
        for (index, route) in routes.iter().enumerate() {
            for host in &route.hosts {
                let paths = match host {
                    HostPattern::Any => &mut table.any,
                    HostPattern::Suffix(suffix) => {
                        table.suffixes.entry(suffix.clone()).or_default()
                    }
                    HostPattern::Exact(name) => table.exact.entry(name.clone()).or_default(),
                };
                for (number, path) in route.paths.iter().enumerate() {
                    let precedence = Precedence::new(host, path, &route.criteria, index);
                    let found = Match {
                        route: index,
                        path: number,
                    };
                    paths.insert(path, Entry { precedence, found });
                }
            }
        }
        table.routes = routes;
        table
    }

    /// The routes, in the order of the configuration.
    #[must_use]
    pub fn routes(&self) -> &[Matcher] {
        &self.routes
    }

    /// The route that takes the request.
    #[must_use]
    #[inline]
    pub fn find(&self, question: &Question<'_>) -> Option<Match> {
        let first = self.visit(question, &mut |found, verdict| match verdict {
            Ok(()) => ControlFlow::Break(found),
            Err(_) => ControlFlow::Continue(()),
        });
        first.break_value()
    }

    /// The methods that routes would take for everything else in the request, for Allow
    /// (RFC 9110 section 10.2.1): sorted, and with HEAD where there is GET.
    #[must_use]
    pub fn allowed_methods(&self, question: &Question<'_>) -> Vec<&[u8]> {
        let mut methods: Vec<&[u8]> = Vec::new();
        let _: ControlFlow<()> = self.visit(question, &mut |found, verdict| {
            if verdict == Err(Mismatch::Method) {
                let named = &self.routes[found.route].criteria.methods;
                methods.extend(named.iter().map(|method| &**method));
            }
            ControlFlow::Continue(())
        });
        if methods.contains(&&b"GET"[..]) {
            methods.push(b"HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// Call `visitor` with every route whose host and path match, in order of precedence, and
    /// whether the rest matches too.
    fn visit<T>(
        &self,
        question: &Question<'_>,
        visitor: &mut impl FnMut(Match, Result<(), Mismatch>) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        let mut judge = |entry: &Entry| {
            let criteria = &self.routes[entry.found.route].criteria;
            let verdict = criteria.check(question.method, question.lines, question.query);
            visitor(entry.found, verdict)
        };
        if let Some(host) = question.host {
            if let Some(paths) = self.exact.get(host) {
                paths.visit(question.path, &mut judge)?;
            }
            if !self.suffixes.is_empty() {
                for suffix in suffixes(host) {
                    if let Some(paths) = self.suffixes.get(suffix) {
                        paths.visit(question.path, &mut judge)?;
                    }
                }
            }
        }
        self.any.visit(question.path, &mut judge)
    }
}

/// The ends of a host from each of its dots on, the longest first, where something precedes.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.')
        .map(|(start, _)| &host[start..])
        .filter(|end| end.len() < host.len())
}

impl PathTable {
    fn insert(&mut self, pattern: &PathPattern, entry: Entry) {
        let entries = if pattern.is_static() {
            let mut path = String::new();
            for segment in &pattern.segments {
                path.push('/');
                if let Segment::Static(text) = segment {
                    path.push_str(text);
                }
            }
            self.fixed.entry(path.into()).or_default()
        } else {
            self.root.entries_of(&pattern.segments)
        };
        let place = entries.partition_point(|other| other.precedence > entry.precedence);
        entries.insert(place, entry);
    }

    #[inline]
    fn visit<T>(
        &self,
        path: &str,
        judge: &mut impl FnMut(&Entry) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        // Static in every segment beats whatever the tree can offer.
        if let Some(entries) = self.fixed.get(path) {
            entries.iter().try_for_each(&mut *judge)?;
        }
        self.root.visit(path.strip_prefix('/'), judge)
    }
}

impl Node {
    fn entries_of(&mut self, segments: &[Segment]) -> &mut Entries {
        match segments {
            [] => &mut self.here,
            [Segment::Rest, ..] => &mut self.rest,
            [Segment::Parameter(_), tail @ ..] => {
                self.parameter.get_or_insert_default().entries_of(tail)
            }
            [Segment::Static(text), tail @ ..] => {
                self.fixed.entry(text.clone()).or_default().entries_of(tail)
            }
        }
    }

    /// `left` is what follows the slash after the segments so far, if there is one.
    fn visit<T>(
        &self,
        left: Option<&str>,
        judge: &mut impl FnMut(&Entry) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        let Some(text) = left else {
            return self.here.iter().try_for_each(judge);
        };
        if !self.fixed.is_empty() || self.parameter.is_some() {
            let (first, after) = first_segment(text);
            if let Some(node) = self.fixed.get(first) {
                node.visit(after, judge)?;
            }
            if let Some(node) = &self.parameter
                && !first.is_empty()
            {
                node.visit(after, judge)?;
            }
        }
        self.rest.iter().try_for_each(judge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;
    use proptest::prelude::*;

    fn matcher(hosts: &[&str], paths: &[&str], criteria: Criteria) -> Matcher {
        let hosts = hosts
            .iter()
            .map(|host| HostPattern::parse(host).expect(host))
            .collect();
        let paths = paths
            .iter()
            .map(|path| PathPattern::parse(path).expect(path))
            .collect();
        Matcher {
            hosts,
            paths,
            criteria,
        }
    }

    fn ask<'a>(host: &'a str, path: &'a str, method: &'a str) -> Question<'a> {
        let host = (!host.is_empty()).then_some(host);
        Question {
            host,
            path,
            method: method.as_bytes(),
            lines: &[],
            query: b"",
        }
    }

    /// The definition of the winner: the greatest precedence of all that match.
    fn brute_force(routes: &[Matcher], question: &Question<'_>) -> Option<usize> {
        let matching = routes.iter().enumerate().flat_map(|(index, route)| {
            let pairs = route
                .hosts
                .iter()
                .flat_map(|host| route.paths.iter().map(move |path| (host, path)));
            pairs
                .filter(|(host, path)| {
                    host.matches(question.host) && path.captures(question.path).is_some()
                })
                .filter(|_| {
                    let (lines, query) = (question.lines, question.query);
                    route.criteria.check(question.method, lines, query).is_ok()
                })
                .map(move |(host, path)| Precedence::new(host, path, &route.criteria, index))
                .map(move |precedence| (precedence, index))
        });
        matching.max().map(|(_, index)| index)
    }

    #[test]
    fn a_better_host_that_fails_falls_back_to_the_next() {
        let get = Criteria::new(&["GET"], &[], &[]);
        let table = RouteTable::new(vec![
            matcher(&["*"], &["/*"], Criteria::default()),
            matcher(&["a.example"], &["/x"], get.clone()),
            matcher(&["*.example"], &["/y/*"], get),
        ]);
        let route = |question| table.find(&question).map(|found| found.route);
        assert_eq!(route(ask("a.example", "/x", "GET")), Some(1));
        assert_eq!(route(ask("a.example", "/x", "POST")), Some(0));
        assert_eq!(route(ask("a.example", "/y/z", "HEAD")), Some(2));
        assert_eq!(route(ask("", "/x", "GET")), Some(0));
    }

    #[test]
    fn the_pattern_that_matched_is_told() {
        let table = RouteTable::new(vec![matcher(&["*"], &["/a", "/{x}"], Criteria::default())]);
        let found = table.find(&ask("", "/b", "GET"));
        assert_eq!(found, Some(Match { route: 0, path: 1 }));
    }

    #[test]
    fn allow_is_the_union_of_what_would_be_taken() {
        let of = |methods: &[&str]| Criteria::new(methods, &[], &[]);
        let table = RouteTable::new(vec![
            matcher(&["*"], &["/a"], of(&["PUT", "GET"])),
            matcher(&["a"], &["/*"], of(&["POST", "GET"])),
            matcher(
                &["*"],
                &["/{x}"],
                Criteria::new(&["PATCH"], &[("X", None)], &[]),
            ),
            matcher(&["*"], &["/b"], of(&["DELETE"])),
        ]);
        let allowed = table.allowed_methods(&ask("a", "/a", "OPTIONS"));
        assert_eq!(allowed, [&b"GET"[..], b"HEAD", b"POST", b"PUT"]);
        assert!(table.allowed_methods(&ask("b", "/c", "GET")).is_empty());
    }

    prop_compose! {
        fn any_route()(
            hosts in prop::collection::vec("(\\*|\\*\\.x|\\*\\.a\\.x|a\\.x|b\\.a\\.x)", 1..3),
            paths in prop::collection::vec("(/(a|b|\\{p\\})){0,2}/(a|b|\\{q\\}|\\*)?", 1..4),
            methods in prop::collection::vec("(GET|POST|HEAD)", 0..3),
            header in prop::option::of(prop::option::of("(1|2)")),
            query in prop::option::of(prop::option::of("(1|2)")),
        ) -> Option<Matcher> {
            let methods: Vec<_> = methods.iter().map(String::as_str).collect();
            let headers: Vec<_> = header.iter().map(|value| ("h", value.as_deref())).collect();
            let query: Vec<_> = query.iter().map(|value| ("q", value.as_deref())).collect();
            Some(Matcher {
                hosts: hosts.iter().map(|host| HostPattern::parse(host)).collect::<Result<_, _>>().ok()?,
                paths: paths.iter().map(|path| PathPattern::parse(path)).collect::<Result<_, _>>().ok()?,
                criteria: Criteria::new(&methods, &headers, &query),
            })
        }
    }

    proptest! {
        #[test]
        fn the_look_up_finds_the_greatest_precedence(
            routes in prop::collection::vec(any_route(), 0..12),
            host in "(|a\\.x|b\\.a\\.x|c\\.b\\.a\\.x|x|y)",
            path in "(/(a|b|c)){0,3}/?",
            method in "(GET|POST|HEAD|PUT)",
            header in "(1|2)",
            query in "(|\\?q=1|\\?q=2|\\?p)",
        ) {
            let routes: Vec<_> = routes.into_iter().flatten().collect();
            let path = if path.is_empty() { "/" } else { &*path };
            let lines = [Line { name: b"H", value: header.as_bytes(), field: Field::Other }];
            let question = Question { lines: &lines, query: query.as_bytes(), ..ask(&host, path, &method) };
            let expected = brute_force(&routes, &question);
            let table = RouteTable::new(routes);
            prop_assert_eq!(table.find(&question).map(|found| found.route), expected);
        }
    }
}
