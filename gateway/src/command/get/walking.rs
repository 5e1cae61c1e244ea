//! The pages of an answer, one after the other, as their links lead.

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::Failure;
use super::super::consumer_api::{ConsumerApi, told};

/// Largest page, in MiB: more than a thousand entities as large as they may be written at once.
const MOST_MIB: usize = 256;

/// A page of an answer.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Entities, or Features.
    pub(super) elements: Vec<Box<RawValue>>,
    /// How many there are in all pages.
    pub(super) count: Option<u64>,
    /// What is missing, as the gateway says it.
    pub(super) warnings: Vec<String>,
}

/// The pages that are left.
pub(super) struct Pages<'a> {
    pub(super) api: &'a ConsumerApi,
    pub(super) headers: HeaderMap,
    pub(super) next: Option<Url>,
}

#[derive(Deserialize)]
struct Collection {
    features: Vec<Box<RawValue>>,
}

impl Pages<'_> {
    /// The next one.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Failure> {
        let Some(url) = self.next.take() else {
            return Ok(None);
        };
        let request = self.api.client().get(url.clone()).headers(self.headers.clone());
        let response = self.api.ask(request).await?;
        if response.status() != StatusCode::OK {
            return Err(told(response).await);
        }
        let texts = |name: &str| {
            let values = response.headers().get_all(name).iter();
            values.filter_map(|value| value.to_str().ok()).map(ToOwned::to_owned)
        };
        let mut page = Page {
            elements: Vec::new(),
            count: texts("ngsild-results-count")
                .next()
                .and_then(|count| count.parse().ok()),
            warnings: texts("ngsild-warning").collect(),
        };
        if let Some(target) = texts(LINK.as_str()).find_map(|link| next_in(&link)) {
            self.next = Some(self.api.followed(&url, &target)?);
        }
        page.elements = elements(&body(response).await?)?;
        Ok(Some(page))
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::other("the answer", error);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_MIB * 1024 * 1024 {
            return Err(Failure::Other(format!(
                "a page of the answer is larger than {MOST_MIB} MiB: ask for fewer attributes, or for smaller pages with --page"
            )));
        }
    }
    Ok(body)
}

/// The entities or Features of a body.
fn elements(body: &[u8]) -> Result<Vec<Box<RawValue>>, Failure> {
    let read = match body.first() {
        Some(b'{') => serde_json::from_slice::<Collection>(body).map(|collection| collection.features),
        _ => serde_json::from_slice(body),
    };
    read.map_err(|error| {
        Failure::other(
            "what answers there is no list of entities; is the address right?",
            error,
        )
    })
}

/// The target of the link to the next page (RFC 8288).
fn next_in(links: &str) -> Option<String> {
    let mut rest = links;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, parameters) = behind.split_once('>')?;
        let (own, others) = parameters.split_once('<').unwrap_or((parameters, ""));
        let is_next = own.split([';', ',']).any(|parameter| {
            let parameter = parameter.trim();
            matches!(parameter, "rel=\"next\"" | "rel=next")
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = match others.is_empty() {
            true => "",
            false => parameters.get(own.len()..).unwrap_or_default(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_other_links() {
        let context =
            "<https://c.example/a,b>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";
        let next = "</ngsi-ld/v1/entities?limit=2&offset=2>; rel=\"next\"; type=\"application/json\"";
        let prev = "</ngsi-ld/v1/entities?limit=2>;rel=\"prev\"";
        let target = Some("/ngsi-ld/v1/entities?limit=2&offset=2".to_owned());
        assert_eq!(next_in(next), target);
        assert_eq!(next_in(&format!("{context}, {prev}, {next}")), target);
        assert_eq!(next_in(&format!("{next}, {context}")), target);
        assert_eq!(next_in(&format!("{context}, {prev}")), None);
        assert_eq!(next_in(""), None);
    }
}
