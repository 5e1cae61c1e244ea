//! Problem details in the language of who asks (RFC 9110 sections 8.5 and 12.5.4). Whatever answers writes English; what may
//! be told in another language, too, brings along how. Such an answer says which language it is in, and that it depends on
//! what was asked for; all others are as they were.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use kakehashi_messages::Language;

use crate::vary::add_to_vary;

/// How the body of an answer is in a language: left with an answer that exists in all of them.
#[derive(Clone)]
pub struct InLanguages(Option<Arc<dyn Fn(Language) -> Vec<u8> + Send + Sync>>);

impl fmt::Debug for InLanguages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InLanguages")
    }
}

impl InLanguages {
    /// By what writes the body.
    pub fn by(write: impl Fn(Language) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(write)))
    }

    /// The answer was written in the language that is [`accepted`] already: what is long is, where it takes turns.
    pub fn told() -> Self {
        Self(None)
    }
}

/// The language that a request asks for.
#[must_use]
pub fn asked_for(request: &Request) -> Language {
    accepted(request.headers())
}

/// The language that is asked for in the headers of a request.
#[must_use]
pub fn accepted(headers: &HeaderMap) -> Language {
    let fields = headers.get_all(header::ACCEPT_LANGUAGE).iter();
    let fields: Vec<&str> = fields.filter_map(|field| field.to_str().ok()).collect();
    Language::accepted(&fields.join(","))
}

/// Tells an answer in a language, once, where it exists in several.
pub fn tell(language: Language, response: &mut Response) {
    let Some(InLanguages(write)) = response.extensions_mut().remove::<InLanguages>() else {
        return;
    };
    if let Some(write) = write
        && language != Language::English
    {
        *response.body_mut() = Body::from(write(language));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    add_to_vary(headers, "accept-language");
}
