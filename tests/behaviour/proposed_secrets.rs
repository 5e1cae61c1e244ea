//! What a proposal over the admin API may have the gateway read: files that are files, and no secret for whoever may not
//! apply the proposal. How the reading of a secret went is the operator's to know.

use futures::future::join;
use http::Method;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::harness::{Answer, Client, Platform, SANO, change_source};

const REVISION: &str = "/admin/v1/revision";
const DRY_RUN: &str = "/admin/v1/revision?dry-run=true";

/// A platform with all kinds of things beside tenants.toml.
async fn platform() -> Platform {
    let builder = Platform::builder().await.administrators().log("info");
    let files = builder.files();
    files.write("secret", "planted-secret-40b1\n");
    files.write("empty", "\n");
    files.write("binary", b"\xff\xfe\x00");
    files.write("lines", "one\ntwo\n");
    files.write("large", "x".repeat(64 * 1024 + 1));
    // Nobody will ever write to it, so that who waits for it waits forever.
    let pipe = files.folder().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    builder.start().await
}

async fn texts(client: &Client) -> (Value, String) {
    let answer = client.get(format!("{REVISION}/files")).await.ok();
    let tag = answer.header("etag").unwrap().to_owned();
    (answer.json()["files"].clone(), tag)
}

/// tenants.toml with one more source, which has this credential.
fn with_credential(tenants_toml: &str, credential: &str) -> String {
    let source = format!(
        "\n[[tenants.yaita.sources]]\nid = \"z\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:9\"\n\
         provides = [{{ type = \"AED\" }}]\ncredential = {{ bearer = {credential} }}\n"
    );
    format!("{tenants_toml}{source}")
}

async fn send(client: &Client, method: Method, path: &str, tag: &str, file: &str, text: &str) -> Answer {
    let body = json!({ "files": { file: text } });
    client.request(method, path).header("if-match", tag).json(&body).await
}

/// What an answer tells, without the text that was sent.
fn told(answer: &Answer) -> Value {
    let members = answer.json();
    let messages = |key: &str| -> Vec<Value> {
        let findings = members[key].as_array().into_iter().flatten();
        findings
            .filter(|finding| {
                let excerpt = finding["location"]["excerpt"].as_str().unwrap_or("");
                ["credential", "tls", "sano-key"]
                    .iter()
                    .any(|meant| excerpt.contains(meant))
            })
            .map(|finding| {
                let place = &finding["location"];
                json!([finding["message"], finding["help"], place["line"], place["column"]])
            })
            .collect()
    };
    json!({
        "status": answer.status,
        "accepted": members["accepted"],
        "more": members["more"],
        "diagnostics": messages("diagnostics"),
        "warnings": messages("warnings"),
    })
}

const REFERENCES: [&str; 10] = [
    "{ file = \"secret\" }",
    "{ file = \"empty\" }",
    "{ file = \"binary\" }",
    "{ file = \"lines\" }",
    "{ file = \"large\" }",
    "{ file = \"pipe\" }",
    "{ file = \"policies\" }",
    "{ file = \"nothing\" }",
    "{ env = \"PATH\" }",
    "{ env = \"NO_SUCH_VARIABLE\" }",
];

#[tokio::test]
async fn what_never_ends_is_waited_for_by_nobody() {
    let platform = platform().await;
    let (auditor, ops, own) = (
        platform.admin("auditor"),
        platform.admin("ops"),
        platform.admin("sano-admin"),
    );
    let (files, tag) = texts(&ops).await;
    let tenants_toml = files["tenants.toml"].as_str().unwrap();
    let proposal = with_credential(tenants_toml, "{ file = \"pipe\" }");
    for (number, path) in [DRY_RUN, "/admin/v1/diff"].into_iter().enumerate() {
        let method = if path == DRY_RUN { Method::PATCH } else { Method::POST };
        let looking = send(&auditor, method, path, &tag, "tenants.toml", &proposal);
        let changing = async {
            for (client, file) in [(&ops, "policies/yaita.cedar"), (&own, "policies/sano.cedar")] {
                let (files, tag) = texts(client).await;
                let text = format!("{}// {number}\n", files[file].as_str().unwrap());
                send(client, Method::PATCH, REVISION, &tag, file, &text).await.ok();
            }
        };
        let (looked, ()) = join(looking, changing).await;
        assert!(looked.status == 200 || looked.status == 409, "{path}: {looked}");
    }
    // Whoever may apply it is told at once that it is no file.
    let (_, tag) = texts(&ops).await;
    let refused = send(&ops, Method::PATCH, REVISION, &tag, "tenants.toml", &proposal).await;
    assert_eq!(refused.status, 422, "{refused}");
    assert!(refused.json().to_string().contains("it is no file"), "{refused}");
}

#[tokio::test]
async fn an_auditor_learns_nothing_of_files_and_variables() {
    let platform = platform().await;
    let (auditor, ops) = (platform.admin("auditor"), platform.admin("ops"));
    let (files, tag) = texts(&auditor).await;
    let tenants_toml = files["tenants.toml"].as_str().unwrap();
    let mut seen = Vec::new();
    let mut told_to_ops = Vec::new();
    for reference in REFERENCES {
        let text = with_credential(tenants_toml, reference);
        for (method, path) in [
            (Method::PATCH, DRY_RUN),
            (Method::POST, "/admin/v1/diff"),
            (Method::POST, "/admin/v1/policy-tests"),
        ] {
            let answer = send(&auditor, method, path, &tag, "tenants.toml", &text).await;
            seen.push((path, told(&answer)));
        }
        let answer = send(&ops, Method::PATCH, DRY_RUN, &tag, "tenants.toml", &text).await;
        told_to_ops.push(told(&answer));
    }
    for path in [DRY_RUN, "/admin/v1/diff", "/admin/v1/policy-tests"] {
        let mut of_path = seen.iter().filter(|(known, _)| *known == path).map(|(_, told)| told);
        let first = of_path.next().unwrap();
        assert_eq!(first["status"], 200, "{path}: {first}");
        assert!(of_path.all(|told| told == first), "{path}: {seen:#?}");
    }
    let warnings = seen[0].1["warnings"].to_string();
    assert!(
        warnings.contains("is not read"),
        "nothing is ignored in silence: {warnings}"
    );
    // The operator is told what it is, since it would be so when applied.
    let accepted: Vec<bool> = told_to_ops.iter().map(|told| told["accepted"] == true).collect();
    assert_eq!(
        accepted,
        [true, false, false, false, false, false, false, false, true, false]
    );
    for (told, says) in told_to_ops.iter().zip([
        "",
        "empty",
        "not UTF-8",
        "a header cannot",
        "larger than 64 KiB",
        "no file",
        "no file",
        "no such file",
        "",
        "not set",
    ]) {
        assert!(told["diagnostics"].to_string().contains(says), "{says}: {told}");
    }

    // The gateway's own certificate and key are none of its business, either.
    let mut of_tls = Vec::new();
    for (certificate, key) in [
        ("secret", "secret"),
        ("nothing", "secret"),
        ("policies", "nothing"),
        ("pipe", "pipe"),
    ] {
        let tls = format!("[gateway]\ntls = {{ certificate = \"{certificate}\", key = {{ file = \"{key}\" }} }}\n");
        let text = tenants_toml.replacen("[gateway]\n", &tls, 1);
        assert_ne!(text, tenants_toml);
        let answer = send(&auditor, Method::PATCH, DRY_RUN, &tag, "tenants.toml", &text).await;
        let findings = told(&answer)["diagnostics"].as_array().unwrap().clone();
        // The column of a finding is that of what was sent.
        let messages = findings.into_iter().map(|finding| finding[0].clone());
        of_tls.push(messages.collect::<Vec<Value>>());
    }
    assert!(!of_tls[0].is_empty(), "{of_tls:#?}");
    assert!(of_tls.iter().all(|told| *told == of_tls[0]), "{of_tls:#?}");
}

#[tokio::test]
async fn how_the_reading_of_a_secret_went_is_the_operators_to_know() {
    let builder = Platform::builder().await.administrators().log("info").tenants(|table| {
        change_source(table, SANO, |source| {
            let credential = "header = \"x-api-key\"\nvalue = { file = \"sano-key\" }";
            source.insert("credential".into(), toml::Value::Table(credential.parse().unwrap()));
        });
    });
    builder.files().write("sano-key", stand_ins::SANO_DEMO_API_KEY);
    let platform = builder.start().await;
    let (own, auditor, ops) = (
        platform.admin("sano-admin"),
        platform.admin("auditor"),
        platform.admin("ops"),
    );
    let (files, tag) = texts(&own).await;
    let part = files["tenants.toml"].as_str().unwrap();
    let renamed = part.replace("佐野市", "佐野");
    assert_ne!(renamed, part);
    let mut seen = Vec::new();
    let key = platform.files().folder().join("sano-key");
    for state in ["absent", "folder", "empty", "unfit"] {
        std::fs::remove_file(&key).unwrap();
        match state {
            "folder" => std::fs::create_dir(&key).unwrap(),
            "empty" => std::fs::write(&key, "").unwrap(),
            "unfit" => std::fs::write(&key, "one\ntwo").unwrap(),
            _ => {}
        }
        let refused = send(&own, Method::PATCH, REVISION, &tag, "tenants.toml", &renamed).await;
        assert_eq!(refused.status, 422, "{state}: {refused}");
        seen.push(told(&refused));
        let shown = auditor.get(REVISION).await.ok().json();
        let latest = shown["refused"]["diagnostics"].as_array().unwrap().clone();
        seen.push(json!({ "auditor": latest.iter().map(|finding| &finding["message"]).collect::<Vec<_>>() }));
        let shown = ops.get(REVISION).await.ok().json();
        let says = match state {
            "absent" => "no such file",
            "folder" => "no file",
            "empty" => "empty",
            _ => "a header cannot",
        };
        assert!(shown["refused"].to_string().contains(says), "{state}: {shown}");
        if key.is_dir() {
            std::fs::remove_dir(&key).unwrap();
        }
        std::fs::write(&key, stand_ins::SANO_DEMO_API_KEY).unwrap();
    }
    for both in seen.chunks(2) {
        assert_eq!(both, &seen[..2], "{seen:#?}");
    }
    assert_eq!(seen[0]["diagnostics"].as_array().unwrap().len(), 1, "{seen:#?}");
    // What a secret is has nothing to do with a dry run.
    let dry = send(&own, Method::PATCH, DRY_RUN, &tag, "tenants.toml", &renamed)
        .await
        .ok();
    assert_eq!(
        (&dry.json()["accepted"], &dry.json()["warnings"]),
        (&true.into(), &json!([])),
        "{dry}"
    );
    send(&own, Method::PATCH, REVISION, &tag, "tenants.toml", &renamed)
        .await
        .ok();
}
