//! An OpenID Connect provider: it publishes its configuration and its keys, rotates them, and signs whatever claims it
//! is given, also those that no honest provider would sign.

use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::server::{self, LoggedRequest, Server};

/// Where its configuration is (OpenID Connect Discovery 1.0).
const CONFIGURATION: &str = "/realms/data/.well-known/openid-configuration";
/// Where its keys are.
const KEYS: &str = "/realms/data/keys";

/// A running provider. Dereferences to its [`Server`].
#[derive(Debug)]
pub struct TokenIssuer {
    server: Server,
    published: Arc<Mutex<Published>>,
}

/// A key that signs ES256, known by a name.
pub struct SigningKey {
    id: String,
    pair: EcdsaKeyPair,
}

/// What it publishes.
#[derive(Debug, Default)]
struct Published {
    issuer: String,
    keys_at: String,
    keys: Vec<Value>,
}

// === impl SigningKey ===

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(id: &str) -> io::Result<Self> {
        let random = SystemRandom::new();
        let failed = |_| io::Error::other("no key could be made");
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(failed)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .map_err(|_| io::Error::other("the key that was made cannot be read"))?;
        Ok(Self {
            id: id.to_owned(),
            pair,
        })
    }

    /// Its public half as a JSON Web Key.
    #[must_use]
    pub fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// A token with these claims, whatever they are, and with members of the header beside `alg`, `typ` and `kid`.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn sign(&self, claims: &Value, further_header: &Value) -> io::Result<String> {
        let mut header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.id });
        if let (Some(header), Some(further)) = (header.as_object_mut(), further_header.as_object()) {
            for (name, value) in further {
                if value.is_null() {
                    header.remove(name);
                } else {
                    header.insert(name.clone(), value.clone());
                }
            }
        }
        let message = unsigned(&header, claims);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), message.as_bytes())
            .map_err(|_| io::Error::other("nothing could be signed"))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

/// Header and claims as a token has them, without a signature.
#[must_use]
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

// === impl TokenIssuer ===

impl TokenIssuer {
    /// Starts one that publishes this key, on a port; 0 lets the system choose.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(port: u16, key: &SigningKey) -> io::Result<Self> {
        let published = Arc::new(Mutex::new(Published::default()));
        let server = Server::start(port, Provider(Arc::clone(&published))).await?;
        let issuer = Self { server, published };
        let (name, keys_at) = (issuer.identifier(), format!("{}{KEYS}", issuer.url()));
        issuer.change(|published| {
            published.issuer = name;
            published.keys_at = keys_at;
        });
        issuer.publish(&[key.public()]);
        Ok(issuer)
    }

    /// What stands in `iss`.
    #[must_use]
    pub fn identifier(&self) -> String {
        format!("{}/realms/data", self.url())
    }

    /// From now on it publishes these keys and no others.
    pub fn publish(&self, keys: &[Value]) {
        self.change(|published| published.keys = keys.to_vec());
    }

    /// From now on its configuration names another issuer.
    pub fn call_itself(&self, issuer: &str) {
        self.change(|published| issuer.clone_into(&mut published.issuer));
    }

    /// How often its keys were asked for.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.requests().iter().filter(|request| request.path == KEYS).count()
    }

    fn change(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.published.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Deref for TokenIssuer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

struct Provider(Arc<Mutex<Published>>);

impl server::Service for Provider {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let published = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&request.method, request.path.as_str()) {
            (&Method::GET, CONFIGURATION) => server::json(
                StatusCode::OK,
                &json!({ "issuer": published.issuer, "jwks_uri": published.keys_at }),
            ),
            (&Method::GET, KEYS) => server::json(StatusCode::OK, &json!({ "keys": published.keys })),
            _ => server::empty(StatusCode::NOT_FOUND),
        }
    }
}
