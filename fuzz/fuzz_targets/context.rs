//! Context documents, and names in them: what is compacted expands to the same IRI.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::{Context, remote_references};

fuzz_target!(|text: &str| {
    let (document, name) = text.split_once('\n').unwrap_or((text, "a:b"));
    let _ = remote_references(document);
    let builder = Context::builder().value(document);
    let Ok(context) = builder.and_then(|builder| builder.build()) else {
        let _ = Context::from_document(document);
        return;
    };
    if let Ok(iri) = context.expand(name) {
        let compact = context.compact(iri.as_str()).into_owned();
        assert_eq!(context.expand(&compact).as_ref(), Ok(&iri));
    }
});
