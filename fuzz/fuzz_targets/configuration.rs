//! tenants.toml: whatever stands in it, it is read or refused, explained or not, and a secret of the environment never
//! shows.
#![no_main]

use std::path::Path;

use kakehashi::config::{Config, Environment, explain};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "planted-secret-of-the-environment";

fuzz_target!(|text: &str| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tenants.toml");
    std::fs::write(&file, text).expect("a temporary file");
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let variables = ["SANO_API_KEY", "TOKEN"].map(|name| (name.to_owned(), SECRET.to_owned()));
    let environment = Environment::new(variables, jiff::civil::Date::constant(2026, 11, 21));
    let said = match Config::load(&file, &policies, &environment) {
        Ok(config) => format!("{config:?} {}", config.warnings),
        Err(findings) => {
            assert!(findings.has_errors());
            findings.to_string()
        }
    };
    assert!(!said.contains(SECRET));
    match explain(&file, &environment) {
        Ok(settings) => assert!(!format!("{settings:?}").contains(SECRET)),
        Err(findings) => assert!(findings.has_errors()),
    }
});
