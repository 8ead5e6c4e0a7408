use super::*;
use crate::limits;

fn problem(text: &str) -> (Problem, usize, String) {
    let error = Tree::parse(text).expect_err(text);
    (error.problem, error.offset, error.path)
}

#[test]
fn keeps_bytes_digits_and_order() {
    let text = " {\"b\" : 1.00 ,\"a\":[ 1e-7,\"x\\u0111\\n\",null,true],\"\\u0063\":{} } ";
    let tree = Tree::parse(text).unwrap();
    let root = tree.root();
    assert_eq!(root.members().map(|(k, _)| k).collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(root.get("b").and_then(Value::number), Some("1.00"));
    let items: Vec<_> = root.get("a").unwrap().items().collect();
    assert_eq!(items.iter().map(|v| v.raw()).collect::<Vec<_>>(), ["1e-7", "\"x\\u0111\\n\"", "null", "true"]);
    assert_eq!(items[1].text().as_deref(), Some("xđ\n"));
    assert_eq!(items[3].boolean(), Some(true));
    assert_eq!(items[3].path(), "a[3]");
    assert_eq!(root.raw(), text.trim());
    assert_eq!(root.get("c").map(Value::kind), Some(Kind::Object));
    assert_eq!(size_of::<Node>(), 20);
}

#[test]
fn refuses_what_is_no_json() {
    let check = |text: &str, offset: usize, path: &str| {
        let (_, at, inside) = problem(text);
        assert_eq!((at, inside.as_str()), (offset, path), "{text}");
    };
    for (text, offset, path) in [
        ("", 0, ""),
        ("{", 1, ""),
        ("{\"a\":}", 5, "a"),
        ("{\"a\":[1,]}", 8, "a[1]"),
        ("{\"a\":01}", 6, ""),
        ("{\"a\":1.}", 7, "a"),
        ("{\"a\":-}", 6, "a"),
        ("{\"a\":+1}", 5, "a"),
        ("{\"a\":\"\u{1}\"}", 6, "a"),
        ("{\"a\":\"x}", 8, "a"),
        ("{\"a\":\"\\x\"}", 7, "a"),
        ("{\"a\":\"\\ud800x\"}", 12, "a"),
        ("{\"a\":\"\\udc00\"}", 12, "a"),
        ("{\"a\":\"\\u12g4\"}", 7, "a"),
        ("{a:1}", 1, ""),
        ("{\"a\" 1}", 5, ""),
        ("{\"a\":tru}", 5, "a"),
        ("{} x", 3, ""),
        ("[{\"a\":{\"b\":nul}}]", 11, "[0].a.b"),
        ("\u{feff}{}", 0, ""),
    ] {
        check(text, offset, path);
    }
    let error = Tree::parse("{\n \"a\": 1,\n \"a\": 2}").unwrap_err();
    assert_eq!((error.line, error.problem), (3, Problem::Duplicate("a".into())));
    assert_eq!(problem("{\"a\":1,\"\\u0061\":2}").0, Problem::Duplicate("a".into()));
    assert_eq!(Tree::parse_bytes(b"{\"a\":\"\xff\"}").unwrap_err().problem, Problem::NotUtf8);
}

#[test]
fn many_members_are_checked_for_duplicates_too() {
    let mut text = String::from("{");
    for n in 0..500 {
        text.push_str(&format!("\"k{n}\":{n},"));
    }
    let good = format!("{}\"last\":0}}", text);
    assert_eq!(Tree::parse(good.as_str()).unwrap().root().members().count(), 501);
    for twice in ["k0", "k40", "k499"] {
        let bad = format!("{text}\"{twice}\":0}}");
        assert_eq!(problem(&bad).0, Problem::Duplicate(twice.into()));
    }
}

#[test]
fn limits_hold_at_them_and_not_past_them() {
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    assert!(Tree::parse(nested(limits::TREE_DEPTH)).is_ok());
    assert_eq!(problem(&nested(limits::TREE_DEPTH + 1)).0, Problem::TooDeep(limits::TREE_DEPTH));
    let named = |n: usize| format!("{{\"{}\":1}}", "k".repeat(n));
    assert!(Tree::parse(named(limits::KEY_BYTES)).is_ok());
    assert_eq!(problem(&named(limits::KEY_BYTES + 1)).0, Problem::LongName(limits::KEY_BYTES));
    let within = |text: &'static str| Tree::parse_within(text, &Limits { bytes: 4, depth: 2 });
    assert!(within("1234").is_ok());
    assert_eq!(within("12345").unwrap_err().problem, Problem::TooLong(4));
}

/// Writes a value again from its parts: what stands between them is all that may differ.
fn rewritten(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Array => {
            out.push('[');
            for (n, item) in value.items().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                rewritten(item, out);
            }
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            for (n, (key, member)) in value.members().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                crate::json::quote(out, key);
                out.push(':');
                rewritten(member, out);
            }
            out.push('}');
        }
        _ => out.push_str(value.raw()),
    }
}

fn any_json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[a-zđ\\\\\"\n\u{1}😀]{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::hash_map("[a-c\\\\\"é]{0,3}", inner, 0..8)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn parse_then_emit_gives_the_same_bytes(value in any_json()) {
        let text = value.to_string();
        let tree = Tree::parse(text.as_str()).unwrap();
        assert_eq!(tree.root().raw(), text);
        let mut out = String::new();
        rewritten(tree.root(), &mut out);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), value);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let tree = Tree::parse(pretty.as_str()).unwrap();
        let mut again = String::new();
        rewritten(tree.root(), &mut again);
        assert_eq!(out, again);
    }

    #[test]
    fn agrees_with_a_second_parser_on_any_text(text in "[\\[\\]{}:,\"\\\\ a0-9.eEtrufalsn+-]{0,40}") {
        let theirs: Result<serde_json::Value, _> = serde_json::from_str(&text);
        let ours = Tree::parse(text.as_str());
        match &ours {
            // The second parser takes the last of two equal names, and refuses numbers past its range.
            Err(e) if matches!(e.problem, Problem::Duplicate(_)) => {}
            Err(_) => assert!(theirs.is_err(), "{text}"),
            Ok(_) => assert!(theirs.as_ref().err().is_none_or(|e| e.to_string().contains("number out of range")), "{text}"),
        }
    }
}
