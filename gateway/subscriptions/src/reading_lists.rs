//! Lists of names, as several members of a subscription have them.

use ngsi_ld::AttributeName;
use ngsi_ld::context::Context;

use super::members::{At, Fault};

/// Most names and ids in a list of one subscription.
pub(super) const MOST_IN_LIST: usize = 500;

/// Names of attributes.
pub(super) fn attributes(at: &At<'_>, context: &Context) -> Result<Vec<AttributeName>, Fault> {
    let elements = at.elements(MOST_IN_LIST)?;
    let expanded = elements.iter().map(|element| {
        let name = context.expand_written_attribute(element.text()?);
        name.map_err(|error| element.invalid(error))
    });
    expanded.collect()
}
