//! What becomes of a query: its text, its bindings, and what it decides.

use ngsi_ld::context::Context;
use ngsi_ld::query::{Expression, IdPattern};
use ngsi_ld::{AttributeName, EntityId, Iri, TypeName};

use super::{Binding, Dialect, Statement, Way, compile};
use crate::backend::sqlite::Sqlite;
use crate::index::Bounds;
use kakehashi_contract::{Coverage, Page, SourceQuery};

fn sites() -> SourceQuery {
    SourceQuery::of_types(vec![TypeName::new(Iri::new("urn:t:Site"))])
}

fn filter(q: &str) -> Expression {
    Expression::parse(q, Context::core()).unwrap()
}

/// How much of a filter is decided, and whether something is judged for it.
fn coverage(q: &str) -> (Coverage, bool) {
    let query = SourceQuery {
        filter: Some(filter(q).into()),
        ..sites()
    };
    let compiled = compile(&query, &Sqlite);
    let statement = compiled.count(Way::InOrder, &Sqlite);
    assert_eq!(statement.text.contains("judged("), statement.judged.is_some());
    (compiled.push_down.filter, statement.judged.is_some())
}

#[test]
fn everything_is_decided_but_what_could_be_hidden() {
    let exact = [
        ("capacity", false),
        ("capacity>=100", false),
        ("capacity==1..5", false),
        ("capacity!=1..5", false),
        ("name==\"避難所\"", false),
        ("name!=\"a\",\"b\",3", false),
        ("flood==true", false),
        ("near==urn:ngsi-ld:Site:1", false),
        ("opened<2026-01-01T00:00:00Z", false),
        ("capacity.observedAt>2026-01-01T00:00:00Z", false),
        ("(capacity>1|flood==true);name", false),
        ("name~=\"避難.*\"", true),
        ("address[city]==\"佐野\"", true),
        ("capacity.unitCode==\"CEL\"", true),
        ("capacity.accuracy>1", true),
        ("capacity.accuracy[unit]==urn:x:1", true),
        ("capacity==9007199254740993", true),
        ("capacity>1;name~=\"a\"", true),
        ("capacity>1|name~=\"a\"", true),
        ("createdAt>2026-01-01T00:00:00Z|capacity>1", true),
    ];
    for (q, is_judged) in exact {
        assert_eq!(coverage(q), (Coverage::Exact, is_judged), "{q}");
    }
    // An attribute of an attribute may be a Relationship to what is hidden, with attributes of its own.
    let narrowing = [
        "capacity.measuredBy",
        "capacity.measuredBy==urn:ngsi-ld:Resident:1",
        "capacity.measuredBy==\"urn:ngsi-ld:Resident:1\"",
        "capacity.measuredBy!=1",
        "capacity.measuredBy!=1..2",
        "capacity.measuredBy.since>2026-01-01T00:00:00Z",
        "capacity>1|capacity.measuredBy",
    ];
    for q in narrowing {
        assert_eq!(coverage(q), (Coverage::Narrows, true), "{q}");
    }
}

#[test]
fn texts_are_bound_and_never_part_of_the_statement() {
    let hostile = "'; DROP TABLE entities; --";
    let query = SourceQuery {
        types: vec![TypeName::new(Iri::new(hostile))],
        ids: vec![EntityId::new_unchecked(hostile), EntityId::new_unchecked("urn:x:?")],
        id_pattern: IdPattern::parse("^urn:'--").ok(),
        any_attribute: vec![AttributeName::new(Iri::new(hostile))],
        filter: Some(filter("name==\"'; DROP TABLE entities; --\"").into()),
        ..sites()
    };
    let statement = compile(&query, &Sqlite).select(Way::InOrder, None, &Sqlite);
    assert!(
        !statement.text.contains("DROP") && !statement.text.contains("--"),
        "{}",
        statement.text
    );
    assert_eq!(statement.text.matches('?').count(), statement.bindings.len());
}

#[test]
fn lists_of_every_length_share_few_statements() {
    let text = |count: usize| {
        let values: Vec<String> = (0..count).map(|value| value.to_string()).collect();
        let query = SourceQuery {
            filter: Some(filter(&format!("capacity=={}", values.join(","))).into()),
            ..sites()
        };
        compile(&query, &Sqlite).select(Way::InOrder, None, &Sqlite)
    };
    assert_eq!(text(5).text, text(8).text);
    assert_eq!(text(5).bindings.last(), Some(&Binding::Number(4.0)));
    let of_ids = |count: usize| {
        let query = SourceQuery {
            ids: (0..count)
                .map(|id| EntityId::new_unchecked(format!("urn:x:{id}")))
                .collect(),
            ..sites()
        };
        compile(&query, &Sqlite).select(Way::InOrder, None, &Sqlite)
    };
    assert_eq!(of_ids(2).text, of_ids(50_000).text);
    assert_eq!(of_ids(50_000).bindings.len(), 2);
}

#[test]
fn a_page_is_cut_of_everything_that_matches() {
    let page = Some(Page { limit: 20, offset: 40 });
    for filter in [None, Some(filter("name~=\"a\"").into())] {
        let query = SourceQuery { filter, ..sites() };
        let compiled = compile(&query, &Sqlite);
        assert!(compiled.push_down.is_exact());
        let whole = compiled.select(Way::InOrder, None, &Sqlite);
        let of_page = compiled.select(Way::InOrder, page, &Sqlite);
        assert_eq!(of_page.text, format!("{} LIMIT ? OFFSET ?", whole.text));
        assert!(whole.text.ends_with("ORDER BY e.id"));
    }
}

#[test]
fn every_condition_with_an_index_is_a_way() {
    let query = SourceQuery {
        filter: Some(filter("capacity>1;(name==\"a\"|flood==true);name!=\"b\";address[city]==\"a\"").into()),
        scope: Some(ngsi_ld::query::ScopeQuery::parse("/a/#").unwrap().into()),
        ..sites()
    };
    let compiled = compile(&query, &Sqlite);
    let ways: Vec<Way> = compiled.ways().collect();
    // The type, two of the four parts of the filter, the scope.
    assert_eq!(ways.len(), 4);
    for way in ways {
        let text = compiled.select(way, None, &Sqlite).text;
        assert_eq!(text.matches("CROSS JOIN entities e").count(), 1, "{text}");
        assert!(text.ends_with("ORDER BY +e.id"), "{text}");
        let estimate = compiled.estimate(way, 100, &Sqlite).unwrap();
        assert!(
            estimate.text.starts_with("SELECT count(*) FROM (SELECT"),
            "{}",
            estimate.text
        );
    }
    assert!(!compiled.select(Way::InOrder, None, &Sqlite).text.contains("CROSS JOIN"));
    let of_id = SourceQuery {
        ids: vec![EntityId::new_unchecked("urn:x:1")],
        ..query
    };
    assert_eq!(compile(&of_id, &Sqlite).ways().count(), 0);
}

#[test]
fn a_query_without_types_selects_nothing() {
    let query = SourceQuery::of_types(Vec::new());
    let statement = compile(&query, &Sqlite).count(Way::InOrder, &Sqlite);
    assert_eq!(statement.bindings, [Binding::Text("[]".to_owned())]);
}

/// Another database's way of writing the same.
#[derive(Debug)]
struct Numbered;

impl Dialect for Numbered {
    fn placeholder(&self, text: &mut String, position: usize) {
        text.push('$');
        text.push_str(&position.to_string());
    }

    fn is_any_of(&self, sql: &mut Statement, texts: &mut dyn ExactSizeIterator<Item = &str>) {
        Sqlite.is_any_of(sql, texts);
    }

    fn by_code_points(&self, sql: &mut Statement, column: &str) {
        sql.push(column);
        sql.push(" COLLATE \"C\"");
    }

    fn located_in(&self, sql: &mut Statement, attribute: &str, bounds: &Bounds, any_longitude: bool) {
        Sqlite.located_in(sql, attribute, bounds, any_longitude);
    }

    fn judges(&self, sql: &mut Statement) {
        Sqlite.judges(sql);
    }
}

#[test]
fn placeholders_are_the_dialects() {
    let query = SourceQuery {
        filter: Some(filter("capacity>1;name==\"a\"").into()),
        ..sites()
    };
    let text = compile(&query, &Numbered).count(Way::InOrder, &Numbered).text;
    for placeholder in ["$1", "$2", "$3", "$4", "$5"] {
        assert!(text.contains(placeholder), "{text}");
    }
    assert!(!text.contains('?') && !text.contains("$6"), "{text}");
}

#[test]
fn texts_are_ordered_as_the_dialect_says() {
    let query = SourceQuery {
        filter: Some(filter("name>\"a\";name==\"a\"..\"b\";capacity>1").into()),
        id_pattern: IdPattern::parse("^urn:a:").ok(),
        scope: Some(ngsi_ld::query::ScopeQuery::parse("/a/#").unwrap().into()),
        ..sites()
    };
    let text = compile(&query, &Numbered).select(Way::InOrder, None, &Numbered).text;
    for column in ["v.text", "e.id", "s.scope"] {
        for operator in [" > ", " >= ", " <= ", " < "] {
            assert!(!text.contains(&format!("{column}{operator}")), "{text}");
        }
        assert!(text.contains(&format!("{column} COLLATE \"C\" >")), "{text}");
    }
    assert!(text.contains("ORDER BY e.id COLLATE \"C\""), "{text}");
    assert!(text.contains("v.number > "), "{text}");
}
