//! What a route does, compiled once when the configuration is loaded: blocks of bytes that are
//! ready to be sent, and sets of names that are quick to ask.

use crate::cors::Cors;
use crate::decision::Answer;
use crate::field::Field;
use crate::field_names::FieldNames;
use crate::grammar::{is_field_value, trim};
use crate::host::Authority;
use crate::provider::identity_headers;
use crate::rewrite::{Rewrite, UpstreamHost, parse_prefix};
use crate::route::PathPattern;
use crate::specification::{
    self, FieldChanges, HostChange, Pair, ProviderKind, SpecError, Specification,
};
use crate::template::Template;

/// What is done with the requests of a route.
#[derive(Debug)]
pub struct Policy {
    /// The route's name.
    pub name: Box<str>,
    /// Where requests go.
    pub action: Action,
    /// What the request loses and gains on the way to the upstream.
    pub request: RequestFields,
    /// What the response loses and gains on the way to the client.
    pub response: ResponseFields,
    /// Cross-origin policy.
    pub cors: Option<Cors>,
    /// Greatest size of a request's body; 0 is no limit.
    pub body_limit: u64,
}

/// Where requests go.
#[derive(Debug)]
pub enum Action {
    /// To the upstream.
    Forward(Rewrite),
    /// Elsewhere.
    Redirect {
        /// Status.
        status: u16,
        /// Where.
        location: Template,
    },
    /// Nowhere: the answer is here.
    Respond(Answer),
}

/// Changes of a request's fields.
#[derive(Debug, Default)]
pub struct RequestFields {
    /// Names that the client's fields lose: those that the route sets and those that it removes,
    /// those that tell who the client is, and those of credentials that stay behind.
    pub dropped: FieldNames,
    /// Cookies that stay behind.
    pub taken_cookies: Vec<Box<[u8]>>,
    /// Lines to add.
    pub appended: Vec<u8>,
    /// Names that tell who the client is, but about which the route decides.
    overridden: FieldNames,
}

/// Changes of a response's fields.
#[derive(Debug, Default)]
pub struct ResponseFields {
    /// Names that matter: [`ResponseFields::DROPPED`], or the number of a security field.
    watched: FieldNames,
    /// Lines of the security fields, and whether a line is for TLS only.
    security: Vec<(Vec<u8>, bool)>,
    /// All lines of security fields without TLS, and with it.
    security_blocks: [Vec<u8>; 2],
    /// Lines to add.
    pub appended: Vec<u8>,
}

/// Most security fields of one route; real lists have about ten.
const MOST_SECURITY_FIELDS: usize = 64;

/// Security fields that a response brought itself, one bit each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Brought(u64);

impl Policy {
    /// Compile a route's part that is not about matching.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        route: &specification::Route,
        paths: &[PathPattern],
        gate: &Specification,
    ) -> Result<Self, SpecError> {
        // A route with security headers of its own says by itself whether HSTS is one of them.
        let (security, hsts) = match &route.security_headers {
            Some(own) => (own, &route.hsts),
            None => (&gate.security_headers, &gate.hsts),
        };
        Ok(Self {
            name: route.name.as_str().into(),
            action: Action::compile(route, paths)?,
            request: RequestFields::compile(route, gate)
                .map_err(|error| error.within("request_headers"))?,
            response: compile_response(route, gate, security, hsts.as_deref())
                .map_err(|error| error.within("response_headers"))?,
            cors: route.cors.as_ref().map(Cors::compile).transpose()?,
            body_limit: route.body_bytes.unwrap_or(gate.limits.body_bytes),
        })
    }
}

impl Action {
    fn compile(route: &specification::Route, paths: &[PathPattern]) -> Result<Self, SpecError> {
        match &route.action {
            specification::Action::Forward {} => {
                Ok(Self::Forward(compile_rewrite(&route.rewrite, paths)?))
            }
            specification::Action::Redirect { status, location } => {
                if !(300..=399).contains(status) {
                    return Err(SpecError(format!("redirect: {status} is no redirection")));
                }
                let location = Template::parse(location, paths)?;
                Ok(Self::Redirect {
                    status: *status,
                    location,
                })
            }
            specification::Action::Respond {
                status,
                headers,
                body,
            } => {
                if !(200..=599).contains(status) {
                    return Err(SpecError(format!("respond: {status} is no final status")));
                }
                let fields = headers.iter().map(|(name, value)| {
                    check_field(name, value)?;
                    Ok((name.clone().into_bytes(), trim(value.as_bytes()).to_vec()))
                });
                Ok(Self::Respond(Answer {
                    status: *status,
                    headers: fields.collect::<Result<_, SpecError>>()?,
                    body: body.clone().into_bytes(),
                }))
            }
        }
    }
}

/// On routes with limits, what upstreams say about limits of their own would be taken for theirs.
fn compile_response(
    route: &specification::Route,
    gate: &Specification,
    security: &[Pair],
    hsts: Option<&str>,
) -> Result<ResponseFields, SpecError> {
    let mut fields = ResponseFields::compile(&route.response_headers, security, hsts)?;
    let is_shown = |limit: &specification::AppliedLimit| {
        let policy = gate.rate_limits.get(limit.policy as usize);
        policy.is_some_and(specification::RateLimitPolicy::is_shown)
    };
    if route.rate_limits.iter().any(is_shown) {
        for name in specification::LIMIT_FIELDS {
            fields.drop(name);
        }
    }
    Ok(fields)
}

fn compile_rewrite(
    rewrite: &specification::Rewrite,
    paths: &[PathPattern],
) -> Result<Rewrite, SpecError> {
    let prefix = |text: &Option<String>| text.as_deref().map_or(Ok(None), parse_prefix);
    let path = rewrite
        .path
        .as_deref()
        .map(|text| Template::parse(text, paths))
        .transpose()?;
    if path.as_ref().is_some_and(Template::has_query) {
        return Err(SpecError(
            "rewrite: the path template contains a query".to_owned(),
        ));
    }
    Ok(Rewrite {
        strip_prefix: prefix(&rewrite.strip_prefix)?,
        path,
        add_prefix: prefix(&rewrite.add_prefix)?,
        host: match &rewrite.host {
            HostChange::Preserve => UpstreamHost::Preserve,
            HostChange::Upstream => UpstreamHost::Endpoint,
            HostChange::Literal(text) if Authority::parse(text.as_bytes()).is_some() => {
                UpstreamHost::Literal(text.as_str().into())
            }
            HostChange::Literal(text) => {
                return Err(SpecError(format!("rewrite: {text:?} is no host")));
            }
        },
    })
}

impl RequestFields {
    fn compile(route: &specification::Route, gate: &Specification) -> Result<Self, SpecError> {
        let mut fields = Self::default();
        let changes = &route.request_headers;
        collect_changes(changes, &mut fields.dropped, &mut fields.appended, 0)?;
        let Some(auth) = &gate.auth else {
            return Ok(fields);
        };
        // On open routes, too: an upstream cannot know by which one a request came.
        for name in auth.providers.iter().flat_map(identity_headers) {
            if fields.dropped.contains(name.as_bytes()) {
                fields.overridden.insert(name.as_bytes(), 0);
            }
        }
        for name in auth.providers.iter().flat_map(identity_headers) {
            fields.dropped.insert(name.as_bytes(), 0);
        }
        if let Some(access) = &route.auth
            && access.authorization == specification::Authorization::Remove
        {
            for &number in &access.providers {
                if let Some(provider) = auth.providers.get(number as usize) {
                    fields.keep_credentials(provider);
                }
            }
        }
        Ok(fields)
    }

    /// Keep whatever could be a credential of a provider from the upstream, be it the one that
    /// counted or not.
    fn keep_credentials(&mut self, provider: &specification::Provider) {
        for source in &provider.sources {
            match source {
                specification::Source::Bearer {} => self.dropped.insert(b"Authorization", 0),
                specification::Source::Header(name) => self.dropped.insert(name.as_bytes(), 0),
                specification::Source::Cookie(name) => {
                    self.taken_cookies.push(name.as_bytes().into());
                }
            }
        }
        if matches!(provider.kind, ProviderKind::ForwardAuth(_)) {
            self.dropped.insert(b"Authorization", 0);
        }
    }

    /// Append the lines that tell who the client is, but for those about which the route decides.
    #[inline]
    pub fn put_identity(&self, out: &mut Vec<u8>, lines: &[u8]) {
        if self.overridden.is_empty() {
            out.extend_from_slice(lines);
            return;
        }
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
            if !self.overridden.contains(name) {
                out.extend_from_slice(line);
            }
        }
    }
}

impl ResponseFields {
    /// The number of names that are dropped.
    const DROPPED: usize = usize::MAX;

    /// Compile the changes of responses.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        changes: &FieldChanges,
        security: &[Pair],
        hsts: Option<&str>,
    ) -> Result<Self, SpecError> {
        let mut fields = Self::default();
        collect_changes(
            changes,
            &mut fields.watched,
            &mut fields.appended,
            Self::DROPPED,
        )?;
        let plain = security
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str(), false));
        let hsts = hsts.map(|value| ("Strict-Transport-Security", value, true));
        for (name, value, is_for_tls) in plain.chain(hsts) {
            // What the route sets or removes by name is not for the defaults to decide.
            if fields.watched.contains(name.as_bytes()) {
                continue;
            }
            if fields.security.len() == MOST_SECURITY_FIELDS {
                return Err(SpecError("there are too many security headers".to_owned()));
            }
            let mut line = Vec::new();
            put_line(&mut line, name, value)?;
            fields
                .watched
                .insert(name.as_bytes(), fields.security.len());
            let [plain_block, tls_block] = &mut fields.security_blocks;
            tls_block.extend_from_slice(&line);
            if !is_for_tls {
                plain_block.extend_from_slice(&line);
            }
            fields.security.push((line, is_for_tls));
        }
        Ok(fields)
    }

    /// Whether a field of the response stays, noting the security fields among them.
    #[inline]
    pub fn keeps(&self, name: &[u8], brought: &mut Brought) -> bool {
        match self.watched.get(name) {
            None => true,
            Some(Self::DROPPED) => false,
            Some(number) => {
                brought.0 |= 1 << number;
                true
            }
        }
    }

    /// Drop what upstreams say in a field.
    fn drop(&mut self, name: &str) {
        self.watched.insert(name.as_bytes(), Self::DROPPED);
    }

    /// Whether the route decides about a field that the gateway would add.
    #[must_use]
    pub fn drops(&self, name: &[u8]) -> bool {
        self.watched.get(name) == Some(Self::DROPPED)
    }

    /// Write the security fields that the response did not bring itself.
    #[inline]
    pub fn write_security(&self, out: &mut Vec<u8>, brought: Brought, is_tls: bool) {
        if brought.0 == 0 {
            out.extend_from_slice(&self.security_blocks[usize::from(is_tls)]);
            return;
        }
        for (number, (line, is_for_tls)) in self.security.iter().enumerate() {
            if brought.0 & (1 << number) == 0 && (is_tls || !is_for_tls) {
                out.extend_from_slice(line);
            }
        }
    }
}

fn collect_changes(
    changes: &FieldChanges,
    dropped: &mut FieldNames,
    appended: &mut Vec<u8>,
    number: usize,
) -> Result<(), SpecError> {
    for (name, value) in &changes.set {
        dropped.insert(name.as_bytes(), number);
        put_line(appended, name, value)?;
    }
    for (name, value) in &changes.add {
        put_line(appended, name, value)?;
    }
    for name in &changes.remove {
        check_name(name)?;
        dropped.insert(name.as_bytes(), number);
    }
    Ok(())
}

fn put_line(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), SpecError> {
    check_field(name, value)?;
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(trim(value.as_bytes()));
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn check_field(name: &str, value: &str) -> Result<(), SpecError> {
    check_name(name)?;
    if is_field_value(value.as_bytes()) {
        Ok(())
    } else {
        Err(SpecError(format!(
            "the value of {name} contains a control character"
        )))
    }
}

/// Framing and the connection are not a route's to change.
fn check_name(name: &str) -> Result<(), SpecError> {
    match Field::recognise(name.as_bytes()) {
        Err(_) => Err(SpecError(format!("{name:?} is no field name"))),
        Ok(
            Field::Host
            | Field::ContentLength
            | Field::TransferEncoding
            | Field::Connection
            | Field::Upgrade
            | Field::Expect
            | Field::HopByHop,
        ) => Err(SpecError(format!("{name} is the gateway's own business"))),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
