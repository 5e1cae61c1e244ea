//! What holds for every expression and for every text: nothing is lost in writing, and nothing panics.

use proptest::prelude::*;

use super::*;

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Zぁ-んー一-龠][a-zA-Z0-9_ぁ-んー一-龠]{0,6}"
}

fn plain_path() -> impl Strategy<Value = AttributePath> {
    (
        name(),
        prop::collection::vec(name(), 0..3),
        prop::collection::vec("[a-z@*_-]{1,5}|か\u{3099}|🏠", 0..3),
    )
        .prop_map(|(first, others, members)| AttributePath {
            attribute: attribute(&first),
            sub_attributes: others.iter().map(|name| attribute(name)).collect(),
            members: members.into_iter().map(CompactString::from).collect(),
            linked: None,
        })
}

fn path() -> impl Strategy<Value = AttributePath> {
    let types = prop::collection::vec(name().prop_map(|name| type_name(&name)), 0..3).boxed();
    let first = prop_oneof![
        4 => name().prop_map(|name| attribute(&name)),
        1 => "(urn:x:|https://example\\.org/)[a-z]{1,3}".prop_map(|iri| attribute(&iri)),
    ]
    .boxed();
    plain_path().prop_recursive(3, 3, 1, move |inner| {
        (first.clone(), types.clone(), inner).prop_map(|(attribute, types, path)| AttributePath {
            attribute,
            sub_attributes: Vec::new(),
            members: Vec::new(),
            linked: Some(Box::new(LinkedPath { types, path })),
        })
    })
}

fn ordered_value() -> impl Strategy<Value = Comparand> {
    prop_oneof![
        "\\PC{0,8}".prop_map(|string| text(&string)),
        any::<String>().prop_map(|string| text(&string)),
        any::<i64>().prop_map(integer),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?"
            .prop_filter_map("a number", |digits| Number::parse(&digits).map(Comparand::Number)),
        (0_i64..4_000_000_000_000_000)
            .prop_map(|micros| Comparand::DateTime(DateTime::from_unix_micros(micros).unwrap())),
        "20[0-9]{2}-0[1-9]-[12][0-8]".prop_map(|date| Comparand::Temporal {
            r#type: TemporalType::Date,
            value: date.into()
        }),
        "1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?Z".prop_map(|time| Comparand::Temporal {
            r#type: TemporalType::Time,
            value: time.into()
        }),
    ]
}

fn any_value() -> impl Strategy<Value = Comparand> {
    prop_oneof![
        ordered_value(),
        any::<bool>().prop_map(Comparand::Boolean),
        "(urn|https):[a-z0-9:/?#.=佐野]{1,12}".prop_map(|uri| Comparand::Uri(Iri::new(uri))),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let operator = prop::sample::select(vec![
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ]);
    prop_oneof![
        (any::<bool>(), prop::collection::vec(any_value(), 1..4))
            .prop_map(|(negated, values)| Comparison::Equal { negated, values }),
        (any::<bool>(), ordered_value(), ordered_value()).prop_map(|(negated, from, to)| Comparison::Range {
            negated,
            from,
            to
        }),
        (operator, ordered_value()).prop_map(|(operator, value)| Comparison::Order { operator, value }),
        (
            any::<bool>(),
            "[a-z\"/.*;|]{1,6}|(\\\\[dwsDWS.\\\\\"])+|\\(a\\|b\\)|\\[;|\\)\\]"
        )
            .prop_filter_map("an expression", |(negated, pattern)| Some(Comparison::Pattern {
                negated,
                pattern: Pattern::parse(&pattern).ok()?
            })),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    let condition = (path(), prop::option::of(comparison()))
        .prop_map(|(path, comparison)| Expression::Condition(Condition { path, comparison }));
    condition.prop_recursive(3, 12, 3, |inner| {
        (any::<bool>(), prop::collection::vec(inner, 2..4)).prop_map(|(is_and, parts)| {
            let parts = parts.into_iter().flat_map(|part| match part {
                Expression::And(nested) if is_and => nested,
                Expression::Or(nested) if !is_and => nested,
                part => vec![part],
            });
            if is_and {
                Expression::And(parts.collect())
            } else {
                Expression::Or(parts.collect())
            }
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(expression in expression()) {
        let text = render::to_text(&expression, &short);
        prop_assert_eq!(read(&text), Ok(expression), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn no_text_of_its_tokens_makes_it_panic(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "a", "名", ".", "[", "]", "{", "(", ")", ";", "|", "==", "!=", "~=", "!~=", "<", ">=", "..", ",", "1",
                "-", "1e9", "\"", "\\", "\"x\"", "true", "urn:x:y", "2026-01-01", "T10:00:00Z", "10:00:00", "Z", " ",
                "=", "!", "*", "\u{3099}", ":", "//",
            ]),
            0..24,
        ),
    ) {
        let _ = read(&tokens.concat());
    }
}
