//! A JSON Web Token taken apart: the compact form of RFC 7515 section 7.1, read strictly.
//!
//! Nothing here is believed yet. Keys that a token brings along or points to (jwk, jku, x5u, x5c)
//! are not even read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::flaw::Flaw;
use crate::json;
use crate::keys::Algorithm;

/// Longest kid; real ones have 20 to 64 bytes.
const LONGEST_KEY_ID: usize = 256;

/// A token, taken apart.
#[derive(Debug)]
pub struct Jwt<'a> {
    /// By which algorithm it claims to be signed.
    pub algorithm: Algorithm,
    /// With which key it claims to be signed.
    pub key_id: Option<String>,
    /// What it says it is: `typ`, if that is a text.
    pub media_type: Option<String>,
    /// What it claims.
    pub claims: Map<String, Value>,
    /// What is signed.
    pub signing_input: &'a [u8],
    /// The signature.
    pub signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Take a token apart.
    ///
    /// # Errors
    ///
    /// [`Flaw`] when it is none that could be valid for anybody here.
    pub fn read(token: &'a [u8]) -> Result<Self, Flaw> {
        Self::read_if(token, |_, _| true)
    }

    /// Take a token apart, if one with this algorithm and key id could be of use. That is known long
    /// before its claims, which a stranger may have made as costly to read as they can be.
    ///
    /// # Errors
    ///
    /// [`Flaw`]; [`Flaw::UnknownKey`] when it could be of no use.
    pub fn read_if(
        token: &'a [u8],
        is_useful: impl FnOnce(Algorithm, Option<&str>) -> bool,
    ) -> Result<Self, Flaw> {
        let parts = Parts::of(token).ok_or(Flaw::NotCompact)?;
        // The four dots of an encrypted token (RFC 7516) are no base64url either.
        let mut header = parse(parts.header).ok_or(Flaw::Header)?;
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = Algorithm::from_name(algorithm.ok_or(Flaw::NoAlgorithm)?);
        let algorithm = algorithm.ok_or(Flaw::UnknownAlgorithm)?;
        if has_extension(&header) {
            return Err(Flaw::Extension);
        }
        let key_id = match header.remove("kid") {
            None => None,
            Some(Value::String(id)) if id.len() <= LONGEST_KEY_ID => Some(id),
            Some(_) => return Err(Flaw::KeyId),
        };
        if !is_useful(algorithm, key_id.as_deref()) {
            return Err(Flaw::UnknownKey);
        }
        let media_type = match header.remove("typ") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let signature = decode(parts.signature).filter(|signature| !signature.is_empty());
        let signature = signature.ok_or(Flaw::SignatureText)?;
        Ok(Self {
            algorithm,
            key_id,
            media_type,
            claims: parse(parts.payload).ok_or(Flaw::Payload)?,
            signing_input: parts.signing_input,
            signature,
        })
    }
}

/// The header and the claims of what may be a token, each empty where it cannot be read. For people
/// alone, who want to know what a token says that nobody accepts.
#[must_use]
#[cold]
pub fn glimpse(token: &[u8]) -> [Map<String, Value>; 2] {
    let parts = Parts::of(token);
    let read = |part: Option<&[u8]>| part.and_then(parse).unwrap_or_default();
    [
        read(parts.as_ref().map(|parts| parts.header)),
        read(parts.as_ref().map(|parts| parts.payload)),
    ]
}

/// What stands between the dots.
struct Parts<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    signing_input: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(token: &'a [u8]) -> Option<Self> {
        let first = memchr::memchr(b'.', token)?;
        let last = memchr::memrchr(b'.', token)?;
        Some(Self {
            header: &token[..first],
            payload: token.get(first + 1..last)?,
            signature: &token[last + 1..],
            signing_input: &token[..last],
        })
    }
}

/// An object in one of the parts.
fn parse(part: &[u8]) -> Option<Map<String, Value>> {
    json::parse_small(&decode(part)?, json::MOST_VALUES).ok()
}

/// Whether the header asks for what is not understood here: no extension is (RFC 7515 section
/// 4.1.11), not even a payload that is not encoded (RFC 7797) or a compressed one.
fn has_extension(header: &Map<String, Value>) -> bool {
    header.contains_key("crit")
        || header.contains_key("zip")
        || header
            .get("b64")
            .is_some_and(|b64| *b64 != Value::Bool(true))
}

/// RFC 7515 appendix C: base64url, without padding and without bits that say nothing, so that one
/// token cannot be written in two ways.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The form in which media types are compared (RFC 7515 section 4.1.9): `at+jwt` is short for
/// `application/at+jwt`.
#[must_use]
pub fn media_type(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    match text.strip_prefix("application/") {
        Some(short) if !short.contains('/') => short.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn encode(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn token(header: &Value, payload: &Value) -> String {
        let header = encode(header.to_string().as_bytes());
        let payload = encode(payload.to_string().as_bytes());
        format!("{header}.{payload}.c2ln")
    }

    fn is_read(token: &str) -> bool {
        Jwt::read(token.as_bytes()).is_ok()
    }

    #[test]
    fn the_example_of_rfc_7519_is_taken_apart() {
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
                     .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
                     .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let jwt = Jwt::read(token.as_bytes()).expect("a token");
        assert_eq!(jwt.algorithm, Algorithm::Hs256);
        assert_eq!((jwt.key_id, jwt.media_type.as_deref()), (None, Some("JWT")));
        assert_eq!(jwt.claims["iss"], "joe");
        assert_eq!(jwt.claims["exp"], 1_300_819_380);
        assert_eq!(jwt.signature.len(), 32);
        let last = token.rfind('.').expect("a dot");
        assert_eq!(jwt.signing_input, &token.as_bytes()[..last]);
    }

    #[test]
    fn the_unsecured_example_of_rfc_7519_is_refused() {
        let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        assert!(!is_read(&format!("eyJhbGciOiJub25lIn0.{payload}.")));
        assert!(!is_read(&format!("eyJhbGciOiJub25lIn0.{payload}.c2ln")));
    }

    #[test]
    fn three_parts_in_strict_base64url_are_needed() {
        let good = token(&json!({"alg": "HS256"}), &json!({}));
        assert!(is_read(&good));
        let (signing_input, _) = good.rsplit_once('.').expect("a dot");
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            signing_input.to_owned(),
            format!("{signing_input}."),
            format!("{good}."),
            format!(".{good}"),
            format!("{good}.a.b"),
            format!("{signing_input}.c2lnbg=="),
            // The last bits of the signature say nothing.
            format!("{signing_input}.c2lnbh"),
            format!("{signing_input}.c2l+"),
            format!("{signing_input}.c2 n"),
            format!("{signing_input}.c"),
            format!(" {good}"),
        ] {
            assert!(!is_read(&bad), "{bad}");
        }
    }

    #[test]
    fn headers_that_ask_for_more_are_refused() {
        for header in [
            json!({}),
            json!({"alg": null}),
            json!({"alg": ["HS256"]}),
            json!({"alg": "none"}),
            json!({"alg": "hs256"}),
            json!({"alg": "HS256", "crit": []}),
            json!({"alg": "HS256", "crit": ["exp"], "exp": 1}),
            json!({"alg": "HS256", "b64": false}),
            json!({"alg": "HS256", "b64": "true"}),
            json!({"alg": "HS256", "zip": "DEF"}),
            json!({"alg": "HS256", "kid": 7}),
            json!({"alg": "HS256", "kid": null}),
            json!({"alg": "HS256", "kid": "x".repeat(257)}),
            json!(["alg", "HS256"]),
        ] {
            assert!(!is_read(&token(&header, &json!({}))), "{header}");
        }
        let most = json!({"alg": "HS256", "b64": true, "kid": "x".repeat(256), "typ": 5,
                          "jwk": {"kty": "oct"}, "jku": "https://a", "x5u": "https://a"});
        assert!(is_read(&token(&most, &json!({}))));
    }

    #[test]
    fn payloads_are_objects_without_repetition() {
        let header = encode(br#"{"alg":"HS256"}"#);
        let with =
            |payload: &str| is_read(&format!("{header}.{}.c2ln", encode(payload.as_bytes())));
        assert!(with(r#"{"a":{"b":1}}"#));
        for bad in [
            "",
            "1",
            "[]",
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"exp":1e999}"#,
        ] {
            assert!(!with(bad), "{bad}");
        }
    }

    #[test]
    fn claims_are_not_read_in_vain() {
        let token = token(&json!({"alg": "HS256", "kid": "k"}), &json!({}));
        let read = |algorithm, id| {
            Jwt::read_if(token.as_bytes(), |given, key_id| {
                (given, key_id) == (algorithm, Some(id))
            })
        };
        assert!(read(Algorithm::Hs256, "k").is_ok());
        let useless = Some(Flaw::UnknownKey);
        assert_eq!(read(Algorithm::Hs256, "j").err(), useless);
        assert_eq!(read(Algorithm::Hs384, "k").err(), useless);
    }

    #[test]
    fn what_has_thousands_of_values_is_refused() {
        let few = json!({"alg": "HS256", "x": vec![0; 510]});
        let many = json!({"alg": "HS256", "x": vec![0; 511]});
        assert!(is_read(&token(&few, &few)));
        assert!(!is_read(&token(&many, &few)) && !is_read(&token(&few, &many)));
    }

    #[test]
    fn media_types_are_compared_in_their_short_form() {
        assert_eq!(media_type("application/AT+jwt"), "at+jwt");
        assert_eq!(media_type("JWT"), "jwt");
        assert_eq!(media_type("application/a/b"), "application/a/b");
        assert_eq!(media_type("text/jwt"), "text/jwt");
    }

    proptest! {
        #[test]
        fn nothing_panics(token in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = (Jwt::read(&token), glimpse(&token));
        }

        #[test]
        fn what_is_read_is_written_in_one_way_only(
            header in "[A-Za-z0-9_=+/-]{0,3}",
            payload in "[A-Za-z0-9_.-]{0,3}",
            signature in "[A-Za-z0-9_=-]{1,6}",
        ) {
            let good = (encode(br#"{"alg":"HS256"}"#), encode(br#"{"exp":1}"#));
            let token = format!("{}{header}.{}{payload}.{signature}", good.0, good.1);
            if let Ok(jwt) = Jwt::read(token.as_bytes()) {
                prop_assert_eq!(encode(&jwt.signature), signature);
                prop_assert_eq!(jwt.signing_input, &token.as_bytes()[..token.rfind('.').expect("a dot")]);
            }
        }
    }
}
