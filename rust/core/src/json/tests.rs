use serde_json::json;

use super::*;

#[test]
fn objects_are_read() {
    let text = br#" {"a": [1, -2, 2.5, null, true], "b": {"c": "\ud83d\ude00\u00e9"}} "#;
    let expected = json!({"a": [1, -2, 2.5, null, true], "b": {"c": "\u{1f600}\u{e9}"}});
    assert_eq!(parse(text).map(Value::Object), Ok(expected));
}

#[test]
fn members_that_stand_twice_are_refused_at_every_level() {
    for text in [
        r#"{"a": 1, "a": 1}"#,
        r#"{"a": {"b": 1, "b": 2}}"#,
        r#"{"a": [0, {"b": [{"c": 1, "d": 2, "c": 3}]}]}"#,
        // The same name, written in two ways.
        r#"{"exp": 1, "\u0065xp": 2}"#,
        r#"{"": 1, "": 1}"#,
    ] {
        assert_eq!(parse(text.as_bytes()), Err(JsonError::Duplicate), "{text}");
    }
    assert!(parse(br#"{"a": {"a": [{"a": 1}, {"a": 1}]}, "A": 1}"#).is_ok());
}

#[test]
fn only_one_object_is_accepted() {
    for text in ["[]", "null", "1", "\"a\"", "[{}]", "true"] {
        assert_eq!(
            parse(text.as_bytes()),
            Err(JsonError::NotAnObject),
            "{text}"
        );
    }
    for text in [
        &b""[..],
        b" ",
        b"{",
        b"{} {}",
        b"{}x",
        b"{}\0",
        b"\xef\xbb\xbf{}",
        b"{\"a\": \"\xff\"}",
        b"{\"\xc3\": 1}",
        // An overlong form, and a surrogate in UTF-8.
        b"{\"a\": \"\xc0\xaf\"}",
        b"{\"a\": \"\xed\xa0\x80\"}",
        b"{'a': 1}",
        b"{a: 1}",
        b"{\"a\": 1,}",
        b"{\"a\" 1}",
        b"{\"a\": [1,]}",
        b"{/**/}",
        b"{\"a\": \"\n\"}",
        b"{\"a\": \"\\x41\"}",
        b"{\x0b}",
        "{\u{a0}}".as_bytes(),
    ] {
        assert_eq!(parse(text), Err(JsonError::Syntax), "{text:?}");
    }
}

#[test]
fn halves_of_surrogate_pairs_are_refused() {
    for text in [
        r#"{"a": "\ud800"}"#,
        r#"{"a": "\udc00"}"#,
        r#"{"a": "\ud800x"}"#,
        r#"{"a": "\ud800\ud800"}"#,
        r#"{"a": "\udc00\ud800"}"#,
        r#"{"\ud800": 1}"#,
        r#"{"a": "\ud800\u0041"}"#,
    ] {
        assert_eq!(parse(text.as_bytes()), Err(JsonError::Syntax), "{text}");
    }
}

#[test]
fn numbers_are_finite_and_well_formed() {
    for number in [
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "1e",
        "-",
        "1_000",
        "\u{661}",
    ] {
        let text = format!("{{\"exp\": {number}}}");
        assert_eq!(parse(text.as_bytes()), Err(JsonError::Syntax), "{number}");
    }
    let huge = format!("{{\"exp\": {}}}", "9".repeat(400));
    assert_eq!(parse(huge.as_bytes()), Err(JsonError::Syntax));
    let large = parse(br#"{"exp": 18446744073709551616, "nbf": -0}"#).expect("an object");
    assert_eq!(large["exp"].as_f64(), Some(18_446_744_073_709_551_616.0));
    assert_eq!(large["nbf"].as_f64(), Some(-0.0));
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize, open: &str, close: &str| {
        // One level is the object around it.
        let text = format!(
            "{{\"a\": {}{}}}",
            open.repeat(levels - 1),
            close.repeat(levels - 1)
        );
        text.replace(": }", ": 1}")
    };
    for (open, close) in [("[", "]"), ("{\"a\": ", "}")] {
        assert!(parse(nested(DEEPEST, open, close).as_bytes()).is_ok());
        for levels in [DEEPEST + 1, 127, 128, 100_000] {
            let text = nested(levels, open, close);
            assert_eq!(parse(text.as_bytes()), Err(JsonError::Depth), "{levels}");
        }
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// The deepest nesting of a value, itself counted when it can hold others.
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Texts of which most are nearly JSON.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"b\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "1",
            "-0.5e3",
            "1e400",
            "null",
            "true",
            " ",
            "\"a\":",
            "{\"a\":1",
            "{\"b\":[]}",
            "\u{0}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(40, 64, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab\\\\\"\u{e9}]{0,2}", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_as_it_was(value in values()) {
            let text = value.to_string();
            match parse(text.as_bytes()) {
                Ok(members) => prop_assert_eq!(Value::Object(members), value),
                Err(JsonError::Depth) => prop_assert!(depth(&value) > DEEPEST),
                Err(JsonError::NotAnObject) => prop_assert!(!value.is_object()),
                Err(other) => prop_assert!(false, "{} for {}", other, text),
            }
        }

        #[test]
        fn what_is_accepted_means_the_same_to_a_lenient_reader(text in texts()) {
            let lenient = serde_json::from_str::<Value>(&text);
            match parse(text.as_bytes()) {
                Ok(members) => prop_assert_eq!(lenient.ok(), Some(Value::Object(members))),
                // Its own wording of the refusal, where it has one at all.
                Err(JsonError::Duplicate) => prop_assert!(text.contains("\"a\"")
                    || text.contains("\"b\"")),
                Err(JsonError::Syntax) => prop_assert!(lenient.is_err()),
                Err(JsonError::NotAnObject) => prop_assert!(!lenient.is_ok_and(|it| it.is_object())),
                Err(JsonError::Depth | JsonError::Size) => prop_assert!(false, "{} is neither deep nor large", text),
            }
        }

        #[test]
        fn a_member_that_stands_twice_is_seen_wherever_it_is(
            first in values(),
            second in values(),
            arrays in prop::collection::vec(any::<bool>(), 0..20),
        ) {
            prop_assume!(depth(&first) < 10 && depth(&second) < 10);
            let mut text = format!("{{\"a\": {first}, \"b\": 0, \"\\u0061\": {second}}}");
            for is_array in arrays {
                text = if is_array {
                    format!("[0, {text}, {{}}]")
                } else {
                    format!("{{\"a\": 0, \"b\": {text}, \"c\": 0}}")
                };
            }
            prop_assert_eq!(parse(text.as_bytes()), Err(JsonError::Duplicate));
        }

        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let accepted = parse(&text).is_ok();
            prop_assert!(!accepted || serde_json::from_slice::<Value>(&text).is_ok());
        }
    }
}

#[test]
fn values_are_counted_at_all_levels() {
    let text = br#"{"a": [1, [], {"b": 2}], "c": {}}"#;
    assert!(parse_small(text, 6).is_ok() && parse(text).is_ok());
    assert_eq!(parse_small(text, 5), Err(JsonError::Size));
    let many = format!("{{\"a\": [{}1]}}", "1,".repeat(MOST_VALUES - 2));
    assert!(parse_small(many.as_bytes(), MOST_VALUES).is_ok());
    let more = many.replace("1]", "1,[]]");
    assert_eq!(
        parse_small(more.as_bytes(), MOST_VALUES),
        Err(JsonError::Size)
    );
}
