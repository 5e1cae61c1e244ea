//! What the command says of a configuration, and how it takes a key out of it.

use serde_json::Value;

use super::harness::{Files, Finished, Platform, kakehashi};

#[test]
fn every_key_has_a_value_and_an_origin() {
    let files = Files::committed();
    let mut command = kakehashi(files.folder());
    command
        .args(["explain-config", "--json"])
        .env("KAKEHASHI__GATEWAY__LIMITS__PAGE", "7");
    let finished = Finished::of_command(&mut command, files.folder());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let settings: Vec<Value> = serde_json::from_str(&finished.stdout).unwrap();
    let of = |key: &str| {
        settings
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap_or_else(|| panic!("no {key}"))
    };
    assert_eq!(of("gateway.listen")["value"], "\"127.0.0.1:8080\"");
    assert_eq!(of("gateway.listen")["origin"]["kind"], "file");
    assert_eq!(of("gateway.listen")["origin"]["line"], 8);
    assert_eq!(of("gateway.limits.page")["value"], "7");
    assert_eq!(
        of("gateway.limits.page")["origin"]["variable"],
        "KAKEHASHI__GATEWAY__LIMITS__PAGE"
    );
    assert_eq!(of("gateway.limits.body")["origin"]["kind"], "default");
    let reference = of("tenants.sano.sources[sano-safe-map].credential.value");
    assert_eq!(reference["value"], "{ env = \"SANO_API_KEY\" }");
    assert_eq!(of("consumers.bousai-map.keys[2026].sha256")["value"], "***");

    let some = Finished::well(files.folder(), &["explain-config", "gateway.limits"]);
    assert!(some.stdout.lines().count() == 11, "{}", some.stdout);
    assert!(
        some.stdout.contains("gateway.limits.page = 1000  # default"),
        "{}",
        some.stdout
    );
    assert_eq!(
        Finished::of(files.folder(), &["explain-config", "gatewy"]).code,
        Some(1)
    );
    files.write("broken.toml", "[gateway\n");
    let broken = Finished::of(files.folder(), &["explain-config", "--config", "broken.toml"]);
    assert_eq!(broken.code, Some(1));
    assert!(broken.stderr.contains("broken.toml:1"), "{}", broken.stderr);
    let schema = Finished::well(files.folder(), &["explain-config", "--schema"]);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    assert_eq!(
        schema["properties"]["gateway"]["properties"]["listen"]["default"],
        "127.0.0.1:8080"
    );
}

#[test]
fn keys_are_listed_without_any_secret_of_the_environment() {
    let files = Files::committed();
    let mut command = kakehashi(files.folder());
    command.args(["key", "list"]).env_remove("SANO_API_KEY");
    let finished = Finished::of_command(&mut command, files.folder());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let lines: Vec<Vec<&str>> = finished
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["bousai-map", "2026", "2027-03-31", "valid"]);
    assert_eq!(lines.len(), 3);
    let one = Finished::well(files.folder(), &["key", "list", "limited-app", "--json"]);
    let keys: Vec<Value> = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["name"], "trial");
    let nobody = Finished::of(files.folder(), &["key", "list", "limited-ap"]);
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.stderr.contains("did you mean `limited-app`?"),
        "{}",
        nobody.stderr
    );
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_the_rest_of_the_file_is_as_it_was() {
    const SITES: &str = "type=EvacuationSite&limit=1";
    let builder = Platform::builder().await;
    let files = builder.files();
    let commented = format!("# a comment of the administrator's\n{}", files.read("tenants.toml"));
    files.write("tenants.toml", &commented);
    let wrong = Finished::of(files.folder(), &["key", "revoke", "sano-dashboard", "test"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("did you mean `tests`?"), "{}", wrong.stderr);
    assert_eq!(files.read("tenants.toml"), commented);
    let finished = Finished::well(files.folder(), &["key", "revoke", "sano-dashboard", "tests"]);
    assert!(finished.stderr.contains("no key left"), "{}", finished.stderr);
    let left = files.read("tenants.toml");
    let gone: Vec<&str> = commented.lines().filter(|line| !left.contains(line)).collect();
    assert!(
        gone.iter().all(|line| line.contains("sha256") || line.contains("keys")),
        "{gone:?}"
    );
    assert!(left.starts_with("# a comment of the administrator's\n"));
    let platform = builder.start().await;
    assert_eq!(platform.entities(SITES).by("sano-dashboard").await.status, 401);
    assert_eq!(platform.entities(SITES).by("bousai-map").await.status, 200);
}
