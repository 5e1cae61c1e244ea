//! What a revision says about itself, and what is said about a wrong one.

mod claims;
mod findings;
mod holds;
mod modes;
mod seeds;

use std::fs;
use std::path::Path;

use jiff::civil::Date;
use kakehashi_documents::vocabulary::{expand_attribute, expand_type};
use kakehashi_policy::{Operation, PersonalData};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// The committed configuration of this repository.
fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn today() -> Date {
    Date::constant(2026, 11, 21)
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::new(variables, today())
}

/// A valid revision of two tenants; tests break it.
pub(crate) const BASE: &str = r#"[tenants.tochigi]
name = "栃木県"
code = "090000"
role = "operator"

[tenants.sano]
name = "佐野市"

[[tenants.sano.sources]]
id = "sano-orion"
adapter = "ngsi-v2"
endpoint = "http://127.0.0.1:1026"
provides = [{ type = "AED" }]

[consumers.app]
tenant = "tochigi"
roles = ["reader"]
keys = [{ name = "k", sha256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" }]
"#;

const POLICY: &str = "permit(principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"sano\");";

/// A folder with tenants.toml and policies/.
struct Revision {
    folder: TempDir,
}

impl Revision {
    fn new(tenants_toml: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let revision = Self { folder };
        revision.write("tenants.toml", tenants_toml);
        for file in ["schema.cedarschema", "classification.toml"] {
            let text = fs::read_to_string(repository().join("policies").join(file)).unwrap();
            revision.write(&format!("policies/{file}"), &text);
        }
        revision.write("policies/tochigi.cedar", "");
        revision.write("policies/sano.cedar", POLICY);
        revision
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn load_in(&self, environment: &Environment) -> Result<Config, Diagnostics> {
        let folder = self.folder.path();
        Config::load(&folder.join("tenants.toml"), &folder.join("policies"), environment)
    }

    fn load(&self) -> Result<Config, Diagnostics> {
        self.load_in(&environment(&[]))
    }

    /// The findings as an administrator reads them, with paths relative to the folder.
    fn findings_in(&self, environment: &Environment) -> String {
        let findings = match self.load_in(environment) {
            Ok(config) => config.warnings,
            Err(findings) => findings,
        };
        findings
            .to_string()
            .replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn findings(&self) -> String {
        self.findings_in(&environment(&[]))
    }
}

#[test]
fn a_valid_revision_has_no_findings_and_every_default() {
    let revision = Revision::new(BASE);
    assert_eq!(revision.findings(), "");
    let config = revision.load().unwrap();
    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.gateway.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.gateway.public_url, "http://localhost:8080");
    assert_eq!(config.gateway.api_key_header, "x-api-key");
    assert_eq!(config.gateway.default_context, DefaultContext::Kakehashi);
    assert_eq!(config.gateway.limits, RequestLimits::default());
    let source = config.source(&SourceId::new("sano-orion")).unwrap();
    assert_eq!(source.personal_data, PersonalData::Present);
    assert_eq!(source.owners(), [TenantId::new("sano")]);
    assert!(!source.writable);
    assert_eq!(source.kind.name(), "ngsi-v2");
    assert_eq!(source.settings.upstream(), "http://127.0.0.1:1026  /#");
}

#[test]
fn a_finding_shows_file_line_column_the_line_and_what_would_be_right() {
    let said = Revision::new(&BASE.replace("name = \"佐野市\"", "nmae = \"佐野市\"")).findings();
    let expected = "error: unknown key `nmae` in [tenants.sano]\n --> tenants.toml:7:1\n  |\n7 | nmae = \"佐野市\"\n  | ^^^^\n  = help: did you mean `name`?";
    assert_eq!(said, expected);
    // A wide character is two columns of the terminal.
    let said = Revision::new(&BASE.replace("name = \"佐野市\"", "\"佐野\" = \"x\"")).findings();
    assert!(said.contains("7 | \"佐野\" = \"x\"\n  | ^^^^^^\n"), "{said}");
}

#[test]
fn a_secret_is_masked_wherever_it_stands() {
    let planted = "hunter2";
    let lines = [
        "credential = { header = \"x-api-key\", value = \"hunter2\" }",
        "credential = { bearer = \"hunter2\", listn = 1 }",
        "credential = { basic = { username = \"u\", password = \"hunter2\" } }",
        "credential = { oauth2 = { client_secret = \"hunter2\" } }",
        "credential = { header = \"x-api-key\", value = \"hunter2 }",
        "credential = { bearer = \"\"\"\nhunter2\n\"\"\", unknown = 1 }",
        "credential = { bearer = \"\"\"\nhunter2\n",
        "endpoint2 = \"http://user:hunter2@example.org/\"",
        "# password: hunter2\n= 1",
    ];
    for line in lines {
        let text = BASE.replace("adapter = \"ngsi-v2\"", &format!("adapter = \"ngsi-v2\"\n{line}"));
        let said = Revision::new(&text).findings();
        assert!(said.starts_with("error"), "{line}\n{said}");
        assert!(!said.contains(planted), "{line}\n{said}");
    }
}

#[test]
fn a_type_that_entities_of_ngsi_v2_cannot_have_is_refused_where_it_stands() {
    let with = |name: &str| BASE.replace("provides = [", &format!("provides = [{{ type = \"{name}\" }}, "));
    for name in ["https://example.org/Thing", "urn:x:a,b"] {
        let said = Revision::new(&with(name)).findings();
        assert!(
            said.starts_with(&format!("error: an entity of NGSI-v2 cannot have the type `{name}`")),
            "{said}"
        );
        assert!(said.contains("tenants.toml:"), "{said}");
    }
    assert!(Revision::new(&with("urn:x:a")).load().is_ok());
}

#[test]
fn a_secret_is_read_from_a_variable_or_a_file_and_never_shown() {
    let lines = "adapter = \"ngsi-v2\"\ncredential = { bearer = { file = \"token\" } }";
    let revision = Revision::new(&BASE.replace("adapter = \"ngsi-v2\"", lines));
    assert!(revision.findings().contains("there is no such file") || revision.findings().contains("cannot be read"));
    revision.write("token", "hunter2\n");
    let config = revision.load().unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let lines = "adapter = \"ngsi-v2\"\ncredential = { header = \"x-key\", value = { env = \"TOKEN\" } }";
    let revision = Revision::new(&BASE.replace("adapter = \"ngsi-v2\"", lines));
    let config = revision.load_in(&environment(&[("TOKEN", "hunter2")])).unwrap();
    let credential = config.sources().next().unwrap().credential.clone();
    let Some(kakehashi_adapters::client::Credential::Header { name, value }) = credential else {
        panic!("no header")
    };
    assert_eq!(
        (name.as_str(), value.as_bytes(), value.is_sensitive()),
        ("x-key", b"hunter2".as_slice(), true)
    );
}

#[test]
fn no_credential_shows_in_what_a_panic_could_print() {
    let secret = "planted-secret";
    for credential in [
        "{ header = \"x-key\", value = { env = \"TOKEN\" } }",
        "{ query = \"key\", value = { env = \"TOKEN\" } }",
        "{ bearer = { env = \"TOKEN\" } }",
        "{ basic = { username = \"u\", password = { env = \"TOKEN\" } } }",
        "{ oauth2 = { token_url = \"https://h\", client_id = \"c\", client_secret = { env = \"TOKEN\" } } }",
    ] {
        let lines = format!("adapter = \"ngsi-v2\"\ncredential = {credential}");
        let revision = Revision::new(&BASE.replace("adapter = \"ngsi-v2\"", &lines));
        let config = revision.load_in(&environment(&[("TOKEN", secret)])).unwrap();
        assert!(config.sources().next().unwrap().credential.is_some(), "{credential}");
        assert!(!format!("{config:?}").contains(secret), "{credential}");
    }
}

#[test]
fn keys_are_found_by_their_hash_until_the_end_of_their_last_day() {
    use sha2::{Digest, Sha256};
    let hash = hex::encode(Sha256::digest("the key"));
    let old = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"";
    let config = Revision::new(&BASE.replace(old, &format!("{hash}\", expires = 2026-11-21")))
        .load()
        .unwrap();
    let tomorrow = Date::constant(2026, 11, 22);
    let found = config.consumers.authenticate(b"the key", today()).unwrap();
    assert_eq!(found.0.id.as_str(), "app");
    assert_eq!(
        config.consumers.authenticate(b"the key", tomorrow),
        Err(KeyRejection::Expired)
    );
    for wrong in ["the kez", "", &hash] {
        assert_eq!(
            config.consumers.authenticate(wrong.as_bytes(), today()),
            Err(KeyRejection::Unknown),
            "{wrong}"
        );
    }
    assert!(config.consumers.anonymous().is_none());
}

#[test]
fn the_environment_overrides_the_gateway_and_the_caller_overrides_both() {
    let revision = Revision::new(&format!("{BASE}\n[gateway]\nlisten = \"127.0.0.1:1\"\n"));
    let environment = environment(&[
        ("KAKEHASHI__GATEWAY__LISTEN", "127.0.0.1:2"),
        ("KAKEHASHI__GATEWAY__LIMITS__PAGE", "10"),
        ("KAKEHASHI__GATEWAY__TRUSTED_PROXIES", "10.0.0.0/8,192.0.2.1"),
        (
            "KAKEHASHI__GATEWAY__CORS__ORIGINS",
            "https://a.example,https://b.example",
        ),
    ]);
    let config = revision.load_in(&environment).unwrap();
    assert_eq!(config.gateway.listen.port(), 2);
    assert_eq!(config.gateway.limits.page, 10);
    assert_eq!(config.gateway.trusted_proxies.len(), 2);
    assert!(config.consumers.cors().of_any("https://b.example").is_some());
    let overrides = ConfigOverrides {
        listen: Some(([127, 0, 0, 1], 3).into()),
        endpoints: [("sano-orion".to_owned(), "http://127.0.0.1:9".to_owned())].into(),
        keys: [("app".to_owned(), [7; 32])].into(),
        ..ConfigOverrides::default()
    };
    let folder = revision.folder.path();
    let load = |overrides| {
        Config::load_with(
            &folder.join("tenants.toml"),
            &folder.join("policies"),
            &environment,
            overrides,
        )
    };
    let config = load(&overrides).unwrap();
    assert_eq!(config.gateway.listen.port(), 3);
    let source = config.sources().next().unwrap();
    assert_eq!(source.settings.address().unwrap().endpoint, "http://127.0.0.1:9");
    let wrong = ConfigOverrides {
        endpoints: [("nobody".to_owned(), "http://h".to_owned())].into(),
        keys: [("nobody".to_owned(), [7; 32])].into(),
        ..ConfigOverrides::default()
    };
    let said = load(&wrong).map(|_| ()).unwrap_err().to_string();
    assert!(
        said.contains("unknown source `nobody`") && said.contains("unknown consumer `nobody`"),
        "{said}"
    );
}

#[test]
fn the_revision_changes_with_any_of_its_files_and_with_nothing_else() {
    let revision = Revision::new(BASE);
    let first = revision.load().unwrap().revision;
    assert_eq!(first.as_str().len(), 64);
    assert_eq!(Revision::new(BASE).load().unwrap().revision, first);
    revision.write("policies/sano.cedar", &format!("{POLICY}\n// a comment"));
    assert_ne!(revision.load().unwrap().revision, first);
}

/// The committed configuration, loaded as the demo does.
fn committed() -> Config {
    let folder = repository();
    let environment = environment(&[("SANO_API_KEY", "demo")]);
    let loaded = Config::load(&folder.join("tenants.toml"), &folder.join("policies"), &environment);
    loaded.unwrap_or_else(|findings| panic!("{findings}"))
}

#[test]
fn the_committed_configuration_loads_without_findings() {
    let config = committed();
    assert_eq!(config.warnings.to_string(), "");
    let sources: Vec<&str> = config.sources().map(|source| source.id.as_str()).collect();
    assert_eq!(sources, ["tochigi-store", "sano-safe-map", "nasushiobara-orion"]);
    let consumers: Vec<&str> = config.consumers.iter().map(|consumer| consumer.id.as_str()).collect();
    assert_eq!(consumers, ["bousai-map", "sano-dashboard", "limited-app", "anonymous"]);
    let store = config.source(&SourceId::new("tochigi-store")).unwrap();
    assert_eq!(store.owners(), [TenantId::new("tochigi"), TenantId::new("yaita")]);
}

#[test]
fn the_committed_expectations_are_met_and_a_wrong_one_is_told() {
    let config = committed();
    let outcomes = run_expectations(&config);
    assert!(outcomes.len() >= 7);
    for outcome in outcomes {
        assert_eq!(outcome.failures, Vec::<String>::new(), "{}", outcome.title);
    }
    let wrong = "[[expect]]\ntitle = \"t\"\nconsumer = \"app\"\nsource = \"sano-orion\"\ntype = \"AED\"\nvisible = [\"nothing\"]\nhidden = [\"name\"]\n\n[[expect]]\ntitle = \"u\"\nconsumer = \"app\"\nsource = \"sano-orion\"\ntype = \"AED\"\ngranted = false";
    let config = Revision::new(BASE)
        .write("policies/tests/a.toml", wrong)
        .load()
        .unwrap();
    let failures: Vec<Vec<String>> = run_expectations(&config)
        .into_iter()
        .map(|outcome| outcome.failures)
        .collect();
    assert_eq!(
        failures[0],
        [
            "`nothing` is hidden: sano.cedar:1 does not grant it",
            "`name` is visible, by sano.cedar:1"
        ]
    );
    assert_eq!(failures[1], ["it is granted, by sano.cedar:1"]);
    let said = Revision::new(BASE)
        .write("policies/tests/a.toml", &wrong.replace("sano-orion", "sano-orio"))
        .findings();
    assert!(
        said.contains("unknown source `sano-orio`") && said.contains("did you mean `sano-orion`?"),
        "{said}"
    );
}

#[test]
fn every_attribute_of_the_gateways_own_context_is_classified_in_some_type() {
    let context: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(repository().join("ngsi-ld/contexts/kakehashi.jsonld")).unwrap())
            .unwrap();
    // A list: our own terms, then the core context.
    let terms = context["@context"][0].as_object().unwrap();
    let config = committed();
    let classification = config.policy.classification();
    let is_type = |name: &str| name.starts_with(|first: char| first.is_ascii_uppercase());
    let unclassified: Vec<&String> = terms
        .keys()
        .filter(|name| !name.starts_with('@') && *name != "kakehashi")
        .filter(|name| {
            if is_type(name) {
                return classification.type_class(&expand_type(name).unwrap()).is_none();
            }
            let attribute = expand_attribute(name).unwrap();
            let mut types = config.policy.known_types().iter();
            !types.any(|r#type| classification.attribute_class(r#type, &attribute).is_some())
        })
        .collect();
    // `owner` may be a person, and no model of ours uses it: it stays denied until a type says otherwise.
    assert_eq!(unclassified, ["owner"]);
}

#[test]
fn personal_names_of_the_official_user_model_are_personal_in_every_type_and_addresses_by_the_type() {
    let config = committed();
    let classification = config.policy.classification();
    let always = "idGroup familyName givenName familyNameKana givenNameKana familyNameEn givenNameEn fullName fullNameKana \
                  fullNameEn nationality sex dateOfBirth dateOfDeath cityAndCounty moneyBalance pointBalance 氏名 生年月日 性別 \
                  myNumber lineUserId managerName managerMobilePhone";
    for name in always.split_whitespace() {
        for r#type in ["AED", "DesignatedShelter", "Unheard"] {
            let class = classification.attribute_class(&expand_type(r#type).unwrap(), &expand_attribute(name).unwrap());
            assert!(class.is_some_and(kakehashi_policy::Class::is_personal), "{type} {name}");
        }
    }
    let resident = expand_type("Resident").unwrap();
    let by_type = "fullAddress streetAddressId prefecture streetAddress cityBlock buildingNameEtc postalCode \
                   contactPointPhoneNumber contactPointEmailAddress contactPointUrl contactPointRemarks 住所 電話番号 メールアドレス";
    for name in by_type.split_whitespace() {
        let class = classification.attribute_class(&resident, &expand_attribute(name).unwrap());
        assert!(class.is_some_and(kakehashi_policy::Class::is_personal), "{name}");
    }
    let aed = expand_type("AED").unwrap();
    let phone = expand_attribute("contactPointPhoneNumber").unwrap();
    assert_eq!(
        classification.attribute_class(&aed, &phone),
        Some(kakehashi_policy::Class::Open)
    );
}

#[test]
fn no_consumer_of_the_demo_is_granted_residents_or_managers() {
    let config = committed();
    let manager = expand_attribute("managerName").unwrap();
    for consumer in config.consumers.iter() {
        for tenant in &config.tenants {
            for operation in Operation::ALL {
                for personal_data in [PersonalData::None, PersonalData::Present] {
                    let grant = |name| {
                        config.policy.grant(
                            consumer,
                            *operation,
                            &tenant.id,
                            &expand_type(name).unwrap(),
                            personal_data,
                        )
                    };
                    assert!(grant("Resident").is_empty() && grant("MaternalHandbook").is_empty());
                    assert!(!grant("DesignatedShelter").includes(&manager));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC*") {
        let _ = Revision::new(&text).load();
    }

    #[test]
    fn no_change_of_a_valid_file_makes_the_loader_panic(at in 0..BASE.len(), length in 0..40_usize, put in "[\"'=\\[\\]{}\n#a-z0-9佐 .*;]{0,8}") {
        let mut text: Vec<u8> = BASE.bytes().collect();
        let end = (at + length).min(text.len());
        text.splice(at..end, put.bytes());
        if let Ok(text) = String::from_utf8(text) {
            let _ = Revision::new(&text).findings();
        }
    }

    #[test]
    fn no_policy_or_classification_makes_the_loader_panic(text in "[permitforbd(),;@\"'/\n=\\[\\]. a-z:佐*]{0,60}") {
        let revision = Revision::new(BASE);
        revision.write("policies/sano.cedar", &text);
        let _ = revision.findings();
        revision.write("policies/classification.toml", &text);
        let _ = revision.findings();
    }
}
