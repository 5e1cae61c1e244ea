//! Entities, normalized and concise, one and many: no panic, and what is read is written and read again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{parse_entities, parse_entity};
use ngsi_ld::entity::render::{Format, Rendering, render_entity, render_feature};

fuzz_target!(|json: &[u8]| {
    let context = Context::kakehashi();
    let _ = parse_entities(json, context).map_err(|error| error.to_string());
    let Ok(entity) = parse_entity(json, context) else { return };
    for format in [Format::Normalized, Format::Concise] {
        let rendering = Rendering {
            system_attributes: true,
            ..Rendering::new(context, format)
        };
        let mut out = Vec::new();
        render_entity(&rendering, &entity, &mut out);
        assert_eq!(parse_entity(&out, context).as_ref(), Ok(&entity));
    }
    let mut out = Vec::new();
    render_entity(&Rendering::new(context, Format::Simplified), &entity, &mut out);
    out.clear();
    if let Some(attribute) = entity.attributes.first() {
        render_feature(&Rendering::new(context, Format::Concise), &entity, &attribute.name, &mut out);
    }
});
