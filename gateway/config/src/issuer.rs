//! `[issuers.<name>]`: who signs tokens (RFC 7519), and what is believed of them.

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use kakehashi_core::consumer::{AssuranceLevels, HIGHEST_LEVEL};
use url::Url;

use kakehashi_core::diagnostics::{Report, suggest};
use kakehashi_core::names::check_name;
use kakehashi_documents::document::Node;
use kakehashi_documents::section::Section;

/// The algorithms that a token may be signed with (RFC 7518 section 3.1, RFC 8037). Only those with a public key:
/// what verifies a shared secret could sign with it, too.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
];

/// Who signs tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its key in tenants.toml.
    pub name: Arc<str>,
    /// The value of `iss`, and where its configuration is found (OpenID Connect Discovery 1.0).
    pub url: Url,
    /// `url` as it is written: `iss` is compared letter by letter.
    pub identifier: Arc<str>,
    /// The value that `aud` must hold.
    pub audience: Arc<str>,
    /// The algorithms that its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// The claim that holds roles, its parts for nested claims (`realm_access.roles`); `None`: no claim is believed.
    pub roles_claim: Option<Vec<String>>,
    /// The levels that it means by values of `acr`. By any other value it means none.
    pub assurance_levels: Vec<(Arc<str>, AssuranceLevels)>,
}

impl Issuer {
    /// The levels that it means by a value of `acr`; none by one that is not configured, or without any.
    #[must_use]
    pub fn levels(&self, acr: Option<&Arc<str>>) -> AssuranceLevels {
        let known = acr.and_then(|acr| self.assurance_levels.iter().find(|(value, _)| value == acr));
        known.map(|(_, levels)| *levels).unwrap_or_default()
    }
}

/// Reads `[issuers]`.
pub(crate) fn read(section: &Section<'_>) -> Vec<Arc<Issuer>> {
    let report = section.report();
    let mut issuers: Vec<Arc<Issuer>> = Vec::new();
    for entry in section.entries() {
        if let Err(reason) = check_name(&entry.key) {
            report.error(&entry.key_place, reason, None);
            continue;
        }
        let table = Section::new(format!("[issuers.{}]", entry.key), &entry.node, report);
        let Some(issuer) = read_issuer(&entry.key, table) else {
            continue;
        };
        if let Some(other) = issuers.iter().find(|other| other.identifier == issuer.identifier) {
            let message = format!("issuers `{}` and `{}` have the same `url`", other.name, issuer.name);
            let help = "a token names its issuer by the URL: keep one of them".to_owned();
            report.error(&entry.key_place, message, help);
        }
        issuers.push(Arc::new(issuer));
    }
    issuers
}

fn read_issuer(name: &str, table: Section<'_>) -> Option<Issuer> {
    let text = table.required_text("url", "\"https://id.pref.example.jp/realms/data\"");
    let url = text.as_ref().and_then(|text| {
        let problem = match Url::parse(text.value) {
            Ok(url) if url.query().is_some() || url.fragment().is_some() => "it has a query or a fragment",
            Ok(url) if url.cannot_be_a_base() || !matches!(url.scheme(), "https" | "http") => "it is no HTTP URL",
            Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
                "it is not https: whoever is on the way could sign tokens"
            }
            Ok(url) => return Some(url),
            Err(_) => "it is no URL",
        };
        let message = format!("`url` in {} cannot be used: {problem}", table.title());
        table.report().error(text.place, message, None);
        None
    });
    let audience = table.required_text("audience", "\"kakehashi\"");
    let algorithms = read_algorithms(&table);
    let roles_claim = table
        .text("roles_claim")
        .map(|claim| claim.value.split('.').map(str::to_owned).collect());
    let assurance_levels = table.items("assurance_levels").unwrap_or_default();
    let assurance_levels = assurance_levels
        .iter()
        .filter_map(|node| read_levels(name, node, table.report()));
    let assurance_levels = assurance_levels.collect();
    table.finish();
    Some(Issuer {
        name: name.into(),
        url: url?,
        identifier: text?.value.into(),
        audience: audience?.value.into(),
        algorithms: algorithms?,
        roles_claim,
        assurance_levels,
    })
}

/// One of `assurance_levels`: the levels of a value of `acr`. What a value means is agreed between issuer and platform
/// (OpenID Connect Core 1.0 section 2), so that no value means anything by itself.
fn read_levels(issuer: &str, node: &Node, report: &Report) -> Option<(Arc<str>, AssuranceLevels)> {
    let one = Section::new(format!("`assurance_levels` of issuer `{issuer}`"), node, report);
    let acr = one.required_text("acr", "\"aal2\"").map(|acr| acr.value.into());
    let level = |key| {
        let level = one.count(key, HIGHEST_LEVEL.into())?;
        u8::try_from(level).ok()
    };
    let levels = AssuranceLevels {
        identity: level("ial"),
        authentication: level("aal"),
    };
    if one.node("ial").is_none() && one.node("aal").is_none() {
        one.missing("ial", "2` or `aal = 2");
    }
    one.finish();
    Some((acr?, levels))
}

/// The algorithms; they are pinned, because a token that chooses its own may choose one that proves nothing
/// (RFC 8725 section 3.1).
fn read_algorithms(table: &Section<'_>) -> Option<Vec<Algorithm>> {
    let Some(names) = table.texts("algorithms") else {
        if table.node("algorithms").is_none() {
            table.missing("algorithms", "[\"ES256\"]");
        }
        return None;
    };
    let mut algorithms = Vec::new();
    for name in &names {
        let Some((_, algorithm)) = ALGORITHMS.iter().find(|(known, _)| *known == name.value) else {
            let message = format!("`algorithms` in {} cannot hold \"{}\"", table.title(), name.value);
            let help = if name.value.starts_with("HS") || name.value.eq_ignore_ascii_case("none") {
                Some("only signatures with a public key are taken, such as ES256 or RS256".to_owned())
            } else {
                suggest(name.value, ALGORITHMS.iter().map(|(known, _)| *known))
            };
            table.report().error(name.place, message, help);
            continue;
        };
        if !algorithms.contains(algorithm) {
            algorithms.push(*algorithm);
        }
    }
    if names.is_empty() {
        let place = table.key_place("algorithms").unwrap_or(table.place());
        let message = format!("`algorithms` in {} is empty: no token could be valid", table.title());
        table.report().error(place, message, None);
    }
    Some(algorithms)
}

/// On one machine nobody is on the way.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
