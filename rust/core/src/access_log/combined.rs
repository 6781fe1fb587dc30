//! A line in the combined format, as Apache and nginx write it.
//!
//! ```text
//! 192.0.2.7 - ada [28/Nov/2026:05:39:16 +0000] "GET /users/7 HTTP/1.1" 200 136 "-" "curl/8.5.0"
//! ```
//!
//! The time is that at which the head was complete, the bytes are those of the body. What is not there
//! is `-`.

use super::Entry;
use super::clock::Clock;
use super::number::put_integer;
use super::text::{
    LONGEST_METHOD, LONGEST_NAME, LONGEST_PATH, LONGEST_REFERER, LONGEST_USER, LONGEST_USER_AGENT,
    bare_referer, put_combined,
};

/// Write a line.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, clock: &mut Clock) {
    put_combined(out, entry.client.as_bytes(), LONGEST_NAME, true);
    out.extend_from_slice(b" - ");
    let user = entry.user.unwrap_or_default();
    put_combined(out, user.as_bytes(), LONGEST_USER, true);
    out.extend_from_slice(b" [");
    clock.put_combined(out, entry.at);
    out.extend_from_slice(b"] \"");
    put_combined(out, entry.method.as_bytes(), LONGEST_METHOD, true);
    out.push(b' ');
    put_combined(out, entry.path.as_bytes(), LONGEST_PATH, true);
    out.extend_from_slice(b" HTTP/");
    out.extend_from_slice(entry.version.text().as_bytes());
    out.extend_from_slice(b"\" ");
    put_integer(out, entry.status.into());
    out.push(b' ');
    put_integer(out, entry.response_bytes);
    let details = entry.details;
    let referer = details.and_then(|details| details.referer.as_deref());
    let user_agent = details.and_then(|details| details.user_agent.as_deref());
    for (value, longest) in [
        (referer.map(bare_referer), LONGEST_REFERER),
        (user_agent, LONGEST_USER_AGENT),
    ] {
        out.extend_from_slice(b" \"");
        put_combined(out, value.unwrap_or_default(), longest, false);
        out.push(b'"');
    }
}
