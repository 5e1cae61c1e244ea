//! `valueType` says the datatype of a value: a term of the @context, and an IRI everywhere else (clauses 5.2.5 to 5.2.38).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};

#[test]
//= 5.2.7-3, 5.2.35-2, 5.2.36-3, 5.2.38-4
fn the_value_type_of_each_kind_is_an_iri_by_the_context() {
    let context = Context::from_document(r#"{"@context": {"Roman": "https://example.org/Roman"}}"#).unwrap();
    for attribute in [
        r#""type":"Property","value":"IV""#,
        r#""type":"GeoProperty","value":{"type":"Point","coordinates":[139.5,36.5]}"#,
        r#""type":"ListProperty","valueList":["IV","V"]"#,
        r#""type":"JsonProperty","json":{"a":1}"#,
        r#""type":"VocabProperty","vocab":"urn:v:1""#,
    ] {
        let json = |value_type: &str| {
            format!(
                r#"{{"id":"urn:a:1","type":"https://example.org/T","https://example.org/a":{{{attribute},"valueType":"{value_type}"}}}}"#
            )
        };
        let entity =
            parse_entity(json("Roman").as_bytes(), &context).unwrap_or_else(|error| panic!("{attribute}: {error}"));
        let written = |context: &Context| {
            let mut out = Vec::new();
            render_entity(&Rendering::new(context, Format::Normalized), &entity, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(&context), json("Roman"));
        assert_eq!(written(Context::core()), json("https://example.org/Roman"));
    }
}
