//! Consumers that prove who they are by a certificate.

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::harness::{Authority, Files, Finished, Identity, Platform, SecureClient, key_of, keys, section};

const COUNT: &str = "/ngsi-ld/v1/entities?type=EvacuationSite&limit=0&count=true";

/// Sees nothing: what a consumer with a role that no policy names sees.
const NOTHING: usize = 0;
/// What readers and the anonymous consumer see.
const ALL: usize = 102;

struct Setting {
    authority: Authority,
    platform: Platform,
    url: String,
    known_by_fingerprint: Identity,
}

fn add_consumer(table: &mut Table, id: &str, roles: &[&str], certificate: &str) {
    let mut consumer: Table = format!("organisation = \"outside\"\nclient_certificate = {certificate}")
        .parse()
        .unwrap();
    let roles = roles.iter().map(|role| Value::from(*role)).collect();
    consumer.insert("roles".into(), Value::Array(roles));
    consumer.insert("keys".into(), keys(&key_of(id)));
    section(table, "consumers").insert(id.into(), Value::Table(consumer));
}

fn add_tls(files: &Files, authority: &Authority) {
    let server = authority.issue(&["127.0.0.1"]);
    files.write("server.pem", &server.certificate);
    files.write("server.key", &server.key);
    files.write("consumers-ca.pem", &authority.pem);
    files.change_tenants(|table| {
        let tls = "certificate = \"server.pem\"\nkey = { file = \"server.key\" }\nclient_ca = \"consumers-ca.pem\"";
        section(table, "gateway").insert("tls".into(), Value::Table(tls.parse().unwrap()));
    });
}

async fn setting() -> Setting {
    let authority = Authority::new("consumers");
    let known_by_fingerprint = authority.issue(&["anything.example.jp"]);
    let fingerprint: String = Sha256::digest(known_by_fingerprint.der())
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let builder = Platform::builder().await.log("debug").tenants(|table| {
        add_consumer(table, "by-name", &["reader"], "{ san = \"app.example.jp\" }");
        add_consumer(
            table,
            "by-uri",
            &["reader"],
            "[{ san = \"spiffe://example.jp/app\" }, { san = \"old.example.jp\" }]",
        );
        // Its role is one that no policy names.
        add_consumer(
            table,
            "by-fingerprint",
            &[],
            &format!("{{ fingerprint = \"{fingerprint}\" }}"),
        );
    });
    add_tls(builder.files(), &authority);
    let platform = builder.start().await;
    let url = platform.gateway().ready()["gateway"].as_str().unwrap().to_owned();
    Setting {
        authority,
        platform,
        url,
        known_by_fingerprint,
    }
}

impl Setting {
    async fn ask(&self, identity: Option<&Identity>, headers: &[(&str, &str)]) -> (u16, Option<usize>) {
        let client = SecureClient::new(&self.url, &self.authority, identity);
        let answer = client.get(COUNT, headers).await.unwrap();
        (answer.status, (answer.status == 200).then(|| answer.count()))
    }
}

#[tokio::test]
async fn a_certificate_is_its_consumer_by_name_or_by_fingerprint() {
    let setting = setting().await;
    for names in [
        ["app.example.jp"].as_slice(),
        &["other.example.jp", "APP.example.jp"],
        &["spiffe://example.jp/app"],
        &["old.example.jp"],
    ] {
        let identity = setting.authority.issue(names);
        assert_eq!(setting.ask(Some(&identity), &[]).await, (200, Some(ALL)), "{names:?}");
    }
    assert_eq!(
        setting.ask(Some(&setting.known_by_fingerprint), &[]).await,
        (200, Some(NOTHING))
    );
    // Who presents none may still have a key, or be anonymous.
    assert_eq!(setting.ask(None, &[]).await, (200, Some(ALL)));
    let key = key_of("by-fingerprint");
    assert_eq!(setting.ask(None, &[("x-api-key", &key)]).await, (200, Some(NOTHING)));
}

#[tokio::test]
async fn a_certificate_that_is_nobodys_is_never_anonymous() {
    let setting = setting().await;
    for names in [
        ["nobody.example.jp"].as_slice(),
        &["example.jp"],
        // Of two consumers at once.
        &["app.example.jp", "spiffe://example.jp/app"],
    ] {
        let identity = setting.authority.issue(names);
        assert_eq!(setting.ask(Some(&identity), &[]).await, (401, None), "{names:?}");
        // A key beside it does not make it right.
        let key = key_of("by-name");
        assert_eq!(
            setting.ask(Some(&identity), &[("x-api-key", &key)]).await,
            (401, None),
            "{names:?}"
        );
    }
    assert_eq!(
        setting.platform.asked().len(),
        0,
        "a source was asked for somebody unknown"
    );
}

#[tokio::test]
async fn a_certificate_and_a_key_must_be_of_one_consumer() {
    let setting = setting().await;
    let identity = setting.authority.issue(&["app.example.jp"]);
    for (consumer, expected) in [
        ("by-name", (200, Some(ALL))),
        ("by-fingerprint", (401, None)),
        ("bousai-map", (401, None)),
    ] {
        let key = key_of(consumer);
        assert_eq!(
            setting.ask(Some(&identity), &[("x-api-key", &key)]).await,
            expected,
            "{consumer}"
        );
    }
    assert_eq!(
        setting.ask(Some(&identity), &[("x-api-key", "wrong")]).await,
        (401, None)
    );
    assert_eq!(
        setting.ask(Some(&identity), &[("authorization", "Bearer wrong")]).await,
        (401, None)
    );
}

#[tokio::test]
async fn what_the_authority_has_not_signed_or_has_ended_does_not_connect() {
    let setting = setting().await;
    let stranger = Authority::new("consumers").issue(&["app.example.jp"]);
    let expired = setting.authority.issue_with(&["app.example.jp"], |parameters| {
        parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    for identity in [&stranger, &expired] {
        let client = SecureClient::new(&setting.url, &setting.authority, Some(identity));
        assert!(client.get(COUNT, &[]).await.is_err());
    }
    // What others say of certificates in headers counts for nothing.
    let identity = setting.authority.issue(&["nobody.example.jp"]);
    let claim = ("x-forwarded-client-cert", "DNS=app.example.jp");
    assert_eq!(setting.ask(Some(&identity), &[claim]).await, (401, None));
}

#[test]
fn what_could_not_tell_consumers_apart_is_refused() {
    let authority = Authority::new("consumers");
    let refused = |change: &dyn Fn(&mut Table), with_tls: bool, says: &[&str]| {
        let files = Files::committed();
        if with_tls {
            add_tls(&files, &authority);
        }
        files.change_tenants(change);
        let finished = Finished::of(files.folder(), &["check"]);
        assert_eq!(finished.code, Some(1), "{says:?}: {finished:?}");
        for said in says {
            assert!(finished.stderr.contains(said), "{said}: {}", finished.stderr);
        }
    };
    refused(
        &|table| {
            add_consumer(table, "one", &["reader"], "{ san = \"app.example.jp\" }");
            add_consumer(table, "two", &["reader"], "{ san = \"APP.example.jp\" }");
        },
        true,
        &["`one` and `two`", "app.example.jp", "tenants.toml:"],
    );
    for (certificate, said) in [
        ("{ san = \"*.example.jp\" }", "wildcard"),
        ("{ fingerprint = \"00\" }", "64 hex digits"),
        ("{ san = \"a.example.jp\", fingerprint = \"00\" }", "exactly one of"),
        ("{ sans = \"a.example.jp\" }", "did you mean `san`?"),
        ("\"a.example.jp\"", "must be a table"),
    ] {
        refused(
            &|table| add_consumer(table, "one", &["reader"], certificate),
            true,
            &[said],
        );
    }
    refused(
        &|table| add_consumer(table, "one", &["reader"], "{ san = \"app.example.jp\" }"),
        false,
        &["can never be presented", "client_ca"],
    );
    refused(
        &|table| {
            section(section(table, "consumers"), "anonymous").insert(
                "client_certificate".into(),
                Value::Table("san = \"a.example.jp\"".parse().unwrap()),
            );
        },
        true,
        &["the anonymous consumer has no certificates"],
    );
}
