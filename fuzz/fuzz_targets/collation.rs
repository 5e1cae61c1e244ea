//! `collation` and `orderFrom`, and texts in that order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::query::Ordering;

fuzz_target!(|texts: (&str, &str, &str)| {
    let (tag, one, other) = texts;
    let context = Context::core();
    let _ = Ordering::parse("location;dist-asc", Some(tag), Some(one), None, context);
    let Ok(ordering) = Ordering::parse("name", None, None, Some(tag), context) else {
        return;
    };
    let key = |text: &str| {
        let name = serde_json::to_string(text).ok()?;
        let json = format!(r#"{{"id":"urn:x","type":"T","name":{{"type":"Property","value":{name}}}}}"#);
        parse_entity(json.as_bytes(), context).ok().map(|entity| ordering.key(&entity))
    };
    if let (Some(one), Some(other)) = (key(one), key(other)) {
        assert_eq!(ordering.compare(&one, &other), ordering.compare(&other, &one).reverse());
    }
});
