//! Who administers: nobody unless tenants.toml says so, and each no more than its role.

use http::Method;
use serde_json::{Value, json};
use stand_ins::TokenIssuer;
use stand_ins::issuer::SigningKey;

use super::harness::{Client, Platform, section};

const REVISION: &str = "/admin/v1/revision";

const PATHS: [&str; 6] = [
    "/admin/v1/revision",
    "/admin/v1/revision/files",
    "/admin/v1/revision/history",
    "/admin/v1/sources",
    "/admin/v1/conditions",
    "/admin/v1/openapi.json",
];

async fn platform() -> Platform {
    Platform::builder().await.administrators().log("info").start().await
}

/// The running revision as somebody sees it, with its tag.
async fn seen(client: &Client) -> (Value, String) {
    let answer = client.get(format!("{REVISION}/files")).await.ok();
    (answer.json(), answer.header("etag").unwrap().to_owned())
}

#[tokio::test]
async fn without_administrators_nobody_is_let_in_and_the_probes_answer_all_the_same() {
    let platform = Platform::builder().await.log("info").start().await;
    let admin = platform.admin("ops");
    for path in PATHS
        .into_iter()
        .chain(["/admin/v1/nonsense", "/admin/v1/revision/rollback"])
    {
        for ask in [
            admin.get(path),
            admin.get(path).anonymous(),
            admin.get(path).by("bousai-map"),
        ] {
            let answer = ask.await;
            assert_eq!(answer.status, 401, "{answer}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{answer}"
            );
            assert!(answer.header("www-authenticate").is_some(), "{answer}");
        }
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        admin.get(path).anonymous().await.ok();
    }
}

#[tokio::test]
async fn wrong_keys_are_limited_for_each_address_and_valid_ones_are_not() {
    let platform = platform().await;
    let admin = platform.admin("ops");
    let mut refused = None;
    for number in 0..300 {
        let answer = admin.get(REVISION).key(&format!("guess-{number}")).await;
        match answer.status {
            401 => {}
            429 => {
                refused = Some(answer);
                break;
            }
            _ => panic!("{answer}"),
        }
    }
    let refused = refused.expect("guessing goes on without end");
    assert!(refused.header("retry-after").is_some(), "{refused}");
    admin.get(REVISION).await.ok();
    // An administrator's key is no consumer's; it counts as one more guess.
    let as_consumer = platform.entities("type=AED&limit=1").by("ops").await;
    assert!(matches!(as_consumer.status, 401 | 429), "{as_consumer}");
}

#[tokio::test]
async fn an_administrator_may_come_with_a_token() {
    let key = SigningKey::new("2026").unwrap();
    let provider = TokenIssuer::start(0, &key).await.unwrap();
    let identifier = provider.identifier();
    let platform = Platform::builder()
        .await
        .log("info")
        .tenants(|table| {
            let issuer = format!("url = \"{identifier}\"\naudience = \"kakehashi\"\nalgorithms = [\"ES256\"]");
            section(table, "issuers").insert("prefecture".into(), toml::Value::Table(issuer.parse().unwrap()));
            let administrator = "role = \"auditor\"\njwt = { issuer = \"prefecture\", subject = \"tanaka\" }";
            let administrator = toml::Value::Table(administrator.parse().unwrap());
            section(table, "administrators").insert("tanaka".into(), administrator);
        })
        .start()
        .await;
    let admin = platform.admin("nobody");
    for (subject, status) in [("tanaka", 200), ("service-account-of-nobody", 401)] {
        let claims =
            json!({ "iss": provider.identifier(), "aud": "kakehashi", "sub": subject, "exp": 4_102_444_800_u64 });
        let token = format!("Bearer {}", key.sign(&claims, &json!({})).unwrap());
        let answer = admin.get(REVISION).anonymous().header("authorization", &token).await;
        assert_eq!(answer.status, status, "{answer}");
    }
}

#[tokio::test]
async fn an_auditor_sees_everything_and_changes_nothing() {
    let platform = platform().await;
    let auditor = platform.admin("auditor");
    for path in PATHS {
        let answer = auditor.get(path).await.ok();
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        for secret in [stand_ins::SANO_DEMO_API_KEY, "-in-tests"] {
            assert!(!text.contains(secret), "{path} shows a secret");
        }
    }
    let (files, tag) = seen(&auditor).await;
    let names: Vec<&String> = files["files"].as_object().unwrap().keys().collect();
    assert!(names.len() > 8, "{names:?}");
    let mut changed = files.clone();
    changed["files"]["policies/yaita.cedar"] = "".into();
    let patch = json!({ "files": { "policies/yaita.cedar": "" } });
    let revision = &files["revision"];
    for (method, path, body) in [
        (Method::PUT, REVISION, json!({ "files": changed["files"] })),
        (Method::PATCH, REVISION, patch.clone()),
        (
            Method::POST,
            "/admin/v1/revision/rollback",
            json!({ "revision": revision }),
        ),
    ] {
        let answer = auditor.request(method, path).header("if-match", &tag).json(&body).await;
        assert_eq!(answer.status, 403, "{answer}");
    }
    assert_eq!(seen(&auditor).await.0, files);
    // It may ask what would become of a change.
    let checked = auditor
        .request(Method::PATCH, "/admin/v1/revision?dry-run=true")
        .json(&patch)
        .await
        .ok()
        .json();
    assert_eq!(
        (&checked["accepted"], &checked["applied"]),
        (&true.into(), &false.into()),
        "{checked}"
    );
    assert_eq!(seen(&auditor).await.0, files);
}

/// What of the other tenants a tenant's administrator must never be shown.
const OTHERS: [&str; 7] = [
    "nasushiobara",
    "yaita",
    "tochigi",
    "bousai-map",
    "limited-app",
    "[gateway]",
    "ops",
];

#[tokio::test]
async fn a_tenants_administrator_sees_its_own_tenant_and_nothing_of_another() {
    let platform = Platform::builder()
        .await
        .administrators()
        .log("info")
        // A warning about another tenant's line, and one about its own.
        .policy(
            "yaita.cedar",
            "permit (principal in Role::\"misspelt\", action, resource in Tenant::\"yaita\");",
        )
        .policy(
            "sano.cedar",
            "permit (principal in Role::\"own-typo\", action, resource in Tenant::\"sano\");",
        )
        .start()
        .await;
    let own = platform.admin("sano-admin");
    for path in PATHS {
        let answer = own.get(path).await.ok();
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        if path != "/admin/v1/openapi.json" {
            for other in OTHERS.into_iter().chain(["misspelt"]) {
                // The name of who applied a change is no tenant's.
                assert!(!text.contains(other), "{path} shows {other}: {text}");
            }
        }
    }
    let shown = own.get(REVISION).await.ok().json();
    assert_eq!(shown["warnings"].as_array().unwrap().len(), 1, "{shown}");
    assert!(shown["warnings"].to_string().contains("own-typo"), "{shown}");
    assert_eq!(shown["refused"], Value::Null);
    let (files, _) = seen(&own).await;
    let names: Vec<&str> = files["files"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["policies/sano.cedar", "tenants.toml"]);
    assert!(
        files["files"]["tenants.toml"]
            .as_str()
            .unwrap()
            .contains("sano-safe-map"),
        "{files}"
    );
    let sources = own.get("/admin/v1/sources").await.ok().json();
    let ids: Vec<&str> = sources["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["sano-safe-map"]);
}

#[tokio::test]
async fn the_help_in_findings_names_no_consumers_of_others() {
    let platform = platform().await;
    let (own, ops) = (platform.admin("sano-admin"), platform.admin("ops"));
    let permit = |principal: &str, tenant: &str, more: &str| {
        format!(
            "{more} permit (principal {principal}, action in Action::\"read\", resource in Tenant::\"{tenant}\");\n"
        )
    };
    for text in [
        permit("== Consumer::\"bousai-mapp\"", "sano", ""),
        permit("in Role::\"readerr\"", "sano", ""),
        permit("in Tenant::\"yait\"", "sano", ""),
    ] {
        let body = json!({ "files": { "policies/sano.cedar": text } });
        let checked = async |client: &Client| {
            let path = "/admin/v1/revision?dry-run=true";
            let told = client.request(Method::PATCH, path).json(&body).await.ok().json();
            let findings = ["warnings", "diagnostics"].map(|key| told[key].as_array().cloned().unwrap_or_default());
            findings
                .concat()
                .into_iter()
                .filter(|finding| finding["location"]["file"] == "policies/sano.cedar")
                .collect::<Vec<_>>()
        };
        let (told, everything) = (checked(&own).await, checked(&ops).await);
        assert!(!told.is_empty() && told.len() == everything.len(), "{text}: {told:#?}");
        let helps = |findings: &[Value]| {
            findings.iter().any(|finding| {
                finding["help"]
                    .as_str()
                    .is_some_and(|help| help.contains("did you mean"))
            })
        };
        assert!(helps(&everything) && !helps(&told), "{text}: {told:#?}");
        for other in OTHERS.into_iter().filter(|other| !text.contains(other)) {
            assert!(!json!(told).to_string().contains(other), "{other}: {told:#?}");
        }
    }
}

#[tokio::test]
async fn a_tenants_administrator_changes_its_own_tenant_and_nothing_of_another() {
    let platform = platform().await;
    let (own, ops) = (platform.admin("sano-admin"), platform.admin("ops"));
    let (files, tag) = seen(&own).await;
    let part = files["files"]["tenants.toml"].as_str().unwrap().to_owned();
    let everything = seen(&ops).await.0;
    let send = async |body: &Value, tag: &str| {
        own.request(Method::PATCH, REVISION)
            .header("if-match", tag)
            .json(body)
            .await
    };

    for (file, text) in [
        ("policies/yaita.cedar", String::new()),
        ("policies/platform.cedar", String::new()),
        ("policies/classification.toml", String::new()),
        ("mappings/sano.toml", String::new()),
        ("../tenants.toml", String::new()),
        (
            "tenants.toml",
            format!("{part}\n[consumers.mine]\nroles = [\"reader\"]\n"),
        ),
        (
            "tenants.toml",
            format!("{part}\n[administrators.me]\nrole = \"operator\"\n"),
        ),
        ("tenants.toml", format!("{part}\n[tenants.yaita]\nname = \"mine\"\n")),
        (
            "tenants.toml",
            part.replace("[tenants.sano]\n", "[tenants.sano]\nrole = \"operator\"\n"),
        ),
        (
            "tenants.toml",
            format!(
                "{part}\n[[tenants.sano.sources]]\nid = \"x\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:9\"\n\
                 credential = {{ bearer = {{ file = \"/etc/hostname\" }} }}\nprovides = [{{ type = \"AED\" }}]\n"
            ),
        ),
    ] {
        let answer = send(&json!({ "files": { file: text } }), &tag).await;
        assert_eq!(answer.status, 403, "{file}: {answer}");
    }
    let whole = own
        .request(Method::PUT, REVISION)
        .header("if-match", &tag)
        .json(&json!({ "files": {} }))
        .await;
    assert_eq!(whole.status, 403, "{whole}");
    // A permit for another tenant's data is refused as anywhere, without a word about that tenant's files.
    let foreign = "permit (principal, action, resource in Tenant::\"yaita\");";
    let answer = send(&json!({ "files": { "policies/sano.cedar": foreign } }), &tag).await;
    assert_eq!(answer.status, 422, "{answer}");
    assert!(
        answer.json()["diagnostics"]
            .to_string()
            .contains("permits access to the data of tenant `yaita`")
    );
    // What is wrong is told with the line of its own part.
    let misspelt = part.replace("adapter = \"rest\"", "adapter = \"rst\"");
    let line = 1 + misspelt.lines().position(|line| line.contains("rst")).unwrap();
    let answer = send(&json!({ "files": { "tenants.toml": misspelt } }), &tag).await;
    assert_eq!(answer.status, 422, "{answer}");
    let told = answer.json()["diagnostics"][0].clone();
    assert_eq!(told["location"]["line"], json!(line), "{told}");
    assert!(
        told["text"]
            .as_str()
            .unwrap()
            .contains(&format!("tenants.toml:{line}:")),
        "{told}"
    );
    // A source of that name is there already, and where is nobody's business.
    let taken = part.replace("sano-safe-map", "nasushiobara-orion");
    let answer = send(&json!({ "files": { "tenants.toml": taken } }), &tag).await;
    assert_eq!(answer.status, 422, "{answer}");
    assert!(!answer.json().to_string().contains("fiware_service"), "{answer}");
    assert_eq!(seen(&ops).await.0, everything, "something has changed");

    // Its own it may change; others have changed theirs meanwhile.
    let theirs = json!({ "files": { "policies/yaita.cedar": null } });
    let applied = ops
        .request(Method::PATCH, REVISION)
        .header("if-match", &tag)
        .json(&theirs)
        .await
        .ok();
    assert_eq!(applied.json()["changed"], json!(["policies/yaita.cedar"]));
    let mine = json!({ "files": {
        "tenants.toml": part.replace("佐野市", "佐野市役所"),
        "policies/sano.cedar": "// Nothing.\n",
    } });
    let answer = send(&mine, &tag).await.ok();
    assert_eq!(answer.json()["changed"], json!(["policies/sano.cedar", "tenants.toml"]));
    let after = seen(&ops).await.0;
    assert_eq!(after["files"]["policies/sano.cedar"], "// Nothing.\n");
    let before = everything["files"]["tenants.toml"].as_str().unwrap();
    assert_eq!(
        after["files"]["tenants.toml"],
        before
            .replace("佐野市\"\ncode", "佐野市役所\"\ncode")
            .replace("name = \"佐野市\"", "name = \"佐野市役所\"")
    );
    // Back to what its own part was, which leaves the others' as it is now.
    let now = answer.header("etag").unwrap().to_owned();
    let undo = json!({ "revision": files["revision"] });
    let undone = own
        .post("/admin/v1/revision/rollback")
        .header("if-match", &now)
        .json(&undo)
        .await
        .ok();
    assert_eq!(undone.json()["changed"], json!(["policies/sano.cedar", "tenants.toml"]));
    let after = seen(&ops).await.0;
    assert_eq!(after["files"]["tenants.toml"], everything["files"]["tenants.toml"]);
    assert_eq!(after["files"]["policies/yaita.cedar"], Value::Null);
    // Of the history it sees what was its own.
    let history = own.get("/admin/v1/revision/history").await.ok().json();
    assert_eq!(history["revisions"].as_array().unwrap().len(), 3, "{history}");
    assert_eq!(history["revisions"][0]["cause"], "roll-back");
}
