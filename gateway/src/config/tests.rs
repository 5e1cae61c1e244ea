//! What a revision says about itself, and what is said about a wrong one.

use std::fs;
use std::path::Path;

use jiff::civil::Date;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::policy::{Operation, PersonalData, run_expectations};

/// The committed configuration of this repository.
fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn today() -> Date {
    Date::constant(2026, 11, 21)
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::new(variables, today())
}

/// A valid revision of two tenants; tests break it.
const BASE: &str = r#"[tenants.tochigi]
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
        findings.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn findings(&self) -> String {
        self.findings_in(&environment(&[]))
    }
}

/// What is said about the valid revision after one change.
fn after(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    Revision::new(&BASE.replacen(from, to, 1)).findings()
}

/// As [`after`], with lines added at the end.
fn with(lines: &str) -> String {
    Revision::new(&format!("{BASE}\n{lines}\n")).findings()
}

/// What is said, in one line: severity, message and help.
fn in_short(findings: &str) -> String {
    let lines = findings.lines().filter(|line| line.starts_with("error") || line.starts_with("warning") || line.contains("= help"));
    lines.map(str::trim).collect::<Vec<_>>().join(" | ")
}

#[test]
fn dump() {
    let cases: Vec<(&str, String)> = vec![
        ("base", Revision::new(BASE).findings()),
        ("unknown key", after("adapter = ", "adaptor = ")),
        ("unknown gateway", with("[gateway]\nlistn = \"127.0.0.1:1\"")),
        ("listen", with("[gateway]\nlisten = \"localhost:8080\"")),
        ("same", with("[gateway]\nadmin_listen = \"127.0.0.1:8080\"")),
        ("limits", with("[gateway.limits]\nbody = \"2MB\"\npage = 0\ndeadline = \"1d\"")),
        ("later", with("[gateway]\ntls = { certificate = \"a\" }\nrate_store = \"redis://u:secret@h\"\nextensions = [\"federated-order\"]\nstate = \"postgres://u:pw@h/db\"\npersonal_relay = true\ndefault_context = \"https://x/y\"")),
        ("issuer", with("[issuers.p]\nurl = \"https://x\"\naudience = \"k\"\n[administrators.a]\nrole = \"king\"")),
        ("consent", after("name = \"佐野市\"", "name = \"佐野市\"\nconsent = { url = \"https://x\", credential = { bearer = \"sekrit\" } }")),
        ("code", after("090000", "090001")),
        ("codezero", after("090000", "90000")),
        ("tenant unknown", after("tenant = \"tochigi\"", "tenant = \"tochgi\"")),
        ("noendpoint", after("endpoint = \"http://127.0.0.1:1026\"\n", "")),
        ("badendpoint", after("http://127.0.0.1:1026", "http://user:pass@h:1/")),
        ("adapter", after("ngsi-v2", "ngsi2")),
        ("later adapter", after("ngsi-v2", "ckan")),
        ("rest no mapping", after("ngsi-v2", "rest")),
        ("rest missing mapping", after("\"ngsi-v2\"", "\"rest\"\nmapping = \"m.toml\"")),
        ("foreign key", after("\"ngsi-v2\"", "\"ngsi-v2\"\nmapping = \"m.toml\"")),
        ("mode", after("\"ngsi-v2\"", "\"ngsi-v2\"\nmode = \"exclusive\"")),
        ("writable", after("\"ngsi-v2\"", "\"ngsi-v2\"\nwritable = true")),
        ("poll", after("\"ngsi-v2\"", "\"ngsi-v2\"\npoll = \"60s\"")),
        ("oauth2", after("\"ngsi-v2\"", "\"ngsi-v2\"\ncredential = { oauth2 = { client_secret = \"sekrit\" } }")),
        ("literal secret", after("\"ngsi-v2\"", "\"ngsi-v2\"\ncredential = { header = \"x-api-key\", value = \"sekrit\" }")),
        ("missing var", after("\"ngsi-v2\"", "\"ngsi-v2\"\ncredential = { bearer = { env = \"NO_TOKEN\" } }")),
        ("type", after("\"AED\"", "\"AEDs\"")),
        ("type2", after("\"AED\"", "\"Xyzzy\"")),
        ("pattern", after("type = \"AED\"", "type = \"AED\", id_pattern = \"E(\"")),
        ("sha", after("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "kk_my_plain_key")),
        ("expired", after("name = \"k\"", "name = \"k\", expires = 2026-11-20")),
        ("expires text", after("name = \"k\"", "name = \"k\", expires = \"2026-11-20\"")),
        ("limits zero", after("roles", "limits = { requests_per_second = 0 }\nroles")),
        ("two roles", after("name = \"佐野市\"", "name = \"佐野市\"\nrole = \"operator\"")),
        ("jwt", after("roles", "jwt = { issuer = \"p\", subject = \"s\" }\nroles")),
        ("syntax", after("code = \"090000\"", "code = \"090000")),
        ("syntax secret", after("code = \"090000\"", "password = \"hunter2")),
        ("dup key", with("[[tenants.tochigi.sources]]\nid = \"sano-orion\"\nadapter = \"store\"\nendpoint = \"sqlite:s\"\nprovides = [{ type = \"*\" }]")),
        ("member store", after("ngsi-v2\"\nendpoint = \"http://127.0.0.1:1026\"", "store\"\nendpoint = \"sqlite:s\"")),
        ("overlap", Revision::new(&format!("{}\n[[tenants.tochigi.sources]]\nid = \"t\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://h:1\"\nprovides = [{{ type = \"AED\", authoritative = true }}]", BASE.replace("{ type = \"AED\" }", "{ type = \"AED\", authoritative = true }"))).findings()),
        ("samekey", with("[consumers.b]\ntenant = \"sano\"\nroles = [\"reader\"]\nkeys = [{ name = \"k\", sha256 = \"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\" }]")),
        ("env", Revision::new(BASE).findings_in(&environment(&[("KAKEHASHI__GATEWAY__LISTEN", "nonsense"), ("KAKEHASHI__GATEWAY__LIMTS__BODY", "1MiB"), ("KAKEHASHI__TENANTS__X", "1")]))),
        ("no tenant", Revision::new("").findings()),
    ];
    for (name, text) in cases { println!("@@@{name}\t{}", in_short(&text)); }
}
