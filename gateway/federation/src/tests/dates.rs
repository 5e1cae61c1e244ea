//! Conditions on when something was modified: what is shown is the date of what is visible, and no source knows that one.

use super::*;

const EARLY: &str = "2026-01-01T00:00:00Z";
/// When something was modified that nobody sees.
const LATE: &str = "2026-10-01T00:00:00Z";

fn at(text: &str) -> Option<DateTime> {
    Some(DateTime::parse(text).unwrap())
}

/// An entity of which a visible attribute was modified early, and something else late.
fn changed_late() -> Entity {
    let mut entity = part(1, &[("height", 1)]);
    for instance in entity
        .attributes
        .iter_mut()
        .flat_map(|attribute| &mut attribute.instances)
    {
        let dates = instance.system.dates_mut();
        (dates.created_at, dates.modified_at) = (at(EARLY), at(EARLY));
    }
    let dates = entity.system.dates_mut();
    (dates.created_at, dates.modified_at) = (at(EARLY), at(LATE));
    entity
}

/// Sources of which the first holds the entity, and decides filters.
fn deciding(others: usize) -> Registry {
    let sources = (0..=others).map(|index| {
        let id = SourceId::new(format!("source-{index}"));
        let provided = Provision::of_type(aed());
        RegisteredSource {
            id: id.clone(),
            adapter: Arc::new(InMemory {
                id,
                parts: if index == 0 { vec![changed_late()] } else { Vec::new() },
                fails: false,
                lies: false,
                exact: true,
            }),
            ..source_providing(OWNERS[index % OWNERS.len()], vec![provided])
        }
    });
    Registry::new(sources.collect())
}

#[test]
fn they_are_met_by_the_date_that_is_shown() {
    let page = Page { limit: 10, offset: 0 };
    for others in 0..3 {
        let registry = deciding(others);
        for (filter, is_met) in [
            ("modifiedAt<2026-06-01T00:00:00Z", true),
            ("modifiedAt==2026-01-01T00:00:00Z", true),
            ("modifiedAt!=2026-01-01T00:00:00Z", false),
            ("modifiedAt>2026-06-01T00:00:00Z", false),
            ("modifiedAt==2025-12-01T00:00:00Z..2026-02-01T00:00:00Z", true),
            ("height>0;modifiedAt<2026-06-01T00:00:00Z", true),
            ("height>0;modifiedAt>2026-06-01T00:00:00Z", false),
            ("height>5|modifiedAt<2026-06-01T00:00:00Z", true),
            ("height>5;(height>0|modifiedAt<2026-06-01T00:00:00Z)", false),
            ("height.modifiedAt<2026-06-01T00:00:00Z", true),
            ("createdAt<2026-06-01T00:00:00Z", true),
            ("createdAt>2026-06-01T00:00:00Z", false),
        ] {
            let answer = BENCH.ask(&registry, &question(filter, false), page);
            let expected = usize::from(is_met);
            assert_eq!(answer.entities.len(), expected, "{filter} with {others} others");
            assert_eq!(answer.count, Some(expected as u64), "{filter} with {others} others");
        }
    }
}

/// What the only source is told of a filter.
fn told(filter: &str) -> Option<Expression> {
    let registry = deciding(0);
    let question = question(filter, false);
    let sub_queries = super::super::plan::narrow(&question, &BENCH.asker(&registry), &[aed()]).unwrap();
    let [only] = sub_queries.as_slice() else {
        panic!("{sub_queries:?}");
    };
    let told = only.query.filter.as_deref().cloned();
    assert_eq!(only.told.filter != Coverage::None, told.is_some(), "{filter}");
    assert_eq!(
        only.is_exact(&question.query),
        told == question.query.filter,
        "{filter}"
    );
    told
}

#[test]
fn a_source_is_told_of_what_stands_beside_them_alone() {
    for (filter, expected) in [
        ("height>0", Some("height>0")),
        ("createdAt>2026-06-01T00:00:00Z", Some("createdAt>2026-06-01T00:00:00Z")),
        ("modifiedAt>2026-06-01T00:00:00Z", None),
        ("modifiedAt", None),
        ("height.modifiedAt>2026-06-01T00:00:00Z", None),
        ("height>0;modifiedAt>2026-06-01T00:00:00Z", Some("height>0")),
        ("height>0|modifiedAt>2026-06-01T00:00:00Z", None),
        ("height>0;(height<5|modifiedAt>2026-06-01T00:00:00Z)", Some("height>0")),
        (
            "height>0;height<5;modifiedAt<2026-06-01T00:00:00Z",
            Some("height>0;height<5"),
        ),
    ] {
        let expected = expected.map(|filter| Expression::parse(filter, Context::kakehashi()).unwrap());
        assert_eq!(told(filter), expected, "{filter}");
    }
}
