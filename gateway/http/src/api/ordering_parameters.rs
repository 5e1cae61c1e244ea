//! In which order entities are listed (clauses 4.23 and 5.2.43): `orderBy`, `orderFrom`, `orderGeometry`, `collation`.

use ngsi_ld::context::Context;
use ngsi_ld::query::{GeoProblem, InvalidOrdering, Ordering, OrderingProblem, SyntaxError};

use super::parameters::Parameters;
use crate::problem::Problem;

/// Reads the ordering; `None` where there is none.
///
/// # Errors
/// A problem that names the parameter and what is wrong with it.
//= 5.7.2.4-7, 6.4.3.2-5
pub(super) fn ordering(parameters: &Parameters<'_>, context: &Context) -> Result<Option<Ordering>, Problem> {
    let order_from = parameters.text("orderFrom")?;
    let order_geometry = parameters.text("orderGeometry")?;
    let collation = parameters.text("collation")?;
    let Some(order_by) = parameters.text("orderBy")? else {
        let without_meaning = [
            ("orderFrom", order_from),
            ("orderGeometry", order_geometry),
            ("collation", collation),
        ];
        return match without_meaning.iter().find(|(_, text)| text.is_some()) {
            Some((name, _)) => Err(parameters.fault(name, 0, "it says how to order, which `orderBy` asks for")),
            None => Ok(None),
        };
    };
    Ordering::parse(order_by, order_from, order_geometry, collation, context)
        .map(Some)
        .map_err(|error| fault(parameters, &error))
}

fn fault(parameters: &Parameters<'_>, error: &InvalidOrdering) -> Problem {
    let name = error.parameter.as_str();
    match &error.problem {
        OrderingProblem::Syntax(error) | OrderingProblem::Geometry(GeoProblem::Syntax(error)) => {
            let SyntaxError { expected, found, .. } = error;
            let detail = format_args!("expected {expected}, found {found}");
            parameters.fault(name, error.position, detail)
        }
        other => parameters.fault(name, 0, other),
    }
}
