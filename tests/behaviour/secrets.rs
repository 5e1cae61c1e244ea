//! No secret shows anywhere: neither in an answer, nor in a log, a metric, a finding or an explanation.

use serde_json::json;
use stand_ins::issuer::{RegisteredClient, SigningKey};
use stand_ins::{Fault, SANO_DEMO_API_KEY, TokenIssuer};
use toml::{Table, Value};

use super::harness::{Client, Finished, ORION, Platform, change_source, key_of, section};

const SITES: &str = "type=EvacuationSite&limit=3&count=true";
const CLIENT_SECRET: &str = "planted-client-secret-5d1e";
const WRONG_KEY: &str = "planted-wrong-key-77c0";
const WRONG_PASSWORD: &str = "cGxhbnRlZC11c2VyOnBsYW50ZWQtcGFzc3dvcmQtOTFhYg";

#[tokio::test]
async fn planted_secrets_are_found_nowhere() {
    let key = SigningKey::new("2026").unwrap();
    let issuer = TokenIssuer::start(0, &key).await.unwrap();
    issuer.register(RegisteredClient {
        id: "kakehashi".to_owned(),
        secret: CLIENT_SECRET.to_owned(),
        token_bytes: 64,
        expires_in: 3600,
    });
    let identifier = issuer.identifier();
    let builder = Platform::builder().await.tenants(|table| {
        let credential = format!(
            "oauth2 = {{ token_url = \"{}\", client_id = \"kakehashi\", client_secret = {{ file = \"secret\" }} }}",
            issuer.token_url()
        );
        change_source(table, ORION, |source| {
            source.insert("credential".into(), Value::Table(credential.parse().unwrap()));
        });
        let settings = format!("url = \"{identifier}\"\naudience = \"kakehashi\"\nalgorithms = [\"ES256\"]");
        section(table, "issuers").insert("prefecture".into(), Value::Table(settings.parse().unwrap()));
        let consumer =
            "organisation = \"outside\"\nroles = [\"reader\"]\njwt = { issuer = \"prefecture\", subject = \"app\" }";
        section(table, "consumers").insert("token-app".into(), Value::Table(consumer.parse::<Table>().unwrap()));
    });
    builder.files().write("secret", CLIENT_SECRET);
    let platform = builder.start().await;
    let claims = json!({ "iss": identifier, "aud": "kakehashi", "sub": "app", "exp": 4_102_444_800_u64 });
    let token = key.sign(&claims, &json!({})).unwrap();
    let mut seen = String::new();

    // What is right, what is wrong, and sources that fail while they are shown their credentials.
    let valid = format!("Bearer {token}");
    let forged = format!("Bearer {token}x");
    let basic = format!("Basic {WRONG_PASSWORD}");
    for fault in [None, Some(Fault::Status(401)), Some(Fault::Html), Some(Fault::Reset)] {
        for stand_in in [&**platform.demo().orion(), &**platform.demo().sano()] {
            match fault {
                Some(fault) => stand_in.set_fault(fault),
                None => stand_in.clear_fault(),
            }
        }
        for answer in [
            platform.entities(SITES).await,
            platform.entities(SITES).key(WRONG_KEY).await,
            platform
                .entities(SITES)
                .anonymous()
                .header("authorization", &valid)
                .await,
            platform
                .entities(SITES)
                .anonymous()
                .header("authorization", &forged)
                .await,
            platform
                .entities(SITES)
                .anonymous()
                .header("authorization", &basic)
                .await,
            platform.entities(format!("{SITES}&x-api-key={WRONG_KEY}")).await,
            platform.get(format!("/nothing?key={WRONG_KEY}")).await,
        ] {
            seen.push_str(&format!(
                "{:?}{}",
                answer.headers,
                String::from_utf8_lossy(&answer.body)
            ));
        }
    }
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let admin = Client::new(&admin, Some(WRONG_KEY.to_owned()));
    for path in ["/metrics", "/readyz", "/healthz", "/admin/v1/revision"] {
        let answer = admin.get(path).await;
        seen.push_str(&format!(
            "{:?}{}",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        ));
    }
    let log = platform.whole_log().await;
    assert!(log.len() > 1000, "nothing was logged");
    seen.push_str(&log);
    seen.push_str(&platform.gateway().stdout());

    // The commands, on what is well and on what is broken around the secrets.
    let folder = platform.gateway().folder();
    let text = std::fs::read_to_string(folder.join("tenants.toml")).unwrap();
    let open = text.replace("file = \"secret\"", &format!("fil = \"{CLIENT_SECRET}\""));
    let plain = text.replace(
        "client_id = \"kakehashi\"",
        &format!("client_id = \"kakehashi\"\nbearer = \"{CLIENT_SECRET}\""),
    );
    assert!(open != text && plain != text);
    for (name, text) in [("well.toml", &text), ("open.toml", &open), ("plain.toml", &plain)] {
        std::fs::write(folder.join(name), text).unwrap();
        for arguments in [
            ["check", "--config", name].as_slice(),
            &["explain-config", "--config", name],
            &["explain-config", "--config", name, "--json"],
            &["key", "list", "--config", name],
            &["key", "revoke", "nobody", "x", "--config", name],
        ] {
            let finished = Finished::of(folder, arguments);
            seen.push_str(&finished.stdout);
            seen.push_str(&finished.stderr);
        }
    }

    let issued = issuer.issued();
    assert!(!issued.is_empty(), "no token was fetched");
    let secrets = [
        CLIENT_SECRET,
        WRONG_KEY,
        "planted-password",
        WRONG_PASSWORD,
        SANO_DEMO_API_KEY,
        token.as_str(),
        issued[0].as_str(),
        &key_of("bousai-map"),
        &key_of("limited-app"),
    ];
    for secret in secrets {
        let found = seen.split_once(secret).map(|(before, _)| {
            let around: Vec<char> = before.chars().rev().take(200).collect();
            around.into_iter().rev().collect::<String>()
        });
        assert_eq!(found, None, "{secret} shows after this");
    }
}
