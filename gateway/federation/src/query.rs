//! `queryEntity` (clause 5.7.2): the entities that match, each once, with a count and a page.

use std::sync::Arc;

use kakehashi_adapters::Page;

use super::entities::EntityPage;
use super::gather::Request;
use super::pages::place::Place;
use super::plan::Asker;
use super::strategy::Opening;
use super::{Question, Refusal, linked_conditions, unlinked};

/// Answers a question: the page at its offset, or the one that begins at a place that an earlier page has told.
///
/// # Errors
/// [`Refusal`] when it is too wide. A source that fails is no error: it is named in the warnings.
pub async fn query(
    question: &Arc<Question>,
    page: Page,
    from: Option<Place>,
    count: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let opening = Opening::of(question, page);
    match opening.candidates {
        Some(candidates) => {
            let candidates = unlinked::query(&Arc::new(*candidates), opening.page, None, false, asker, request).await?;
            linked_conditions::query(question, candidates, page, count, asker, request).await
        }
        None => unlinked::query(question, opening.page, from, count, asker, request).await,
    }
}
