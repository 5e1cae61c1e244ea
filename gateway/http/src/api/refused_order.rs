//! Why a question has no answer, in words that say what to do; of an order that is not offered, what would be left out
//! without the sources that cannot be ordered.

use kakehashi_federation::plan::{Asker, beyond_local};
use kakehashi_federation::{Question, Refusal};

use crate::problem::{ErrorType, Problem};

/// Most sources that are named.
const MOST_NAMED: usize = 5;

/// What a consumer is told of a refusal. The sources that it names are such as its answers warn of: something of them is
/// granted.
#[must_use]
pub fn problem(refusal: Refusal, question: &Question, asker: &Asker<'_>) -> Problem {
    if refusal != Refusal::OrderedBeyondLocal {
        return refusal.into();
    }
    let beyond = beyond_local(question, asker);
    let named: Vec<String> = beyond.iter().take(MOST_NAMED).map(|id| format!("`{id}`")).collect();
    if named.is_empty() {
        return refusal.into();
    }
    let more = match beyond.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let detail = format!(
        "parameter `orderBy`: only the store is ordered (clause 5.7.2.4), and these sources would be asked as well: {}{more}. Leave \
         `orderBy` out, read all pages and order them yourself; with `local=true` the store is ordered, and what these sources hold \
         is left out",
        named.join(", ")
    );
    Problem::new(ErrorType::BadRequestData, detail)
}
