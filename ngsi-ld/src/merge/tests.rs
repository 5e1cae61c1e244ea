//! The rules of clause 4.5.5, one by one and on random parts.

use proptest::prelude::*;

use super::*;
use crate::entity::{AttributeValue, Instance, Number, Value};
use crate::{EntityId, Iri, TypeName};

const NOW: &str = "2026-06-01T00:00:00Z";

fn merge(parts: Vec<Part>) -> Option<Entity> {
    merge_parts(parts, &Clock::at(day(NOW)))
}

/// A date from `MM-DD` of 2026, or in full.
fn day(text: &str) -> DateTime {
    let full = if text.len() == 5 {
        format!("2026-{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    DateTime::parse(&full).unwrap()
}

fn name(name: &str) -> AttributeName {
    AttributeName::new(Iri::new(format!("urn:{name}")))
}

fn reading(number: i64) -> Instance {
    Instance::new(AttributeValue::Property(Value::Number(Number::Integer(number))))
}

fn observed(number: i64, at: &str) -> Instance {
    Instance {
        observed_at: Some(day(at)),
        ..reading(number)
    }
}

fn modified(number: i64, at: &str) -> Instance {
    let mut instance = reading(number);
    instance.system.dates_mut().modified_at = Some(day(at));
    instance
}

fn expiring(mut instance: Instance, at: &str) -> Instance {
    instance.system.dates_mut().expires_at = Some(day(at));
    instance
}

fn of_dataset(mut instance: Instance, dataset: &str) -> Instance {
    instance.dataset_id = Some(Iri::new(dataset));
    instance
}

fn entity(attributes: &[(&str, &[Instance])]) -> Entity {
    let mut entity = Entity::new(
        EntityId::parse("urn:ngsi-ld:AED:1").unwrap(),
        TypeName::new(Iri::new("urn:AED")),
    );
    for (attribute, instances) in attributes {
        entity.attributes.push(Attribute {
            name: name(attribute),
            instances: instances.iter().cloned().collect(),
        });
    }
    entity
}

fn part(attributes: &[(&str, &[Instance])]) -> Part {
    Part {
        entity: entity(attributes),
        authoritative: false,
    }
}

fn owner(attributes: &[(&str, &[Instance])]) -> Part {
    Part {
        authoritative: true,
        ..part(attributes)
    }
}

/// The values of an attribute after merging, in both orders of two parts, which must agree.
fn values_either_way(attribute: &str, one: &Part, other: &Part) -> Vec<i64> {
    let values = |parts: Vec<Part>| {
        let merged = merge(parts).unwrap();
        let instances = merged.attribute(&name(attribute)).map(|found| found.instances.clone());
        let mut values: Vec<i64> = instances.unwrap_or_default().iter().map(value).collect();
        values.sort_unstable();
        values
    };
    let forward = values(vec![one.clone(), other.clone()]);
    assert_eq!(forward, values(vec![other.clone(), one.clone()]));
    forward
}

fn value(instance: &Instance) -> i64 {
    match &instance.value {
        AttributeValue::Property(Value::Number(Number::Integer(number))) => *number,
        other => panic!("{other:?}"),
    }
}

#[test]
//= 4.3.6.1-2, 4.5.5.3-1
fn the_most_recent_instance_of_a_dataset_stands() {
    let conflict =
        |one: Instance, other: Instance| values_either_way("t", &part(&[("t", &[one])]), &part(&[("t", &[other])]));
    assert_eq!(conflict(observed(1, "01-01"), observed(2, "01-02")), [2]);
    assert_eq!(conflict(modified(1, "01-03"), modified(2, "01-02")), [1]);
    assert_eq!(conflict(observed(1, "01-01"), modified(2, "05-01")), [1]);
    assert_eq!(conflict(reading(1), modified(2, "05-01")), [2]);
    let later_change = Instance {
        observed_at: Some(day("01-01")),
        ..modified(3, "02-01")
    };
    assert_eq!(conflict(observed(1, "01-01"), later_change), [3]);
    let gps = of_dataset(observed(2, "01-01"), "urn:gps");
    assert_eq!(conflict(observed(1, "01-02"), gps), [1, 2]);
}

#[test]
fn who_says_the_future_stands_behind_everybody() {
    let conflict =
        |one: Instance, other: Instance| values_either_way("t", &part(&[("t", &[one])]), &part(&[("t", &[other])]));
    let far = "2099-01-01T00:00:00Z";
    for honest in [observed(1, "01-01"), modified(1, "01-01"), reading(1)] {
        let both = Instance {
            observed_at: Some(day(far)),
            ..modified(2, far)
        };
        for spoofed in [observed(2, far), modified(2, far), both] {
            assert_eq!(conflict(honest.clone(), spoofed), [1], "{honest:?}");
        }
    }
    // A date that is believed is no help to one that is not.
    let half = Instance {
        observed_at: Some(day("01-01")),
        ..modified(2, far)
    };
    assert_eq!(conflict(observed(1, "01-01"), half.clone()), [1]);
    assert_eq!(conflict(observed(1, "2025-12-31T00:00:00Z"), half), [2]);
    // Clocks differ a little.
    let within = observed(2, "2026-06-01T00:05:00Z");
    assert_eq!(conflict(observed(1, NOW), within.clone()), [2]);
    assert_eq!(conflict(within, observed(1, "2026-06-01T00:05:00.000001Z")), [2]);
}

#[test]
//= 4.5.5.3-2
fn without_dates_the_first_part_stands() {
    let parts = vec![part(&[("t", &[reading(1)])]), part(&[("t", &[reading(2)])])];
    let merged = merge(parts).unwrap();
    assert_eq!(value(&merged.attributes[0].instances[0]), 1);
}

#[test]
//= 5.7.1.4-8
fn expired_instances_lose_every_conflict_and_only_conflicts() {
    let fresh = observed(1, "01-01");
    let expired = expiring(observed(2, "05-01"), "05-02");
    let gone = expiring(observed(3, "05-03"), NOW);
    let one = |instance: &Instance| part(&[("t", std::slice::from_ref(instance))]);
    assert_eq!(values_either_way("t", &one(&fresh), &one(&expired)), [1]);
    assert_eq!(values_either_way("t", &one(&expired), &one(&gone)), [0_i64; 0]);
    assert_eq!(values_either_way("t", &one(&expired), &one(&expired)), [2]);
    assert_eq!(values_either_way("t", &one(&expired), &part(&[])), [2]);
}

#[test]
fn an_authoritative_part_cannot_be_overridden() {
    let own = owner(&[("t", &[observed(1, "01-01")])]);
    let newer = part(&[
        (
            "t",
            &[observed(2, "05-01"), of_dataset(observed(3, "05-01"), "urn:gps")],
        ),
        ("extra", &[reading(4)]),
    ]);
    assert_eq!(values_either_way("t", &own, &newer), [1]);
    assert_eq!(values_either_way("extra", &own, &newer), [4]);
    let expired = owner(&[("t", &[expiring(observed(1, "01-01"), "02-01")])]);
    assert_eq!(values_either_way("t", &expired, &newer), [1]);
    let second_owner = owner(&[("t", &[observed(5, "03-01")])]);
    assert_eq!(values_either_way("t", &own, &second_owner), [5]);
}

#[test]
//= 4.5.5.2-1
fn attributes_of_a_part_expire_with_it_when_the_parts_disagree() {
    let mut transient = part(&[
        ("t", &[observed(1, "05-01")]),
        ("u", &[expiring(reading(2), "05-20")]),
        ("v", &[expiring(reading(3), "07-20")]),
    ]);
    transient.entity.system.dates_mut().expires_at = Some(day("05-30"));
    let lasting = part(&[("t", &[observed(9, "01-01")])]);
    assert_eq!(values_either_way("t", &transient, &lasting), [9]);
    let merged = merge(vec![transient.clone(), lasting]).unwrap();
    let expires = |attribute| {
        merged.attribute(&name(attribute)).unwrap().instances[0]
            .system
            .expires_at()
            .cloned()
    };
    assert_eq!(expires("u"), Some(day("05-20")));
    assert_eq!(expires("v"), Some(day("05-30")));
    assert_eq!(merged.system.expires_at(), None);

    let agreed = merge(vec![transient.clone(), transient.clone()]).unwrap();
    assert_eq!(agreed, transient.entity);
}

#[test]
fn dates_of_the_entity_are_joined() {
    let dated = |created: &str, modified: &str, expires: &str| {
        let mut part = part(&[]);
        *part.entity.system.dates_mut() = SystemDates {
            created_at: Some(day(created)),
            modified_at: Some(day(modified)),
            deleted_at: None,
            expires_at: Some(day(expires)),
        };
        part
    };
    let (one, other) = (dated("02-01", "03-01", "08-01"), dated("01-01", "04-01", "09-01"));
    let merged = merge(vec![one.clone(), other.clone()]).unwrap();
    assert_eq!(merged.system, dated("01-01", "04-01", "09-01").entity.system);
    let with_lasting = merge(vec![one, part(&[]), other]).unwrap();
    assert_eq!(with_lasting.system.expires_at(), None);
    assert_eq!(with_lasting.system.modified_at(), Some(&day("04-01")));
    assert_eq!(merge(vec![part(&[]), part(&[])]).unwrap().system.dates(), None);
    // Nobody makes the entity look changed in the future, unless all of them say so.
    let (far, farther) = ("2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z");
    let modified = |parts: [&str; 2]| {
        let merged = merge(parts.map(|at| dated("01-01", at, "09-01")).into()).unwrap();
        merged.system.modified_at().cloned().unwrap()
    };
    assert_eq!(modified(["03-01", far]), day("03-01"));
    assert_eq!(modified([far, "03-01"]), day("03-01"));
    assert_eq!(modified([farther, far]), day(far));
}

#[test]
fn types_and_scopes_are_united_and_entities_do_not_mix() {
    let mut one = part(&[]);
    one.entity.scopes.extend(["/sano".into(), "/tochigi".into()]);
    let mut other = part(&[("t", &[reading(1)])]);
    other.entity.types = smallvec::smallvec![
        TypeName::new(Iri::new("urn:Device")),
        TypeName::new(Iri::new("urn:AED"))
    ];
    other.entity.scopes.extend(["/tochigi".into(), "/shimotsuke".into()]);
    let mut stranger = part(&[("secret", &[reading(2)])]);
    stranger.entity.id = EntityId::parse("urn:ngsi-ld:AED:2").unwrap();
    let merged = merge(vec![one, stranger, other]).unwrap();
    let types: Vec<&str> = merged.types.iter().map(TypeName::as_str).collect();
    assert_eq!(types, ["urn:AED", "urn:Device"]);
    assert_eq!(merged.scopes.as_slice(), ["/sano", "/tochigi", "/shimotsuke"]);
    assert!(merged.attribute(&name("secret")).is_none());
    assert!(merged.attribute(&name("t")).is_some());
    assert_eq!(merge(Vec::new()), None);
}

fn any_day() -> impl Strategy<Value = Option<DateTime>> {
    prop::option::of((1..=12_u8).prop_map(|month| day(&format!("{month:02}-01"))))
}

fn any_instance() -> impl Strategy<Value = Instance> {
    (0..3_i64, 0..3_u8, any_day(), any_day(), any_day()).prop_map(|(number, dataset, observed, modified, expires)| {
        let mut instance = reading(number);
        instance.dataset_id = (dataset > 0).then(|| Iri::new(format!("urn:dataset:{dataset}")));
        instance.observed_at = observed;
        if modified.is_some() || expires.is_some() {
            let dates = instance.system.dates_mut();
            dates.modified_at = modified;
            dates.expires_at = expires;
        }
        instance
    })
}

fn any_part() -> impl Strategy<Value = Part> {
    let instances = prop::collection::vec(any_instance(), 1..4).prop_map(|mut instances| {
        instances.sort_by(|one, other| one.dataset_id.cmp(&other.dataset_id));
        instances.dedup_by(|one, other| one.dataset_id == other.dataset_id);
        instances
    });
    let attributes = prop::collection::btree_map("[a-c]", instances, 0..3);
    (attributes, any::<bool>(), any_day(), any_day()).prop_map(|(attributes, authoritative, created, expires)| {
        let mut entity = entity(&[]);
        for (attribute, instances) in attributes {
            entity.attributes.push(Attribute {
                name: name(&attribute),
                instances: instances.into(),
            });
        }
        if created.is_some() || expires.is_some() {
            let dates = entity.system.dates_mut();
            dates.created_at = created;
            dates.expires_at = expires;
        }
        Part { entity, authoritative }
    })
}

/// The entity with everything in an order that does not depend on the order of the parts.
fn sorted(mut entity: Entity) -> Entity {
    entity.attributes.sort_by(|one, other| one.name.cmp(&other.name));
    for attribute in &mut entity.attributes {
        attribute
            .instances
            .sort_by(|one, other| one.dataset_id.cmp(&other.dataset_id));
    }
    entity
}

/// Whether two parts have instances in a conflict that the clause leaves to chance: they are equally recent, and
/// differ, also because one of the parts expires and the other does not.
fn has_tie(parts: &[Part]) -> bool {
    let instances = |part: &'_ Part| {
        let attributes = part.entity.attributes.iter();
        let named = |attribute: &Attribute| {
            let name = attribute.name.clone();
            attribute
                .instances
                .clone()
                .into_iter()
                .map(move |instance| (name.clone(), instance))
        };
        attributes.flat_map(named).collect::<Vec<_>>()
    };
    // Of two that say the future, neither is believed.
    let clock = Clock::at(day(NOW));
    let said = |date: Option<&DateTime>| date.map(|date| clock.believes(date).then(|| date.clone()));
    let is_tie = |one: &Part, other: &Part| {
        let same_expiry = one.entity.system.expires_at() == other.entity.system.expires_at();
        instances(one).iter().any(|(name, a)| {
            instances(other).iter().any(|(other_name, b)| {
                name == other_name
                    && a.dataset_id == b.dataset_id
                    && said(a.observed_at.as_ref()) == said(b.observed_at.as_ref())
                    && said(a.system.modified_at()) == said(b.system.modified_at())
                    && !(a == b && same_expiry)
            })
        })
    };
    let mut rest = parts;
    while let [first, others @ ..] = rest {
        if others.iter().any(|other| is_tie(first, other)) {
            return true;
        }
        rest = others;
    }
    false
}

proptest! {
    #[test]
    fn merging_what_is_merged_changes_nothing(parts in prop::collection::vec(any_part(), 1..4)) {
        let merged = merge(parts).unwrap();
        let again = || Part { entity: merged.clone(), authoritative: false };
        prop_assert_eq!(merge(vec![again()]), Some(merged.clone()));
        prop_assert_eq!(merge(vec![again(), again()]), Some(merged.clone()));
    }

    #[test]
    fn the_order_of_the_parts_matters_only_where_the_clause_leaves_it_to_chance(
        (parts, shuffled) in prop::collection::vec(any_part(), 1..5)
            .prop_flat_map(|parts| (Just(parts.clone()), Just(parts).prop_shuffle())),
    ) {
        prop_assume!(!has_tie(&parts));
        prop_assert_eq!(merge(parts).map(sorted), merge(shuffled).map(sorted));
    }

    #[test]
    fn nothing_is_invented(parts in prop::collection::vec(any_part(), 1..5)) {
        let merged = merge(parts.clone()).unwrap();
        for attribute in &merged.attributes {
            let sources = parts.iter().filter(|part| part.entity.attribute(&attribute.name).is_some());
            let authority = sources.clone().any(|part| part.authoritative);
            for instance in &attribute.instances {
                let found = sources.clone().filter(|part| part.authoritative || !authority).any(|part| {
                    part.entity.attribute(&attribute.name).unwrap().instances.iter().any(|source| {
                        let mut bound = source.clone();
                        bound.system = instance.system.clone();
                        bound == *instance
                    })
                });
                prop_assert!(found, "{:?}", instance);
            }
            let mut datasets: Vec<_> = attribute.instances.iter().map(|instance| &instance.dataset_id).collect();
            datasets.sort();
            datasets.dedup();
            prop_assert_eq!(datasets.len(), attribute.instances.len());
        }
    }
}

#[test]
fn many_attributes_in_any_order_are_joined_each_once() {
    for many in [3, 32, 33, 40, 100] {
        let names: Vec<String> = (0..many).map(|number| format!("a{number}")).collect();
        let instances: Vec<[Instance; 1]> = (0..many).map(|number| [reading(number)]).collect();
        let all: Vec<(&str, &[Instance])> = names
            .iter()
            .zip(&instances)
            .map(|(name, instance)| (name.as_str(), instance.as_slice()))
            .collect();
        let reversed: Vec<_> = all.iter().rev().copied().collect();
        let (half, rest) = all.split_at(all.len() / 2);
        let orders = [half, &all, &reversed, rest];
        let parts = orders.map(|order| Part {
            entity: entity(order),
            authoritative: false,
        });
        assert_eq!(merge(parts.into()).unwrap(), entity(&all), "{many}");
    }
}
