//! The credentials that tables of consumers and administrators name alike: `keys`, each found by its hash, and `jwt`,
//! the subject of an issuer's tokens.

use std::sync::Arc;

use hashbrown::HashMap;
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Loading;
use super::issuer::Issuer;
use kakehashi_core::diagnostics::{Place, suggest};
use kakehashi_documents::document::{Node, Value};
use kakehashi_documents::section::Section;

/// The SHA-256 of a key. The key itself is known to its holder alone.
pub(super) type KeyHash = [u8; 32];

/// The name of an issuer and the subject of its tokens.
pub(super) type Subject = (Arc<str>, Arc<str>);

/// Why a presented key does not identify anybody. Who presents it is told neither: both are 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRejection {
    /// Nobody has this key.
    #[error("unknown key")]
    Unknown,
    /// The key was valid once.
    #[error("expired key")]
    Expired,
}

/// Keys and their holders.
#[derive(Debug, Clone)]
pub(super) struct KeyIndex<T> {
    by_hash: HashMap<KeyHash, Key<T>>,
}

#[derive(Debug, Clone)]
struct Key<T> {
    holder: Arc<T>,
    name: Arc<str>,
    hash: KeyHash,
    expires: Option<Date>,
}

impl<T> Key<T> {
    fn has_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|expires| today > expires)
    }
}

impl<T> Default for KeyIndex<T> {
    fn default() -> Self {
        Self {
            by_hash: HashMap::new(),
        }
    }
}

impl<T> KeyIndex<T> {
    /// Whoever presents this key, on that day. A key is valid until the end of the day on which it expires. The time it
    /// takes does not depend on how much of the key is right: only its SHA-256 is compared.
    pub(super) fn authenticate(&self, presented: &[u8], today: Date) -> Result<(&Arc<T>, KeyHash), KeyRejection> {
        let hash: KeyHash = Sha256::digest(presented).into();
        let key = self.by_hash.get(&hash).ok_or(KeyRejection::Unknown)?;
        if !bool::from(key.hash.ct_eq(&hash)) {
            return Err(KeyRejection::Unknown);
        }
        if key.has_expired(today) {
            return Err(KeyRejection::Expired);
        }
        Ok((&key.holder, hash))
    }

    /// Of which holder a key is that has expired by that day, what it is called and when it expired.
    pub(super) fn expired(&self, presented: &[u8], today: Date) -> Option<(&Arc<T>, &str, Date)> {
        let hash: KeyHash = Sha256::digest(presented).into();
        let key = self.by_hash.get(&hash).filter(|key| key.has_expired(today))?;
        Some((&key.holder, &*key.name, key.expires?))
    }

    /// Whose key has this hash and is valid on that day.
    pub(super) fn holder_on(&self, hash: &KeyHash, today: Date) -> Option<&Arc<T>> {
        let key = self.by_hash.get(hash).filter(|key| !key.has_expired(today))?;
        Some(&key.holder)
    }

    /// Whose key has this hash, and the name of the key.
    pub(super) fn holder_of(&self, hash: &KeyHash) -> Option<(&Arc<T>, &str)> {
        self.by_hash.get(hash).map(|key| (&key.holder, &*key.name))
    }

    /// Each key's holder, and whether the key has expired on that day. In no order.
    pub(super) fn holders(&self, today: Date) -> impl Iterator<Item = (&Arc<T>, bool)> {
        let keys = self.by_hash.values();
        keys.map(move |key| (&key.holder, key.has_expired(today)))
    }

    /// Takes a key that nobody has yet.
    pub(super) fn insert(&mut self, key: WrittenKey<'_>, holder: &Arc<T>) {
        let key = Key {
            holder: Arc::clone(holder),
            name: key.name,
            hash: key.hash,
            expires: key.expires,
        };
        self.by_hash.insert(key.hash, key);
    }
}

/// A key as a table has it.
pub(super) struct WrittenKey<'a> {
    name: Arc<str>,
    pub(super) hash: KeyHash,
    expires: Option<Date>,
    /// Where the hash stands.
    pub(super) place: &'a Place,
}

/// Reads one of `keys`. `holder` is whose it is, in words: "consumer `school-app`".
pub(super) fn read_key<'a>(node: &'a Node, holder: &str, loading: &Loading<'a>) -> Option<WrittenKey<'a>> {
    let report = loading.report;
    let section = Section::new(format!("a key of {holder}"), node, report);
    let name = section.required_text("name", "\"2026\"").map(|name| name.value);
    let expires = section.node("expires").and_then(|node| read_date(&section, node));
    let hash = section.required_text("sha256", "\"<64 hex digits>\"");
    section.finish();
    let text = hash?;
    let name = name.unwrap_or("");
    let mut hash = KeyHash::default();
    if hex::decode_to_slice(text.value, &mut hash).is_err() {
        let message = format!("`sha256` of {holder} is not 64 hex digits");
        let help = "`kakehashi key new` prints a key and its hash; only the hash belongs here".to_owned();
        report.error(text.place, message, help);
        return None;
    }
    if let Some(expires) = expires
        && expires < loading.environment.today()
    {
        let place = node.child("expires").map_or(&node.place, |child| &child.place);
        let message = format!("the key `{name}` of {holder} expired on {expires}");
        report.warning(place, message, "remove it, or run `kakehashi key new`".to_owned());
    }
    Some(WrittenKey {
        name: name.into(),
        hash,
        expires,
        place: text.place,
    })
}

fn read_date(section: &Section<'_>, node: &Node) -> Option<Date> {
    let date = match &node.value {
        Value::Date(toml::value::Datetime {
            date: Some(date),
            time: None,
            offset: None,
        }) => Date::new(
            date.year.cast_signed(),
            date.month.cast_signed(),
            date.day.cast_signed(),
        )
        .ok(),
        _ => None,
    };
    if date.is_none() {
        let message = format!("`expires` in {} must be a date", section.title());
        section.report().error(
            &node.place,
            message,
            "write `expires = 2027-03-31`, without quotation marks".to_owned(),
        );
    }
    date
}

/// Reads `jwt`: whose tokens, and where their subject stands.
pub(super) fn read_subject<'a>(jwt: &Section<'a>, issuers: &[Arc<Issuer>]) -> Option<(Subject, &'a Place)> {
    let name = jwt.required_text("issuer", "\"prefecture\"");
    let subject = jwt.required_text("subject", "\"...\"");
    let (name, subject) = (name?, subject?);
    let Some(issuer) = issuers.iter().find(|issuer| *issuer.name == *name.value) else {
        let message = format!("unknown issuer `{}` in {}", name.value, jwt.title());
        let known = issuers.iter().map(|issuer| &*issuer.name);
        let help = suggest(name.value, known).unwrap_or_else(|| "begin with `[issuers.<name>]`".to_owned());
        jwt.report().error(name.place, message, help);
        return None;
    };
    Some(((Arc::clone(&issuer.name), Arc::from(subject.value)), subject.place))
}
