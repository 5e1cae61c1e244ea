//! An OpenID Connect provider: it publishes its configuration and its keys, rotates them, and signs whatever claims it
//! is given, also those that no honest provider would sign. To its one client it issues tokens (RFC 6749 section 4.4).

use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::server::{self, LoggedRequest, Server, decoded};

/// Where its configuration is (OpenID Connect Discovery 1.0).
const CONFIGURATION: &str = "/realms/data/.well-known/openid-configuration";
/// Where its keys are.
const KEYS: &str = "/realms/data/keys";
/// Where it issues tokens.
const TOKENS: &str = "/realms/data/token";

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
    client: Option<RegisteredClient>,
    issued: Vec<String>,
}

/// The client that it issues tokens to, and what tokens it gets.
#[derive(Debug, Clone)]
pub struct RegisteredClient {
    /// `client_id`
    pub id: String,
    /// `client_secret`
    pub secret: String,
    /// Length of a token, in bytes.
    pub token_bytes: usize,
    /// `expires_in`, in seconds.
    pub expires_in: u64,
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

    /// From now on it issues tokens to this client and to no other.
    pub fn register(&self, client: RegisteredClient) {
        self.change(|published| published.client = Some(client));
    }

    /// The address of its token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}{TOKENS}", self.url())
    }

    /// The tokens that it has issued, oldest first.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.issued.clone()
    }

    /// How often a token was asked for.
    #[must_use]
    pub fn token_requests(&self) -> usize {
        self.requests().iter().filter(|request| request.path == TOKENS).count()
    }

    /// From now on its configuration names another issuer.
    pub fn call_itself(&self, issuer: &str) {
        self.change(|published| issuer.clone_into(&mut published.issuer));
    }

    /// From now on its configuration says that its keys are there.
    pub fn keep_keys_at(&self, url: &str) {
        self.change(|published| url.clone_into(&mut published.keys_at));
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
        let mut published = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&request.method, request.path.as_str()) {
            (&Method::GET, CONFIGURATION) => server::json(
                StatusCode::OK,
                &json!({ "issuer": published.issuer, "jwks_uri": published.keys_at }),
            ),
            (&Method::GET, KEYS) => server::json(StatusCode::OK, &json!({ "keys": published.keys })),
            (&Method::POST, TOKENS) => published.issue(request),
            _ => server::empty(StatusCode::NOT_FOUND),
        }
    }
}

// === impl Published ===

impl Published {
    /// A token for the registered client, or the error of RFC 6749 section 5.2.
    fn issue(&mut self, request: &LoggedRequest) -> Response<Bytes> {
        let refused = |status, error: &str| server::json(status, &json!({ "error": error }));
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let field = |wanted: &str| {
            let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == wanted).map(|(_, value)| decoded(value))
        };
        if field("grant_type").as_deref() != Some("client_credentials") {
            return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
        }
        let presented = by_basic(request).or_else(|| field("client_id").zip(field("client_secret")));
        let known = self.client.as_ref().filter(|client| {
            presented
                .as_ref()
                .is_some_and(|(id, secret)| *id == client.id && *secret == client.secret)
        });
        let Some(client) = known else {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client");
        };
        let number = self.issued.len() + 1;
        let token = format!(
            "{number}{}",
            "t".repeat(client.token_bytes.saturating_sub(number.to_string().len()))
        );
        let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": client.expires_in });
        self.issued.push(token);
        server::json(StatusCode::OK, &answer)
    }
}

/// Id and secret of `Authorization: Basic`, which RFC 6749 section 2.3.1 has percent-encoded within.
fn by_basic(request: &LoggedRequest) -> Option<(String, String)> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}
