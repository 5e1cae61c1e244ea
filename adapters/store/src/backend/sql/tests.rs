//! What becomes of a query: its text, its bindings, and what it decides.

use ngsi_ld::context::Context;
use ngsi_ld::query::{Expression, IdPattern};
use ngsi_ld::{AttributeName, EntityId, Iri, TypeName};

use super::{Binding, Candidates, Dialect, Statement, compile, conditions};
use crate::backend::sqlite::Sqlite;
use crate::index::Bounds;
use kakehashi_contract::{Coverage, Page, SourceQuery};

fn sites() -> SourceQuery {
    SourceQuery::of_types(vec![TypeName::new(Iri::new("urn:t:Site"))])
}

fn filter(q: &str) -> Expression {
    Expression::parse(q, Context::core()).unwrap()
}

fn coverage(q: &str) -> Coverage {
    let query = SourceQuery {
        filter: Some(filter(q).into()),
        ..sites()
    };
    compile(&query, &Sqlite).push_down.filter
}

#[test]
fn comparisons_of_values_are_decided_and_the_rest_only_narrowed() {
    let exact = [
        "capacity",
        "capacity>=100",
        "capacity==1..5",
        "capacity!=1..5",
        "name==\"避難所\"",
        "name!=\"a\",\"b\",3",
        "flood==true",
        "near==urn:ngsi-ld:Site:1",
        "opened<2026-01-01T00:00:00Z",
        "capacity.observedAt>2026-01-01T00:00:00Z",
        "(capacity>1|flood==true);name",
    ];
    for q in exact {
        assert_eq!(coverage(q), Coverage::Exact, "{q}");
    }
    let narrowing = [
        "name~=\"避難.*\"",
        "address[city]==\"佐野\"",
        "capacity.unitCode==\"CEL\"",
        "capacity.accuracy>1",
        "capacity==9007199254740993",
        "capacity>1;name~=\"a\"",
        "capacity>1|name~=\"a\"",
    ];
    for q in narrowing {
        assert_eq!(coverage(q), Coverage::Narrows, "{q}");
    }
    // Dates of the entity have no rows; a disjunction with them lets every entity through.
    for q in [
        "modifiedAt>2026-01-01T00:00:00Z",
        "modifiedAt>2026-01-01T00:00:00Z|capacity>1",
    ] {
        assert_eq!(coverage(q), Coverage::None, "{q}");
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
    let statement = compile(&query, &Sqlite).select(None, &Sqlite);
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
        compile(&query, &Sqlite).select(None, &Sqlite)
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
        compile(&query, &Sqlite).select(None, &Sqlite)
    };
    assert_eq!(of_ids(2).text, of_ids(50_000).text);
    assert_eq!(of_ids(50_000).bindings.len(), 2);
}

#[test]
fn a_page_is_cut_of_the_candidates_whatever_is_decided() {
    let page = Some(Page { limit: 20, offset: 40 });
    let statement = compile(&sites(), &Sqlite).select(page, &Sqlite);
    assert!(statement.text.ends_with("ORDER BY e.id LIMIT ? OFFSET ?"));
    let narrowed = SourceQuery {
        filter: Some(filter("name~=\"a\"").into()),
        ..sites()
    };
    let compiled = compile(&narrowed, &Sqlite);
    assert!(!compiled.push_down.is_exact());
    let whole = compiled.select(None, &Sqlite);
    let of_page = compiled.select(page, &Sqlite);
    assert_eq!(of_page.text, format!("{} LIMIT ? OFFSET ?", whole.text));
}

#[test]
fn a_page_is_found_by_conditions_that_decide_what_those_of_everything_do() {
    let page = Some(Page { limit: 20, offset: 40 });
    let query = SourceQuery {
        filter: Some(filter("capacity>1").into()),
        scope: Some(ngsi_ld::query::ScopeQuery::parse("/a/#").unwrap().into()),
        ..sites()
    };
    let compiled = compile(&query, &Sqlite);
    let (whole, of_page) = (compiled.select(None, &Sqlite), compiled.select(page, &Sqlite));
    assert!(whole.text.contains("e.key IN (SELECT v.entity"), "{}", whole.text);
    assert!(!of_page.text.contains("e.key IN (SELECT v.entity"), "{}", of_page.text);
    let ends = [Binding::Integer(20), Binding::Integer(40)];
    assert_eq!(of_page.bindings, [whole.bindings.as_slice(), &ends].concat());
    let decided = [Candidates::Few, Candidates::Page, Candidates::All]
        .map(|candidates| conditions(&query, candidates, &Sqlite).1);
    assert!(decided.iter().all(|decided| *decided == compiled.push_down));
}

#[test]
fn a_query_without_types_selects_nothing() {
    let query = SourceQuery::of_types(Vec::new());
    let statement = compile(&query, &Sqlite).count(&Sqlite);
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

    fn has_location_in(&self, sql: &mut Statement, attribute: &str, bounds: &Bounds, any_longitude: bool) {
        Sqlite.has_location_in(sql, attribute, bounds, any_longitude);
    }
}

#[test]
fn placeholders_are_the_dialects() {
    let query = SourceQuery {
        filter: Some(filter("capacity>1;name==\"a\"").into()),
        ..sites()
    };
    let text = compile(&query, &Numbered).count(&Numbered).text;
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
    let text = compile(&query, &Numbered).select(None, &Numbered).text;
    for column in ["v.text", "e.id", "s.scope"] {
        for operator in [" > ", " >= ", " <= ", " < "] {
            assert!(!text.contains(&format!("{column}{operator}")), "{text}");
        }
        assert!(text.contains(&format!("{column} COLLATE \"C\" >")), "{text}");
    }
    assert!(text.contains("ORDER BY e.id COLLATE \"C\""), "{text}");
    assert!(text.contains("v.number > "), "{text}");
}
