//! `credential` of a source: how the gateway proves itself to it, and `ca`: how the source proves itself.

use kakehashi_certificates as certificates;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use kakehashi_adapters::client::{
    ClientAuthentication, ClientIdentity, Credential, OAuth2Settings, QueryKey, SourceTls,
};
use kakehashi_adapters::kind::http_url;
use kakehashi_certificates::{self, CertificateProblem};
use rustls::RootCertStore;

use super::Loading;
use super::secret::{self, Secret};
use kakehashi_core::diagnostics::{Place, Severity};
use kakehashi_documents::document::Node;
use kakehashi_documents::section::{Placed, Section};

/// The kinds of credentials of which a source has one. A certificate may come beside any of them.
const KINDS: [&str; 6] = ["header", "query", "bearer", "basic", "oauth2", "pass_through"];

/// Reads `credential` and `ca` of a source.
pub(crate) fn read(source: &Section<'_>, loading: &Loading<'_>) -> (Option<Credential>, SourceTls) {
    let authorities = read_authorities(source, loading);
    let Some(node) = source.node("credential") else {
        let tls = SourceTls {
            authorities,
            identity: None,
        };
        return (None, tls);
    };
    let title = format!("`credential` of {}", source.title());
    let section = Section::new(title.clone(), node, loading.report);
    let identity = section
        .section("client_certificate")
        .and_then(|table| read_identity(table, loading));
    let present: Vec<&str> = KINDS.into_iter().filter(|kind| section.node(kind).is_some()).collect();
    let value = section.node("value");
    let credential = match present.as_slice() {
        ["header"] => read_header(&section, value, loading),
        ["query"] => read_query(&section, value, loading),
        ["bearer"] => section
            .node("bearer")
            .and_then(|node| resolve_header_value(&format!("the token in {title}"), node, loading))
            .map(Credential::Bearer),
        ["basic"] => section.section("basic").and_then(|table| read_basic(table, loading)),
        ["oauth2"] => section.section("oauth2").and_then(|table| read_oauth2(table, loading)),
        ["pass_through"] => section
            .boolean("pass_through")
            .and_then(|chosen| chosen.value.then_some(Credential::PassThrough)),
        [] if section.node("client_certificate").is_some() => None,
        _ => {
            let message = format!(
                "{title} must be exactly one of `header` with `value`, `query` with `value`, `bearer`, `basic`, \
                 `oauth2` and `pass_through`; `client_certificate` may stand alone or beside it"
            );
            let help = "{ header = \"x-api-key\", value = { env = \"NAME\" } }".to_owned();
            loading.report.error(&node.place, message, help);
            None
        }
    };
    if value.is_some() && !present.iter().any(|kind| matches!(*kind, "header" | "query")) && !present.is_empty() {
        let place = section.key_place("value").unwrap_or(&node.place);
        let message = format!("`value` in {title} belongs to `header` or `query`");
        loading.report.error(place, message, None);
    }
    section.finish();
    (credential, SourceTls { authorities, identity })
}

fn read_header(section: &Section<'_>, value: Option<&Node>, loading: &Loading<'_>) -> Option<Credential> {
    let name = section.parsed("header", |text| {
        HeaderName::try_from(text).map_err(|_| format!("\"{text}\" is no header name"))
    });
    let Some(value) = value else {
        section.missing("value", "{ env = \"NAME\" }");
        return None;
    };
    let value = resolve_header_value(&format!("the value in {}", section.title()), value, loading);
    Some(Credential::Header {
        name: name?,
        value: value?,
    })
}

fn read_query(section: &Section<'_>, value: Option<&Node>, loading: &Loading<'_>) -> Option<Credential> {
    let name = section.text("query");
    let Some(value) = value else {
        section.missing("value", "{ env = \"NAME\" }");
        return None;
    };
    let value = secret::resolve(&format!("the value in {}", section.title()), value, loading);
    Some(Credential::Query(QueryKey::new(name?.value, value?.expose())))
}

fn read_basic(table: Section<'_>, loading: &Loading<'_>) -> Option<Credential> {
    let username = table
        .required_text("username", "\"...\"")
        .map(|name| name.value.to_owned());
    let password = required_secret(&table, "password", "the password", loading);
    table.finish();
    Some(Credential::Basic {
        username: username?,
        password: password?.expose().to_owned(),
    })
}

fn required_secret(table: &Section<'_>, key: &'static str, what: &str, loading: &Loading<'_>) -> Option<Secret> {
    let Some(node) = table.node(key) else {
        table.missing(key, "{ env = \"NAME\" }");
        return None;
    };
    secret::resolve(&format!("{what} in {}", table.title()), node, loading)
}

fn read_oauth2(table: Section<'_>, loading: &Loading<'_>) -> Option<Credential> {
    table.required_text("token_url", "\"https://...\"");
    let token_url = table.parsed("token_url", |text| {
        let url = http_url(text)?;
        let is_safe = url.scheme_str() == Some("https") || url.host().is_some_and(is_this_machine);
        if is_safe {
            Ok(url)
        } else {
            Err("must begin with https://: whoever is on the way would have the secret".to_owned())
        }
    });
    let client_id = table.required_text("client_id", "\"kakehashi\"");
    let client_secret = required_secret(&table, "client_secret", "the secret", loading);
    let owned = |text: Option<Placed<'_, &str>>| text.map(|text| text.value.to_owned());
    let scope = owned(table.text("scope"));
    let audience = owned(table.text("audience"));
    let authentication = table.choice(
        "client_authentication",
        &[
            ("basic", ClientAuthentication::Basic),
            ("body", ClientAuthentication::Body),
        ],
    );
    let authorities = read_authorities(&table, loading);
    table.finish();
    Some(Credential::OAuth2(Box::new(OAuth2Settings {
        token_url: token_url?,
        client_id: client_id?.value.to_owned(),
        client_secret: client_secret?.expose().into(),
        scope,
        audience,
        authentication: authentication.unwrap_or_default(),
        authorities,
    })))
}

/// On one machine nobody is on the way.
pub(super) fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// `ca`: who signs the certificate of the other side, and nobody else.
fn read_authorities(section: &Section<'_>, loading: &Loading<'_>) -> Option<Arc<RootCertStore>> {
    let file = section.text("ca")?;
    let pem = loading.read(file.value, file.place, "file of authorities")?;
    loading.take(pem.as_bytes());
    match certificates::authorities(pem.as_bytes()).and_then(|(roots, validity)| {
        validity.check(certificates::now())?;
        Ok(roots)
    }) {
        Ok(roots) => Some(Arc::new(roots)),
        Err(problem) => {
            refuse_file(&file, "ca", section.title(), &problem, loading);
            None
        }
    }
}

/// `client_certificate = { certificate, key }`: who the gateway is to the source (RFC 8446 section 4.4.2).
fn read_identity(table: Section<'_>, loading: &Loading<'_>) -> Option<Arc<ClientIdentity>> {
    let file = table.required_text("certificate", "\"gateway.pem\"");
    let chain = file.as_ref().and_then(|file| {
        let pem = loading.read(file.value, file.place, "certificate")?;
        loading.take(pem.as_bytes());
        let read = certificates::certificates(pem.as_bytes()).and_then(|chain| {
            certificates::Validity::of_all(&chain)?.check(certificates::now())?;
            Ok(chain)
        });
        read.map_err(|problem| refuse_file(file, "certificate", table.title(), &problem, loading))
            .ok()
    });
    let key_place = table.node("key").map(|node| &node.place);
    let key = required_secret(&table, "key", "the key", loading).and_then(|pem| {
        let refuse = |problem: CertificateProblem| {
            if let Some(place) = key_place {
                let message = format!("`key` in {}: {problem}", table.title());
                refuse_secret(place, message, Some(problem.help()), loading);
            }
        };
        if pem.is_absent() {
            return None;
        }
        certificates::private_key(pem.expose().as_bytes()).map_err(refuse).ok()
    });
    let title = table.title().to_owned();
    table.finish();
    let (chain, key) = (chain?, key?);
    let provider = rustls::crypto::ring::default_provider();
    if let Err(error) = rustls::sign::CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
        let problem = match error {
            rustls::Error::InconsistentKeys(_) => CertificateProblem::KeyDoesNotFit,
            _ => CertificateProblem::UnsupportedKey,
        };
        let message = format!("`key` in {title}: {problem}");
        if let Some(place) = key_place {
            refuse_secret(place, message, Some(problem.help()), loading);
        }
        return None;
    }
    Some(Arc::new(ClientIdentity { chain, key }))
}

fn refuse_file(file: &Placed<'_, &str>, key: &str, title: &str, problem: &CertificateProblem, loading: &Loading<'_>) {
    let message = format!("`{key}` in {title}, {}: {problem}", file.value);
    loading.report.error(file.place, message, problem.help().to_owned());
}

fn refuse_secret(place: &Place, message: String, help: Option<&str>, loading: &Loading<'_>) {
    let help = help.map(str::to_owned);
    loading.report.of_secret(Severity::Error, place, message, help);
}

fn resolve_header_value(title: &str, node: &Node, loading: &Loading<'_>) -> Option<HeaderValue> {
    let secret = secret::resolve(title, node, loading)?;
    let Ok(mut value) = HeaderValue::try_from(secret.expose()) else {
        let message = format!("{title} holds a character that a header cannot");
        refuse_secret(&node.place, message, None, loading);
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}
