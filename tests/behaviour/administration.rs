//! Changing the configuration over the admin API: checked, whole, and never over somebody else's change.

use std::process::{Child, Command, Stdio};

use futures::future::join;
use http::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Client, Platform, key_of, until};

const REVISION: &str = "/admin/v1/revision";
const ROLL_BACK: &str = "/admin/v1/revision/rollback";
const SITES: &str = "type=EvacuationSite&limit=0&count=true";

async fn platform() -> Platform {
    Platform::builder().await.administrators().log("info").start().await
}

async fn files_of(client: &Client) -> (Value, String) {
    let answer = client.get(format!("{REVISION}/files")).await.ok();
    (
        answer.json()["files"].clone(),
        answer.header("etag").unwrap().to_owned(),
    )
}

async fn patch(client: &Client, tag: &str, files: Value) -> Answer {
    let body = json!({ "files": files });
    client
        .request(Method::PATCH, REVISION)
        .header("if-match", tag)
        .json(&body)
        .await
}

#[tokio::test]
async fn a_change_holds_at_once_and_is_on_the_disk() {
    let platform = platform().await;
    let ops = platform.admin("ops");
    let (files, tag) = files_of(&ops).await;
    let hidden = "forbid (principal, action, resource in Tenant::\"sano\");\n";
    let answer = patch(&ops, &tag, json!({ "policies/sano.cedar": hidden })).await.ok();
    let applied = answer.json();
    assert_eq!(
        (&applied["accepted"], &applied["applied"]),
        (&true.into(), &true.into())
    );
    assert_eq!(applied["changed"], json!(["policies/sano.cedar"]));
    assert_eq!(platform.entities(SITES).await.ok().count(), 19 + 25);
    assert_eq!(platform.files().read("policies/sano.cedar"), hidden);
    let shown = ops.get(REVISION).await.ok();
    assert_eq!(shown.header("etag"), answer.header("etag"));
    let shown = shown.json();
    assert_eq!(
        (&shown["cause"], &shown["administrator"]),
        (&"apply".into(), &"ops".into())
    );
    assert_eq!(
        (&shown["counts"]["tenants"], &shown["counts"]["sources"]),
        (&4.into(), &3.into())
    );

    // The whole set: what is not in it goes, and what nothing reads is no part of a revision.
    let tag = answer.header("etag").unwrap();
    let mut whole = files.clone();
    whole["mappings/stray.toml"] = "a = 1".into();
    let put = async |tag: &str, files: &Value| {
        ops.request(Method::PUT, REVISION)
            .header("if-match", tag)
            .json(&json!({ "files": files }))
            .await
    };
    let answer = put(tag, &whole).await;
    assert_eq!(answer.status, 422, "{answer}");
    assert!(
        answer.json()["diagnostics"]
            .to_string()
            .contains("nothing reads mappings/stray.toml")
    );
    whole
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.contains("stray") && *name != "policies/yaita.cedar");
    put(tag, &whole).await.ok();
    assert!(!platform.files().folder().join("policies/yaita.cedar").exists());
    assert_eq!(platform.entities(SITES).await.ok().count(), 102 - 25);
}

#[tokio::test]
async fn what_is_wrong_is_told_and_changes_nothing() {
    let platform = platform().await;
    let ops = platform.admin("ops");
    let (files, tag) = files_of(&ops).await;
    let broken = json!({ "tenants.toml": format!("{}\n[gatewey]\n", files["tenants.toml"].as_str().unwrap()) });
    let answer = patch(&ops, &tag, broken.clone()).await;
    assert_eq!(answer.status, 422, "{answer}");
    let told = answer.json()["diagnostics"][0].clone();
    assert_eq!(told["severity"], "error");
    assert!(
        told["text"].as_str().unwrap().contains("did you mean `gateway`?"),
        "{told}"
    );
    let dry = ops
        .request(Method::PATCH, format!("{REVISION}?dry-run=true"))
        .json(&json!({ "files": broken }));
    let dry = dry.await.ok().json();
    assert_eq!(dry["accepted"], false, "{dry}");
    assert_eq!(dry["diagnostics"][0]["text"], told["text"]);
    for (body, headers, status) in [
        ("{\"files\": {}}", vec![], 428),
        ("{\"files\": {}}", vec![("if-match", "\"abc\"")], 400),
        ("{\"files\": 1}", vec![("if-match", tag.as_str())], 400),
        ("{\"fils\": {}}", vec![("if-match", tag.as_str())], 400),
        ("{", vec![("if-match", tag.as_str())], 400),
        (
            "{\"files\": {\"../outside.toml\": \"\"}}",
            vec![("if-match", tag.as_str())],
            403,
        ),
        (
            "{\"files\": {\"/etc/outside.toml\": \"\"}}",
            vec![("if-match", tag.as_str())],
            403,
        ),
        (
            "{\"files\": {\"policies/.hidden.cedar\": \"\"}}",
            vec![("if-match", tag.as_str())],
            403,
        ),
    ] {
        let ask = ops.request(Method::PATCH, REVISION).body("application/json", body);
        let answer = headers
            .into_iter()
            .fold(ask, |ask, (name, value)| ask.header(name, value))
            .await;
        assert_eq!(answer.status, status, "{body}: {answer}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{answer}"
        );
    }
    assert_eq!(
        ops.get(format!("{REVISION}?nonsense=1")).await.status,
        200,
        "reading takes no parameters"
    );
    assert_eq!(ops.get(format!("{REVISION}/files?nonsense=1")).await.status, 400);
    assert_eq!(ops.request(Method::DELETE, REVISION).await.status, 405);
    assert_eq!(ops.get("/admin/v1/nonsense").await.status, 404);
    assert_eq!(files_of(&ops).await, (files, tag));
}

#[tokio::test]
async fn of_two_at_once_one_wins_and_the_other_is_told_what_changed() {
    let platform = platform().await;
    let (first, second) = (platform.admin("ops"), platform.admin("ops-2"));
    for round in 0..5 {
        let (_, tag) = files_of(&first).await;
        let sano = json!({ "policies/sano.cedar": format!("// By the first, {round}.\n") });
        let yaita = json!({ "policies/yaita.cedar": format!("// By the second, {round}.\n") });
        let (one, other) = join(patch(&first, &tag, sano), patch(&second, &tag, yaita)).await;
        let (won, lost, who, file) = match (one.status, other.status) {
            (200, 409) => (one, other, "ops", "policies/sano.cedar"),
            (409, 200) => (other, one, "ops-2", "policies/yaita.cedar"),
            _ => panic!("{one} {other}"),
        };
        let told = lost.json();
        assert_eq!(told["changed"], json!([file]), "{told}");
        assert_eq!(told["running"]["administrator"], who, "{told}");
        assert_eq!(told["running"]["revision"], won.json()["revision"], "{told}");
        assert_eq!(files_of(&first).await.1, won.header("etag").unwrap());
    }
}

#[tokio::test]
async fn an_earlier_revision_can_be_gone_back_to_also_after_a_restart() {
    let mut platform = platform().await;
    let ops = platform.admin("ops");
    let (files, tag) = files_of(&ops).await;
    let began = tag.trim_matches('"').to_owned();
    let changed = patch(&ops, &tag, json!({ "policies/sano.cedar": null })).await.ok();
    let now = changed.header("etag").unwrap().to_owned();
    assert!(!platform.files().folder().join("policies/sano.cedar").exists());

    platform.kill_and_start_again().await;
    let ops = platform.admin("ops");
    let history = ops.get("/admin/v1/revision/history").await.ok().json();
    let revisions: Vec<&Value> = history["revisions"].as_array().unwrap().iter().collect();
    assert_eq!(revisions.len(), 2, "{history}");
    assert_eq!(revisions[0]["changed"], json!(["policies/sano.cedar"]));
    assert_eq!(
        (&revisions[0]["administrator"], &revisions[1]["cause"]),
        (&"ops".into(), &"start".into())
    );
    let earlier = ops.get(format!("{REVISION}/files?revision={began}")).await.ok().json();
    assert_eq!(earlier["files"], files);

    let back = ops
        .post(ROLL_BACK)
        .header("if-match", &now)
        .json(&json!({ "revision": began }));
    let back = back.await.ok();
    assert_eq!(back.header("etag"), Some(tag.as_str()));
    assert_eq!(platform.entities(SITES).await.ok().count(), 102);
    assert_eq!(
        Value::from(platform.files().read("policies/sano.cedar")),
        files["policies/sano.cedar"]
    );
    let unknown = json!({ "revision": "0".repeat(64) });
    assert_eq!(
        ops.post(ROLL_BACK).header("if-match", &tag).json(&unknown).await.status,
        404
    );
}

#[tokio::test]
async fn edits_by_hand_that_do_not_run_are_not_overwritten_by_mistake() {
    let platform = platform().await;
    let ops = platform.admin("ops");
    let (_, tag) = files_of(&ops).await;
    platform.files().append("policies/sano.cedar", "permit nonsense");
    until("the edit is refused", || {
        platform.gateway().stderr().contains("the running revision stays")
    })
    .await;
    let change = json!({ "policies/yaita.cedar": "// Nothing.\n" });
    let answer = patch(&ops, &tag, change.clone()).await;
    assert_eq!(answer.status, 409, "{answer}");
    assert_eq!(answer.json()["changed"], json!(["policies/sano.cedar"]), "{answer}");
    assert!(platform.files().read("policies/sano.cedar").contains("nonsense"));
    let discarding = ops
        .request(Method::PATCH, format!("{REVISION}?discard-edits=true"))
        .header("if-match", &tag);
    discarding.json(&json!({ "files": change })).await.ok();
    assert!(!platform.files().read("policies/sano.cedar").contains("nonsense"));
    assert_eq!(platform.entities(SITES).await.ok().count(), 102 - 25);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_apply_leaves_the_old_or_the_new_and_never_a_mixture() {
    /// Files that one apply changes: enough that a kill falls between them.
    const TENANTS: usize = 150;
    let mut builder = Platform::builder().await.administrators().log("info");
    builder = builder.tenants(|table| {
        let tenants = super::harness::section(table, "tenants");
        for number in 0..TENANTS {
            tenants.insert(format!("town-{number}"), toml::Value::Table(toml::Table::new()));
        }
    });
    // The store is for those whose policies are there already.
    let mut platform = builder.start().await;
    let (mut in_the_middle, mut outcomes) = (0, Vec::new());
    for round in 0..6_u64 {
        let ops = platform.admin("ops");
        let (before, tag) = files_of(&ops).await;
        let policy =
            |number| format!("// Round {round}.\nforbid (principal, action, resource in Tenant::\"town-{number}\");\n");
        let files: serde_json::Map<String, Value> = (0..TENANTS)
            .map(|number| (format!("policies/town-{number}.cedar"), policy(number).into()))
            .collect();
        let mut after = before.clone();
        after.as_object_mut().unwrap().extend(files.clone());
        let body = json!({ "files": files }).to_string();
        platform.files().write("apply.json", body);
        let mut under_way = Command::new("curl")
            .args(["-sS", "-X", "PATCH", "--data-binary", "@apply.json"])
            .args([
                "-H",
                &format!("x-api-key: {}", key_of("ops")),
                "-H",
                &format!("if-match: {tag}"),
            ])
            .arg(platform.gateway().ready()["admin"].as_str().unwrap().to_owned() + REVISION)
            .current_dir(platform.files().folder())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = platform.files().folder().join(".kakehashi-apply.json");
        until("the apply is on its way", || journal.exists() || ended(&mut under_way)).await;
        // A little later each time, so that it falls on other files.
        let written = || {
            (0..TENANTS)
                .filter(|number| {
                    let file = platform.files().folder().join(format!("policies/town-{number}.cedar"));
                    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("Round {round}.")))
                })
                .count()
        };
        let wanted = usize::try_from(round).unwrap() * 20;
        until("some files are written", || {
            written() >= wanted || ended(&mut under_way)
        })
        .await;
        let reached = written();
        platform.kill_and_start_again().await;
        in_the_middle += usize::from(reached > 0 && reached < TENANTS);
        // It may have ended without an answer.
        under_way.wait().unwrap();
        let ops = platform.admin("ops");
        let (now, _) = files_of(&ops).await;
        assert!(
            now == before || now == after,
            "round {round}: a mixture, killed after {reached} files"
        );
        assert!(!journal.exists(), "the next start completes what was begun");
        for (name, text) in now.as_object().unwrap() {
            assert_eq!(platform.files().read(name), text.as_str().unwrap(), "{name}");
        }
        outcomes.push((reached, now == after));
    }
    assert!(in_the_middle > 0, "no kill fell into an apply: {outcomes:?}");
}

fn ended(process: &mut Child) -> bool {
    process.try_wait().unwrap().is_some()
}

#[tokio::test]
async fn the_area_of_a_permit_is_a_file_of_the_revision() {
    let platform = platform().await;
    let ops = platform.admin("ops");
    let square = |west: f64| {
        let (east, south, north) = (west + 1.0, 36.5, 37.2);
        let ring = [
            [west, south],
            [east, south],
            [east, north],
            [west, north],
            [west, south],
        ];
        json!({ "type": "Polygon", "coordinates": [ring] }).to_string()
    };
    let policies = "@area(\"areas/yaita.geojson\")\npermit (principal in Role::\"reader\", action in Action::\"read\", \
                    resource in Tenant::\"yaita\");\n";
    let count = async || platform.entities(SITES).await.ok().count();
    let (_, tag) = files_of(&ops).await;
    let alone = patch(&ops, &tag, json!({ "policies/yaita.cedar": policies })).await;
    assert_eq!(alone.status, 422, "{alone}");
    assert!(
        alone.json()["diagnostics"]
            .to_string()
            .contains("areas/yaita.geojson cannot be read")
    );
    let elsewhere = json!({ "policies/yaita.cedar": policies, "policies/areas/yaita.geojson": square(0.0) });
    patch(&ops, &tag, elsewhere).await.ok();
    assert_eq!(count().await, 58 + 19);
    assert_eq!(platform.files().read("policies/areas/yaita.geojson"), square(0.0));
    let (_, tag) = files_of(&ops).await;
    patch(&ops, &tag, json!({ "policies/areas/yaita.geojson": square(139.4) }))
        .await
        .ok();
    assert_eq!(count().await, 58 + 19 + 25);
    let (files, tag) = files_of(&ops).await;
    assert!(files["policies/areas/yaita.geojson"].is_string());
    let removed = patch(&ops, &tag, json!({ "policies/areas/yaita.geojson": null })).await;
    assert_eq!(removed.status, 422, "{removed}");
    assert_eq!(count().await, 58 + 19 + 25);
}
