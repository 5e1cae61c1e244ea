//! Every annotation, class and key that decides what somebody sees, changed one at a time: that is told.

mod areas;
mod contracts;
mod order;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use kakehashi_config::{Config, Environment, defaults_of_keys};
use kakehashi_policy::ANNOTATIONS;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::keys::{is_listed, listed};
use super::{Difference, NobodyWaits, compare, compare_while};

const TENANTS: &str = r#"
[tenants.sano]
role = "operator"
inspection = "mask"
[[tenants.sano.sources]]
id = "sano-orion"
adapter = "ngsi-v2"
endpoint = "http://127.0.0.1:1026"
fiware_service = "sano"
personal_data = "present"
provides = [{ type = "AED", id_pattern = "^urn:ngsi-ld:AED:" }, { type = "Trace" }]
[tenants.yaita]
[consumers.app]
tenant = "yaita"
roles = ["reader"]
purposes = ["disaster-response", "statistics"]
contracts = ["2026-017"]
consents = ["terms-1"]
keys = [{ name = "k", sha256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", expires = 2030-01-01 }]
"#;

const CLASSES: &str = r#"
[attributes]
personal = ["fullName", "*MobilePhone*"]
[contacts]
attributes = ["contactPointPhoneNumber"]
[types.AED]
class = "open"
[types.AED.attributes]
open = ["name", "location", "remarks", "accuracy", "contactPointPhoneNumber"]
limited = ["status"]
personal = ["keyHolder"]
[types.Trace]
class = "anonymised"
[types.Trace.attributes]
open = ["name"]
[types.Resident]
class = "personal"
"#;

const POLICY: &str = r#"permit(principal in Role::"reader", action in Action::"read", resource in Tenant::"sano");"#;

const POLICY_OF_AED: &str =
    r#"permit(principal in Role::"reader", action in Action::"read", resource == EntityType::"sano/AED");"#;

const AREA: &str = "policies/areas/mashiko.geojson";

fn square(east: f64) -> String {
    format!(
        r#"{{"type":"Polygon","coordinates":[[[140.0,36.4],[{east},36.4],[{east},36.5],[140.0,36.5],[140.0,36.4]]]}}"#
    )
}

/// The files of a revision.
fn files(policy: &str) -> BTreeMap<&'static str, String> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/schema.cedarschema");
    BTreeMap::from([
        ("tenants.toml", TENANTS.to_owned()),
        ("policies/classification.toml", CLASSES.to_owned()),
        ("policies/schema.cedarschema", std::fs::read_to_string(schema).unwrap()),
        ("policies/sano.cedar", policy.to_owned()),
        (AREA, square(140.1)),
    ])
}

fn loaded(files: &BTreeMap<&'static str, String>) -> Config {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir_all(folder.path().join("policies/areas")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let environment = Environment::new([], Date::constant(2026, 11, 21));
    Config::load(
        &folder.path().join("tenants.toml"),
        &folder.path().join("policies"),
        &environment,
    )
    .unwrap_or_else(|findings| panic!("{findings}"))
}

fn compared(old: &BTreeMap<&'static str, String>, new: &BTreeMap<&'static str, String>) -> Difference {
    compare(&loaded(old), &loaded(new), None)
}

fn of_policies(old: &str, new: &str) -> Difference {
    compared(&files(old), &files(new))
}

/// What an annotation says before and after.
const CHANGED: [(&str, &str, &str); 12] = [
    ("attributes", "name,location", "name,status"),
    ("without", "name", "remarks"),
    ("contract", "2026-017", "2026-018"),
    ("consent", "terms-1", "terms-2"),
    ("q", "name==\\\"a\\\"", "name==\\\"b\\\""),
    ("scope", "/a", "/b"),
    ("area", "areas/mashiko.geojson", "areas/other.geojson"),
    ("purpose", "disaster-response", "statistics"),
    ("ial", "1", "2"),
    ("aal", "2", "1"),
    ("relationships", "masked", "dropped"),
    ("ids", "urn:ngsi-ld:AED:a-", "urn:ngsi-ld:AED:b-"),
];

/// A new annotation needs an example here.
#[test]
fn every_annotation_that_changes_is_told() {
    for annotation in ANNOTATIONS {
        let (_, before, after) = CHANGED
            .iter()
            .find(|(name, ..)| *name == annotation)
            .unwrap_or_else(|| panic!("no example changes @{annotation}: diff might forget it"));
        let with = |value: &str| {
            let mut files = files(&format!("@{annotation}(\"{value}\") {POLICY}"));
            files.insert("policies/areas/other.geojson", square(140.2));
            files
        };
        let (old, new, none) = (with(before), with(after), files(POLICY));
        assert!(compared(&old, &new).is_any(), "@{annotation}");
        assert!(
            compared(&old, &none).is_any() && compared(&none, &old).is_any(),
            "@{annotation}"
        );
        assert!(!compared(&old, &old).is_any(), "@{annotation}");
    }
}

/// A new key needs a place in one of the lists.
#[test]
fn every_key_is_known_to_decide_or_not_to() {
    let keys = defaults_of_keys();
    for key in keys.keys() {
        assert!(
            is_listed(key),
            "{key} is in no list of diff/keys.rs: does it decide what somebody sees?"
        );
    }
    for entry in listed() {
        let is_there = |key: &String| {
            key == entry || key.starts_with(&format!("{entry}.")) || key.starts_with(&format!("{entry}["))
        };
        assert!(keys.keys().any(is_there), "there is no key {entry}");
    }
}

/// Of each key that decides, one that is written otherwise.
#[test]
fn every_key_that_decides_is_told() {
    let old = files(POLICY);
    for (before, after, key) in [
        ("role = \"operator\"\ninspection", "inspection", "tenants.sano.role"),
        (
            "inspection = \"mask\"",
            "inspection = \"report\"",
            "tenants.sano.inspection.email",
        ),
        (
            "id = \"sano-orion\"",
            "id = \"sano-other\"",
            "tenants.sano.sources[sano-other]",
        ),
        (
            "127.0.0.1:1026",
            "127.0.0.1:1027",
            "tenants.sano.sources[sano-orion].endpoint",
        ),
        (
            "fiware_service = \"sano\"",
            "fiware_service = \"other\"",
            "fiware_service",
        ),
        (
            "fiware_service =",
            "fiware_servicepath = \"/a\"\nfiware_service =",
            "fiware_servicepath",
        ),
        (
            "fiware_service =",
            "scope_from_servicepath = true\nfiware_service =",
            "scope_from_servicepath",
        ),
        ("\"present\"", "\"none\"", "personal_data"),
        ("^urn:ngsi-ld:AED:", "^urn:ngsi-ld:AED:1", "provides[AED].id_pattern"),
        (
            "{ type = \"Trace\" }",
            "{ type = \"Trace\", authoritative = true }",
            "authoritative",
        ),
        (
            "[tenants.yaita]",
            "[tenants.sano.allowed]\npersonal_data = \"none\"\n[tenants.yaita]",
            "tenants.sano.allowed.personal_data",
        ),
        (
            "[tenants.yaita]",
            "[tenants.sano.allowed]\negress_allow = [\"10.0.0.0/8\"]\n[tenants.yaita]",
            "tenants.sano.allowed.egress_allow",
        ),
        (
            "[consumers.app]",
            "[administrators.new]\nrole = \"auditor\"\nkeys = [{ name = \"k\", sha256 = \"ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\" }]\n[consumers.app]",
            "administrators.new is new",
        ),
        ("tenant = \"yaita\"", "organisation = \"x\"", "consumers.app.tenant"),
        ("[\"reader\"]", "[\"reader\", \"writer\"]", "consumers.app.roles"),
        ("\"disaster-response\", ", "", "consumers.app.purposes"),
        ("2026-017", "2026-019", "consumers.app.contracts"),
        ("terms-1", "terms-9", "consumers.app.consents"),
        ("sha256 = \"00", "sha256 = \"ff", "consumers.app.keys[k].sha256"),
        ("2030-01-01", "2031-01-01", "consumers.app.keys[k].expires"),
        (
            "[tenants.sano]",
            "[gateway]\nsplit_entities = true\n[tenants.sano]",
            "gateway.split_entities",
        ),
        (
            "[tenants.sano]",
            "[gateway]\nwithout_tenant = \"sano\"\n[tenants.sano]",
            "gateway.without_tenant",
        ),
        (
            "[tenants.sano]",
            "[gateway]\napi_key_header = \"x-k\"\n[tenants.sano]",
            "gateway.api_key_header",
        ),
        (
            "[tenants.sano]",
            "[gateway]\ndefault_context = \"core\"\n[tenants.sano]",
            "gateway.default_context",
        ),
    ] {
        let mut new = old.clone();
        new.insert("tenants.toml", TENANTS.replacen(before, after, 1));
        assert_ne!(new, old, "{key}");
        let told = compared(&old, &new).otherwise;
        assert!(told.iter().any(|line| line.contains(key)), "{key}: {told:?}");
    }
    for (before, after) in [
        (
            "inspection = \"mask\"",
            "inspection = { email = \"mask\", my_number = \"mask\", mobile_phone = \"mask\", line_user_id = \"mask\", facility_contacts = \"mask\" }",
        ),
        (
            "\"disaster-response\", \"statistics\"",
            "\"statistics\", \"disaster-response\"",
        ),
        ("[tenants.yaita]", "# A comment.\n[tenants.yaita]\nname = \"Yaita\""),
        (
            "[tenants.sano]",
            "[gateway]\nsplit_entities = false\nlisten = \"127.0.0.1:1\"\n[tenants.sano]",
        ),
        ("provides =", "timeout = \"2s\"\nprovides ="),
    ] {
        let mut new = old.clone();
        new.insert("tenants.toml", TENANTS.replacen(before, after, 1));
        assert_ne!(new, old);
        let told = compared(&old, &new);
        assert!(!told.is_any(), "{after}: {told}");
    }
}

#[test]
fn every_class_that_changes_is_told() {
    let old = files(POLICY);
    for (before, after, told) in [
        (
            "[types.AED]\nclass = \"open\"",
            "[types.AED]\nclass = \"limited\"",
            "the type AED was open and is limited",
        ),
        (
            "\"accuracy\", ",
            "",
            "accuracy of the type AED was open and is unclassified",
        ),
        (
            "\"keyHolder\"",
            "\"keyHolder\", \"ownerName\"",
            "ownername of the type AED",
        ),
        ("*MobilePhone*", "*Mobile*", "*mobile* of every type"),
        ("[types.Resident]", "[types.Citizen]", "citizen"),
        (
            "attributes = [\"contactPointPhoneNumber\"]",
            "attributes = []",
            "contactPointPhoneNumber is a contact",
        ),
    ] {
        let mut new = old.clone();
        new.insert("policies/classification.toml", CLASSES.replacen(before, after, 1));
        assert_ne!(new, old, "{after}");
        let lines = compared(&old, &new).otherwise;
        assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:?}");
    }
    let mut moved = old.clone();
    let groups = CLASSES
        .replace(
            "[types.AED]",
            "[groups.head]\nopen = [\"name\"]\n[types.AED]\ngroups = [\"head\"]",
        )
        .replace("open = [\"name\", \"location\"", "open = [\"location\"");
    moved.insert("policies/classification.toml", groups);
    assert!(!compared(&old, &moved).is_any(), "the same classes, said by a group");
}

#[test]
fn what_nobody_waits_for_is_given_up() {
    let (old, new) = (loaded(&files(POLICY)), loaded(&files("")));
    let asked = CancellationToken::new();
    assert!(compare_while(&old, &new, None, &asked).is_ok_and(|told| told.is_any()));
    asked.cancel();
    assert_eq!(compare_while(&old, &new, None, &asked).err(), Some(NobodyWaits));
}

#[test]
fn what_the_same_words_mean_counts() {
    // Nobody classifies any more what a condition looks at: less is asked for by the same words.
    let policy = format!("@q(\"status==1|remarks==1\") {POLICY}");
    let (old, mut new) = (files(&policy), files(&policy));
    let stricter = CLASSES.replace("\"remarks\", ", "").replace(
        "[types.Trace.attributes]\nopen = [\"name\"]",
        "[types.Trace.attributes]\nopen = [\"name\", \"remarks\"]",
    );
    new.insert("policies/classification.toml", stricter);
    let told = compared(&old, &new);
    assert!(
        told.to_string().contains("what it means has changed with the classes"),
        "{told}"
    );
    // What is asked of a request, and of roles that only tokens bring.
    let when = |level: u8| {
        format!(
            "permit(principal in Role::\"reader\", action, resource in Tenant::\"sano\") when {{ context has ial && context.ial >= {level} }};"
        )
    };
    assert!(of_policies(&when(1), &when(2)).is_any());
    let of_tokens = |name: &str| {
        format!("@attributes(\"{name}\") permit(principal in Role::\"officer\", action, resource in Tenant::\"sano\");")
    };
    assert!(of_policies(&of_tokens("name"), &of_tokens("status")).is_any());
    // Other words for the same.
    let spaced = format!("@purpose(\"statistics, disaster-response\") {POLICY}");
    let other = format!("@purpose(\"disaster-response,statistics\") {POLICY}");
    assert!(!of_policies(&spaced, &other).is_any());
}

#[test]
fn what_holds_without_a_condition_holds_under_each() {
    let everywhere = format!("@attributes(\"name,location,remarks,accuracy,contactPointPhoneNumber\") {POLICY}");
    let with_more = format!("{everywhere}\n@attributes(\"name\") @scope(\"/a\") {POLICY}");
    assert!(!of_policies(&everywhere, &with_more).is_any());
    let alone = format!("@attributes(\"name\") @scope(\"/a\") {POLICY}");
    let told = of_policies(&everywhere, &alone);
    let lost = &told.changes[0].lost;
    assert_eq!(lost[0].attributes, ["@open", "id"], "{told}");
    assert_eq!(lost[0].except, [["entities in the scope /a"]], "{told}");
    assert!(told.changes[0].gained.is_empty(), "{told}");
}

#[test]
fn types_that_an_entity_may_have_beside_a_provided_one_are_told() {
    let read =
        |what: &str| format!("{POLICY_OF_AED}\npermit(principal, action in Action::\"read\", resource == {what});");
    let of_trace = read("EntityType::\"sano/Trace\"");
    let both =
        format!("{of_trace}\npermit(principal, action in Action::\"read\", resource == EntityType::\"sano/Shelter\");");
    let classed = |policy: &str| {
        let mut files = files(policy);
        let shelter =
            format!("{CLASSES}\n[types.Shelter]\nclass = \"open\"\n[types.Shelter.attributes]\nopen = [\"name\"]\n");
        files.insert("policies/classification.toml", shelter);
        files
    };
    let told = compared(&classed(&of_trace), &classed(&both));
    assert_eq!(told.changes.len(), 1, "{told}");
    assert_eq!(told.changes[0].types, ["Shelter"], "{told}");
    assert!(told.changes[0].beside_others, "{told}");
    // Nobody has classed them, and a policy names one.
    let without = |policy: &str| {
        let mut files = files(policy);
        files.insert("tenants.toml", TENANTS.replace("= \"present\"", "= \"none\""));
        files
    };
    let forbid = "forbid(principal, action in Action::\"read\", resource) when { resource.iri == \"https://example.jp/Unheard\" };";
    let all = "permit(principal, action in Action::\"read\", resource in Tenant::\"sano\");";
    let told = compared(&without(&format!("{all}\n{forbid}")), &without(all));
    assert_eq!(told.changes[0].types, ["https://example.jp/Unheard"], "{told}");
    assert!(told.changes[0].beside_others, "{told}");
    // Nor does any policy.
    let of_others = "permit(principal, action in Action::\"read\", resource in Tenant::\"sano\") when { resource.class == Class::\"unclassified\" };";
    let told = compared(
        &without(POLICY_OF_AED),
        &without(&format!("{POLICY_OF_AED}\n{of_others}")),
    );
    assert_eq!(told.changes[0].types, [super::ANY_TYPE], "{told}");
    assert!(told.to_string().contains("any type that nobody has named"), "{told}");
    // Who sees nothing of what is provided sees no entity of both.
    let alone = "permit(principal, action in Action::\"read\", resource == EntityType::\"sano/Shelter\");";
    assert!(!compared(&classed(""), &classed(alone)).is_any());
}

#[test]
fn what_is_granted_for_one_purpose_is_not_granted_for_all() {
    let permit = |condition: &str| {
        format!("permit(principal in Role::\"reader\", action, resource in Tenant::\"sano\"){condition};")
    };
    let purpose = |purpose: &str| {
        permit(&format!(
            " when {{ context has purpose && context.purpose == \"{purpose}\" }}"
        ))
    };
    let one = purpose("statistics");
    let told = of_policies(&one, &format!("{one}\n{}", permit("")));
    let gained = &told.changes[0].gained;
    assert_eq!(gained[0].conditions, Vec::<String>::new(), "{told}");
    assert_eq!(gained[0].except, [["for the purpose statistics"]], "{told}");
    let told = of_policies(&format!("{one}\n{}", permit("")), &one);
    assert_eq!(
        told.changes[0].lost[0].except,
        [["for the purpose statistics"]],
        "{told}"
    );
    // What holds for all of them is said once.
    let each = format!("{one}\n{}", purpose("disaster-response"));
    let told = of_policies(&each, &one);
    let gained: Vec<_> = told.changes.iter().flat_map(|change| &change.gained).collect();
    assert!(gained.is_empty(), "{told}");
    assert!(told.to_string().contains("for the purpose disaster-response"), "{told}");
}

#[test]
fn what_is_said_of_types_that_nobody_has_classified_is_told_where_a_source_may_hold_them() {
    let of_any = |policy: &str, provides: &str, kind: &str| {
        let mut files = files(policy);
        let tenants = TENANTS
            .replace(r#"{ type = "Trace" }"#, provides)
            .replace(r#"personal_data = "present""#, &format!("personal_data = \"{kind}\""));
        files.insert("tenants.toml", tenants);
        files
    };
    let unknown = format!(
        "{POLICY_OF_AED}\npermit(principal, action, resource == EntityType::\"sano/https://example.org/Thing\");"
    );
    let named = format!(
        "{POLICY_OF_AED}\npermit(principal, action, resource in Tenant::\"sano\") when {{ resource.name == \"Thing\" }};"
    );
    let any = r#"{ type = "*" }"#;
    for after in [&unknown, &named] {
        let told = compared(&of_any(POLICY_OF_AED, any, "none"), &of_any(after, any, "none"));
        assert!(told.to_string().contains("nobody has classified has changed"), "{told}");
    }
    let commented = format!("// Words.\n{POLICY_OF_AED}");
    assert!(!compared(&of_any(POLICY_OF_AED, any, "none"), &of_any(&commented, any, "none")).is_any());
}
