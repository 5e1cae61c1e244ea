//! The parser of `q`, by the examples of clause 4.9, by what real clients send, and by what must be refused.

mod properties;
mod refused;

use super::*;
use crate::query::fixture::{attribute, date, expand, short, type_name};

fn read(text: &str) -> Result<Expression, SyntaxError> {
    read_with(text, &ValueExpansion::default())
}

fn read_with(text: &str, values: &ValueExpansion) -> Result<Expression, SyntaxError> {
    let names = Expand {
        attribute: &|name| Some(attribute(name)),
        r#type: &|name| Some(type_name(name)),
        value: &|name| Some(expand(name)),
    };
    parse::parse(text, &names, values, Extent::Part)
}

fn term(path: &str, comparison: Option<Comparison>) -> Expression {
    let (names, members) = path.split_once('[').unwrap_or((path, ""));
    let mut names = names.split('.').map(attribute);
    Expression::Condition(Condition {
        path: AttributePath {
            attribute: names.next().unwrap(),
            sub_attributes: names.collect(),
            members: members
                .trim_end_matches(']')
                .split('.')
                .filter(|member| !member.is_empty())
                .map(CompactString::from)
                .collect(),
            linked: None,
        },
        comparison,
    })
}

fn equal(values: impl IntoIterator<Item = Comparand>) -> Option<Comparison> {
    let values = values.into_iter().collect();
    Some(Comparison::Equal { negated: false, values })
}

fn order(operator: Operator, value: Comparand) -> Option<Comparison> {
    Some(Comparison::Order { operator, value })
}

fn text(text: &str) -> Comparand {
    Comparand::String(text.into())
}

fn integer(integer: i64) -> Comparand {
    Comparand::Number(Number::Integer(integer))
}

#[test]
fn the_examples_of_the_clause_are_read() {
    use Operator::{Greater, GreaterOrEqual, LessOrEqual};
    let speeding = || term("speed", order(Greater, integer(50)));
    let not_mercedes = || {
        term(
            "brandName",
            Some(Comparison::Equal {
                negated: true,
                values: vec![text("Mercedes")],
            }),
        )
    };
    let examples = [
        ("temperature", term("temperature", None)),
        ("temperature==20", term("temperature", equal([integer(20)]))),
        (r#"brandName!="Mercedes""#, not_mercedes()),
        (
            r#"isParked=="urn:ngsi-ld:OffStreetParking:Downtown1""#,
            term("isParked", equal([text("urn:ngsi-ld:OffStreetParking:Downtown1")])),
        ),
        (
            r#"speed>50;brandName!="Mercedes""#,
            Expression::And(vec![speeding(), not_mercedes()]),
        ),
        ("isMonitoredBy", term("isMonitoredBy", None)),
        (
            r#"((speed>50|rpm>3000);brandName=="Mercedes")"#,
            Expression::And(vec![
                Expression::Or(vec![speeding(), term("rpm", order(Greater, integer(3000)))]),
                term("brandName", equal([text("Mercedes")])),
            ]),
        ),
        (
            "(temperature>=20;temperature<=25)|capacity<=10",
            Expression::Or(vec![
                Expression::And(vec![
                    term("temperature", order(GreaterOrEqual, integer(20))),
                    term("temperature", order(LessOrEqual, integer(25))),
                ]),
                term("capacity", order(LessOrEqual, integer(10))),
            ]),
        ),
        (
            "temperature.observedAt>=2017-12-24T12:00:00Z",
            term(
                "temperature.observedAt",
                order(GreaterOrEqual, Comparand::DateTime(date("2017-12-24T12:00:00Z"))),
            ),
        ),
        (
            r#"address[city]=="Berlin""#,
            term("address[city]", equal([text("Berlin")])),
        ),
        (
            "sensor.rawdata[airquality.particulate]==40",
            term("sensor.rawdata[airquality.particulate]", equal([integer(40)])),
        ),
        (
            r#"parkingTickets[value]=="Overstay 60 minutes""#,
            term("parkingTickets[value]", equal([text("Overstay 60 minutes")])),
        ),
        (
            r#"color=="black", "red""#,
            term("color", equal([text("black"), text("red")])),
        ),
        (
            "temperature==10..20",
            term(
                "temperature",
                Some(Comparison::Range {
                    negated: false,
                    from: integer(10),
                    to: integer(20),
                }),
            ),
        ),
        (r#"color[en]=="red""#, term("color[en]", equal([text("red")]))),
        (r#"color[*]=="red""#, term("color[*]", equal([text("red")]))),
        (
            r#"color!="http://example.com/black", "http://example.com/red""#,
            term(
                "color",
                Some(Comparison::Equal {
                    negated: true,
                    values: vec![text("http://example.com/black"), text("http://example.com/red")],
                }),
            ),
        ),
    ];
    for (example, expression) in examples {
        assert_eq!(read(example), Ok(expression), "{example}");
    }
}

#[test]
//= 4.9-3
fn and_binds_closer_than_or_and_equal_operators_join() {
    let exists = |name| term(name, None);
    assert_eq!(
        read("a|b;c|d"),
        Ok(Expression::Or(vec![
            exists("a"),
            Expression::And(vec![exists("b"), exists("c")]),
            exists("d")
        ]))
    );
    assert_eq!(read("((a));(b;(c))"), read("a;b;c"));
    assert_eq!(read("(a|b)|c"), read("a|b|c"));
    assert_eq!(read(" ( a ; b ) | c "), read("(a;b)|c"));
}

#[test]
//= 4.9-1
fn every_production_of_the_grammar_is_read() {
    for (production, texts) in [
        ("Query", &["a", "a;b", "a|b", "a;b|c;d", "(a);b", "a|(b;c)|d"][..]),
        ("QueryTermAssoc", &["(a)", "(a;b)", "(a|b;c)", "((a|b);c)"]),
        ("QueryTerm", &["a", "a>1", "a==1,2", "a!=1,2", "a~=x", "a!~=x"]),
        ("LinkedEntityRelation", &["a{b}", "a{b{c}}", "a{b.c[d]}", "a"]),
        (
            "LinkedEntityPath",
            &["a{T:b}", "a{T,U:b}", "a{T,U:b{c}}", "a{T:b{U:c}}", "a{b.c}"],
        ),
        ("ValuePath", &["a", "a[b]", "a[b.c]", "a.b[c]"]),
        ("DottedPath", &["a", "a.b", "a.b.c"]),
        ("Operator", &["a==1", "a!=1", "a>=1", "a>1", "a<=1", "a<1"]),
        (
            "ComparableValue",
            &[
                "a>1",
                r#"a>"x""#,
                "a>2026-01-01T00:00:00Z",
                "a>2026-01-01",
                "a>10:00:00Z",
            ],
        ),
        ("OtherValue", &["a==true", "a==false", "a!=true"]),
        (
            "Range",
            &[
                "a==1..2",
                r#"a!="x".."y""#,
                "a==2026-01-01T00:00:00Z..2026-01-02T00:00:00Z",
                "a==2026-01-01..2026-01-02",
                "a==10:00:00Z..11:00:00Z",
                "a==1..-2",
            ],
        ),
        (
            "ValueList",
            &["a==1,2", r#"a=="x",1,true,2026-01-01"#, r#"a!="urn:x:y","urn:x:z""#],
        ),
        (
            "CompEqualityValue",
            &[
                "a==true",
                "a==1,2",
                "a==1..2",
                "a==urn:x:y",
                "a==https://example.org/x?y=z#w",
            ],
        ),
        ("AttrName", &["a", "a1_", "名称", "é", "ـا", "aⅧ"]),
        ("quotedStr", &[r#"a=="""#, r#"a=="\"\\\/\b\f\n\r\t\u4f50\ud83c\udf63""#]),
        (
            "Number",
            &[
                "a==0",
                "a==-0",
                "a==-1.5e+10",
                "a==1E-2",
                "a==123456789012345678901234567890",
            ],
        ),
        ("RegExp", &["a~=(x|y)*[^z]{1,3}", r#"a~="x;y""#, "a!~=^x$"]),
    ] {
        for text in texts {
            let expression = read(text).unwrap_or_else(|error| panic!("{production}: {text}: {error}"));
            let written = render::to_text(&expression, &short);
            assert_eq!(read(&written), Ok(expression), "{production}: {text}: {written}");
        }
    }
}

#[test]
fn relationships_are_followed() {
    let humidity = |types: &[&str]| {
        let Expression::Condition(mut outer) = term("sensor", equal([integer(40)])) else {
            unreachable!("a condition")
        };
        let Expression::Condition(inner) = term("humidity", None) else {
            unreachable!("a condition")
        };
        outer.path.linked = Some(Box::new(LinkedPath {
            types: types.iter().map(|name| type_name(name)).collect(),
            path: inner.path,
        }));
        Expression::Condition(outer)
    };
    assert_eq!(read("sensor{humidity}==40"), Ok(humidity(&[])));
    assert_eq!(read("sensor{Device:humidity}==40"), Ok(humidity(&["Device"])));
    assert_eq!(
        read("sensor{Device,装置:humidity}==40"),
        Ok(humidity(&["Device", "装置"]))
    );
    let deep = read("a{T:b{c{d.e[f]}}};g").unwrap();
    assert_eq!(deep.link_depth(), 3);
    assert_eq!(deep.attributes(), [&attribute("a"), &attribute("g")]);
    for (wrong, position) in [
        ("a{b", 3),
        ("a.b{c}", 3),
        ("a[b]{c}", 4),
        ("a{}", 2),
        ("a{T,U}", 5),
        ("a{T,:b}", 4),
        ("a{T:}", 4),
        ("a{b}{c}", 4),
    ] {
        assert_eq!(read(wrong).unwrap_err().position, position, "{wrong}");
    }
}

#[test]
fn values_are_names_of_the_context_where_asked() {
    let values = ValueExpansion {
        expand: vec![attribute("gender"), attribute("both")],
        json: vec![attribute("both")],
    };
    let uri = |name| equal([Comparand::Uri(expand(name))]);
    for male in ["gender==Male", "gender==\"Male\""] {
        assert_eq!(read_with(male, &values), Ok(term("gender", uri("Male"))), "{male}");
    }
    assert_eq!(
        read_with("both==\"Male\"", &values),
        Ok(term("both", equal([text("Male")])))
    );
    assert!(read_with("other==Male", &values).is_err());
    assert_eq!(read_with("gender==5", &values), Ok(term("gender", equal([integer(5)]))));
}

#[test]
//= 4.9-1
fn every_type_of_value_is_read() {
    let temporal = |r#type, text: &str| Comparand::Temporal {
        r#type,
        value: text.into(),
    };
    let uri = |text: &str| Comparand::Uri(Iri::new(text));
    let values = [
        ("-7", integer(-7)),
        ("20.5e1", Comparand::Number(Number::Float(205.0))),
        (
            "18446744073709551616",
            Comparand::Number(Number::Text("18446744073709551616".into())),
        ),
        ("true", Comparand::Boolean(true)),
        ("false", Comparand::Boolean(false)),
        ("2026-01-01", temporal(TemporalType::Date, "2026-01-01")),
        ("10:00:00Z", temporal(TemporalType::Time, "10:00:00Z")),
        ("10:00:00,25Z", temporal(TemporalType::Time, "10:00:00.25Z")),
        (
            "2026-01-01T10:00:00Z",
            Comparand::DateTime(date("2026-01-01T10:00:00Z")),
        ),
        (
            "2026-01-01T10:00:00,5Z",
            Comparand::DateTime(date("2026-01-01T10:00:00.5Z")),
        ),
        (
            "2026-01-01T19:00:00.5+09:00",
            Comparand::DateTime(date("2026-01-01T10:00:00.5Z")),
        ),
        (
            "2026-01-01T19:00:00 09:00",
            Comparand::DateTime(date("2026-01-01T10:00:00Z")),
        ),
        (
            "2026-01-01T07:00:00-03:00",
            Comparand::DateTime(date("2026-01-01T10:00:00Z")),
        ),
        ("in-use", text("in-use")),
        ("利用-中_2", text("利用-中_2")),
        ("urn:ngsi-ld:Building:1", uri("urn:ngsi-ld:Building:1")),
        ("https://example.org/a?b=c#d", uri("https://example.org/a?b=c#d")),
        ("urn:避難所:佐野", uri("urn:避難所:佐野")),
        (r#""佐野市; \"城山\" \u5ddd|(2)""#, text("佐野市; \"城山\" 川|(2)")),
        (r#""""#, text("")),
    ];
    for (literal, value) in values {
        for query in [format!("a=={literal}"), format!("(a=={literal};b)|c")] {
            let expression = read(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
            assert_eq!(first_values(&expression), Some(vec![value.clone()]), "{query}");
        }
        let list = format!("a==1,{literal},2");
        let listed = Some(vec![integer(1), value, integer(2)]);
        assert_eq!(first_values(&read(&list).unwrap()), listed, "{list}");
    }
}

fn first_values(expression: &Expression) -> Option<Vec<Comparand>> {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => parts.first().and_then(first_values),
        Expression::Condition(condition) => match &condition.comparison {
            Some(Comparison::Equal { values, .. }) => Some(values.clone()),
            _ => None,
        },
    }
}

#[test]
fn ranges_take_everything_that_has_an_order() {
    for (range, expected) in [
        ("a==1..5", "a==1..5"),
        ("a!=1.5..-2.5e-3", "a!=1.5..-0.0025"),
        (r#"a=="あ".."ん""#, r#"a=="あ".."ん""#),
        (
            "a==2026-01-01T00:00:00Z..2026-12-31T23:59:59Z",
            "a==2026-01-01T00:00:00Z..2026-12-31T23:59:59Z",
        ),
        (
            "a==2026-01-01T09:00:00+09:00..2026-01-01T09:00:00.5+09:00",
            "a==2026-01-01T00:00:00Z..2026-01-01T00:00:00.5Z",
        ),
        ("a==2026-01-01..2026-12-31", "a==2026-01-01..2026-12-31"),
        ("a==10:00:00Z..11:00:00.5Z", "a==10:00:00Z..11:00:00.5Z"),
    ] {
        let expression = read(range).unwrap();
        assert!(matches!(
            &expression,
            Expression::Condition(Condition {
                comparison: Some(Comparison::Range { .. }),
                ..
            })
        ));
        assert_eq!(render::to_text(&expression, &short), expected);
    }
}

#[test]
fn regular_expressions_end_where_the_query_goes_on() {
    let pattern = |query: &str| match read(query).unwrap() {
        Expression::And(parts) | Expression::Or(parts) => (parts.len(), parts.into_iter().next().unwrap()),
        only @ Expression::Condition(_) => (1, only),
    };
    for (query, terms, expected) in [
        ("a~=佐野.*", 1, "佐野.*"),
        ("a~=(x|y;z)[;|)]+;b", 2, "(x|y;z)[;|)]+"),
        ("a~=[[:alpha:];]+;b", 2, "[[:alpha:];]+"),
        (r"a~=x\;y\|z\)|b", 2, r"x\;y\|z\)"),
        ("(a~=x.|b)", 2, "x."),
        (r#"a~="x|y;z""#, 1, "x|y;z"),
        (r#"a~="\\d+\.\"";b"#, 2, r#"\d+\.""#),
        (r"a!~=\d+", 1, r"\d+"),
        ("a~=[[];b", 2, "[[]"),
        ("a~=[];]+|b", 2, "[];]+"),
        ("a~=[^];|]x;b", 2, "[^];|]x"),
        ("a~=[[.].]|]+;b", 2, "[[.].]|]+"),
    ] {
        let (count, first) = pattern(query);
        assert_eq!(count, terms, "{query}");
        let Expression::Condition(Condition {
            comparison: Some(Comparison::Pattern { negated, pattern }),
            ..
        }) = first
        else {
            panic!("{query}");
        };
        assert_eq!(pattern.as_str(), expected);
        assert_eq!(negated, query.contains('!'));
    }
}

#[test]
fn names_are_letters_in_any_script_prefixed_or_iris() {
    assert_eq!(read("名称.言語_2[市区町村]"), Ok(term("名称.言語_2[市区町村]", None)));
    let attributes = |query| {
        let expression = read(query).unwrap();
        expression
            .attributes()
            .into_iter()
            .map(|name| short(name.as_str()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        attributes("schema:name.observedAt>=2026-01-01T00:00:00Z"),
        ["schema:name"]
    );
    assert_eq!(
        attributes("https://example.org/v1.2/name>=1;urn:x:y"),
        ["https://example.org/v1.2/name", "urn:x:y"]
    );
    assert_eq!(attributes("(b|a);b.a;c[a]"), ["b", "a", "c"]);
}

#[test]
fn a_prefix_behind_a_link_is_not_taken_for_a_type() {
    let context = Context::from_document(
        r#"{"@context":{"schema":"https://schema.org/","sensor":"https://example.org/sensor","Device":"urn:x:Device"}}"#,
    )
    .unwrap();
    for (text, written) in [
        ("sensor{https://schema.org/name}", "sensor{https://schema.org/name}"),
        (
            "schema:member{https://schema.org/name}",
            "schema:member{https://schema.org/name}",
        ),
        ("sensor{Device:schema:name}", "sensor{Device:schema:name}"),
        ("sensor{schema{urn:x:y}}", "sensor{schema{urn:x:y}}"),
        (
            "sensor{Device:schema:member{https://schema.org/a.b[c]}}",
            "sensor{Device:schema:member{https://schema.org/a.b[c]}}",
        ),
    ] {
        let expression = Expression::parse(text, &context).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(expression.to_text(&context), written);
        assert_eq!(Expression::parse(written, &context).as_ref(), Ok(&expression));
    }
}

#[test]
fn a_term_that_no_query_can_hold_is_written_as_its_iri() {
    let iri = "https://example.org/a";
    for (term, is_held) in [("a.b", false), ("a b", false), ("a-b", true)] {
        let document = format!(r#"{{"@context":{{"{term}":"{iri}"}}}}"#);
        let context = Context::from_document(&document).unwrap();
        assert_eq!(context.compact(iri), term);
        let expression = Expression::parse(&format!("{iri}==1"), &context).unwrap();
        let text = expression.to_text(&context);
        assert_eq!(text, format!("{}==1", if is_held { term } else { iri }));
        assert_eq!(Expression::parse(&text, &context), Ok(expression));
    }
}
