//! Sources that are registered while the gateway runs are found, asked and believed like those of the configuration, and no
//! source beyond what it is registered for.

use kakehashi_documents::vocabulary::compact_attribute;
use ngsi_ld::query::IdPattern;

use super::*;
use crate::registry::{CannotRegister, Mode};

/// A source in memory of these parts.
fn holding(name: &str, owner: &str, parts: &[Entity], provides: Vec<Provision>) -> RegisteredSource {
    let id = SourceId::new(name);
    RegisteredSource {
        id: id.clone(),
        adapter: Arc::new(InMemory {
            id,
            parts: parts.to_vec(),
            fails: false,
            // It answers with all that it has: what it is not asked for it says all the same.
            lies: true,
            exact: true,
        }),
        ..source_providing(owner, provides)
    }
}

fn in_mode(mode: Mode, source: RegisteredSource) -> RegisteredSource {
    RegisteredSource {
        registration: Registration {
            mode,
            ..Registration::default()
        },
        ..source
    }
}

fn asked(registry: &Registry, filter: &str) -> Vec<Entity> {
    let page = Page { limit: 1000, offset: 0 };
    let found = BENCH.ask(registry, &question(filter, false), page);
    assert_eq!(found.count, Some(found.entities.len() as u64));
    assert_eq!(found.warnings, Vec::new());
    by_id(found.entities)
}

fn values(entity: &Entity) -> Vec<(String, String)> {
    let value = |attribute: &Attribute| match &attribute.instances[0].value {
        AttributeValue::Property(Value::Number(number)) => number.as_f64().to_string(),
        other => format!("{other:?}"),
    };
    let name = |attribute: &Attribute| compact_attribute(&attribute.name);
    entity.attributes.iter().map(|one| (name(one), value(one))).collect()
}

fn written(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

const HEIGHT: &str = "height>0";

#[test]
fn a_source_is_asked_from_its_registration_to_its_end_without_a_new_revision() {
    let first = holding(
        "a",
        "sano",
        &[part(1, &[("height", 1)])],
        vec![Provision::of_type(aed())],
    );
    let second = holding(
        "b",
        "yaita",
        &[part(2, &[("height", 2)])],
        vec![Provision::of_type(aed())],
    );
    let registry = Registry::new(vec![first]);
    assert_eq!(asked(&registry, HEIGHT).len(), 1);
    let registrations = registry.registrations();
    registrations.add(second).unwrap();
    assert_eq!(asked(&registry, HEIGHT).len(), 2);
    let again = holding("b", "yaita", &[], vec![Provision::of_type(aed())]);
    assert_eq!(registrations.add(again), Err(CannotRegister::AlreadyRegistered));
    let (id, tenant) = (SourceId::new("b"), TenantId::new("yaita"));
    assert!(registrations.remove(&id, &TenantId::new("sano")).is_none());
    assert!(registrations.remove(&id, &tenant).is_some());
    assert!(registrations.remove(&id, &tenant).is_none());
    assert_eq!(asked(&registry, HEIGHT).len(), 1);
}

#[test]
fn a_source_of_a_tenant_that_nobody_knows_is_believed_nothing() {
    let registry = Registry::new(Vec::new());
    let stranger = holding(
        "x",
        "nobody",
        &[part(1, &[("height", 1)])],
        vec![Provision::of_type(aed())],
    );
    registry.registrations().add(stranger).unwrap();
    assert!(asked(&registry, HEIGHT).is_empty());
}

#[test]
fn what_claims_authority_or_has_expired_is_not_registered_and_what_expires_makes_room() {
    let registrations = Registry::new(Vec::new()).registrations().clone();
    let claiming = Provision {
        authoritative: true,
        ..Provision::of_type(aed())
    };
    let claiming = holding("a", "sano", &[], vec![claiming]);
    assert_eq!(registrations.add(claiming), Err(CannotRegister::Authoritative));
    let until = |name: &str, end: &str| RegisteredSource {
        registration: Registration {
            expires_at: Some(DateTime::parse(end).unwrap()),
            ..Registration::default()
        },
        ..holding(name, "sano", &[], vec![Provision::of_type(aed())])
    };
    assert_eq!(
        registrations.add(until("b", "2020-01-01T00:00:00Z")),
        Err(CannotRegister::Expired)
    );
    registrations.add(until("c", "9000-01-01T00:00:00Z")).unwrap();
    assert_eq!(registrations.count(), 1);
}

#[test]
//= 4.3.6.1-1
fn what_a_source_is_not_registered_for_is_not_believed() {
    let told = part(1, &[("height", 1), ("maxCapacity", 9)]);
    let of_height = Provision {
        attributes: AttributeSelection::only([attribute("height")]),
        ..Provision::of_type(aed())
    };
    let registry = Registry::new(vec![holding("a", "sano", &[told], vec![of_height])]);
    let found = asked(&registry, HEIGHT);
    assert_eq!(values(&found[0]), written(&[("height", "1")]));
    assert!(asked(&registry, "maxCapacity==9").is_empty());
}

#[test]
fn an_auxiliary_source_adds_and_overrides_nothing() {
    let own = part(1, &[("height", 1)]);
    // Newer than what it would override.
    let mut auxiliary = part(1, &[("height", 7), ("maxCapacity", 9)]);
    for attribute in &mut auxiliary.attributes {
        attribute.instances[0].observed_at = Some(DateTime::parse("2027-01-01T00:00:00Z").unwrap());
    }
    let provides = || vec![Provision::of_type(aed())];
    let own = holding("own", "sano", &[own], provides());
    let auxiliary = in_mode(
        Mode::Auxiliary,
        holding("aux", "sano", &[auxiliary, part(2, &[("height", 2)])], provides()),
    );
    // Whichever stands first in the configuration.
    let registry = Registry::new(vec![auxiliary, own]);
    let found = asked(&registry, HEIGHT);
    assert_eq!(values(&found[0]), written(&[("height", "1"), ("maxCapacity", "9")]));
    assert_eq!(values(&found[1]), written(&[("height", "2")]), "it alone has it");
}

#[test]
fn what_is_held_elsewhere_is_believed_nobody_else_of_the_tenant() {
    let parts = [part(1, &[("height", 1), ("maxCapacity", 2)]), part(2, &[("height", 3)])];
    let provides = || vec![Provision::of_type(aed())];
    let id = parts[0].id.clone();
    let exclusive = Provision {
        ids: ProvidedIds::Only(id.clone()),
        attributes: AttributeSelection::only([attribute("height")]),
        ..Provision::of_type(aed())
    };
    let alone = in_mode(
        Mode::Exclusive,
        holding("alone", "sano", &[part(1, &[("height", 9)])], vec![exclusive.clone()]),
    );
    let registry = Registry::new(vec![holding("store", "sano", &parts, provides())]);
    registry.registrations().add(alone).unwrap();
    let found = asked(&registry, HEIGHT);
    assert_eq!(values(&found[0]), written(&[("height", "9"), ("maxCapacity", "2")]));
    assert_eq!(values(&found[1]), written(&[("height", "3")]));
    // By what is not believed nothing is decided.
    assert!(asked(&registry, "height==1").is_empty());

    let whole = Provision {
        ids: ProvidedIds::Matching(IdPattern::parse("^urn:ngsi-ld:AED:001").unwrap()),
        ..Provision::of_type(aed())
    };
    let redirect = |owner: &str| {
        in_mode(
            Mode::Redirect,
            holding("elsewhere", owner, &[part(1, &[("height", 8)])], vec![whole.clone()]),
        )
    };
    for (owner, shown) in [("sano", vec!["8", "3"]), ("yaita", vec!["1", "3"])] {
        let registry = Registry::new(vec![holding("store", "sano", &parts, provides())]);
        registry.registrations().add(redirect(owner)).unwrap();
        let found = asked(&registry, HEIGHT);
        let heights = found.iter().map(|entity| values(entity)[0].1.clone());
        assert_eq!(heights.collect::<Vec<_>>(), shown, "registered by {owner}");
    }
}

/// What one of generated sources provides.
fn provision() -> impl Strategy<Value = Provision> {
    let types = prop::option::of(prop::sample::select(vec!["AED", "EvacuationSite", "Rainfall"]));
    let ids = prop::sample::select(vec!["", "urn:1", "urn:12", "^urn:1", "^urn:", "2$", "1"]);
    let names = prop::option::of(prop::sample::subsequence(vec!["height", "name"], 1..=2));
    (types, ids, names).prop_map(|(r#type, ids, names)| Provision {
        r#type: r#type.map(|name| Context::core().expand_type(name).unwrap()),
        ids: match ids {
            "" => ProvidedIds::Any,
            only if only.starts_with("urn:") => ProvidedIds::Only(EntityId::parse(only).unwrap()),
            pattern => ProvidedIds::Matching(IdPattern::parse(pattern).unwrap()),
        },
        attributes: names.map_or(AttributeSelection::All, |names| {
            AttributeSelection::only(names.into_iter().map(attribute))
        }),
        authoritative: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The index finds what looking at every source would find, whatever has come and gone.
    #[test]
    //= 5.12-1
    fn the_index_finds_what_looking_at_all_would(
        all in prop::collection::vec(prop::collection::vec(provision(), 1..4), 1..8),
        gone in prop::collection::vec(any::<bool>(), 8),
        configured in 0usize..8,
        types in prop::sample::subsequence(vec!["AED", "EvacuationSite", "Rainfall"], 0..=3),
        ids in prop::sample::subsequence(vec!["urn:1", "urn:12", "urn:2", "urn:22"], 0..=3),
        named in prop::option::of(prop::sample::subsequence(vec!["height", "name", "area"], 0..=2)),
    ) {
        let source = |number: usize, provides: &Vec<Provision>| RegisteredSource {
            id: SourceId::new(format!("s{number}")),
            ..source_providing("sano", provides.clone())
        };
        let (first, later) = all.split_at(configured.min(all.len()));
        let registry = Registry::new(first.iter().enumerate().map(|(number, one)| source(number, one)).collect());
        for (number, one) in later.iter().enumerate() {
            registry.registrations().add(source(first.len() + number, one)).unwrap();
        }
        for (number, is_gone) in gone.iter().enumerate().take(all.len()).skip(first.len()) {
            if *is_gone {
                let id = SourceId::new(format!("s{number}"));
                let taken_out = registry.registrations().remove(&id, &TenantId::new("sano"));
                prop_assert!(taken_out.is_some());
            }
        }
        let types: Vec<TypeName> = types.iter().map(|name| Context::core().expand_type(name).unwrap()).collect();
        let ids: Vec<EntityId> = ids.iter().map(|id| EntityId::parse(id).unwrap()).collect();
        let named: Option<Vec<AttributeName>> = named.map(|names| names.into_iter().map(attribute).collect());
        let provides = |one: &Provision| {
            one.r#type.as_ref().is_none_or(|provided| types.contains(provided))
                && (ids.is_empty() || ids.iter().any(|id| one.ids.include(id)))
                && named.as_ref().is_none_or(|named| match &one.attributes {
                    AttributeSelection::All => true,
                    AttributeSelection::Only(names) => names.iter().any(|name| named.contains(name)),
                })
        };
        let expected: Vec<String> = all
            .iter()
            .enumerate()
            .filter(|(number, one)| (*number < first.len() || !gone[*number]) && one.iter().any(provides))
            .map(|(number, _)| format!("s{number}"))
            .collect();
        let found = registry.holding(&types, &ids, named.as_deref(), 100).unwrap();
        let found: Vec<String> = found.iter().map(|source| source.id.to_string()).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn one_among_a_hundred_thousand_is_found_without_looking_at_the_others() {
    let registry = Registry::new(Vec::new());
    let nothing = source_providing("sano", Vec::new());
    for number in 0..100_000 {
        let id = EntityId::parse(&format!("urn:ngsi-ld:AED:{number}")).unwrap();
        let only = Provision {
            ids: ProvidedIds::Only(id),
            ..Provision::of_type(aed())
        };
        let source = RegisteredSource {
            id: SourceId::new(format!("s{number}")),
            provides: vec![only],
            tenant: nothing.tenant.clone(),
            adapter: Arc::clone(&nothing.adapter),
            registration: Registration::default(),
            personal_data: PersonalData::Present,
            is_store: false,
            writable: false,
            inspection: nothing.inspection.clone(),
            findings: nothing.findings.clone(),
            flawed: Flawed::default(),
            owns_ids: OwnIds::default(),
            credential_from: None,
        };
        registry.registrations().add(source).unwrap();
    }
    let found = |ids: &[&str]| {
        let ids: Vec<EntityId> = ids.iter().map(|id| EntityId::parse(id).unwrap()).collect();
        let found = registry.holding(&[aed()], &ids, None, 200)?;
        Some(found.iter().map(|source| source.id.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(found(&["urn:ngsi-ld:AED:77777"]), Some(vec!["s77777".to_owned()]));
    assert_eq!(found(&["urn:ngsi-ld:AED:x"]), Some(Vec::new()));
    assert_eq!(found(&[]), None, "too many for one question");
    let refused = crate::plan::narrow(&question(HEIGHT, false), &BENCH.asker(&registry), &[aed()]);
    assert!(
        matches!(refused, Err(crate::Refusal::TooManySources { .. })),
        "{refused:?}"
    );
}
