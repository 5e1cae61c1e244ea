//! `credential` of a source: how the gateway proves itself to it.

use http::{HeaderName, HeaderValue};
use kakehashi_adapters::client::Credential;

use super::Loading;
use super::document::Node;
use super::secret;
use super::section::Section;

/// Reads `credential` of a source.
pub(crate) fn read(source: &Section<'_>, node: &Node, loading: &Loading<'_>) -> Option<Credential> {
    let title = format!("`credential` of {}", source.title());
    let section = Section::new(title.clone(), node, loading.report);
    let refused_oauth2 = section.refuse("oauth2", "this version has a header, `bearer` and `basic`");
    let refused_certificate = section.refuse("client_certificate", "this version has a header, `bearer` and `basic`");
    let header = section.parsed("header", |text| {
        HeaderName::try_from(text).map_err(|_| format!("\"{text}\" is no header name"))
    });
    let value = section
        .node("value")
        .and_then(|node| resolve_header_value(&format!("the value in {title}"), node, "", loading));
    let bearer = section.node("bearer");
    let token =
        bearer.and_then(|node| resolve_header_value(&format!("the token in {title}"), node, "Bearer ", loading));
    let basic = section.section("basic");
    let has_header = section.node("header").is_some() || section.node("value").is_some();
    let kinds = [has_header, bearer.is_some(), basic.is_some()]
        .into_iter()
        .filter(|present| *present)
        .count();
    if kinds != 1 && !refused_oauth2 && !refused_certificate {
        let message = format!("{title} must be exactly one of `header` with `value`, `bearer`, and `basic`");
        loading.report.error(
            &node.place,
            message,
            "{ header = \"x-api-key\", value = { env = \"NAME\" } }".to_owned(),
        );
    } else if has_header {
        for (key, example) in [("header", "\"x-api-key\""), ("value", "{ env = \"NAME\" }")] {
            if section.node(key).is_none() {
                section.missing(key, example);
            }
        }
    }
    section.finish();
    if let Some(basic) = basic {
        let username = basic
            .required_text("username", "\"...\"")
            .map(|name| name.value.to_owned());
        if basic.node("password").is_none() {
            basic.missing("password", "{ env = \"NAME\" }");
        }
        let password = basic
            .node("password")
            .and_then(|node| secret::resolve(&format!("the password in {title}"), node, loading));
        basic.finish();
        return Some(Credential::Basic {
            username: username?,
            password: password?.expose().to_owned(),
        });
    }
    match (header, value, token) {
        (Some(name), Some(value), None) => Some(Credential::Header { name, value }),
        (None, None, Some(token)) => Some(Credential::Bearer(token)),
        _ => None,
    }
}

fn resolve_header_value(title: &str, node: &Node, prefix: &str, loading: &Loading<'_>) -> Option<HeaderValue> {
    let secret = secret::resolve(title, node, loading)?;
    let Ok(mut value) = HeaderValue::try_from(format!("{prefix}{}", secret.expose())) else {
        loading.report.error(
            &node.place,
            format!("{title} holds a character that a header cannot"),
            None,
        );
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}
