//! `kakehashi policy test`, and what `kakehashi check` says of policies that are well and still not what was meant.

use serde_json::{Value, json};

use super::harness::{Files, Finished, Platform, section};

const EXPECTATIONS: &str = r#"
[[expect]]
title = "an application on trial sees the address"
consumer = "limited-app"
source = "sano-safe-map"
type = "EvacuationSite"
visible = ["name", "fullAddress"]
hidden = ["location"]

[[expect]]
title = "an application on trial sees AEDs"
consumer = "limited-app"
source = "sano-safe-map"
type = "AED"

[[expect]]
title = "an application on trial sees no site"
consumer = "limited-app"
source = "sano-safe-map"
type = "EvacuationSite"
granted = false
"#;

#[test]
fn each_expectation_is_named_and_what_failed_says_by_which_policy() {
    let files = Files::committed();
    let well = Finished::well(files.folder(), &["policy", "test"]);
    assert!(
        well.stdout
            .contains("met     residents are absent, although their source provides them (policies/tests/demo.toml:"),
        "{}",
        well.stdout
    );
    assert!(well.stdout.contains("16 of 16 expectations are met"), "{}", well.stdout);
    files.write("policies/tests/wrong.toml", EXPECTATIONS);
    let failed = Finished::of(files.folder(), &["policy", "test", "--json", "wrong.toml"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(
        failed.stderr.contains("3 of 3 expectations are not met"),
        "{}",
        failed.stderr
    );
    let outcomes: Vec<Value> = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!(
        outcomes[0]["failures"],
        json!([
            "`fullAddress` is hidden: sano.cedar:23 does not grant it",
            "`location` is visible, by sano.cedar:23"
        ])
    );
    assert_eq!(
        (&outcomes[0]["line"], &outcomes[0]["tenant"]),
        (&2.into(), &"sano".into())
    );
    assert_eq!(
        outcomes[1]["failures"],
        json!(["nothing is granted: no permit covers it"])
    );
    assert_eq!(outcomes[2]["failures"], json!(["it is granted, by sano.cedar:23"]));
    let nothing = Finished::of(files.folder(), &["policy", "test", "no such thing"]);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
}

#[test]
fn an_expectation_may_be_about_one_entity() {
    let files = Files::committed();
    files.append(
        "policies/yaita.cedar",
        "@attributes(\"name\") @q(\"height>100\") @purpose(\"disaster-response\") @ial(\"2\")\n\
         permit (principal == Consumer::\"limited-app\", action in Action::\"read\", resource == EntityType::\"yaita/AED\");",
    );
    files.change_tenants(|table| {
        let app = section(section(table, "consumers"), "limited-app");
        let purposes = ["disaster-response", "statistics"].map(toml::Value::from);
        app.insert("purposes".into(), toml::Value::Array(purposes.to_vec()));
    });
    let one = |height: u32, more: &str| {
        format!(
            "[[expect]]\ntitle = \"t\"\nconsumer = \"limited-app\"\nsource = \"tochigi-store\"\nowner = \"yaita\"\n{more}\n\
             entity = '''{{\"id\":\"urn:x:1\",\"type\":\"AED\",\"name\":{{\"type\":\"Property\",\"value\":\"a\"}},\
             \"height\":{{\"type\":\"Property\",\"value\":{height}}}}}'''\n"
        )
    };
    let asks = "purpose = \"disaster-response\"\nial = 2";
    for (expectation, failures) in [
        (
            one(200, &format!("{asks}\nvisible = [\"name\"]\nhidden = [\"height\"]")),
            json!([]),
        ),
        (one(50, &format!("{asks}\ngranted = false")), json!([])),
        (
            one(200, "purpose = \"statistics\"\nial = 2\ngranted = false"),
            json!([]),
        ),
        (
            one(200, "purpose = \"disaster-response\"\nial = 1\ngranted = false"),
            json!([]),
        ),
        (
            one(50, asks),
            json!([
                "the entity is hidden: yaita.cedar:30 is for entities with height>100 and for the purpose \
                    disaster-response and with identity assurance 2 or higher"
            ]),
        ),
        (
            one(200, &format!("{asks}\ngranted = false")),
            json!(["the entity is visible, by yaita.cedar:30"]),
        ),
        (
            one(200, &format!("{asks}\nvisible = [\"height\", \"location\"]")),
            json!([
                "`height` is hidden: yaita.cedar:30 does not grant it",
                "`location` is not in the entity of the expectation"
            ]),
        ),
        (
            one(200, "purpose = \"statistics\"\nial = 2"),
            json!([
                "nothing is granted: no permit covers it; not by yaita.cedar:30: the request states no purpose that it asks for"
            ]),
        ),
        (
            one(200, "purpose = \"art\""),
            json!(["its consumer does not have that purpose"]),
        ),
    ] {
        files.write("policies/tests/one.toml", &expectation);
        let finished = Finished::of(files.folder(), &["policy", "test", "--json", "one.toml"]);
        let outcomes: Vec<Value> = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(outcomes[0]["failures"], failures, "{expectation}");
        assert_eq!(finished.code, Some(i32::from(failures != json!([]))), "{finished:?}");
    }
    files.write(
        "policies/tests/one.toml",
        one(1, asks).replace("\"type\":\"AED\"", "\"type\":1"),
    );
    let refused = Finished::of(files.folder(), &["check"]);
    assert!(
        refused.stderr.contains("`entity` is no NGSI-LD entity"),
        "{}",
        refused.stderr
    );
}

#[test]
fn check_warns_of_permits_that_never_apply_and_of_attributes_that_nobody_has() {
    let files = Files::committed();
    let well = Finished::well(files.folder(), &["check"]);
    assert_eq!(well.stderr, "", "the committed policies give no cause");
    for (file, policy, warning) in [
        (
            "sano",
            "permit (principal == Consumer::\"limited-app\", action in Action::\"read\", resource == EntityType::\"sano/ParkingLot\");",
            "this permit never applies: no source of `sano` provides `ParkingLot`",
        ),
        (
            "yaita",
            "@ids(\"urn:ngsi-ld:AED:*,urn:ngsi-ld:%52esident:*\") permit (principal in Role::\"reader\", action in Action::\"read\", resource == EntityType::\"yaita/AED\");",
            "@ids names ids of `Resident`, which is personal: nobody may write them",
        ),
        (
            "nasushiobara",
            "permit (principal in Role::\"reader\", action in Action::\"read\", resource == EntityType::\"nasushiobara/Resident\");",
            "this permit never applies: what it is about is classed personal, which no policy can grant",
        ),
        (
            "yaita",
            "permit (principal in Role::\"reader\", action in Action::\"read\", resource == EntityType::\"yaita/Resident\");",
            "this permit never applies: what it is about is classed personal, which no policy can grant",
        ),
        (
            "yaita",
            "permit (principal in Role::\"public\", action in Action::\"provide\", resource in Tenant::\"yaita\");",
            "this permit never applies: what it permits is forbidden by platform.cedar:",
        ),
        (
            "yaita",
            "permit (principal in Organisation::\"Nobody\", action in Action::\"read\", resource in Tenant::\"yaita\");",
            "this permit never applies: no consumer is one that it is for",
        ),
        (
            "yaita",
            "@purpose(\"art\") permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"yaita\");",
            "this permit never applies: of all consumers and types that it covers, the request states no purpose that it asks for",
        ),
        (
            "yaita",
            "permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"yaita\") when { resource.name == \"Nothing\" };",
            "this permit never applies: its conditions hold for no consumer and no type",
        ),
        (
            "yaita",
            "@contract(\"2026-017\") permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"yaita\");",
            "@contract names `2026-017`, which no consumer has",
        ),
        (
            "yaita",
            "@consent(\"terms-3\") permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"yaita\");",
            "of all consumers and types that it covers, the consumer has no consent that it names",
        ),
        (
            "sano",
            "@attributes(\"nmae\") permit (principal in Role::\"limited\", action in Action::\"read\", resource == EntityType::\"sano/AED\");",
            "@attributes names `nmae`, which no source is known to have and nobody has classified",
        ),
        (
            "yaita",
            "@without(\"unheardOf\") permit (principal in Role::\"limited\", action in Action::\"read\", resource == EntityType::\"yaita/AED\");",
            "@without names `unheardOf`, which no source is known to have and nobody has classified",
        ),
        (
            "yaita",
            "@attributes(\"name,fullName\") permit (principal in Role::\"limited\", action in Action::\"read\", resource == EntityType::\"yaita/AED\");",
            "@attributes names `fullName`, which is personal and never granted",
        ),
    ] {
        let files = Files::committed();
        let name = format!("policies/{file}.cedar");
        files.append(&name, policy);
        let line = files.read(&name).lines().position(|line| line == policy).unwrap() + 1;
        let finished = Finished::well(files.folder(), &["check"]);
        assert!(finished.stderr.contains(warning), "{policy}: {}", finished.stderr);
        assert!(
            finished.stderr.contains(&format!("{file}.cedar:{line}:")),
            "{policy}: {}",
            finished.stderr
        );
        if policy.contains("nmae") {
            assert!(finished.stderr.contains("did you mean `name`?"), "{}", finished.stderr);
        }
    }
}

#[tokio::test]
async fn expectations_are_tried_over_the_api_on_what_runs_and_on_a_proposal() {
    const TESTS: &str = "/admin/v1/policy-tests";
    let platform = Platform::builder().await.administrators().log("info").start().await;
    for (administrator, expectations) in [("ops", 16), ("auditor", 16), ("sano-admin", 2)] {
        let told = platform.admin(administrator).get(TESTS).await.ok().json();
        assert_eq!(
            (&told["met"], &told["failed"]),
            (&expectations.into(), &0.into()),
            "{administrator}: {told:#}"
        );
    }
    let forbid =
        json!({ "files": { "policies/sano.cedar": "forbid (principal, action, resource in Tenant::\"sano\");\n" } });
    let told = platform.admin("sano-admin").post(TESTS).json(&forbid).await.ok().json();
    assert_eq!((&told["met"], &told["failed"]), (&1.into(), &1.into()), "{told:#}");
    let failed = told["expectations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["met"] == false)
        .unwrap();
    assert!(
        failed["failures"][0]
            .as_str()
            .unwrap()
            .contains("forbidden by sano.cedar:1"),
        "{failed}"
    );
    let others = json!({ "files": { "policies/yaita.cedar": "" } });
    assert_eq!(platform.admin("sano-admin").post(TESTS).json(&others).await.status, 403);
    let told = platform.admin("auditor").post(TESTS).json(&others).await.ok().json();
    assert_eq!(told["failed"], 1, "{told:#}");
    assert_eq!(
        platform.admin("ops").get(TESTS).await.ok().json()["failed"],
        0,
        "nothing is applied"
    );
}
