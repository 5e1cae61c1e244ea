//! The classes between limited and personal, and that every official name has a class.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use kakehashi_adapters::AttributeSelection;
use kakehashi_config::{Config, Environment};
use kakehashi_core::diagnostics::{Diagnostics, Report};
use kakehashi_documents::vocabulary::expand_type;
use serde::Deserialize;
use tempfile::TempDir;

use super::{attribute, entity, names, only, repository, type_name};
use kakehashi_policy::{Class, Classification, Denial, Operation, PersonalData, TypeGrant, parse_classification};

pub(super) const TENANTS: &str = r#"
[tenants.sano]
[tenants.yaita]
[consumers.own]
tenant = "sano"
[consumers.neighbour]
tenant = "yaita"
contracts = ["2026-017"]
[consumers.university]
organisation = "Example University"
contracts = ["2025-001", "2026-017"]
[consumers.shop]
organisation = "Example Shop"
consents = ["shop-terms-3"]
[consumers.stranger]
organisation = "Example"
contracts = ["2026-018"]
consents = ["other"]
"#;

const CLASSIFICATION: &str = r#"
[attributes]
personal = ["fullName"]
pseudonymised = ["pseudonym*"]
[types.Visit]
class = "open"
[types.Visit.attributes]
open = ["name"]
pseudonymised = ["visitorCode"]
anonymised = ["ageGroup", "年代"]
person-related = ["purchases", "*履歴"]
[types.Museum]
class = "open"
[types.Museum.attributes]
open = ["name", "ageGroup"]
[types.FlowRecord]
class = "anonymised"
aliases = ["人流記録", "*Trajectory*"]
[types.FlowRecord.attributes]
anonymised = ["path"]
open = ["name"]
[types.CareRecord]
class = "pseudonymised"
[types.CareRecord.attributes]
open = ["name"]
[types.Basket]
class = "person-related"
[types.Basket.attributes]
open = ["name"]
"#;

pub(super) const EVERYTHING: &str = r#"
@attributes("name,visitorCode,ageGroup,purchases,path,fullName,pseudonymId")
permit(principal, action, resource in Tenant::"sano");
"#;

pub(super) const WITH_REFERENCES: &str = r#"
@contract("2026-017") @attributes("name,visitorCode,ageGroup,purchases,path,fullName,pseudonymId")
permit(principal, action, resource in Tenant::"sano");
@consent("shop-terms-2, shop-terms-3") @attributes("name,visitorCode,ageGroup,purchases,path,fullName,pseudonymId")
permit(principal, action, resource in Tenant::"sano");
"#;

pub(super) fn load(tenants: &str, policies: &str) -> Result<Config, Diagnostics> {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("tenants.toml", tenants);
    write("classification.toml", CLASSIFICATION);
    let schema = std::fs::read_to_string(repository().join("policies/schema.cedarschema")).unwrap();
    write("schema.cedarschema", &schema);
    write("sano.cedar", policies);
    let environment = Environment::new([], Date::constant(2026, 11, 21));
    Config::load(&folder.path().join("tenants.toml"), folder.path(), &environment)
}

pub(super) fn loaded(policies: &str) -> Config {
    load(TENANTS, policies).unwrap_or_else(|findings| panic!("{findings}"))
}

pub(super) fn grant(config: &Config, consumer: &str, r#type: &str) -> Arc<TypeGrant> {
    let sano = &config.tenant("sano").unwrap().id;
    let consumer = config.consumers.get(consumer).unwrap();
    let r#type = type_name(r#type);
    config
        .policy
        .grant(consumer, Operation::QueryEntity, sano, &r#type, PersonalData::Present)
}

#[test]
fn what_is_pseudonymised_never_leaves_its_owner() {
    for policies in [
        EVERYTHING,
        WITH_REFERENCES,
        "permit(principal, action, resource in Tenant::\"sano\");",
    ] {
        let config = loaded(policies);
        for consumer in ["neighbour", "university", "shop", "stranger"] {
            let visit = grant(&config, consumer, "Visit");
            assert!(!visit.includes(&attribute("visitorCode")), "{consumer}");
            assert!(!visit.includes(&attribute("pseudonymId")), "{consumer}");
            let record = grant(&config, consumer, "CareRecord");
            assert_eq!(
                record.denial(),
                Some(&Denial::Guarded(Class::Pseudonymised)),
                "{consumer}"
            );
        }
    }
    let config = loaded(EVERYTHING);
    let own = grant(&config, "own", "Visit");
    assert_eq!(
        own.attributes(),
        &only(&["name", "visitorCode", "ageGroup", "purchases", "pseudonymId"])
    );
    assert_eq!(
        grant(&config, "own", "CareRecord").attributes(),
        &only(&["name", "pseudonymId"])
    );
}

#[test]
fn what_is_anonymised_is_for_whom_has_the_contract_that_the_permit_names() {
    let config = loaded(WITH_REFERENCES);
    for (consumer, has_contract) in [
        ("neighbour", true),
        ("university", true),
        ("shop", false),
        ("stranger", false),
    ] {
        assert_eq!(
            grant(&config, consumer, "Visit").includes(&attribute("ageGroup")),
            has_contract,
            "{consumer}"
        );
        let records = grant(&config, consumer, "FlowRecord");
        assert_eq!(!records.is_empty(), has_contract, "{consumer}");
        assert_eq!(records.includes(&attribute("path")), has_contract, "{consumer}");
    }
    assert!(
        grant(&config, "stranger", "Visit").is_empty(),
        "a permit under a contract is for whom has it"
    );
    let refused = grant(&config, "shop", "FlowRecord");
    assert_eq!(refused.denial(), Some(&Denial::Guarded(Class::Anonymised)));
    // A permit without a contract grants others nothing of it, whatever they have.
    let config = loaded(EVERYTHING);
    for consumer in ["neighbour", "university", "stranger"] {
        assert_eq!(
            grant(&config, consumer, "Visit").attributes(),
            &only(&["name"]),
            "{consumer}"
        );
        assert!(grant(&config, consumer, "FlowRecord").is_empty(), "{consumer}");
    }
}

#[test]
fn what_is_person_related_is_for_whom_has_the_consent_that_the_permit_names() {
    let config = loaded(WITH_REFERENCES);
    for (consumer, has_consent) in [("shop", true), ("university", false), ("stranger", false)] {
        assert_eq!(
            grant(&config, consumer, "Visit").includes(&attribute("purchases")),
            has_consent,
            "{consumer}"
        );
        assert_eq!(
            !grant(&config, consumer, "Basket").is_empty(),
            has_consent,
            "{consumer}"
        );
    }
    assert!(
        !grant(&config, "shop", "Visit").includes(&attribute("ageGroup")),
        "a consent is no contract"
    );
}

#[test]
fn what_is_not_open_has_to_be_named() {
    let config = loaded("@contract(\"2026-017\") permit(principal, action, resource in Tenant::\"sano\");");
    assert_eq!(grant(&config, "university", "Visit").attributes(), &only(&["name"]));
    assert_eq!(
        grant(&config, "university", "FlowRecord").attributes(),
        &only(&["name"])
    );
}

#[test]
fn guarded_names_are_recognised_in_other_vocabularies_spellings_and_patterns() {
    let config = loaded("permit(principal, action, resource in Tenant::\"sano\");");
    let sano = &config.tenant("sano").unwrap().id;
    let shop = config.consumers.get("shop").unwrap();
    let decide = |r#type: &str| {
        config.policy.grant(
            shop,
            Operation::QueryEntity,
            sano,
            &type_name(r#type),
            PersonalData::None,
        )
    };
    for name in [
        "FlowRecord",
        "人流記録",
        "https://example.org/flow_record",
        "https://example.org/DailyTrajectoryLog",
        "carerecord",
    ] {
        assert!(matches!(decide(name).denial(), Some(Denial::Guarded(_))), "{name}");
    }
    let visit = decide("Visit");
    assert_ne!(visit.attributes(), &AttributeSelection::All);
    for name in [
        "visitor_code",
        "https://schema.org/ageGroup",
        "ＡｇｅＧｒｏｕｐ",
        "年代",
        "購買履歴",
        "pseudonymousId",
        "unheard/purchases",
    ] {
        let name = attribute(&if name.contains('/') && !name.contains(':') {
            format!("urn:x:{name}")
        } else {
            name.to_owned()
        });
        assert!(!visit.includes(&name), "{name}");
    }
}

#[test]
fn an_entity_of_several_types_is_guarded_by_each_of_them() {
    let config = loaded(EVERYTHING);
    let sano = &config.tenant("sano").unwrap().id;
    let project = |consumer: &str, types: &[&str]| {
        let consumer = config.consumers.get(consumer).unwrap();
        let asked = [type_name("Museum"), type_name("Visit")];
        let grants = config
            .policy
            .grants(consumer, Operation::QueryEntity, sano, &asked, PersonalData::None);
        grants.project(entity(types, &["name", "ageGroup"]))
    };
    // Open in a museum, anonymised in a visit: what is both is shown to nobody without the contract.
    let stranger = project("stranger", &["Museum"]).unwrap();
    assert_eq!(names(&stranger), [&attribute("name"), &attribute("ageGroup")]);
    let stranger = project("stranger", &["Museum", "Visit"]).unwrap();
    assert_eq!(names(&stranger), [&attribute("name")]);
    let own = project("own", &["Museum", "Visit"]).unwrap();
    assert_eq!(names(&own), [&attribute("name"), &attribute("ageGroup")]);
    for guarded in ["CareRecord", "FlowRecord", "Basket"] {
        assert!(project("stranger", &["Museum", guarded]).is_none(), "{guarded}");
        assert!(project("own", &["Museum", guarded]).is_some(), "{guarded}");
    }
}

#[test]
fn references_that_are_none_are_refused() {
    let said = load(
        TENANTS,
        "@contract(\" \") permit(principal, action, resource in Tenant::\"sano\");",
    );
    assert!(said.unwrap_err().to_string().contains("@contract names no reference"));
    let tenants = TENANTS.replace("\"2026-018\"", "\"a,b\"");
    let said = load(&tenants, EVERYTHING).unwrap_err().to_string();
    assert!(
        said.contains("`contracts` in [consumers.stranger]: \"a,b\" is no reference"),
        "{said}"
    );
    let anonymous = format!("{TENANTS}\n[consumers.anonymous]\ncontracts = [\"x\"]\n");
    let said = load(&anonymous, EVERYTHING).unwrap_err().to_string();
    assert!(said.contains("the anonymous consumer has no contracts"), "{said}");
}

#[test]
fn open_and_limited_are_said_of_exact_names_only() {
    for (text, expected) in [
        (
            "[types.A]\nclass = \"open\"\naliases = [\"A*\"]",
            "the pattern `A*` cannot be the name of an open or a limited type",
        ),
        (
            "[types.A]\nclass = \"open\"\n[types.A.attributes]\nopen = [\"a*\"]",
            "the pattern `a*` cannot be open",
        ),
        ("[attributes]\nlimited = [\"a\"]", "`a` cannot be limited in every type"),
    ] {
        let report = Report::default();
        parse_classification("classification.toml", text, &report);
        assert!(report.finish().to_string().contains(expected), "{text}");
    }
}

#[test]
fn a_schema_without_a_class_is_refused() {
    let folder = TempDir::new().unwrap();
    let schema = std::fs::read_to_string(repository().join("policies/schema.cedarschema")).unwrap();
    for (name, text) in [
        ("tenants.toml", TENANTS),
        ("classification.toml", CLASSIFICATION),
        ("schema.cedarschema", &schema.replace("\"anonymised\", ", "")),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let environment = Environment::new([], Date::constant(2026, 11, 21));
    let said = Config::load(&folder.path().join("tenants.toml"), folder.path(), &environment)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("the schema does not declare the class \"anonymised\""),
        "{said}"
    );
}

// === the committed classification ===

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Official {
    model: Vec<Model>,
    personal: PersonalNames,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    dataset: Option<String>,
    r#type: String,
    attributes: Vec<String>,
    #[serde(default)]
    columns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonalNames {
    of_persons: Vec<String>,
    always: Vec<String>,
}

fn official() -> Official {
    toml::from_str(include_str!("official_names.toml")).unwrap()
}

pub(super) fn committed() -> Classification {
    let text = std::fs::read_to_string(repository().join("policies/classification.toml")).unwrap();
    let report = Report::default();
    let classification = parse_classification("classification.toml", &text, &report);
    assert!(report.is_empty(), "{}", report.finish());
    classification
}

#[test]
fn every_type_and_attribute_of_the_official_models_has_a_class_by_both_of_its_names() {
    let classification = committed();
    let mut missing = BTreeSet::new();
    for model in official().model {
        for name in [Some(&model.r#type), model.dataset.as_ref()].into_iter().flatten() {
            // What can be no short name is the end of an IRI.
            let r#type = expand_type(name).unwrap_or_else(|_| type_name(&format!("https://example.org/{name}")));
            if classification.type_class(&r#type).is_none() {
                missing.insert(name.clone());
            }
        }
        let r#type = type_name(&model.r#type);
        for name in model.attributes.iter().chain(&model.columns) {
            if classification.attribute_class(&r#type, &attribute(name)).is_none() {
                missing.insert(format!("{} {name}", model.r#type));
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn names_of_persons_are_personal_in_persons_and_those_that_nothing_else_has_everywhere() {
    let classification = committed();
    let names = official().personal;
    let is_personal = |r#type: &str, name: &str| {
        let class = classification.attribute_class(&type_name(r#type), &attribute(name));
        class.is_some_and(Class::is_personal)
    };
    for name in &names.of_persons {
        for r#type in ["Resident", "ユーザ", "https://example.org/resident"] {
            assert!(is_personal(r#type, name), "{type} {name}");
        }
    }
    for name in &names.always {
        for model in official().model {
            assert!(is_personal(&model.r#type, name), "{} {name}", model.r#type);
        }
        assert!(is_personal("Unheard", name), "{name}");
    }
    assert!(!is_personal("AED", "電話番号"));
}
