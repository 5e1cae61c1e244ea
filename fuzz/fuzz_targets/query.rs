//! `q` with links and expanded values, type selections, scope queries, orderings and `csf`: what is read and written is
//! read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::query::{ContextSourceFilter, Expression, Ordering, ScopeQuery, TypeSelection, ValueExpansion};

fuzz_target!(|text: &str| {
    let context = Context::kakehashi();
    let _ = TypeSelection::parse(text, context).map_err(|error| error.to_string());
    let _ = ContextSourceFilter::parse(text).map_err(|error| error.to_string());
    if let Ok(scopes) = ScopeQuery::parse(text) {
        let _ = scopes.matches(&[text.into()]);
    }
    if let Ok(expression) = Expression::parse(text, context) {
        let written = expression.to_text(context);
        assert_eq!(Expression::parse(&written, context).as_ref(), Ok(&expression));
        let values = ValueExpansion {
            expand: expression.attributes().into_iter().cloned().collect(),
            json: Vec::new(),
        };
        let _ = Expression::parse_with(text, context, &values).map_err(|error| error.to_string());
    }
    if let Ok(ordering) = Ordering::parse(text, Some("[139.5,36.3]"), None, None, context) {
        let written = ordering.to_text(context);
        let again = Ordering::parse(&written, Some("[139.5,36.3]"), None, None, context);
        assert_eq!(again.as_ref(), Ok(&ordering));
    }
});
