//! `q`, type selections and scope queries: what is read and written is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::query::{Expression, ScopeQuery, TypeSelection};

fuzz_target!(|text: &str| {
    let context = Context::kakehashi();
    let _ = TypeSelection::parse(text, context).map_err(|error| error.to_string());
    if let Ok(scopes) = ScopeQuery::parse(text) {
        let _ = scopes.matches(&[text.into()]);
    }
    if let Ok(expression) = Expression::parse(text, context) {
        let written = expression.to_text(context);
        assert_eq!(Expression::parse(&written, context).as_ref(), Ok(&expression));
    }
});
