//! The rules of the policies, each broken by whoever breaks it.

mod classes;
mod conditions;
mod every_spelling;
mod files;
mod guarded;
mod holding;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use kakehashi_adapters::AttributeSelection;
use kakehashi_config::{Config, Environment};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_documents::vocabulary::{expand_attribute, expand_type};
use ngsi_ld::entity::{Attribute, AttributeValue, Instance};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};
use tempfile::TempDir;

use kakehashi_policy::*;

fn repository() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).to_owned()
}

const TENANTS: &str = r#"
[tenants.sano]
[tenants.yaita]
[consumers.app]
tenant = "yaita"
roles = ["reader"]
[consumers.other]
organisation = "Example"
roles = ["guest"]
[consumers.anonymous]
roles = ["public"]
"#;

const CLASSIFICATION: &str = r#"
[attributes]
personal = ["fullName", "氏名", "*MobilePhone*"]
special-care = ["diagnosis"]
[groups.head]
open = ["name", "location"]
[types.AED]
class = "open"
aliases = ["除細動器"]
groups = ["head"]
[types.AED.attributes]
open = ["remarks", "accuracy"]
personal = ["managerName"]
[types.PublicToilet]
class = "open"
groups = ["head"]
[types.PublicToilet.attributes]
open = ["managerName", "roof"]
[types.VacantHouse]
class = "limited"
groups = ["head"]
[types.VacantHouse.attributes]
limited = ["contactPointName"]
[types.Resident]
class = "personal"
aliases = ["住民"]
[types.Resident.attributes]
open = ["name"]
[types.MaternalHandbook]
class = "special-care"
"#;

const READ_ALL: &str = r#"permit(principal in Role::"reader", action in Action::"read", resource in Tenant::"sano");"#;

fn load(files: &[(&str, &str)]) -> Result<Config, Diagnostics> {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("tenants.toml", TENANTS);
    write("classification.toml", CLASSIFICATION);
    let schema = std::fs::read_to_string(repository().join("policies/schema.cedarschema")).unwrap();
    write("schema.cedarschema", &schema);
    for (name, text) in files {
        write(name, text);
    }
    let environment = Environment::new([], Date::constant(2026, 11, 21));
    Config::load(&folder.path().join("tenants.toml"), folder.path(), &environment)
}

fn sano(policies: &str) -> Config {
    load(&[("sano.cedar", policies)]).unwrap_or_else(|findings| panic!("{findings}"))
}

fn refusal(files: &[(&str, &str)]) -> String {
    load(files).map(|_| ()).unwrap_err().to_string()
}

fn consumer<'a>(config: &'a Config, id: &str) -> &'a Arc<Consumer> {
    config.consumers.get(id).unwrap()
}

fn attribute(name: &str) -> AttributeName {
    expand_attribute(name).unwrap()
}

fn type_name(name: &str) -> TypeName {
    expand_type(name).unwrap()
}

fn grant_to(config: &Config, id: &str, name: &str, personal_data: PersonalData) -> Arc<TypeGrant> {
    let tenant = &config.tenant("sano").unwrap().id;
    config.policy.grant(
        consumer(config, id),
        Operation::QueryEntity,
        tenant,
        &type_name(name),
        personal_data,
    )
}

fn grant(config: &Config, name: &str, personal_data: PersonalData) -> Arc<TypeGrant> {
    grant_to(config, "app", name, personal_data)
}

fn grants(config: &Config, types: &[&str], personal_data: PersonalData) -> GrantSet {
    let types: Vec<TypeName> = types.iter().map(|name| type_name(name)).collect();
    let tenant = &config.tenant("sano").unwrap().id;
    config.policy.grants(
        consumer(config, "app"),
        Operation::QueryEntity,
        tenant,
        &types,
        personal_data,
    )
}

fn only(names: &[&str]) -> AttributeSelection {
    let mut names: Vec<AttributeName> = names.iter().map(|name| attribute(name)).collect();
    names.sort();
    AttributeSelection::only(names)
}

fn entity(types: &[&str], attributes: &[&str]) -> Entity {
    let mut entity = Entity::new(EntityId::parse("urn:x:1").unwrap(), type_name(types[0]));
    entity.types.extend(types[1..].iter().map(|name| type_name(name)));
    let instance = || Instance::new(AttributeValue::Property("x".into()));
    entity.attributes = attributes
        .iter()
        .map(|name| Attribute::new(attribute(name), instance()))
        .collect();
    entity
}

fn names(entity: &Entity) -> Vec<&AttributeName> {
    entity.attributes.iter().map(|attribute| &attribute.name).collect()
}

#[test]
fn what_no_permit_covers_is_denied() {
    let config = sano(READ_ALL);
    assert!(!grant(&config, "AED", PersonalData::None).is_empty());
    let denied = grant_to(&config, "other", "AED", PersonalData::None);
    assert!(denied.is_empty());
    assert_eq!(denied.denial(), Some(&Denial::NoPermit));
    assert_eq!(denied.attributes(), &AttributeSelection::only(Vec::new()));
    assert!(denied.project(entity(&["AED"], &["name"])).is_none());
    let app = consumer(&config, "app");
    let tenants = [("sano", Operation::CreateEntity), ("yaita", Operation::QueryEntity)];
    for (tenant, operation) in tenants {
        let tenant = &config.tenant(tenant).unwrap().id;
        let grant = config
            .policy
            .grant(app, operation, tenant, &type_name("AED"), PersonalData::None);
        assert!(grant.is_empty(), "{tenant} {operation:?}");
    }
}

#[test]
fn a_forbid_wins_and_is_named() {
    let forbid = "\nforbid(principal, action, resource == EntityType::\"sano/AED\");";
    let config = sano(&format!("{READ_ALL}{forbid}"));
    let denied = grant(&config, "AED", PersonalData::None);
    assert_eq!(denied.denial(), Some(&Denial::Forbidden(vec!["sano.cedar:2".into()])));
    assert!(!grant(&config, "PublicToilet", PersonalData::None).is_empty());
    // An alias is the same type to policies.
    assert!(grant(&config, "除細動器", PersonalData::None).is_empty());
    let platform = "forbid(principal in Role::\"reader\", action, resource);";
    let config = load(&[("sano.cedar", READ_ALL), ("platform.cedar", platform)]).unwrap();
    let denied = grant(&config, "AED", PersonalData::None);
    assert_eq!(
        denied.denial(),
        Some(&Denial::Forbidden(vec!["platform.cedar:1".into()]))
    );
}

#[test]
fn personal_types_and_attributes_are_never_granted() {
    let config = sano(
        "permit(principal, action, resource in Tenant::\"sano\");\n@attributes(\"fullName,managerName,name\")\npermit(principal, action, resource in Tenant::\"sano\");",
    );
    for personal_data in [PersonalData::None, PersonalData::Present] {
        for name in ["Resident", "住民", "https://example.org/vocab/resident"] {
            let denied = grant(&config, name, personal_data);
            assert_eq!(denied.denial(), Some(&Denial::Personal(Class::Personal)), "{name}");
        }
        let denied = grant(&config, "MaternalHandbook", personal_data);
        assert_eq!(denied.denial(), Some(&Denial::Personal(Class::SpecialCare)));
        let aed = grant(&config, "AED", personal_data);
        assert!(aed.includes(&attribute("name")));
        let hidden = [
            "managerName",
            "fullName",
            "full_name",
            "https://schema.org/fullName",
            "diagnosis",
            "staffMobilePhone1",
            "氏名",
        ];
        for name in hidden {
            assert!(!aed.includes(&attribute(name)), "{name}");
            let shown = aed.project(entity(&["AED"], &["name", name])).unwrap();
            assert_eq!(names(&shown), [&attribute("name")], "{name}");
        }
    }
}

#[test]
fn what_nobody_has_classified_is_denied_where_personal_data_may_be_present() {
    let config = sano(READ_ALL);
    assert_eq!(
        grant(&config, "Unheard", PersonalData::Present).denial(),
        Some(&Denial::Unclassified)
    );
    let aed = grant(&config, "AED", PersonalData::Present);
    assert_eq!(aed.attributes(), &only(&["name", "location", "remarks", "accuracy"]));
    assert!(!aed.includes(&attribute("unheard")));
    let named = sano(r#"@attributes("name,unheard") permit(principal, action, resource in Tenant::"sano");"#);
    assert_eq!(
        grant(&named, "AED", PersonalData::Present).attributes(),
        &only(&["name"])
    );
    assert_eq!(
        grant(&named, "AED", PersonalData::None).attributes(),
        &only(&["name", "unheard"])
    );
}

#[test]
fn what_nobody_has_classified_is_granted_where_the_owner_says_that_nothing_is_personal() {
    let config = sano(READ_ALL);
    for name in ["AED", "Unheard"] {
        let granted = grant(&config, name, PersonalData::None);
        assert_eq!(granted.attributes(), &AttributeSelection::All, "{name}");
        assert!(granted.includes(&attribute("unheard")), "{name}");
        assert!(!granted.includes(&attribute("fullName")), "{name}");
    }
}

#[test]
fn annotations_narrow_each_permit_on_its_own_and_the_union_is_asked_for() {
    let policies = r#"
@attributes("name")
permit(principal in Role::"reader", action, resource == EntityType::"sano/AED");
@attributes("location,remarks") @without("remarks")
permit(principal in Tenant::"yaita", action, resource in Tenant::"sano");
"#;
    let config = sano(policies);
    let granted = grant(&config, "AED", PersonalData::None);
    assert_eq!(granted.attributes(), &only(&["name", "location"]));
    let policies: Vec<&str> = granted.permits().iter().map(|permit| permit.policy.as_ref()).collect();
    assert_eq!(policies, ["sano.cedar:3", "sano.cedar:5"]);
    let shown = granted
        .project(entity(&["AED"], &["name", "remarks", "location", "roof"]))
        .unwrap();
    assert_eq!(names(&shown), [&attribute("name"), &attribute("location")]);
    let config = sano(r#"@without("remarks") permit(principal, action, resource in Tenant::"sano");"#);
    for personal_data in [PersonalData::None, PersonalData::Present] {
        let granted = grant(&config, "AED", personal_data);
        assert_eq!(granted.attributes(), &only(&["name", "location", "accuracy"]));
        assert!(!granted.includes(&attribute("remarks")));
    }
}

#[test]
fn a_limited_attribute_is_granted_to_whom_a_permit_names_it() {
    let config = sano(READ_ALL);
    let plain = grant(&config, "VacantHouse", PersonalData::None);
    assert_eq!(plain.attributes(), &only(&["name", "location"]));
    let named = format!("{READ_ALL}\n@attributes(\"contactPointName\")\n{READ_ALL}");
    let config = sano(&named);
    let granted = grant(&config, "VacantHouse", PersonalData::None);
    assert_eq!(granted.attributes(), &only(&["name", "location", "contactPointName"]));
}

#[test]
fn sub_attributes_are_judged_too_to_any_depth() {
    let config = sano(READ_ALL);
    let mut source = entity(&["AED"], &["name"]);
    let instance = |inner: &[&str]| {
        let mut instance = Instance::new(AttributeValue::Property("x".into()));
        let plain = || Instance::new(AttributeValue::Property("x".into()));
        instance.sub_attributes = inner
            .iter()
            .map(|name| Attribute::new(attribute(name), plain()))
            .collect();
        instance
    };
    let mut outer = instance(&["managerName", "unheard", "accuracy"]);
    outer.sub_attributes[2].instances[0] = instance(&["fullName", "accuracy"]);
    source.attributes[0].instances[0] = outer;
    let inner = |personal_data| {
        let shown = grants(&config, &["AED"], personal_data)
            .project(source.clone())
            .unwrap();
        let first = &shown.attributes[0].instances[0];
        let deep = first.sub_attributes.last().unwrap().instances[0].sub_attributes.clone();
        let names = |list: &[Attribute]| list.iter().map(|item| item.name.clone()).collect::<Vec<_>>();
        (names(&first.sub_attributes), names(&deep))
    };
    let deep = vec![attribute("accuracy")];
    assert_eq!(
        inner(PersonalData::None),
        (vec![attribute("unheard"), attribute("accuracy")], deep.clone())
    );
    assert_eq!(inner(PersonalData::Present), (vec![attribute("accuracy")], deep));
}

#[test]
fn an_entity_of_several_types_shows_what_a_granted_type_grants_and_no_type_calls_personal() {
    let config = sano(
        "permit(principal, action, resource == EntityType::\"sano/AED\");\n@attributes(\"roof,managerName\")\npermit(principal, action, resource == EntityType::\"sano/PublicToilet\");",
    );
    let set = grants(&config, &["AED"], PersonalData::None);
    let both = entity(&["AED", "PublicToilet"], &["name", "roof", "managerName"]);
    let shown = set.project(both).unwrap();
    assert_eq!(shown.types.as_slice(), [type_name("AED"), type_name("PublicToilet")]);
    assert_eq!(names(&shown), [&attribute("name"), &attribute("roof")]);
    // A type that is not granted is absent.
    let hidden = set.project(entity(&["VacantHouse", "AED"], &["name"])).unwrap();
    assert_eq!(hidden.types.as_slice(), [type_name("AED")]);
    // Whoever is a person is no AED.
    for personal in ["Resident", "MaternalHandbook"] {
        assert!(
            set.project(entity(&["AED", personal], &["name"])).is_none(),
            "{personal}"
        );
    }
    assert!(set.project(entity(&["VacantHouse"], &["name"])).is_none());
    let present = grants(&config, &["AED"], PersonalData::Present);
    assert!(present.project(entity(&["AED", "Unheard"], &["name"])).is_none());
    assert!(set.project(entity(&["AED", "Unheard"], &["name"])).is_some());
}

#[test]
fn one_question_about_several_types_asks_for_nothing_that_one_of_them_hides() {
    let config = sano(READ_ALL);
    let set = grants(&config, &["AED", "PublicToilet", "Resident"], PersonalData::Present);
    assert_eq!(
        set.types().collect::<Vec<_>>(),
        [&type_name("AED"), &type_name("PublicToilet")]
    );
    assert_eq!(
        set.attributes(),
        only(&["name", "location", "remarks", "accuracy", "roof"])
    );
    let groups = set.by_selection();
    assert_eq!(groups[1].types, [type_name("PublicToilet")]);
    assert_eq!(groups[1].attributes, only(&["name", "location", "managerName", "roof"]));
    assert!(grants(&config, &["Resident"], PersonalData::None).is_empty());
    assert_eq!(
        grants(&config, &["AED", "PublicToilet"], PersonalData::None).attributes(),
        AttributeSelection::All
    );
    let mixed = grants(&config, &["AED", "VacantHouse"], PersonalData::None).attributes();
    assert_eq!(mixed, only(&["name", "location", "remarks", "accuracy"]));
}

#[test]
fn a_decision_is_made_once() {
    let config = sano(READ_ALL);
    let first = grant(&config, "AED", PersonalData::None);
    let again = grant(&config, "AED", PersonalData::None);
    assert!(Arc::ptr_eq(&first, &again));
    assert!(!Arc::ptr_eq(&first, &grant(&config, "AED", PersonalData::Present)));
    assert_eq!(config.policy.faults(), 0);
}

#[test]
fn invented_types_do_not_push_out_known_decisions() {
    let config = sano(READ_ALL);
    let known = grant(&config, "AED", PersonalData::None);
    for number in 0..5000 {
        // From a source that may hold personal data they are denied without asking Cedar.
        grant(&config, &format!("Invented{number}"), PersonalData::Present);
    }
    assert!(Arc::ptr_eq(&known, &grant(&config, "AED", PersonalData::None)));
}

#[test]
fn an_evaluation_error_denies_and_is_counted() {
    let error = "permit(principal, action, resource in Tenant::\"sano\") when { 9223372036854775807 + 1 == 0 };";
    let config = sano(&format!("{READ_ALL}\n{error}"));
    let denied = grant(&config, "AED", PersonalData::None);
    assert_eq!(denied.denial(), Some(&Denial::EvaluationError));
    assert_eq!(config.policy.faults(), 1);
}

#[test]
fn known_types_are_those_of_the_classification_and_of_the_sources() {
    let config = sano(READ_ALL);
    let known = config.policy.known_types();
    assert!(known.contains(&type_name("AED")) && known.contains(&type_name("Resident")));
    assert!(!known.contains(&type_name("Unheard")));
}
