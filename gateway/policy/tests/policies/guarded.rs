//! What is classed stricter than limited, where permits cover some entities and consumers and not others.

use ngsi_ld::EntityId;
use ngsi_ld::entity::{AttributeValue, Instance, ObjectTypes};

use super::classes::{EVERYTHING, TENANTS, WITH_REFERENCES, grant, load, loaded};
use super::{attribute, entity, names, type_name};
use kakehashi_policy::{Class, Operation, PersonalData, Unmet};

#[test]
fn a_guarded_type_keeps_what_its_own_permits_do_not_cover() {
    let config = loaded(
        r#"
permit(principal, action, resource == EntityType::"sano/Museum");
@attributes("name,ageGroup") @q("name==\"open\"")
permit(principal in Tenant::"sano", action, resource == EntityType::"sano/FlowRecord");
@attributes("ageGroup") @q("name==\"open\"")
permit(principal in Tenant::"sano", action, resource == EntityType::"sano/Visit");
"#,
    );
    let sano = &config.tenant("sano").unwrap().id;
    let own = config.consumers.get("own").unwrap();
    let asked = [type_name("Museum")];
    let grants = config
        .policy
        .grants(own, Operation::QueryEntity, sano, &asked, PersonalData::None);
    let project = |types: &[&str], name: &str| {
        let mut entity = entity(types, &["name", "ageGroup"]);
        entity.attributes[0].instances[0] = Instance::new(AttributeValue::Property(name.into()));
        grants.project(entity)
    };
    let both = ["Museum", "FlowRecord"];
    assert!(
        project(&both, "closed").is_none(),
        "of the guarded type nothing is covered"
    );
    assert_eq!(project(&both, "open").unwrap().types.len(), 2);
    // What is guarded in a visit leaves with the visits that its permit covers, and no others.
    let both = ["Museum", "Visit"];
    assert_eq!(names(&project(&both, "closed").unwrap()), [&attribute("name")]);
    let open = project(&both, "open").unwrap();
    assert_eq!(names(&open), [&attribute("name"), &attribute("ageGroup")]);
}

#[test]
fn no_condition_looks_at_what_is_guarded() {
    for (annotation, r#type) in [("ageGroup==1", "sano/Visit"), ("visitorCode", "sano/Visit")] {
        let policy = format!("@q(\"{annotation}\") permit(principal, action, resource == EntityType::\"{type}\");");
        let said = load(TENANTS, &policy).unwrap_err().to_string();
        assert!(said.contains("has a class that is stricter than limited"), "{said}");
    }
    // Where one type has it open, it is looked at there, and the permit covers nothing of the other.
    let config = loaded("@q(\"ageGroup==1\") permit(principal, action, resource in Tenant::\"sano\");");
    assert!(!grant(&config, "own", "Museum").is_empty());
    let visit = grant(&config, "own", "Visit");
    assert_eq!(visit.unmet()[0].reason, Unmet::HiddenAttribute);
    assert!(visit.is_empty());
}

#[test]
fn a_permit_that_does_not_apply_says_what_the_consumer_lacks() {
    let config = loaded(WITH_REFERENCES);
    let reasons = |consumer: &str, r#type: &str| {
        let grant = grant(&config, consumer, r#type);
        grant.unmet().iter().map(|unmet| unmet.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons("stranger", "Visit"), [Unmet::Contract, Unmet::Consent]);
    assert_eq!(
        reasons("shop", "FlowRecord"),
        [Unmet::Contract, Unmet::Class(Class::Anonymised)]
    );
    let words = grant(&config, "university", "Visit").permits()[0].conditions.in_words();
    assert_eq!(words, ["under the contract 2026-017"]);
}

#[test]
fn a_relationship_to_what_is_guarded_is_shown_to_whom_it_is_granted() {
    let config = loaded(EVERYTHING);
    let sano = &config.tenant("sano").unwrap().id;
    let shown = |consumer: &str, object: &str| {
        let consumer = config.consumers.get(consumer).unwrap();
        let asked = [type_name("Museum"), type_name("CareRecord")];
        let grants = config
            .policy
            .grants(consumer, Operation::QueryEntity, sano, &asked, PersonalData::None);
        let mut museum = entity(&["Museum"], &["name"]);
        museum.attributes[0].instances[0] = Instance::new(AttributeValue::Relationship {
            objects: [EntityId::parse(object).unwrap()].into_iter().collect(),
            object_types: ObjectTypes::default(),
        });
        grants
            .project(museum)
            .is_some_and(|museum| !museum.attributes.is_empty())
    };
    assert!(shown("own", "urn:ngsi-ld:CareRecord:1"));
    assert!(!shown("stranger", "urn:ngsi-ld:CareRecord:1"));
    assert!(shown("stranger", "urn:ngsi-ld:Museum:2"));
}

#[test]
fn a_permit_with_conditions_takes_nothing_from_one_without() {
    let plain = "permit(principal, action, resource == EntityType::\"sano/Museum\");\n";
    let narrow = format!("@q(\"name==\\\"open\\\"\") {plain}");
    for (policies, covers_every_entity) in [
        (plain.to_owned(), true),
        (narrow.clone(), false),
        (format!("{plain}{narrow}"), true),
    ] {
        let museum = grant(&loaded(&policies), "own", "Museum");
        assert_eq!(museum.covers_every_entity(), covers_every_entity, "{policies}");
    }
}
