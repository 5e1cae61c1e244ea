//! What the consumer would be told if its list were empty. Nobody has looked whether it is.

use kakehashi_federation::Question;
use kakehashi_federation::plan::Asker;
use kakehashi_http::api::command::Command;
use kakehashi_http::api::hints::{AskedList, Hint, Known};
use ngsi_ld::context::Context;

use super::Explanation;

/// Adds the hints of a list: of the data that the request is about, as it is explained. `is_known`: whether what the consumer is
/// registered with may be told.
pub(super) fn of_reading(
    command: &Command,
    question: &Question,
    context: &Context,
    asker: &Asker<'_>,
    is_known: bool,
    explanation: &mut Explanation,
) {
    let Command::Query { mentioned, page, .. } = command else {
        return;
    };
    let asked = AskedList {
        mentioned,
        question,
        page: *page,
        context,
        asker,
    };
    let mut hints = asked.hints(Known::default());
    hints.retain(|hint| is_known || *hint != Hint::NoPurpose);
    explanation.hints = hints.iter().map(ToString::to_string).collect();
}
