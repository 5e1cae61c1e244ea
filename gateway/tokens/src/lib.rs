//! JSON Web Tokens of consumers (RFC 7519), verified as RFC 8725 advises: the algorithms are the administrator's, keys
//! come from the issuer's own address alone, and what a token says of where its key is to be found is not looked at.
//!
//! It knows no HTTP requests and no consumers: it tells whose token it is. What it keeps outlives revisions.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod claims;
mod discovery;
mod keys;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dashmap::DashMap;
use jsonwebtoken::Validation;
use kakehashi_config::Issuer;
use kakehashi_egress::client::CannotAsk;
use kakehashi_runtime::Spawner;
use sha2::{Digest, Sha256};

pub use self::claims::VerifiedToken;
use self::discovery::IssuerClient;
pub use self::discovery::KeysUnavailable;

use self::claims::{Claims, UnverifiedClaims};
use self::keys::{Doubt, IssuerKeys, KeyPrint};

/// Longest token, in bytes. Tokens with the groups of a large organisation reach 8 KiB.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// How far the clocks of issuer and gateway may differ, in seconds.
const CLOCK_SKEW: u64 = 60;

/// Valid tokens that are remembered, about 500 bytes each.
const MOST_REMEMBERED: usize = 20_000;

/// How long a token is remembered before it is verified again, whatever has become of its key.
const LONGEST_REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// Why a token proves nothing. Whoever presents it is told only that it is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejection {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("longer than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    /// Not three parts, or not JSON in them, or an unknown algorithm.
    #[error("not a token")]
    Malformed,
    /// A header that asks for what is not done here: `crit`, a token within a token, encryption, compression.
    #[error("a header that is not supported")]
    Header,
    /// No configured issuer has this name.
    #[error("an unknown issuer")]
    UnknownIssuer,
    /// An algorithm that the issuer is not configured with.
    #[error("an algorithm that is not allowed")]
    Algorithm,
    /// The issuer has no such key.
    #[error("an unknown key")]
    UnknownKey,
    /// The signature, the audience or a date is wrong, or a claim is missing.
    #[error("signature or claims not valid")]
    Invalid,
    /// The issuer's keys cannot be had: nobody can tell whether it is valid.
    #[error(transparent)]
    Unavailable(KeysUnavailable),
}

/// Why it is not known whose a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRecognized {
    /// Its sender has presented too much that was not valid, or new; it may come back after so long.
    TooMany(Duration),
    /// It proves nothing.
    Rejected(TokenRejection),
}

/// Verifies tokens.
pub struct Tokens {
    client: IssuerClient,
    spawner: Spawner,
    keys: DashMap<Arc<str>, Arc<IssuerKeys>>,
    remembered: DashMap<[u8; 32], Remembered>,
}

/// A token that was found valid.
struct Remembered {
    token: Arc<VerifiedToken>,
    /// The key that proved it: without that key it proves nothing any more.
    key: KeyPrint,
    at: Instant,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Without any keys yet. They are fetched by what the spawner runs.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(spawner: Spawner) -> Result<Self, CannotAsk> {
        signature::install();
        Ok(Self {
            client: IssuerClient::new()?,
            spawner,
            keys: DashMap::new(),
            remembered: DashMap::new(),
        })
    }

    /// Whose token it is: as it was found before, or verified now. `attempt` counts what its sender may have verified; a
    /// token that was valid before is counted only when it is no more.
    ///
    /// # Errors
    /// [`NotRecognized`]
    pub async fn recognize(
        &self,
        token: &[u8],
        issuers: &[Arc<Issuer>],
        attempt: impl Fn() -> Result<(), Duration>,
    ) -> Result<Arc<VerifiedToken>, NotRecognized> {
        let hash = hash(token);
        let was_valid = match self.remembered.get(&hash) {
            Some(found) if self.still_holds(&found, issuers) => return Ok(Arc::clone(&found.token)),
            found => found.is_some(),
        };
        if !was_valid {
            // Verifying costs something, whatever comes of it.
            attempt().map_err(NotRecognized::TooMany)?;
        }
        let verified = self.verify(token, issuers).await;
        if was_valid && matches!(verified, Err(rejection) if !matches!(rejection, TokenRejection::Unavailable(_))) {
            self.remembered.remove(&hash);
            attempt().map_err(NotRecognized::TooMany)?;
        }
        verified.map_err(NotRecognized::Rejected)
    }

    /// Whether what was found before is so without asking anybody.
    fn still_holds(&self, found: &Remembered, issuers: &[Arc<Issuer>]) -> bool {
        let issuer = &found.token.issuer;
        // Another revision may believe the issuer otherwise.
        issuers.contains(issuer)
            && found.token.expires > now()
            && found.at.elapsed() < LONGEST_REMEMBERED
            && self
                .keys
                .get(&issuer.identifier)
                .is_some_and(|keys| keys.is_of(issuer) && keys.still_have(&found.key))
    }

    /// The keys of all issuers are asked for again before anything more is believed by them: whoever has edited the files may
    /// have withdrawn one. While an issuer is away its keys serve on.
    pub fn doubt_keys(&self) {
        self.keys.iter().for_each(|keys| keys.doubt(Doubt::AskFirst));
    }

    /// The same, and nothing is believed by them until their issuer has answered: the operator says that one is withdrawn.
    pub fn distrust_keys(&self) {
        self.keys.iter().for_each(|keys| keys.doubt(Doubt::BelieveNothing));
    }

    /// Verifies a token of one of these issuers.
    ///
    /// # Errors
    /// [`TokenRejection`]
    pub(crate) async fn verify(
        &self,
        token: &[u8],
        issuers: &[Arc<Issuer>],
    ) -> Result<Arc<VerifiedToken>, TokenRejection> {
        let Inspected { issuer, header } = inspect(token, issuers)?;
        let keys = self.keys_of(issuer);
        let key = keys.find(&self.client, &self.spawner, header.kid.as_deref(), header.alg);
        let key = key.await?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = CLOCK_SKEW;
        validation.validate_nbf = true;
        validation.set_issuer(&[&*issuer.identifier]);
        validation.set_audience(&[&*issuer.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        let claims =
            jsonwebtoken::decode::<Claims>(token, &key.key, &validation).map_err(|_| TokenRejection::Invalid)?;
        let claims = claims.claims;
        // A token of the future is a forgery, or a clock that is wrong by more than is believed.
        if claims.iat.is_some_and(|issued| issued > seconds(now() + CLOCK_SKEW)) {
            return Err(TokenRejection::Invalid);
        }
        let verified = Arc::new(VerifiedToken::new(issuer, claims));
        self.remember(hash(token), &verified, key.print);
        Ok(verified)
    }

    fn keys_of(&self, issuer: &Arc<Issuer>) -> Arc<IssuerKeys> {
        if let Some(keys) = self.keys.get(&issuer.identifier)
            && keys.is_of(issuer)
        {
            return Arc::clone(&keys);
        }
        let new = || Arc::new(IssuerKeys::new(Arc::clone(issuer)));
        // Looked at again while the entry is held: of two first tokens at once, both must find the same keys.
        let mut keys = self.keys.entry(Arc::clone(&issuer.identifier)).or_insert_with(new);
        if !keys.is_of(issuer) {
            *keys = new();
        }
        Arc::clone(&keys)
    }

    fn remember(&self, hash: [u8; 32], token: &Arc<VerifiedToken>, key: KeyPrint) {
        if self.remembered.len() >= MOST_REMEMBERED {
            let now = now();
            self.remembered.retain(|_, remembered| remembered.token.expires > now);
            if self.remembered.len() >= MOST_REMEMBERED {
                // Verifying again costs less than choosing.
                self.remembered.clear();
            }
        }
        let remembered = Remembered {
            token: Arc::clone(token),
            key,
            at: Instant::now(),
        };
        self.remembered.insert(hash, remembered);
    }
}

/// What can be told of a token without a key. Nothing of it is believed yet.
#[derive(Debug)]
pub struct Inspected<'i> {
    issuer: &'i Arc<Issuer>,
    header: jsonwebtoken::Header,
}

impl Inspected<'_> {
    /// The algorithm, which is one of the issuer's.
    #[must_use]
    pub fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.header.alg
    }
}

/// Finds the issuer that a token claims, and refuses what no key could make right.
///
/// # Errors
/// [`TokenRejection`]
pub fn inspect<'i>(token: &[u8], issuers: &'i [Arc<Issuer>]) -> Result<Inspected<'i>, TokenRejection> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenRejection::TooLarge);
    }
    if token.iter().filter(|byte| **byte == b'.').count() != 2 {
        return Err(TokenRejection::Malformed);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRejection::Malformed)?;
    let is_plain = header.crit.is_none() && header.enc.is_none() && header.zip.is_none() && header.cty.is_none();
    let is_access_token = header.typ.as_deref().is_none_or(|name| {
        let name = name.to_ascii_lowercase();
        matches!(name.strip_prefix("application/").unwrap_or(&name), "jwt" | "at+jwt")
    });
    if !is_plain || !is_access_token {
        return Err(TokenRejection::Header);
    }
    let claimed: UnverifiedClaims =
        jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| TokenRejection::Malformed)?;
    let issuer = issuers.iter().find(|issuer| *issuer.identifier == *claimed.iss);
    let issuer = issuer.ok_or(TokenRejection::UnknownIssuer)?;
    if !issuer.algorithms.contains(&header.alg) {
        return Err(TokenRejection::Algorithm);
    }
    Ok(Inspected { issuer, header })
}

/// What the claims of a verified token say, as the fuzz target reads them.
#[doc(hidden)]
#[must_use]
pub fn read_claims(json: &[u8], issuer: &Arc<Issuer>) -> Option<VerifiedToken> {
    let claims: Claims = serde_json::from_slice(json).ok()?;
    Some(VerifiedToken::new(issuer, claims))
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
fn seconds(date: u64) -> f64 {
    date as f64
}
