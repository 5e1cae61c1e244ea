//! The seeds of the fuzz target `configuration`, read as it reads them.

use super::*;

const SECRET: &str = "planted-secret-of-the-environment";

#[test]
fn every_seed_of_the_fuzz_target_is_read_or_refused_without_a_secret() {
    let environment = environment(&[("SANO_API_KEY", SECRET), ("TOKEN", SECRET)]);
    let mut read = 0;
    for seed in fs::read_dir(repository().join("fuzz/seeds/configuration")).unwrap() {
        let seed = seed.unwrap().path();
        let revision = Revision::new(&fs::read_to_string(&seed).unwrap());
        let file = revision.folder.path().join("tenants.toml");
        let loaded = Config::load(&file, &repository().join("policies"), &environment);
        let said = match loaded {
            Ok(config) => format!("{config:?} {}", config.warnings),
            Err(findings) => {
                assert!(findings.has_errors(), "{}", seed.display());
                findings.to_string()
            }
        };
        assert!(!said.contains(SECRET), "{}", seed.display());
        match explain(&file, &environment) {
            Ok(settings) => assert!(!format!("{settings:?}").contains(SECRET), "{}", seed.display()),
            Err(findings) => assert!(findings.has_errors(), "{}", seed.display()),
        }
        read += 1;
    }
    assert!(read >= 5, "{read}");
}
