//! The keys of one issuer: fetched when they are needed, kept while they are good, and for a while longer when the
//! issuer is away. Whatever callers send, the issuer is asked at a bounded rate, and by one of them at a time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use kakehashi_config::Issuer;
use kakehashi_runtime::Spawner;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::TokenRejection;
use super::discovery::{self, IssuerClient, KeysUnavailable};

/// Keys are good for at least so long, whatever the issuer says: asking for each token would make it a part of every
/// request.
const SHORTEST: Duration = Duration::from_secs(60);

/// Keys are good for at most so long, whatever the issuer says: a key that is withdrawn is believed for at most so long
/// while the issuer answers. Asking for them costs one request.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// How long keys serve after they should have been renewed, when the issuer cannot be asked. A key that was withdrawn
/// is believed for at most so long.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// A token with a key that is not known makes the issuer be asked again: for a rotation at once, for a flood of
/// invented names once in this time.
const BETWEEN_FETCHES: Duration = Duration::from_secs(10);

/// Fetches that may follow each other at once: the first, a rotation, and one more while that one spreads.
const FETCHES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// Which key it is: the SHA-256 of what identifies it and what it verifies.
pub(super) type KeyPrint = [u8; 32];

/// A key of the set.
struct Key {
    id: Option<String>,
    algorithm: Option<KeyAlgorithm>,
    key: DecodingKey,
    print: KeyPrint,
}

/// A key that a token names.
pub(super) struct FoundKey {
    pub(super) key: DecodingKey,
    pub(super) print: KeyPrint,
}

/// How much the keys that were fetched are doubted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// They are not.
    None,
    /// The issuer is asked before anything more is believed by them. While it is away they serve on.
    AskFirst,
    /// Nothing more is believed by them, whether the issuer can be asked or not.
    BelieveNothing,
}

/// What was fetched.
struct KeySet {
    keys: Arc<[Key]>,
    good_until: Instant,
    doubt: Doubt,
    /// Whether the issuer has been asked because of the doubt: the first time is not held up by how often others had it asked.
    has_asked: AtomicBool,
}

/// The keys of one issuer.
pub(super) struct IssuerKeys {
    issuer: Arc<Issuer>,
    current: ArcSwapOption<KeySet>,
    /// How often the keys were doubted: what was asked before a doubt does not answer it.
    doubts: AtomicU64,
    fetching: Arc<Mutex<DefaultDirectRateLimiter>>,
}

impl IssuerKeys {
    pub(super) fn new(issuer: Arc<Issuer>) -> Self {
        let quota = Quota::with_period(BETWEEN_FETCHES).unwrap_or(Quota::per_minute(FETCHES_AT_ONCE));
        Self {
            issuer,
            current: ArcSwapOption::empty(),
            doubts: AtomicU64::new(0),
            fetching: Arc::new(Mutex::new(RateLimiter::direct(quota.allow_burst(FETCHES_AT_ONCE)))),
        }
    }

    pub(super) fn is_of(&self, issuer: &Issuer) -> bool {
        *self.issuer == *issuer
    }

    /// Whether a key that has proved something before is still one of the issuer's, without asking it. Keys that should be
    /// asked for again prove nothing by themselves.
    pub(super) fn still_have(&self, print: &KeyPrint) -> bool {
        let current = self.current.load();
        current
            .as_ref()
            .is_some_and(|set| set.good_until > Instant::now() && set.keys.iter().any(|key| key.print == *print))
    }

    /// From now on the keys are believed less.
    pub(super) fn doubt(&self, doubt: Doubt) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
        self.change(|set| set.doubted(doubt.max(set.doubt)));
    }

    fn change(&self, changed: impl Fn(&KeySet) -> KeySet) {
        self.current
            .rcu(|current| current.as_ref().map(|set| Arc::new(changed(set))));
    }

    /// The key that a token names, of a kind that signs with the algorithm.
    pub(super) async fn find(
        self: &Arc<Self>,
        client: &IssuerClient,
        spawner: &Spawner,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<FoundKey, TokenRejection> {
        let now = Instant::now();
        let known = self.current.load_full();
        if let Some(set) = &known
            && set.good_until > now
            && let Some(key) = set.find(id, algorithm)
        {
            return Ok(key);
        }
        let failure = self.renew(client, spawner, known.as_ref(), id, algorithm).await.err();
        match self.current.load_full() {
            Some(set) if set.doubt < Doubt::BelieveNothing && set.good_until + GRACE > Instant::now() => {
                set.find(id, algorithm).ok_or(TokenRejection::UnknownKey)
            }
            _ => Err(TokenRejection::Unavailable(
                failure.unwrap_or(KeysUnavailable::Unreachable),
            )),
        }
    }

    /// Fetches the keys, unless somebody else has while this one waited, or the issuer was asked too often. The fetching
    /// goes on when whoever began it leaves: callers that come and go must not use up how often the issuer may be asked.
    async fn renew(
        self: &Arc<Self>,
        client: &IssuerClient,
        spawner: &Spawner,
        known: Option<&Arc<KeySet>>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(), KeysUnavailable> {
        let fetching = match known {
            // While one fetches, keys that should be renewed serve the others, unless they are doubted.
            Some(set) if set.doubt == Doubt::None && set.find(id, algorithm).is_some() => {
                match Arc::clone(&self.fetching).try_lock_owned() {
                    Ok(fetching) => fetching,
                    Err(_) => return Ok(()),
                }
            }
            _ => Arc::clone(&self.fetching).lock_owned().await,
        };
        let is_as_before = match (&*self.current.load(), known) {
            (Some(current), Some(known)) => Arc::ptr_eq(current, known),
            (None, None) => true,
            _ => false,
        };
        if !is_as_before {
            return Ok(());
        }
        let is_first_in_doubt =
            known.is_some_and(|set| set.doubt > Doubt::None && !set.has_asked.swap(true, Ordering::SeqCst));
        if fetching.check().is_err() && !is_first_in_doubt {
            return Ok(());
        }
        let (keys, client) = (Arc::clone(self), client.clone());
        let fetch = spawner.spawn(async move {
            let outcome = keys.fetch(&client).await;
            // Those who wait look at what was fetched.
            drop(fetching);
            outcome
        });
        let Ok(fetch) = fetch else {
            return Err(KeysUnavailable::Unreachable);
        };
        fetch.await.unwrap_or(Err(KeysUnavailable::Unreachable))
    }

    async fn fetch(&self, client: &IssuerClient) -> Result<(), KeysUnavailable> {
        let doubts = self.doubts.load(Ordering::SeqCst);
        let fetched = discovery::keys(client, &self.issuer).await;
        let outcome = fetched.as_ref().map(|_| ()).map_err(|error| *error);
        match fetched {
            Ok((set, lifetime)) => {
                let fetched = KeySet::new(&set, lifetime);
                let doubted = self.current.load().as_ref().map_or(Doubt::AskFirst, |set| set.doubt);
                let is_in_time = self.doubts.load(Ordering::SeqCst) == doubts;
                let fetched = if is_in_time { fetched } else { fetched.doubted(doubted) };
                self.current.store(Some(Arc::new(fetched)));
            }
            Err(error) => {
                tracing::warn!(issuer = %self.issuer.name, %error, "the keys of the issuer were not renewed");
                self.change(|set| match set.doubt {
                    // It was asked.
                    Doubt::AskFirst => set.doubted(Doubt::None),
                    doubt => KeySet {
                        has_asked: AtomicBool::new(true),
                        ..set.doubted(doubt)
                    },
                });
            }
        }
        outcome
    }
}

impl KeySet {
    fn new(set: &JwkSet, lifetime: Duration) -> Self {
        Self {
            keys: set.keys.iter().filter_map(Key::read).collect(),
            good_until: Instant::now() + lifetime.clamp(SHORTEST, LONGEST),
            doubt: Doubt::None,
            has_asked: AtomicBool::new(false),
        }
    }

    /// The same keys, which are to be asked for again.
    fn doubted(&self, doubt: Doubt) -> Self {
        Self {
            keys: Arc::clone(&self.keys),
            good_until: self.good_until.min(Instant::now()),
            doubt,
            has_asked: AtomicBool::new(false),
        }
    }

    /// A token without the name of a key can mean the only one that fits, and no other.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<FoundKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.fits(algorithm) && (id.is_none() || key.id.as_deref() == id));
        let found = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then(|| FoundKey {
            key: found.key.clone(),
            print: found.print,
        })
    }
}

impl Key {
    /// A public key that signs; `None` for others. Shared secrets are never taken.
    fn read(jwk: &Jwk) -> Option<Self> {
        let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let is_public = matches!(
            jwk.algorithm,
            AlgorithmParameters::RSA(_) | AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_)
        );
        if !signs || !is_public {
            return None;
        }
        let what_it_is = (&jwk.common.key_id, &jwk.common.key_algorithm, &jwk.algorithm);
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithm: jwk.common.key_algorithm,
            key: DecodingKey::from_jwk(jwk).ok()?,
            print: Sha256::digest(serde_json::to_vec(&what_it_is).ok()?).into(),
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_for_it = |of: &KeyAlgorithm| of.to_string() == format!("{algorithm:?}");
        self.algorithm.as_ref().is_none_or(is_for_it) && algorithm.family() == self.key.family()
    }
}
