//! The keys as data, the readers, the schema and the committed files say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use kakehashi_documents::section::take_read;

use super::*;
use crate::Config;
use crate::Environment;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn environment() -> Environment {
    let variables = [("SANO_API_KEY".to_owned(), "planted-secret".to_owned())];
    Environment::new(variables, jiff::civil::Date::constant(2026, 11, 21))
}

/// Every table that there is, with every alternative of a credential; the secrets stand in files.
const EVERYTHING: &str = r#"
[gateway]
listen = "127.0.0.1:1"
tls = { certificate = "server.pem", key = { file = "server.key" }, client_ca = "ca.pem" }
limits = { page = 10 }
cors = { origins = ["https://map.example.jp"] }

[issuers.prefecture]
url = "https://id.example.jp"
audience = "kakehashi"
algorithms = ["ES256"]
assurance_levels = [{ acr = "https://id.example.jp/acr/high", ial = 2, aal = 3 }]

[administrators.ops]
role = "operator"
jwt = { issuer = "prefecture", subject = "ops" }

[tenants.tochigi]
role = "operator"
limits = { requests_per_second = 5 }
inspection = { email = "report" }
allowed = { endpoints = ["https://*.example.jp"], limits = { burst = 5 }, tenant_limits = { burst = 5 } }

[[tenants.tochigi.sources]]
id = "one"
adapter = "ngsi-v2"
endpoint = "https://one.example.jp"
credential = { basic = { username = "u", password = { file = "secret" } }, client_certificate = { certificate = "server.pem", key = { file = "server.key" } } }
limits = { concurrency = 3 }
provides = [{ type = "AED" }]

[[tenants.tochigi.sources]]
id = "two"
adapter = "ngsi-v2"
endpoint = "https://two.example.jp"
credential = { oauth2 = { token_url = "https://id.example.jp/token", client_id = "kakehashi", client_secret = { file = "secret" } } }
provides = [{ type = "AED" }]

[consumers.app]
tenant = "tochigi"
roles = ["reader"]
purposes = ["disaster-response"]
keys = [{ name = "k", sha256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" }]
jwt = { issuer = "prefecture", subject = "app" }
client_certificate = { san = "app.example.jp" }
cors = { methods = ["GET"] }
limits = { concurrency = 3 }
"#;

/// Which table a reader has read, by what it calls it in messages.
fn table_of(title: &str) -> Option<&'static Table> {
    let begins = |begin: &str| title.starts_with(begin);
    Some(match title {
        "tenants.toml" => &tables::ROOT,
        "[gateway]" => &tables::GATEWAY,
        "`tls` of [gateway]" => &tables::TLS,
        "`limits` of [gateway]" => &tables::REQUEST_LIMITS,
        "`cors` of [gateway]" => &cors::OF_GATEWAY,
        _ if begins("[issuers.") => &tables::ISSUER,
        _ if begins("`limits` of `allowed` of [tenants.") => &allowed::HIGHEST_LIMITS,
        _ if begins("`tenant_limits` of `allowed` of [tenants.") => &allowed::HIGHEST_TENANT_LIMITS,
        _ if begins("`allowed` of [tenants.") => &allowed::ALLOWED,
        _ if begins("`limits` of [tenants.") => &tables::TENANT_LIMITS,
        _ if begins("`inspection` of [tenants.") => &tables::INSPECTION,
        _ if begins("[tenants.") => &tables::TENANT,
        _ if begins("`jwt` of ") => &tables::JWT,
        _ if begins("[administrators.") => &tables::ADMINISTRATOR,
        _ if begins("a key of ") => &tables::API_KEY,
        _ if begins("`limits` of [consumers.") => &tables::CONSUMER_LIMITS,
        _ if begins("`cors` of [consumers.") => &cors::OF_CONSUMER,
        _ if begins("[consumers.") => &tables::CONSUMER,
        _ if begins("`client_certificate` of `credential` of ") => &source_credential::CLIENT_IDENTITY,
        _ if begins("`client_certificate` of ") => &tables::CERTIFICATE_NAME,
        _ if begins("`assurance_levels` of ") => &tables::ASSURANCE_LEVELS,
        _ if begins("`limits` of source ") => &tables::SOURCE_LIMITS,
        _ if begins("source ") => &tables::SOURCE,
        _ if begins("`provides` of ") => &tables::PROVIDES,
        _ if begins("`basic` of `credential` of ") => &source_credential::BASIC,
        _ if begins("`oauth2` of `credential` of ") => &source_credential::OAUTH2,
        _ if begins("`credential` of ") => &source_credential::CREDENTIAL,
        _ if begins("the ") => &tables::SECRET,
        _ => return None,
    })
}

#[test]
fn the_readers_know_the_keys_that_are_listed_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(folder.path().join("tenants.toml"), EVERYTHING).unwrap();
    fs::write(folder.path().join("secret"), "planted-secret").unwrap();
    drop(take_read());
    // Certificates are missing and administrators may be refused: every table is read all the same.
    let _refused = Config::load(&folder.path().join("tenants.toml"), &policies, &environment());
    let mut read: BTreeMap<*const Table, BTreeSet<&str>> = BTreeMap::new();
    let mut tables: BTreeMap<*const Table, (&'static Table, String)> = BTreeMap::new();
    for (title, known) in take_read() {
        let table = table_of(&title).unwrap_or_else(|| panic!("{title} is read and not listed"));
        read.entry(std::ptr::from_ref(table)).or_default().extend(known);
        tables.insert(std::ptr::from_ref(table), (table, title));
    }
    for (pointer, (table, title)) in &tables {
        let listed: BTreeSet<&str> = table.keys().map(|key| key.name).collect();
        assert_eq!(read[pointer], listed, "{title}");
    }
    // And every table of the list was among them.
    let mut missing = Vec::new();
    each_table(&tables::ROOT, &mut |table| {
        if !tables.contains_key(&std::ptr::from_ref(table)) {
            missing.push(table.keys().map(|key| key.name).collect::<Vec<_>>());
        }
    });
    assert_eq!(missing, Vec::<Vec<&str>>::new(), "no reader was seen");
}

fn each_table(table: &'static Table, found: &mut impl FnMut(&'static Table)) {
    found(table);
    for key in table.keys() {
        match key.kind {
            Kind::Table(inner)
            | Kind::Named(inner)
            | Kind::List(inner)
            | Kind::OneOrList(inner)
            | Kind::ChoiceOrTable(_, inner) => {
                each_table(inner, found);
            }
            Kind::Secret => found(&tables::SECRET),
            _ => {}
        }
    }
}

/// Loads a file with the defaults written out, or without.
fn loaded(gateway: &str, source: &str, consumer: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).unwrap();
    for name in ["schema.cedarschema", "classification.toml"] {
        fs::copy(repository().join("policies").join(name), policies.join(name)).unwrap();
    }
    let text = format!(
        "[gateway]\n{gateway}\n[tenants.tochigi]\nrole = \"operator\"\n[[tenants.tochigi.sources]]\nid = \"one\"\n\
         adapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:1\"\nprovides = [{{ type = \"AED\" }}]\n{source}\n\
         [consumers.app]\ntenant = \"tochigi\"\n{consumer}\n"
    );
    fs::write(folder.path().join("tenants.toml"), text).unwrap();
    let config = Config::load(&folder.path().join("tenants.toml"), &policies, &environment());
    let config = config.unwrap_or_else(|findings| panic!("{findings}"));
    let app = config.consumers.get("app").unwrap();
    let shown = format!("{:?} {:?} {:?}", config.gateway, config.tenants, app);
    shown.replace(&folder.path().display().to_string(), "")
}

/// The defaults of a table as text of TOML.
fn defaults(table: &'static Table, name: &str) -> Vec<String> {
    let report = kakehashi_core::diagnostics::Report::default();
    let written = kakehashi_documents::document::parse("written", "adapter = \"ngsi-v2\"", &report).unwrap();
    let surroundings = Surroundings {
        root: &written,
        table: Some(&written),
        name,
    };
    let written = table.keys().filter_map(|key| {
        let value = key.fallback.within(&surroundings);
        value.map(|value| format!("{} = {value}", key.name))
    });
    written.collect()
}

#[test]
fn the_defaults_that_are_listed_are_those_that_hold() {
    let mut gateway = defaults(&tables::GATEWAY, "");
    gateway.push(format!(
        "limits = {{ {} }}",
        defaults(&tables::REQUEST_LIMITS, "").join(", ")
    ));
    gateway.push(format!("cors = {{ {} }}", defaults(&cors::OF_GATEWAY, "").join(", ")));
    let mut source = defaults(&tables::SOURCE, "one");
    source.push(format!(
        "limits = {{ {} }}",
        defaults(&tables::SOURCE_LIMITS, "one").join(", ")
    ));
    let mut consumer = defaults(&tables::CONSUMER, "app");
    consumer.push(format!(
        "limits = {{ {} }}",
        defaults(&tables::CONSUMER_LIMITS, "app").join(", ")
    ));
    assert!(gateway.len() > 8 && source.len() > 7 && consumer.len() == 6);
    let written = loaded(&gateway.join("\n"), &source.join("\n"), &consumer.join("\n"));
    assert_eq!(written, loaded("", "", ""));
}

#[test]
fn the_committed_schema_is_the_one_that_the_keys_give() {
    let committed = fs::read_to_string(repository().join("docs/tenants.schema.json")).unwrap_or_default();
    let current = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    assert!(
        committed == current,
        "docs/tenants.schema.json is out of date: kakehashi explain-config --schema > docs/tenants.schema.json"
    );
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft7::new(&json_schema()).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let table: toml::Table = text.parse().unwrap();
    let instance = schema::as_json(&toml::Value::Table(table));
    validator()
        .iter_errors(&instance)
        .map(|fault| fault.to_string())
        .collect()
}

#[test]
fn the_committed_configuration_and_everything_that_there_is_satisfy_the_schema() {
    let committed = fs::read_to_string(repository().join("tenants.toml")).unwrap();
    assert_eq!(faults(&committed), Vec::<String>::new());
    assert_eq!(faults(EVERYTHING), Vec::<String>::new());
    assert_eq!(faults(crate::tests::BASE), Vec::<String>::new());
    assert!(
        committed.contains("#:schema docs/tenants.schema.json"),
        "editors are told where it is"
    );
}

#[test]
fn a_broken_configuration_does_not_satisfy_the_schema() {
    for (right, wrong) in [
        ("role = \"operator\"\nlimits", "rol = \"operator\"\nlimits"),
        ("role = \"operator\"\nlimits", "role = \"king\"\nlimits"),
        ("[tenants.tochigi]", "[tenants.Tochigi]"),
        ("email = \"report\"", "email = \"hide\""),
        ("{ email = \"report\" }", "\"hide\""),
        ("page = 10", "page = 0"),
        ("page = 10", "page = \"ten\""),
        ("listen = \"127.0.0.1:1\"", "listen = \"somewhere\""),
        ("password = { file = \"secret\" }", "password = \"secret\""),
        (
            "password = { file = \"secret\" }",
            "password = { file = \"a\", env = \"B\" }",
        ),
        ("1e1f\"", "1e1g\""),
        ("id = \"two\"\n", ""),
        ("algorithms = [\"ES256\"]", "algorithms = [\"none\"]"),
        ("client_certificate = { san", "client_certificate = { sna"),
    ] {
        assert!(EVERYTHING.contains(right), "{right}");
        assert_ne!(
            faults(&EVERYTHING.replace(right, wrong)),
            Vec::<String>::new(),
            "{wrong}"
        );
    }
}

fn explained(text: &str, variables: &[(&str, &str)]) -> BTreeMap<String, Setting> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.toml");
    fs::write(&file, text).unwrap();
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment = Environment::new(variables, jiff::civil::Date::constant(2026, 11, 21));
    let settings = explain(&file, &environment).unwrap();
    settings
        .into_iter()
        .map(|setting| (setting.key.clone(), setting))
        .collect()
}

#[test]
fn every_key_is_explained_with_its_value_and_where_it_comes_from() {
    let settings = explained(EVERYTHING, &[("KAKEHASHI__GATEWAY__LIMITS__PAGE", "20")]);
    let is = |key: &str, value: &str, origin: &str| {
        let setting = settings.get(key).unwrap_or_else(|| panic!("no {key}"));
        assert_eq!(setting.value.as_deref(), Some(value), "{key}");
        let shown = setting.origin.to_string();
        assert!(shown.ends_with(origin), "{key}: {shown}");
    };
    is("gateway.listen", "\"127.0.0.1:1\"", "tenants.toml:3");
    is("gateway.admin_listen", "\"127.0.0.1:8081\"", "default");
    is("gateway.public_url", "\"https://localhost:1\"", "default");
    is(
        "gateway.limits.page",
        "20",
        "environment: KAKEHASHI__GATEWAY__LIMITS__PAGE",
    );
    is("gateway.limits.body", "\"2MiB\"", "default");
    is("gateway.tls.key", "{ file = \"server.key\" }", "tenants.toml:4");
    is("tenants.tochigi.limits.burst", "5", "default");
    is("tenants.tochigi.inspection.email", "\"report\"", "tenants.toml:21");
    is("tenants.tochigi.inspection.my_number", "\"mask\"", "default");
    is("tenants.tochigi.sources[one].timeout", "\"3s\"", "default");
    is("tenants.tochigi.sources[two].limits.concurrency", "32", "default");
    is(
        "tenants.tochigi.sources[one].credential.basic.password",
        "{ file = \"secret\" }",
        "tenants.toml:28",
    );
    is("consumers.app.limits.burst", "100", "default");
    is("consumers.app.keys[k].sha256", "***", "tenants.toml:43");
    assert_eq!(settings["consumers.app.organisation"].value, None);
}

#[test]
fn no_secret_is_explained_however_it_was_written() {
    for line in [
        "bearer = \"hunter2\"",
        "bearer = { file = \"token\", value = \"hunter2\" }",
        "value = \"hunter2\"",
        "basic = { password = \"hunter2\", passwort = \"hunter2\" }",
        "oauth2 = \"hunter2\"",
        "unknown = { deep = [\"hunter2\"] }",
    ] {
        let text = EVERYTHING.replace(
            "credential = { basic",
            &format!("endpoint2 = \"x\"\ncredential2 = {{ {line} }}\ncredential = {{ {line} }}\n#"),
        );
        let settings = explained(&text, &[]);
        assert!(!format!("{settings:?}").contains("hunter2"), "{line}");
    }
    let text = EVERYTHING.replace("https://one", "https://user:hunter2@one");
    assert!(!format!("{:?}", explained(&text, &[])).contains("hunter2"));
}
