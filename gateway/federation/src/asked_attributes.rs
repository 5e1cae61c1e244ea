//! Which attributes a source is asked for: those that are shown, and those that something is decided by.

use kakehashi_adapters::AttributeSelection;
use kakehashi_policy::{GrantSet, Selection};
use ngsi_ld::AttributeName;
use ngsi_ld::query::{AttributePath, Expression, Ordering};

use super::Question;
use super::told::{ShownIn, shown_in};

/// The granted attributes that the question needs: those that are shown, and those that a condition looks at. When an
/// entity was modified depends on all that may be seen of it, whatever is shown.
pub(super) fn asked_attributes(
    question: &Question,
    needs_system_dates: bool,
    granted: &Selection,
    grants: &GrantSet,
) -> AttributeSelection {
    let Some(shown) = question.shown.as_ref().filter(|_| !needs_system_dates) else {
        return granted.attributes.clone();
    };
    // A selection of everything is less what the classification hides.
    let is_granted = |name: &AttributeName| {
        granted.attributes.includes(name) && shown_in(&granted.types, name, grants) != ShownIn::None
    };
    let mut needed: Vec<AttributeName> = Vec::new();
    let conditions = question.query.filter.iter().flat_map(Expression::attributes);
    let place = question.query.geo.iter().map(|geo| &geo.property);
    let ordering = question
        .order
        .iter()
        .flat_map(Ordering::paths)
        .map(|path| &path.attribute);
    for name in shown
        .iter()
        .chain(&question.query.attributes)
        .chain(conditions)
        .chain(place)
        .chain(ordering)
    {
        if is_granted(name) && !needed.contains(name) {
            needed.push(name.clone());
        }
    }
    AttributeSelection::only(needed)
}

/// Whether dates that the system keeps are shown, judged or ordered by (clause 4.8).
pub(super) fn needs_system_dates(question: &Question) -> bool {
    question.system_attributes
        || question.query.filter.as_ref().is_some_and(touches_system_dates)
        || question.order.as_ref().is_some_and(looks_at_system_dates)
}

/// The selection, with what the conditions of permits look at.
pub(super) fn with_judged(attributes: AttributeSelection, judged: &[AttributeName]) -> AttributeSelection {
    match attributes {
        AttributeSelection::All => AttributeSelection::All,
        AttributeSelection::Only(names) => AttributeSelection::only(names.iter().chain(judged).cloned()),
    }
}

/// Whether an order looks at dates that the system keeps (clause 4.8).
fn looks_at_system_dates(order: &Ordering) -> bool {
    let is_date = |path: &AttributePath| {
        path.attribute.is_system_date() || path.sub_attributes.iter().any(ngsi_ld::AttributeName::is_system_date)
    };
    order.paths().any(is_date)
}

/// Whether the filter looks at dates that the system keeps (clause 4.8).
fn touches_system_dates(filter: &Expression) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(touches_system_dates),
        Expression::Condition(condition) => {
            condition.path.attribute.is_system_date()
                || condition.path.sub_attributes.iter().any(AttributeName::is_system_date)
        }
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;

    use super::*;

    #[test]
    fn dates_of_the_system_are_asked_for_where_they_order() {
        let looks = |order_by: &str| {
            let order = Ordering::parse(order_by, None, None, None, Context::core()).unwrap();
            looks_at_system_dates(&order)
        };
        assert!(looks("createdAt") && looks("name,modifiedAt;desc") && looks("name.createdAt"));
        assert!(!looks("name,id") && !looks("name.observedAt"));
    }
}
