use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Held<'_> {
    Held::Text(Cow::Borrowed(text))
}

fn evaluated<'v>(expression: &str, wanted: Sort, values: &[(&str, Held<'v>)]) -> Result<Held<'static>, Failed> {
    let compiled = Expression::compile(expression, wanted).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let given = compiled.variables().iter().map(|name| {
        let value = values.iter().find(|(given, _)| given == name);
        value.map_or(Held::Null, |(_, value)| value.clone())
    });
    compiled.evaluate(given.collect::<Vec<_>>())
}

fn refused(expression: &str, wanted: Sort) -> String {
    match Expression::compile(expression, wanted) {
        Ok(_) => panic!("{expression} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn values_are_computed_of_fields() {
    let a = |value: &'static str| [("a", text(value))];
    for (expression, value, made) in [
        ("a == '開' ? 'open' : 'closed'", "開", "open"),
        ("a == '開' ? 'open' : 'closed'", "閉", "closed"),
        ("a.trim() + '様'", " 佐野　", "佐野様"),
        ("a.replace('-', '')", "0283-20-3028", "0283203028"),
        ("a.split('-')[1]", "0283-20-3028", "20"),
        ("a.substring(0, 2)", "栃木県佐野市", "栃木"),
        ("a.substring(3)", "栃木県佐野市", "佐野市"),
        ("a.upper() + a.lower()", "aED", "AEDaed"),
        (
            "a.split('、').map(x, x.trim()).filter(x, x != '').join(';')",
            "内科、 外科、",
            "内科;外科",
        ),
        ("{'1': '有', '0': '無'}[a]", "1", "有"),
        ("string(number(a) * 2)", "１，２００", "2400"),
        ("string(size(a) + 1)", "佐野", "3"),
        ("coalesce(b, a)", "x", "x"),
    ] {
        assert_eq!(
            evaluated(expression, Sort::Text, &a(value)),
            Ok(text(made)),
            "{expression} of {value}"
        );
    }
}

#[test]
fn numbers_are_doubles_whatever_they_are_written_as() {
    let of = |expression: &str, a: f64| evaluated(expression, Sort::Number, &[("a", Held::Number(a))]);
    assert_eq!(of("a * 2", 1.5), Ok(Held::Number(3.0)));
    assert_eq!(of("a * 2", 3.0), Ok(Held::Number(6.0)));
    assert_eq!(of("7 / 2 + a % 3", 5.0), Ok(Held::Number(5.5)));
    assert_eq!(of("round(a / 1000) * 1000", 4_700.0), Ok(Held::Number(5_000.0)));
    assert_eq!(
        of("a > 0 && size('ab') == 2 ? floor(a) : -1", 2.9),
        Ok(Held::Number(2.0))
    );
    assert_eq!(of("a / 0", 1.0), Err(Failed), "there is no infinite number");
}

#[test]
fn what_has_no_value_fails_and_null_is_no_value() {
    let of = |expression: &str, value| evaluated(expression, Sort::Text, &[("a", value)]);
    assert_eq!(of("a == null ? 'なし' : a", Held::Null), Ok(text("なし")));
    assert_eq!(of("a", Held::Null), Ok(Held::Null));
    assert_eq!(of("a + 'x'", Held::Null), Err(Failed));
    assert_eq!(of("a.trim()", Held::Number(1.0)), Err(Failed));
    assert_eq!(of("a.split('-')[3]", text("1-2")), Err(Failed));
    assert_eq!(of("{'1': 'x'}[a]", text("2")), Err(Failed));
    assert_eq!(of("string(number(a))", text("12人")), Err(Failed));
    let long = "a".repeat(MAX_VALUE);
    assert_eq!(
        of("a.replace('a', 'bb')", text(&long)),
        Err(Failed),
        "as long as a text may be"
    );
}

#[test]
fn what_cannot_be_meant_is_refused_when_the_mapping_is_loaded() {
    for (expression, wanted, told) in [
        ("", Sort::Text, "an empty text computes nothing"),
        ("a +", Sort::Text, "no expression of CEL at character"),
        ("a.trimm()", Sort::Text, "no function `trimm`: there are all, coalesce"),
        ("trim(a)", Sort::Text, "`trim` is called as a.trim()"),
        ("a.matches('(x+x+)+y')", Sort::Boolean, "no function `matches`"),
        ("a.b", Sort::Text, "`.b`: values have no members here"),
        (
            "a > 1",
            Sort::Text,
            "makes true or false, and `as` says that it is a text",
        ),
        (
            "'1' * 2",
            Sort::Number,
            "`*` takes a number, not a text: number(a) reads a text as a number",
        ),
        (
            "a ? 'x' : 'y' && 'z'",
            Sort::Text,
            "`&&` takes true or false, not a text",
        ),
        ("size(a) + '人'", Sort::Text, "`+` takes a number, not a text"),
        ("{1: 'x'}[a]", Sort::Text, "the keys of a table { } are texts"),
        (
            "a.map(x, a.map(y, x))",
            Sort::List,
            "do not stand inside of one another",
        ),
        (
            "a.map(x, a + a + a + a + a + a + a + a)",
            Sort::List,
            "could cost too much",
        ),
        ("b'x'", Sort::Text, "bytes are not supported"),
        ("A{b: 1}", Sort::Text, "structures are not supported"),
    ] {
        let said = refused(expression, wanted);
        assert!(said.contains(told), "{expression}: {said}");
    }
    assert!(refused(&"a".repeat(MAX_CHARACTERS + 1), Sort::Text).contains("longer than"));
    for deep in [
        format!("{}a{}", "(".repeat(400), ")".repeat(400)),
        format!("{}a{}", "[".repeat(200), "]".repeat(200)),
        format!("{}a", "-".repeat(999)),
        format!("a{}", ".a".repeat(450)),
        format!("1{}", "+1".repeat(450)),
        format!("a{}", "[0]".repeat(300)),
        format!("a{}", "?a:a".repeat(200)),
        format!("a{}", ".trim()".repeat(120)),
    ] {
        let said = refused(&deep, Sort::Text);
        assert!(!said.is_empty());
    }
}

/// Texts out of the parts that expressions are made of: nearly all of what a parser knows.
fn any_expression() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("'x'".to_owned()),
        Just("\"\\u3042\"".to_owned()),
        Just("1".to_owned()),
        Just("9223372036854775807".to_owned()),
        Just("1e308".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "!", "?", ":", "(", ")", "[", "]", "{", "}",
            ",", ".", "in", "'", "`", "\\", "r'", "b'", "\"\"\"", " ", "\n", "@", "0x", "1u", "あ",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            ".trim()",
            ".split('、')",
            ".map(x, x)",
            ".filter(x, x != '')",
            ".exists(x, x == a)",
            ".replace('a', a)",
            ".join(a)",
            ".substring(1)",
            ".substring(-1, 1e30)",
            "size(a)",
            "number(a)",
            "has(a.b)",
            "string(b)",
            "coalesce(a, b)",
            "[0]",
            "[a, b]",
            "{'x': a}",
            "a.map(x, ",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn any_value() -> impl Strategy<Value = Held<'static>> {
    let simple = prop_oneof![
        Just(Held::Null),
        any::<bool>().prop_map(Held::Boolean),
        any::<f64>().prop_map(Held::Number),
        ".{0,8}".prop_map(|text| Held::Text(Cow::Owned(text))),
    ];
    prop_oneof![simple.clone(), prop::collection::vec(simple, 0..4).prop_map(Held::List)]
}

proptest! {
    #[test]
    fn no_text_and_no_value_brings_it_down(
        expression in prop_oneof![any_expression(), ".{0,40}"],
        values in prop::collection::vec(any_value(), 0..4),
    ) {
        for wanted in [Sort::Text, Sort::Number, Sort::Boolean, Sort::List] {
            if let Ok(compiled) = Expression::compile(&expression, wanted) {
                let made = compiled.evaluate(values.clone());
                if let Ok(Held::Text(text)) = made {
                    prop_assert!(text.len() <= MAX_VALUE);
                }
            }
        }
    }
}
