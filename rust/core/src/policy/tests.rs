use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<Pair> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn written(fields: &ResponseFields, brought: Brought, is_tls: bool) -> String {
    let mut out = Vec::new();
    fields.write_security(&mut out, brought, is_tls);
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn security_fields_are_added_where_the_response_has_none() {
    let security = pairs(&[("X-A", "1"), ("X-B", "2")]);
    let fields = ResponseFields::compile(&FieldChanges::default(), &security, Some("max-age=1"));
    let fields = fields.expect("fields");
    let mut brought = Brought::default();
    assert_eq!(written(&fields, brought, false), "X-A: 1\r\nX-B: 2\r\n");
    assert!(written(&fields, brought, true).ends_with("Strict-Transport-Security: max-age=1\r\n"));
    assert!(fields.keeps(b"x-a", &mut brought) && fields.keeps(b"Other", &mut brought));
    assert_eq!(written(&fields, brought, false), "X-B: 2\r\n");
}

#[test]
fn what_a_route_sets_or_removes_is_not_added_by_default() {
    let changes = FieldChanges {
        set: pairs(&[("x-a", "own")]),
        add: pairs(&[("X-C", "3")]),
        remove: vec!["X-B".to_owned()],
    };
    let fields = ResponseFields::compile(&changes, &pairs(&[("X-A", "1"), ("X-B", "2")]), None);
    let fields = fields.expect("fields");
    let mut brought = Brought::default();
    assert_eq!(written(&fields, brought, false), "");
    assert_eq!(fields.appended, b"x-a: own\r\nX-C: 3\r\n");
    assert!(!fields.keeps(b"X-A", &mut brought) && !fields.keeps(b"x_b", &mut brought));
    assert!(fields.keeps(b"X-C", &mut brought) && fields.drops(b"X-A") && !fields.drops(b"X-C"));
}

#[test]
fn framing_cannot_be_configured() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "a b",
        "",
    ] {
        assert!(check_field(name, "x").is_err(), "{name}");
    }
    assert!(check_field("X-A", "a\r\nX-B: c").is_err());
    assert!(check_field("X-Forwarded-Proto", "https").is_ok());
}
