//! JSON Web Tokens of strangers: what is told of them before a key is known, and what is read from claims.
#![no_main]

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use kakehashi::config::Issuer;
use kakehashi::tokens::{MAX_TOKEN_BYTES, inspect, read_claims};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let issuer = Arc::new(Issuer {
        name: "prefecture".into(),
        url: "https://id.example.jp/realms/data".parse().expect("a URL"),
        identifier: "https://id.example.jp/realms/data".into(),
        audience: "kakehashi".into(),
        algorithms: vec![Algorithm::ES256],
        assurance_levels: Vec::new(),
        roles_claim: Some(vec!["realm_access".to_owned(), "roles".to_owned()]),
    });
    if let Ok(inspected) = inspect(bytes, std::slice::from_ref(&issuer)) {
        assert!(bytes.len() <= MAX_TOKEN_BYTES);
        assert_eq!(inspected.algorithm(), Algorithm::ES256);
    }
    if let Some(token) = read_claims(bytes, &issuer) {
        assert!(token.roles.len() <= 64);
        assert!(token.roles.is_sorted());
    }
});
