//! How the gateway proves itself to sources, and they to it.

use std::sync::Arc;

use futures::future::join_all;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use serde_json::json;
use stand_ins::TokenIssuer;
use stand_ins::issuer::{RegisteredClient, SigningKey};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use toml::{Table, Value};

use super::harness::{Authority, Identity, ORION, Platform, SANO, change_source, section};

const SITES: &str = "type=EvacuationSite&limit=0&count=true";
/// What all sources know together, and what is left without Orion.
const ALL: usize = 102;
const SECRET: &str = "client-secret-that-nobody-sees";

/// Gives Orion a credential, as it is written in tenants.toml.
fn orion_credential(table: &mut Table, credential: &str) {
    let credential: Table = format!("credential = {credential}").parse().unwrap();
    change_source(table, ORION, |source| {
        source.extend(credential);
    });
}

async fn platform_with(credential: &str) -> Platform {
    let builder = Platform::builder()
        .await
        .tenants(|table| orion_credential(table, credential));
    builder.files().write("token", "t0ken-of-the-gateway\n");
    builder.start().await
}

#[tokio::test]
async fn a_constant_credential_is_sent_as_it_is_written() {
    for (credential, header) in [
        ("{ bearer = { file = \"token\" } }", Some("Bearer t0ken-of-the-gateway")),
        (
            "{ basic = { username = \"kakehashi\", password = { file = \"token\" } } }",
            Some("Basic a2FrZWhhc2hpOnQwa2VuLW9mLXRoZS1nYXRld2F5"),
        ),
        ("{ query = \"api key\", value = { file = \"token\" } }", None),
    ] {
        let platform = platform_with(credential).await;
        assert_eq!(platform.entities(SITES).await.ok().count(), ALL);
        let asked = platform.asked_of_orion();
        assert!(!asked.is_empty());
        for request in &asked {
            assert_eq!(request.header("authorization"), header, "{credential}");
            let in_query = request.parameter("api key");
            assert_eq!(
                in_query.as_deref(),
                header.is_none().then_some("t0ken-of-the-gateway"),
                "{credential}"
            );
        }
        for request in platform.asked_of_sano() {
            assert_eq!(request.header("authorization"), None, "another source's credential");
        }
        assert!(!platform.whole_log().await.contains("t0ken"), "it is in the log");
    }
}

/// Whoever runs the gateway reads where the credential is kept that a source does not take, and not what it is.
#[tokio::test]
async fn the_log_says_where_a_credential_is_kept_that_a_source_does_not_take() {
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, SANO, |source| {
            let credential = "credential = { header = \"x-api-key\", value = { file = \"token\" } }";
            source.extend(credential.parse::<Table>().unwrap());
        });
    });
    builder.files().write("token", "t0ken-that-is-wrong\n");
    let platform = builder.start().await;
    let answer = platform.entities(SITES).await.ok();
    assert!(answer.count() < ALL, "{answer}");
    let log = platform.whole_log().await;
    let line = log.lines().find(|line| line.contains("does not take the credential"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(SANO) && line.contains("the file token"), "{line}");
    assert!(!log.contains("t0ken"), "it is in the log");
}

async fn issuer(token_bytes: usize) -> TokenIssuer {
    let issuer = TokenIssuer::start(0, &SigningKey::new("k").unwrap()).await.unwrap();
    issuer.register(RegisteredClient {
        id: "kakehashi".to_owned(),
        secret: SECRET.to_owned(),
        token_bytes,
        expires_in: 3600,
    });
    issuer
}

async fn platform_with_oauth2(issuer: &TokenIssuer, secret: &str) -> Platform {
    let credential = format!(
        "{{ oauth2 = {{ token_url = \"{}\", client_id = \"kakehashi\", client_secret = {{ file = \"secret\" }} }} }}",
        issuer.token_url()
    );
    let builder = Platform::builder()
        .await
        .tenants(|table| orion_credential(table, &credential));
    builder.files().write("secret", secret);
    builder.start().await
}

#[tokio::test]
async fn one_token_of_8_kib_is_fetched_for_all() {
    let issuer = issuer(8 * 1024).await;
    let platform = platform_with_oauth2(&issuer, SECRET).await;
    let answers = join_all((0..8).map(|_| async { platform.entities(SITES).await.ok().count() })).await;
    assert_eq!(answers, [ALL; 8]);
    assert_eq!(issuer.token_requests(), 1);
    let expected = format!("Bearer {}", issuer.issued()[0]);
    for request in platform.asked_of_orion() {
        assert_eq!(request.header("authorization"), Some(expected.as_str()));
    }
    let log = platform.whole_log().await;
    assert!(
        !log.contains(SECRET) && !log.contains("tttttttt"),
        "a secret is in the log"
    );
}

#[tokio::test]
async fn without_a_token_the_source_costs_its_own_part_and_the_log_says_why() {
    let issuer = issuer(100).await;
    let platform = platform_with_oauth2(&issuer, "another-secret-that-is-wrong").await;
    let began = std::time::Instant::now();
    for _ in 0..5 {
        let answer = platform.entities(SITES).await.ok();
        assert!(answer.count() < ALL);
        let warnings = answer.warnings().join(" ");
        assert!(
            warnings.contains(ORION) && warnings.contains("no credential"),
            "{warnings}"
        );
    }
    // It is asked at once, and then after one second, two more, four more.
    let mut allowed = 1;
    while began.elapsed().as_secs() + 1 >= 1 << allowed {
        allowed += 1;
    }
    assert!(
        issuer.token_requests() <= allowed,
        "an endpoint that has refused is left alone for a while"
    );
    assert_eq!(platform.asked_of_orion().len(), 0, "it was asked without a credential");
    let log = platform.whole_log().await;
    assert!(log.contains("invalid_client"), "{log}");
    assert!(!log.contains("another-secret"), "the secret is in the log");
}

/// Speaks TLS in front of a stand-in, to those who hold a certificate of the authority.
async fn tls_front(server: &Identity, clients: &Authority, behind: std::net::SocketAddr) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), Arc::clone(&provider))
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(server.chain(), server.private_key())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else {
                    return;
                };
                let mut inside = TcpStream::connect(behind).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_source_with_a_private_authority_and_one_that_wants_a_certificate_are_reached() {
    let (theirs, ours) = (Authority::new("theirs"), Authority::new("ours"));
    let gateway = ours.issue(&["gateway.example.jp"]);
    let certificate = "{ client_certificate = { certificate = \"gateway.pem\", key = { file = \"gateway.key\" } } }";
    for (authority, credential, reached) in [
        (Some(&theirs), Some(certificate), true),
        (Some(&theirs), None, false),
        // Signed by nobody that is trusted here.
        (None, Some(certificate), false),
        (Some(&ours), Some(certificate), false),
    ] {
        let builder = Platform::builder().await;
        let front = tls_front(&theirs.issue(&["127.0.0.1"]), &ours, stand_in_address(&builder)).await;
        let builder = builder.tenants(|table| {
            if let Some(credential) = credential {
                orion_credential(table, credential);
            }
            change_source(table, ORION, |source| {
                source.insert("endpoint".into(), front.into());
                if authority.is_some() {
                    source.insert("ca".into(), "source-ca.pem".into());
                }
            });
        });
        let files = builder.files();
        files.write("gateway.pem", &gateway.certificate);
        files.write("gateway.key", &gateway.key);
        files.write("source-ca.pem", authority.map_or("", |authority| &authority.pem));
        let platform = builder.start().await;
        let answer = platform.entities(SITES).await.ok();
        assert_eq!(answer.count() == ALL, reached, "{:?}", answer.warnings());
        assert_eq!(platform.asked_of_orion().is_empty(), !reached);
    }
}

fn stand_in_address(builder: &super::harness::Builder) -> std::net::SocketAddr {
    builder.demo().orion().addr()
}

#[tokio::test]
async fn a_consumers_token_goes_to_the_source_that_is_configured_for_it_and_to_no_other() {
    let key = SigningKey::new("2026").unwrap();
    let provider = TokenIssuer::start(0, &key).await.unwrap();
    let identifier = provider.identifier();
    let builder = Platform::builder().await.tenants(|table| {
        orion_credential(table, "{ pass_through = true }");
        let issuer = format!("url = \"{identifier}\"\naudience = \"kakehashi\"\nalgorithms = [\"ES256\"]");
        section(table, "issuers").insert("prefecture".into(), Value::Table(issuer.parse().unwrap()));
        let consumer =
            "organisation = \"outside\"\nroles = [\"reader\"]\njwt = { issuer = \"prefecture\", subject = \"app\" }";
        section(table, "consumers").insert("token-app".into(), Value::Table(consumer.parse().unwrap()));
    });
    let platform = builder.start().await;
    let claims = json!({ "iss": identifier, "aud": "kakehashi", "sub": "app", "exp": 4_102_444_800_u64 });
    let token = key.sign(&claims, &json!({})).unwrap();
    let authorization = format!("Bearer {token}");
    let asked = platform
        .entities(SITES)
        .anonymous()
        .header("authorization", &authorization);
    assert_eq!(asked.await.ok().count(), ALL);
    let orion = platform.asked_of_orion();
    assert!(!orion.is_empty());
    assert!(
        orion
            .iter()
            .all(|request| request.header("authorization") == Some(authorization.as_str()))
    );
    let sano = platform.asked_of_sano();
    assert!(
        sano.iter().all(|request| !format!("{request:?}").contains(&token)),
        "another source has seen it"
    );

    // Who has no token of its own does not reach the source: neither with a key nor without anything.
    platform.forget_requests();
    for answer in [
        platform.entities(SITES).await,
        platform.entities(SITES).anonymous().await,
    ] {
        let answer = answer.ok();
        assert!(answer.count() < ALL);
        let own_fault = format!("299 {ORION} \"you have sent no credential that could be passed on to the source\"");
        assert!(answer.warnings().contains(&own_fault.as_str()), "{answer}");
    }
    // A wrong one reaches nobody.
    let wrong = platform
        .entities(SITES)
        .anonymous()
        .header("authorization", &format!("{authorization}x"))
        .await;
    assert_eq!(wrong.status, 401);
    assert_eq!(platform.asked_of_orion().len(), 0);
    assert!(!platform.whole_log().await.contains(&token), "it is in the log");
}
