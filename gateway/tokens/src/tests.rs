//! Attacks on tokens by their names, and the life of an issuer's keys, against a provider on a real socket.

use std::time::Duration;

use futures::FutureExt;
use kakehashi_core::names::RoleName;
use kakehashi_runtime::Tasks;
use kakehashi_telemetry::Metrics;
use serde_json::{Value, json};
use stand_ins::issuer::{SigningKey, unsigned};
use stand_ins::{Fault, TokenIssuer};
use url::Url;

use super::*;

struct Realm {
    key: SigningKey,
    provider: TokenIssuer,
    tokens: Tokens,
    issuers: Vec<Arc<Issuer>>,
}

impl Realm {
    async fn start() -> Self {
        let key = SigningKey::new("first").unwrap();
        let provider = TokenIssuer::start(0, &key).await.unwrap();
        let issuer = Issuer {
            name: "prefecture".into(),
            url: Url::parse(&provider.identifier()).unwrap(),
            identifier: provider.identifier().into(),
            audience: "kakehashi".into(),
            algorithms: vec![jsonwebtoken::Algorithm::ES256],
            roles_claim: Some(vec!["realm_access".into(), "roles".into()]),
            assurance_levels: Vec::new(),
        };
        let tasks = Tasks::on(&tokio::runtime::Handle::current(), &Metrics::unread().unwrap().tasks);
        Self {
            key,
            provider,
            tokens: Tokens::new(tasks.keys).unwrap(),
            issuers: vec![Arc::new(issuer)],
        }
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.provider.identifier(),
            "aud": "kakehashi",
            "sub": "bousai-map",
            "exp": now() + 300,
            "iat": now(),
            "acr": "aal2",
            "realm_access": { "roles": ["reader"] },
        })
    }

    /// The claims with one in another value; null takes it out.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        let map = claims.as_object_mut().unwrap();
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.to_owned(), value);
        }
        claims
    }

    /// Whose token it is, without an attempt that may fail.
    async fn recognize(&self, token: &str) -> Result<Arc<VerifiedToken>, NotRecognized> {
        let none = || Err(Duration::ZERO);
        self.tokens.recognize(token.as_bytes(), &self.issuers, none).await
    }

    async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenRejection> {
        self.tokens.verify(token.as_bytes(), &self.issuers).await
    }

    async fn verify_claims(&self, claims: &Value) -> Result<Arc<VerifiedToken>, TokenRejection> {
        self.verify(&self.key.sign(claims, &json!({})).unwrap()).await
    }
}

const NO_ATTEMPT_LEFT: Result<Arc<VerifiedToken>, NotRecognized> = Err(NotRecognized::TooMany(Duration::ZERO));

#[tokio::test]
async fn a_valid_token_tells_whose_it_is_and_is_remembered() {
    let realm = Realm::start().await;
    let token = realm.key.sign(&realm.claims(), &json!({ "typ": "at+jwt" })).unwrap();
    assert_eq!(realm.recognize(&token).await, NO_ATTEMPT_LEFT);
    let verified = realm.verify(&token).await.unwrap();
    assert_eq!(
        (&*verified.subject, verified.assurance.as_deref()),
        ("bousai-map", Some("aal2"))
    );
    assert_eq!(verified.roles, [kakehashi_core::names::RoleName::new("reader")]);
    realm.provider.stop().await;
    assert_eq!(realm.recognize(&token).await, Ok(verified));
    // Under a configuration that believes the issuer otherwise it is looked at again.
    let none = || Err(Duration::ZERO);
    let unknown = realm.tokens.recognize(token.as_bytes(), &[], none).await;
    assert_eq!(unknown, NO_ATTEMPT_LEFT, "what is wrong now is counted");
    let several = realm.claims_with("aud", json!(["other", "kakehashi"]));
    assert!(
        realm.verify_claims(&several).await.is_ok(),
        "several audiences, with the keys that are known"
    );
    assert_eq!(realm.provider.fetches(), 1);
}

#[tokio::test]
async fn a_token_is_believed_no_longer_than_the_key_that_proved_it() {
    let realm = Realm::start().await;
    let token = realm.key.sign(&realm.claims(), &json!({})).unwrap();
    realm.verify(&token).await.unwrap();
    let second = SigningKey::new("second").unwrap();
    realm.provider.publish(&[second.public()]);
    // The key is withdrawn, and another token makes the keys be fetched.
    realm
        .verify(&second.sign(&realm.claims(), &json!({})).unwrap())
        .await
        .unwrap();
    assert_eq!(realm.recognize(&token).await, NO_ATTEMPT_LEFT);
    let attempts = std::cell::Cell::new(0);
    let attempt = || {
        attempts.set(attempts.get() + 1);
        Ok(())
    };
    let refused = realm.tokens.recognize(token.as_bytes(), &realm.issuers, attempt).await;
    assert_eq!(refused, Err(NotRecognized::Rejected(TokenRejection::UnknownKey)));
    assert_eq!(attempts.get(), 1, "it is remembered no more");
}

#[tokio::test]
async fn a_key_of_the_same_name_is_another_key() {
    let realm = Realm::start().await;
    let token = realm.key.sign(&realm.claims(), &json!({})).unwrap();
    realm.verify(&token).await.unwrap();
    let other = SigningKey::new("first").unwrap();
    realm.provider.publish(&[other.public()]);
    realm.tokens.doubt_keys();
    assert_eq!(realm.recognize(&token).await, NO_ATTEMPT_LEFT);
    assert_eq!(realm.verify(&token).await, Err(TokenRejection::Invalid));
}

#[tokio::test]
async fn keys_that_are_doubted_are_asked_for_and_those_that_stay_cost_no_attempt() {
    let realm = Realm::start().await;
    let token = realm.key.sign(&realm.claims(), &json!({})).unwrap();
    realm.verify(&token).await.unwrap();
    realm.tokens.doubt_keys();
    assert!(realm.recognize(&token).await.is_ok());
    assert_eq!(realm.provider.fetches(), 2);
    assert!(realm.recognize(&token).await.is_ok());
    assert_eq!(realm.provider.fetches(), 2, "nobody is asked for what is good");
    // While the issuer is away they serve on.
    realm.tokens.doubt_keys();
    realm.provider.stop().await;
    assert!(realm.recognize(&token).await.is_ok());
    assert!(realm.recognize(&token).await.is_ok());
}

#[tokio::test]
async fn nothing_is_believed_by_a_key_that_was_withdrawn_before_the_doubt() {
    const AWAY: Result<Arc<VerifiedToken>, TokenRejection> =
        Err(TokenRejection::Unavailable(KeysUnavailable::Status(500)));
    for distrusts in [false, true] {
        let doubt = |realm: &Realm| match distrusts {
            true => realm.tokens.distrust_keys(),
            false => realm.tokens.doubt_keys(),
        };
        let realm = Realm::start().await;
        let token = realm.key.sign(&realm.claims(), &json!({})).unwrap();
        realm.verify(&token).await.unwrap();
        // Somebody has the issuer asked as often as it may be.
        for number in 0..20 {
            let header = json!({ "kid": format!("invented-{number}") });
            let invented = realm.key.sign(&realm.claims(), &header).unwrap();
            assert_eq!(realm.verify(&invented).await, Err(TokenRejection::UnknownKey));
        }
        let second = SigningKey::new("second").unwrap();
        realm.provider.publish(&[second.public()]);
        doubt(&realm);
        // Whoever comes while one asks waits with it.
        let fresh = realm.claims_with("jti", json!("fresh"));
        let (one, other, new) = futures::join!(
            realm.recognize(&token),
            realm.verify(&token),
            realm.verify_claims(&fresh)
        );
        assert_eq!(one, NO_ATTEMPT_LEFT);
        assert_eq!(
            (other, new),
            (Err(TokenRejection::UnknownKey), Err(TokenRejection::UnknownKey))
        );
        let token = second.sign(&realm.claims(), &json!({})).unwrap();
        realm.verify(&token).await.unwrap();
        // Of an issuer in trouble nobody knows what it has withdrawn.
        realm.provider.set_fault(Fault::Status(500));
        doubt(&realm);
        let seen = realm.verify(&token).await;
        if distrusts {
            assert_eq!(seen, AWAY);
            assert!(matches!(
                realm.verify(&token).await,
                Err(TokenRejection::Unavailable(_))
            ));
            realm.provider.clear_fault();
            doubt(&realm);
        }
        assert!(realm.verify(&token).await.is_ok(), "{distrusts}");
    }
}

#[tokio::test]
async fn claims_that_are_wrong_are_refused() {
    let realm = Realm::start().await;
    let past = now() - 120;
    let future = now() + 120;
    for (name, value) in [
        ("exp", json!(past)),
        ("exp", json!("tomorrow")),
        ("exp", Value::Null),
        ("nbf", json!(future)),
        ("iat", json!(future)),
        ("aud", json!("somebody-else")),
        ("aud", json!(["somebody-else"])),
        ("aud", Value::Null),
        ("sub", Value::Null),
        ("sub", json!(["bousai-map"])),
        ("sub", json!({ "sub": "bousai-map" })),
    ] {
        let claims = realm.claims_with(name, value);
        assert_eq!(
            realm.verify_claims(&claims).await,
            Err(TokenRejection::Invalid),
            "{claims}"
        );
    }
    let other = realm.claims_with("iss", json!("https://evil.example/realms/data"));
    assert_eq!(realm.verify_claims(&other).await, Err(TokenRejection::UnknownIssuer));
    // Within the skew of clocks.
    for (name, value) in [("exp", now() - 30), ("nbf", now() + 30), ("iat", now() + 30)] {
        let claims = realm.claims_with(name, json!(value));
        assert!(realm.verify_claims(&claims).await.is_ok(), "{claims}");
    }
}

#[tokio::test]
async fn a_token_that_chooses_its_own_proof_is_refused() {
    let realm = Realm::start().await;
    let claims = realm.claims();
    // No signature at all.
    for algorithm in ["none", "None", "NONE"] {
        let token = format!("{}.", unsigned(&json!({ "alg": algorithm }), &claims));
        assert_eq!(
            realm.verify(&token).await,
            Err(TokenRejection::Malformed),
            "{algorithm}"
        );
    }
    // The public key, which everybody has, as a shared secret.
    let message = unsigned(&json!({ "alg": "HS256", "typ": "JWT", "kid": "first" }), &claims);
    assert_eq!(
        realm.verify(&format!("{message}.AAAA")).await,
        Err(TokenRejection::Algorithm)
    );
    // An algorithm of another family than the key.
    let message = unsigned(&json!({ "alg": "RS256", "typ": "JWT", "kid": "first" }), &claims);
    assert_eq!(
        realm.verify(&format!("{message}.AAAA")).await,
        Err(TokenRejection::Algorithm)
    );
    // A key of the attacker under the issuer's name, carried along or to be fetched from the attacker.
    let attacker = SigningKey::new("first").unwrap();
    let attackers_provider = TokenIssuer::start(0, &attacker).await.unwrap();
    for header in [
        json!({}),
        json!({ "jwk": attacker.public() }),
        json!({ "jku": format!("{}/realms/data/keys", attackers_provider.url()) }),
        json!({ "x5u": attackers_provider.url() }),
    ] {
        let token = attacker.sign(&claims, &header).unwrap();
        assert_eq!(realm.verify(&token).await, Err(TokenRejection::Invalid), "{header}");
    }
    assert_eq!(
        attackers_provider.requests().len(),
        0,
        "an address in a token is never asked"
    );
    // What is asked to be understood, and is not.
    for header in [
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "cty": "JWT" }),
        json!({ "zip": "DEF" }),
        json!({ "typ": "logout+jwt" }),
    ] {
        let token = realm.key.sign(&claims, &header).unwrap();
        assert_eq!(realm.verify(&token).await, Err(TokenRejection::Header), "{header}");
    }
    // A signature of something else.
    let token = realm.key.sign(&claims, &json!({})).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let changed = unsigned(&json!({}), &realm.claims_with("sub", json!("somebody-else")));
    let (_, payload) = changed.split_once('.').unwrap();
    assert_eq!(
        realm.verify(&format!("{header}.{payload}.{signature}")).await,
        Err(TokenRejection::Invalid)
    );
}

#[tokio::test]
async fn what_is_no_token_costs_nothing() {
    let realm = Realm::start().await;
    let huge = format!("{}.x.y", "a".repeat(MAX_TOKEN_BYTES));
    assert_eq!(realm.verify(&huge).await, Err(TokenRejection::TooLarge));
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    let deep = format!("{}.x", unsigned(&json!({ "alg": "ES256" }), &json!(deep)));
    for text in ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", deep.as_str()] {
        assert_eq!(realm.verify(text).await, Err(TokenRejection::Malformed), "{text}");
    }
    assert_eq!(realm.provider.fetches(), 0);
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once_and_a_flood_of_names_asks_seldom() {
    let realm = Realm::start().await;
    realm.verify_claims(&realm.claims()).await.unwrap();
    let second = SigningKey::new("second").unwrap();
    realm.provider.publish(&[realm.key.public(), second.public()]);
    let token = second.sign(&realm.claims(), &json!({})).unwrap();
    assert!(realm.verify(&token).await.is_ok());
    assert_eq!(realm.provider.fetches(), 2);
    for index in 0..200 {
        let header = json!({ "kid": format!("invented-{index}") });
        let token = realm.key.sign(&realm.claims(), &header).unwrap();
        assert_eq!(realm.verify(&token).await, Err(TokenRejection::UnknownKey));
    }
    assert!(realm.provider.fetches() <= 4, "{} fetches", realm.provider.fetches());
    // Without a name a token means the only key that fits; now there are two.
    let nameless = realm.key.sign(&realm.claims(), &json!({ "kid": null })).unwrap();
    assert_eq!(realm.verify(&nameless).await, Err(TokenRejection::UnknownKey));
}

#[tokio::test]
async fn first_tokens_at_once_find_the_same_keys() {
    const THREADS: usize = 4;
    let realm = Realm::start().await;
    let together = std::sync::Barrier::new(THREADS);
    // One issuer after the other is asked for by all threads at once.
    for number in 0..2_000 {
        let issuer = Arc::new(Issuer {
            identifier: format!("https://issuer-{number}.example").into(),
            ..(*realm.issuers[0]).clone()
        });
        let found: Vec<Arc<IssuerKeys>> = std::thread::scope(|scope| {
            let ask = || {
                together.wait();
                realm.tokens.keys_of(&issuer)
            };
            let asking: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.iter().all(|keys| Arc::ptr_eq(keys, &found[0])), "issuer {number}");
    }
}

#[tokio::test]
async fn many_at_once_fetch_the_keys_once() {
    let realm = Realm::start().await;
    let tokens: Vec<String> = (0..50)
        .map(|index| {
            realm
                .key
                .sign(&realm.claims_with("jti", json!(index)), &json!({}))
                .unwrap()
        })
        .collect();
    let verified = futures::future::join_all(tokens.iter().map(|token| realm.verify(token))).await;
    assert!(verified.iter().all(Result::is_ok));
    assert_eq!(realm.provider.fetches(), 1);
}

#[tokio::test]
async fn callers_that_leave_do_not_use_up_how_often_the_keys_may_be_fetched() {
    let realm = Realm::start().await;
    for number in 0..10 {
        let asked = realm.claims_with("jti", json!(number));
        let left = realm.verify_claims(&asked).now_or_never();
        assert!(left.is_none(), "nobody can have been answered yet: {left:?}");
    }
    assert!(realm.verify_claims(&realm.claims()).await.is_ok());
    assert_eq!(realm.provider.fetches(), 1, "what the first began has served all");
}

#[tokio::test]
async fn an_issuer_in_trouble_is_no_reason_to_call_a_token_wrong_or_right() {
    for (fault, expected) in [
        (Fault::Status(500), KeysUnavailable::Status(500)),
        (Fault::Html, KeysUnavailable::Invalid),
        (Fault::BrokenJson, KeysUnavailable::Invalid),
        (Fault::EmptyBody, KeysUnavailable::Invalid),
        (Fault::EndlessBody, KeysUnavailable::TooLarge),
        (Fault::Reset, KeysUnavailable::Unreachable),
        (Fault::Slow(Duration::from_secs(60)), KeysUnavailable::Unreachable),
    ] {
        let realm = Realm::start().await;
        realm.provider.set_fault(fault);
        let outcome = realm.verify_claims(&realm.claims()).await;
        assert_eq!(outcome, Err(TokenRejection::Unavailable(expected)), "{fault:?}");
        realm.provider.clear_fault();
        assert!(realm.verify_claims(&realm.claims()).await.is_ok(), "after {fault:?}");
        // Keys that are known serve on.
        realm.provider.set_fault(fault);
        assert!(
            realm.verify_claims(&realm.claims_with("jti", json!(2))).await.is_ok(),
            "during {fault:?}"
        );
    }
    let realm = Realm::start().await;
    realm.provider.call_itself("https://evil.example/realms/data");
    let outcome = realm.verify_claims(&realm.claims()).await;
    assert_eq!(outcome, Err(TokenRejection::Unavailable(KeysUnavailable::NotItsOwn)));
}

#[tokio::test]
async fn an_issuer_leads_to_no_other_address_inside() {
    let realm = Realm::start().await;
    let inside = TokenIssuer::start(0, &realm.key).await.unwrap();
    realm
        .provider
        .keep_keys_at(&format!("{}/realms/data/keys", inside.url()));
    let outcome = realm.verify_claims(&realm.claims()).await;
    assert_eq!(outcome, Err(TokenRejection::Unavailable(KeysUnavailable::NotItsOwn)));
    assert!(inside.requests().is_empty(), "it was not asked");
}

#[tokio::test]
async fn keys_that_could_sign_what_others_verify_are_not_taken() {
    let realm = Realm::start().await;
    let secret = json!({ "kty": "oct", "kid": "first", "alg": "HS256", "k": "c2VjcmV0" });
    let mut encrypting = realm.key.public();
    encrypting["use"] = json!("enc");
    let mut other_algorithm = realm.key.public();
    other_algorithm["alg"] = json!("ES384");
    realm.provider.publish(&[secret, encrypting, other_algorithm]);
    assert_eq!(
        realm.verify_claims(&realm.claims()).await,
        Err(TokenRejection::UnknownKey)
    );
}

#[test]
fn every_seed_of_the_fuzz_target_is_told_apart_without_a_key() {
    let identifier = "https://id.example.jp/realms/data";
    let issuer = Arc::new(Issuer {
        name: "prefecture".into(),
        url: Url::parse(identifier).unwrap(),
        identifier: identifier.into(),
        audience: "kakehashi".into(),
        algorithms: vec![jsonwebtoken::Algorithm::ES256],
        roles_claim: Some(vec!["realm_access".into(), "roles".into()]),
        assurance_levels: Vec::new(),
    });
    let read =
        |name: &str| std::fs::read(format!("{}/../../fuzz/seeds/token/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let issuers = std::slice::from_ref(&issuer);
    for (name, expected) in [
        ("es256", None),
        // Where a token says its key is found is not looked at.
        ("jku", None),
        ("nested", None),
        ("none", Some(TokenRejection::Malformed)),
        ("hs256", Some(TokenRejection::Algorithm)),
        ("crit", Some(TokenRejection::Header)),
        ("claims", Some(TokenRejection::Malformed)),
    ] {
        assert_eq!(inspect(&read(name), issuers).err(), expected, "{name}");
    }
    for (name, roles) in [("claims", vec!["reader"]), ("roles-text", vec!["reader", "writer"])] {
        let token = read_claims(&read(name), &issuer).unwrap();
        assert_eq!(
            token.roles.iter().map(RoleName::as_str).collect::<Vec<_>>(),
            roles,
            "{name}"
        );
        assert_eq!(token.assurance.as_deref(), Some("2"));
    }
    assert!(read_claims(&read("exp-huge"), &issuer).is_some());
    assert!(read_claims(&read("es256"), &issuer).is_none());
}
