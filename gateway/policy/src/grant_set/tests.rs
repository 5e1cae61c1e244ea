//! What becomes of a fault while an entity is narrowed.

use kakehashi_core::consumer::{Affiliation, ConsumerLimits, Consumers};
use kakehashi_core::diagnostics::Report;
use kakehashi_documents::files::{FileTexts, Files};
use ngsi_ld::EntityId;

use super::*;
use crate::conditions::FAULTY;
use crate::{Names, load, parse_classification};

#[test]
fn a_panic_in_narrowing_denies_and_is_counted() {
    let report = Report::default();
    let classification = "[types.AED]\nclass = \"open\"\n[types.AED.attributes]\nopen = [\"name\"]\n";
    let texts = [
        (
            "policies/schema.cedarschema",
            include_str!("../../../../policies/schema.cedarschema"),
        ),
        (
            "policies/sano.cedar",
            "@q(\"name\") permit(principal, action, resource in Tenant::\"sano\");",
        ),
    ];
    let texts: FileTexts = texts.map(|(name, text)| (name.to_owned(), text.into())).into();
    let consumer = Arc::new(Consumer {
        id: kakehashi_core::ConsumerId::new("app"),
        name: "app".to_owned(),
        affiliation: Some(Affiliation::Organisation("elsewhere".into())),
        roles: Vec::new(),
        token_roles: None,
        assurance: None,
        contracts: Vec::new(),
        consents: Vec::new(),
        levels: Default::default(),
        purposes: Vec::new(),
        purpose: None,
        limits: ConsumerLimits::KNOWN,
    });
    let mut consumers = Consumers::default();
    consumers.push(Arc::clone(&consumer));
    let sano = TenantId::new("sano");
    let names = Names {
        tenants: std::slice::from_ref(&sano),
        consumers: &consumers,
    };
    let classification = parse_classification("classification.toml", classification, &report);
    let folder = std::path::Path::new("policies");
    let files = Files::proposed(texts);
    let engine = load(folder, &names, classification, Vec::new(), &files, None, &report);
    assert!(!report.has_errors(), "{}", report.finish());
    let engine = engine.unwrap();
    let aed = kakehashi_documents::vocabulary::expand_type("AED").unwrap();
    let types = std::slice::from_ref(&aed);
    let set = engine.grants(&consumer, Operation::QueryEntity, &sano, types, PersonalData::None);
    let entity = |id| {
        let json = format!(r#"{{"id":"{id}","type":"AED","name":{{"type":"Property","value":"x"}}}}"#);
        let context = ngsi_ld::context::Context::kakehashi();
        ngsi_ld::entity::parse::parse_entity(json.as_bytes(), context).unwrap()
    };
    assert!(set.project(entity("urn:ngsi-ld:AED:1")).is_some());
    let mut faulty = entity("urn:ngsi-ld:AED:1");
    faulty.id = EntityId::parse(FAULTY).unwrap();
    assert!(set.project(faulty.clone()).is_none());
    assert!(set.project_shown(&faulty.clone(), faulty).is_none());
    assert_eq!(engine.faults(), 2);
}
