//! What the command says of a configuration, of the names that a request mentions, and how it takes a key out of it.

use serde_json::{Value, json};

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

/// What is told of one name, in words without the files' lines.
fn judged<'a>(names: &'a Value, name: &str, kind: &str) -> &'a Value {
    let mut all = names.as_array().unwrap().iter();
    all.find(|judged| judged["name"] == name && judged["kind"] == kind)
        .unwrap_or_else(|| panic!("no {kind} {name}: {names:#}"))
}

/// Every reason that is told of a name.
fn reasons(judged: &Value) -> String {
    let because = judged["because"].as_array().unwrap().iter();
    because
        .filter_map(|because| because["reason"].as_str())
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn every_name_that_a_request_mentions_is_judged_with_the_reason() {
    let files = Files::committed();
    let explained = |consumer: &str, target: &str| -> Value {
        let arguments = ["explain", "--json", "--consumer", consumer, "GET", target];
        serde_json::from_str(&Finished::well(files.folder(), &arguments).stdout).unwrap()
    };
    let target = "/ngsi-ld/v1/entities?type=EvacuationSite,DesignatedShelter,Resident&pick=name,nmae&omit=remarks\
                  &q=managerName;fullAddress&georel=near;maxDistance==9&geometry=Point&coordinates=[139,36]&orderBy=commonId&local=true";
    let names = &explained("limited-app", target)["names"];
    for (name, kind, parameters, granted) in [
        ("EvacuationSite", "type", json!(["type"]), true),
        ("DesignatedShelter", "type", json!(["type"]), false),
        ("Resident", "type", json!(["type"]), false),
        ("name", "attribute", json!(["pick"]), true),
        ("nmae", "attribute", json!(["pick"]), false),
        ("remarks", "attribute", json!(["omit"]), false),
        ("managerName", "attribute", json!(["q"]), false),
        ("fullAddress", "attribute", json!(["q"]), false),
        ("location", "attribute", json!(["geoproperty"]), true),
        ("commonId", "attribute", json!(["orderBy"]), false),
    ] {
        let judged = judged(names, name, kind);
        assert_eq!(
            (&judged["parameters"], &judged["granted"]),
            (&parameters, &json!(granted)),
            "{judged:#}"
        );
    }
    let site = judged(names, "EvacuationSite", "type");
    let permits = site["because"].to_string();
    assert!(permits.contains("sano.cedar:"), "{site:#}");
    assert!(
        reasons(judged(names, "Resident", "type")).contains("personal"),
        "{names:#}"
    );
    assert!(
        reasons(judged(names, "DesignatedShelter", "type")).contains("no permit"),
        "{names:#}"
    );
    assert!(
        reasons(judged(names, "managerName", "attribute")).contains("it is about persons"),
        "{names:#}"
    );
    assert!(
        reasons(judged(names, "fullAddress", "attribute")).contains("no permit that applies grants it"),
        "{names:#}"
    );
    assert_eq!(judged(names, "nmae", "attribute")["didYouMean"], "name");

    // A condition on what Relationships lead to is about other entities.
    let linked = &explained(
        "bousai-map",
        "entities?type=AED&join=flat&q=source{EvacuationSite:nmae}",
    )["names"];
    let there = judged(linked, "nmae", "attribute");
    assert_eq!(
        (&there["ofLinked"], &there["didYouMean"]),
        (&json!(true), &json!("name")),
        "{there:#}"
    );
    assert_eq!(judged(linked, "EvacuationSite", "type")["parameters"], json!(["q"]));
    let unknown = &explained("bousai-map", "/ngsi-ld/v1/entities?type=EvacuationSit")["names"];
    assert_eq!(judged(unknown, "EvacuationSit", "type")["didYouMean"], "EvacuationSite");
    let entity = &explained(
        "bousai-map",
        "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:1?attrs=name,managerName",
    )["names"];
    assert_eq!(judged(entity, "name", "attribute")["granted"], true);
    assert_eq!(judged(entity, "managerName", "attribute")["granted"], false);

    let arguments = [
        "explain",
        "--consumer",
        "limited-app",
        "GET",
        "entities?type=EvacuationSite&attrs=name,nmae",
    ];
    let text = Finished::well(files.folder(), &arguments).stdout;
    for line in [
        "  type EvacuationSite (type): yes\n",
        "  attribute name (attrs): yes\n    of EvacuationSite, ",
        "  attribute nmae (attrs): no\n",
        "    nobody names it; did you mean `name`?\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn statements_are_shown_to_whoever_asks_for_them() {
    let files = Files::committed();
    let said = |more: &[&str]| {
        let arguments = [
            &["explain", "--consumer", "bousai-map"],
            more,
            &["GET", "entities?type=AED"],
        ]
        .concat();
        Finished::well(files.folder(), &arguments).stdout
    };
    let text = said(&[]);
    assert!(
        text.contains("to its database (--verbose shows") && !text.contains("SELECT"),
        "{text}"
    );
    assert!(!said(&["--json"]).contains("SELECT"));
    for more in [&["--verbose"][..], &["--verbose", "--json"]] {
        assert!(said(more).contains("SELECT"), "{}", said(more));
    }
}

#[tokio::test]
async fn a_tenants_administrator_is_told_of_names_and_hints_in_its_own_data_alone() {
    const EXPLAIN: &str = "/admin/v1/explain";
    let platform = Platform::builder().await.administrators().start().await;
    let asked = json!({ "consumer": "bousai-map", "target": "/ngsi-ld/v1/entities?type=AirQualityObserve,EvacuationSite&attrs=nmae" });
    let told = platform
        .admin("sano-admin")
        .post(EXPLAIN)
        .json(&asked)
        .await
        .ok()
        .json();
    assert_eq!(
        judged(&told["names"], "nmae", "attribute")["didYouMean"],
        "name",
        "{told:#}"
    );
    for other in ["yaita", "nasushiobara", "tochigi"] {
        assert!(!told.to_string().contains(other), "{other}: {told:#}");
    }
    let site = judged(&told["names"], "EvacuationSite", "type");
    assert_eq!(site["because"][0]["tenants"], json!(["sano"]), "{site:#}");
    let hints = told["hints"].as_array().unwrap();
    assert!(
        hints.iter().any(|hint| hint.as_str().unwrap().contains("`nmae`")),
        "{told:#}"
    );

    let aeds = json!({ "consumer": "bousai-map", "target": "/ngsi-ld/v1/entities?type=AED", "verbose": true });
    let ops = platform.admin("ops");
    assert!(
        ops.post(EXPLAIN)
            .json(&aeds)
            .await
            .ok()
            .json()
            .to_string()
            .contains("SELECT")
    );
    let mut brief = aeds.clone();
    brief["verbose"] = false.into();
    assert!(
        !ops.post(EXPLAIN)
            .json(&brief)
            .await
            .ok()
            .json()
            .to_string()
            .contains("SELECT")
    );
}
