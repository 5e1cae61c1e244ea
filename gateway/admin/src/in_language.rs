//! Problems and findings in the language of who asks. What answers writes English and leaves the members with the answer; here
//! their texts are told in the language that the request likes best. Only such an answer depends on it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, header};
use kakehashi_core::controls::escaped;
use kakehashi_messages::Language;
use serde_json::{Map, Value};

/// The members of an answer that holds texts for people.
#[derive(Debug, Clone)]
pub(super) struct InLanguages(pub(super) Arc<Value>);

/// Members that are texts for people, of a problem.
const OF_PROBLEMS: [&str; 2] = ["title", "detail"];

/// Members that are lists of findings.
const FINDINGS: [&str; 2] = ["diagnostics", "warnings"];

/// The step outside of all others: tells what was answered in the language that was asked for.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    let fields = request.headers().get_all(header::ACCEPT_LANGUAGE).iter();
    let fields: Vec<&str> = fields.filter_map(|field| field.to_str().ok()).collect();
    let language = Language::accepted(&fields.join(","));
    let mut response = next.run(request).await;
    let Some(InLanguages(members)) = response.extensions_mut().remove::<InLanguages>() else {
        return response;
    };
    if language != Language::English {
        let told = told(&members, language);
        *response.body_mut() = Body::from(told.to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.append(header::VARY, HeaderValue::from_static("accept-language"));
    response
}

/// Whether an answer holds findings, so that it exists in several languages.
pub(super) fn has_texts(members: &Value) -> bool {
    let is_filled = |name: &&str| {
        members
            .get(*name)
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
    };
    FINDINGS.iter().any(is_filled)
}

fn told(members: &Value, language: Language) -> Value {
    let mut told = members.clone();
    let Some(members) = told.as_object_mut() else {
        return told;
    };
    for (name, value) in members.iter_mut() {
        match value {
            Value::String(text) if OF_PROBLEMS.contains(&name.as_str()) => *text = language.of(text).into_owned(),
            Value::Array(findings) if FINDINGS.contains(&name.as_str()) => {
                let findings = findings.iter_mut().filter_map(Value::as_object_mut);
                findings.for_each(|finding| tell_finding(finding, language));
            }
            _ => {}
        }
    }
    told
}

/// A finding's message and help, and both again in the text that the command line shows.
fn tell_finding(finding: &mut Map<String, Value>, language: Language) {
    let text_of = |name: &str| finding.get(name).and_then(Value::as_str).map(str::to_owned);
    let (severity, message, help) = (text_of("severity"), text_of("message"), text_of("help"));
    let (Some(severity), Some(message), Some(text)) = (severity, message, text_of("text")) else {
        return;
    };
    let head = |language: Language| format!("{}: {}", language.of(&severity), escaped(&language.of(&message)));
    let tail = |language: Language| {
        let help = help
            .as_ref()
            .map(|help| format!(" = {}: {}", language.of("help"), escaped(&language.of(help))));
        help.unwrap_or_default()
    };
    // Between them stands the line of the file.
    let between = text.strip_prefix(&head(Language::English));
    if let Some(between) = between.and_then(|text| text.strip_suffix(&tail(Language::English))) {
        let told = format!("{}{between}{}", head(language), tail(language));
        finding.insert("text".to_owned(), told.into());
    }
    finding.insert("message".to_owned(), language.of(&message).into());
    if let Some(help) = &help {
        finding.insert("help".to_owned(), language.of(help).into());
    }
}
