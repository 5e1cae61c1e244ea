//! Consumers that prove who they are by a token of a configured issuer.

use serde_json::{Value, json};
use stand_ins::TokenIssuer;
use stand_ins::issuer::SigningKey;

use super::harness::{Platform, section, until};

const SITES: &str = "type=EvacuationSite&limit=1";

struct Realm {
    key: SigningKey,
    provider: TokenIssuer,
    platform: Platform,
}

/// A platform that believes one issuer: `token-app` has no roles but those of its tokens, `token-reader` is a reader.
async fn realm() -> Realm {
    realm_with("platform.cedar", "").await
}

/// The same with more policies.
async fn realm_with(file: &str, policies: &str) -> Realm {
    let key = SigningKey::new("2026").unwrap();
    let provider = TokenIssuer::start(0, &key).await.unwrap();
    let issuer = provider.identifier();
    let platform = Platform::builder()
        .await
        .log("debug")
        .policy(file, policies)
        .tenants(|table| {
            let mut settings = toml::Table::new();
            settings.insert("url".into(), issuer.into());
            settings.insert("audience".into(), "kakehashi".into());
            settings.insert("algorithms".into(), toml::Value::Array(vec!["ES256".into()]));
            settings.insert("roles_claim".into(), "roles".into());
            let levels = toml::toml! { acr = "aal2" aal = 2 };
            settings.insert("assurance_levels".into(), vec![toml::Value::Table(levels)].into());
            section(table, "issuers").insert("prefecture".into(), toml::Value::Table(settings));
            for (id, roles) in [("token-app", vec![]), ("token-reader", vec!["reader".into()])] {
                let mut jwt = toml::Table::new();
                jwt.insert("issuer".into(), "prefecture".into());
                jwt.insert("subject".into(), format!("service-account-{id}").into());
                let mut consumer = toml::Table::new();
                consumer.insert("organisation".into(), "outside".into());
                consumer.insert("roles".into(), toml::Value::Array(roles));
                consumer.insert("jwt".into(), toml::Value::Table(jwt));
                section(table, "consumers").insert(id.into(), toml::Value::Table(consumer));
            }
        })
        .start()
        .await;
    Realm {
        key,
        provider,
        platform,
    }
}

impl Realm {
    fn claims(&self, consumer: &str, roles: &Value) -> Value {
        json!({
            "iss": self.provider.identifier(),
            "aud": "kakehashi",
            "sub": format!("service-account-{consumer}"),
            "exp": 4_102_444_800_u64,
            "roles": roles,
        })
    }

    fn token(&self, consumer: &str, roles: &Value) -> String {
        self.key.sign(&self.claims(consumer, roles), &json!({})).unwrap()
    }

    async fn count(&self, token: &str) -> usize {
        let asked = self.platform.entities("type=EvacuationSite&limit=0&count=true");
        let answer = asked
            .anonymous()
            .header("authorization", &format!("Bearer {token}"))
            .await
            .ok();
        answer.count()
    }
}

#[tokio::test]
async fn a_token_is_its_consumer_with_the_roles_that_it_says() {
    let realm = realm().await;
    assert_eq!(realm.count(&realm.token("token-reader", &json!([]))).await, 102);
    // The roles of one token never count for another, whichever was decided first.
    for _ in 0..2 {
        assert_eq!(realm.count(&realm.token("token-app", &json!([]))).await, 0);
        assert_eq!(realm.count(&realm.token("token-app", &json!(["reader"]))).await, 102);
        assert_eq!(
            realm
                .count(&realm.token("token-app", &json!(["no-policy-names-it"])))
                .await,
            0
        );
    }
    assert_eq!(realm.provider.fetches(), 1);
    // No source is shown the token.
    let token = realm.token("token-reader", &json!([]));
    let asked = realm.platform.asked();
    assert!(asked.iter().all(|request| !format!("{request:?}").contains(&token)));
}

#[tokio::test]
async fn a_policy_may_ask_how_surely_the_holder_of_a_token_was_identified() {
    let realm = realm_with(
        "nasushiobara.cedar",
        "forbid (principal == Consumer::\"token-reader\", action, resource)\n\
         unless { context has assurance && context.assurance == \"aal2\" };",
    )
    .await;
    let with = |assurance: Value| {
        let mut claims = realm.claims("token-reader", &json!([]));
        claims["acr"] = assurance;
        realm.key.sign(&claims, &json!({})).unwrap()
    };
    for _ in 0..2 {
        assert_eq!(realm.count(&with(json!("aal2"))).await, 102);
        assert!(realm.count(&with(json!("aal1"))).await < 102);
        assert!(realm.count(&realm.token("token-reader", &json!([]))).await < 102);
    }
}

#[tokio::test]
async fn a_level_of_assurance_is_what_the_issuer_is_configured_to_mean() {
    let realm = realm_with(
        "yaita.cedar",
        "@aal(\"2\")\npermit (principal == Consumer::\"token-app\", action in Action::\"read\", \
         resource == EntityType::\"yaita/EvacuationSite\");",
    )
    .await;
    for _ in 0..2 {
        for (acr, sites) in [
            (json!("aal2"), 25),
            (json!("aal3"), 0),
            (json!("AAL2"), 0),
            (Value::Null, 0),
        ] {
            let mut claims = realm.claims("token-app", &json!([]));
            claims["acr"] = acr.clone();
            let token = realm.key.sign(&claims, &json!({})).unwrap();
            assert_eq!(realm.count(&token).await, sites, "{acr}");
        }
    }
}

#[tokio::test]
async fn what_is_not_a_valid_token_of_a_known_consumer_is_401() {
    let realm = realm().await;
    let valid = realm.token("token-reader", &json!([]));
    let stranger = realm.token("nobody", &json!(["reader"]));
    let forged = SigningKey::new("2026").unwrap();
    let claims = json!({
        "iss": realm.provider.identifier(), "aud": "kakehashi", "sub": "service-account-token-reader",
        "exp": 4_102_444_800_u64,
    });
    let forged = forged.sign(&claims, &json!({})).unwrap();
    let mut details = Vec::new();
    for authorization in [
        format!("Bearer {stranger}"),
        format!("Bearer {forged}"),
        format!("Bearer {valid}x"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {valid}"),
        valid.clone(),
    ] {
        let asked = realm.platform.entities(SITES).anonymous();
        let answer = asked.header("authorization", &authorization).await;
        assert_eq!(answer.status, 401, "{answer}");
        let challenges = answer.all("www-authenticate");
        assert!(
            challenges.iter().any(|challenge| challenge.starts_with("Bearer")),
            "{answer}"
        );
        details.push(answer.problem().detail);
    }
    details.dedup();
    assert_eq!(details.len(), 1, "the answer tells what was wrong: {details:?}");
    // A valid token beside a valid key is two callers at once.
    let both = realm
        .platform
        .entities(SITES)
        .header("authorization", &format!("Bearer {valid}"))
        .await;
    assert_eq!(both.status, 401, "{both}");
    assert_eq!(
        realm.platform.asked().len(),
        0,
        "a source was asked for somebody unknown"
    );
}

#[tokio::test]
async fn while_the_issuer_is_away_known_tokens_work_and_new_ones_may_come_back_later() {
    let realm = realm().await;
    realm.provider.set_fault(stand_ins::Fault::Status(503));
    let token = realm.token("token-reader", &json!([]));
    let asked = realm.platform.entities(SITES).anonymous();
    let answer = asked.header("authorization", &format!("Bearer {token}")).await;
    assert_eq!(answer.status, 503, "{answer}");
    realm.provider.clear_fault();
    assert_eq!(realm.count(&token).await, 102);
    realm.provider.stop().await;
    assert_eq!(realm.count(&token).await, 102);
}

#[tokio::test]
async fn a_key_that_the_issuer_has_withdrawn_opens_nothing_once_the_operator_has_it_read() {
    let realm = realm().await;
    let token = realm.token("token-reader", &json!([]));
    assert_eq!(realm.count(&token).await, 102);
    let next = SigningKey::new("2027").unwrap();
    realm.provider.publish(&[next.public()]);
    realm.platform.gateway().hang_up();
    until("the files are read again", || {
        let metrics = realm.platform.gateway().metrics();
        metrics.contains("kakehashi_config_reloads_total{outcome=\"unchanged\"")
    })
    .await;
    let asked = realm.platform.entities(SITES).anonymous();
    let answer = asked.header("authorization", &format!("Bearer {token}")).await;
    assert_eq!(answer.status, 401, "{answer}");
    let token = next
        .sign(&realm.claims("token-reader", &json!([])), &json!({}))
        .unwrap();
    assert_eq!(realm.count(&token).await, 102);
}

#[tokio::test]
async fn an_address_that_keeps_failing_is_slowed_and_valid_keys_are_not() {
    let realm = realm().await;
    let mut refused = 0;
    for index in 0..150 {
        let asked = realm.platform.entities(SITES).anonymous();
        let answer = asked.header("x-api-key", &format!("guess-{index}")).await;
        match answer.status {
            401 => {}
            429 => {
                assert!(answer.header("retry-after").is_some(), "{answer}");
                refused += 1;
            }
            _ => panic!("{answer}"),
        }
    }
    assert!(refused > 0, "150 guesses were all looked at");
    realm.platform.entities(SITES).await.ok();
}
