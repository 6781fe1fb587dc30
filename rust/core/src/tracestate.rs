//! What tracing systems say of a trace in their own words (W3C Trace Context, tracestate header).

use crate::grammar::list;
use crate::head::put;

/// Bytes that are passed on at most: as many as everybody has to take.
const LONGEST: usize = 512;

/// Members that there may be.
const MOST_MEMBERS: usize = 32;

/// Append a tracestate line with all that a peer said, in its order; nothing if any of it is
/// malformed or there is more than everybody has to take.
#[cold]
pub fn put_tracestate<'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a [u8]>) {
    let start = out.len();
    put(out, &[b"tracestate: "]);
    let first = out.len();
    let mut count = 0;
    // Empty members are allowed, because senders cannot always avoid them.
    for member in values.flat_map(list).filter(|member| !member.is_empty()) {
        if out.len() > first {
            out.push(b',');
        }
        out.extend_from_slice(member);
        count += 1;
        if count > MOST_MEMBERS || out.len() - first > LONGEST || !is_member(member) {
            out.truncate(start);
            return;
        }
    }
    if count == 0 {
        out.truncate(start);
    } else {
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether this is a key, an equals sign and a value. Keys are those of Level 2, which allows all
/// that Level 1 does.
fn is_member(member: &[u8]) -> bool {
    let Some(equals) = member.iter().position(|&byte| byte == b'=') else {
        return false;
    };
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let is_small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_key = key.first().copied().is_some_and(is_small)
        && key.len() <= 256
        && key
            .iter()
            .all(|&byte| is_small(byte) || b"_-*/@".contains(&byte));
    let is_value = (1..=256).contains(&value.len())
        && value
            .iter()
            .all(|&byte| matches!(byte, b' '..=b'~') && byte != b'=');
    is_key && is_value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(values: &[&str]) -> String {
        let mut out = b"before\r\n".to_vec();
        put_tracestate(&mut out, values.iter().map(|value| value.as_bytes()));
        let text = String::from_utf8(out).expect("ASCII");
        text.strip_prefix("before\r\n").expect("kept").to_owned()
    }

    #[test]
    fn members_keep_their_order_on_one_line() {
        assert_eq!(
            passed_on(&[
                "rojo=00f067aa0ba902b7 ,\tcongo=t61rcWkgMzE",
                "",
                " , 1a@b_-*/=x y<>"
            ]),
            "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,1a@b_-*/=x y<>\r\n"
        );
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        for values in [&[][..], &[""], &[" ", ",,"]] {
            assert_eq!(passed_on(values), "");
        }
    }

    #[test]
    fn one_malformed_member_spoils_all() {
        for member in [
            "a", "a=", "=a", "A=1", "_a=1", "a b=1", "a=b=c", "a=\u{7f}", "a=\tb", "a=\u{e9}",
            "@a=1",
        ] {
            assert_eq!(passed_on(&["x=1", member]), "", "{member}");
        }
    }

    #[test]
    fn there_are_limits() {
        let members = |count: usize| vec!["a=1"; count].join(",");
        assert!(!passed_on(&[&members(32)]).is_empty());
        assert_eq!(passed_on(&[&members(33)]), "");
        let long = format!("a={},b={},c=", "x".repeat(251), "x".repeat(251));
        assert!(!passed_on(&[&format!("{long}xx"), ""]).is_empty());
        assert_eq!(passed_on(&[&format!("{long}xxx")]), "");
        assert!(!passed_on(&[&format!("{}=1", "a".repeat(256))]).is_empty());
        assert_eq!(passed_on(&[&format!("{}=1", "a".repeat(257))]), "");
        assert_eq!(passed_on(&[&format!("a={}", "x".repeat(257))]), "");
    }
}
