//! `queryEntity` (clause 5.7.2): the entities that match, each once, with a count and a page.

use std::sync::Arc;

use kakehashi_adapters::Page;

use super::entities::EntityPage;
use super::gather::Request;
use super::plan::Asker;
use super::strategy::Opening;
use super::{Question, Refusal, linked_conditions, unlinked};

/// Answers a question.
///
/// # Errors
/// [`Refusal`] when it is too wide. A source that fails is no error: it is named in the warnings.
pub async fn query(
    question: &Arc<Question>,
    page: Page,
    count: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let opening = Opening::of(question, page);
    match opening.candidates {
        Some(candidates) => {
            let candidates = unlinked::query(&Arc::new(*candidates), opening.page, false, asker, request).await?;
            linked_conditions::query(question, candidates, page, count, asker, request).await
        }
        None => unlinked::query(question, opening.page, count, asker, request).await,
    }
}
