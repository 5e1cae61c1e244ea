//! `Link` headers: a link that is put before any others is found first, whatever they are.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The module knows nothing of the gateway, which would take minutes to build.
#[path = "../../gateway/http/src/api/link_header.rs"]
mod link_header;

const RELATION: &str = "http://www.w3.org/ns/json-ld#context";
const MEDIA_TYPE: &str = "application/ld+json";

fuzz_target!(|text: &str| {
    let Ok(targets) = link_header::targets(text, RELATION, MEDIA_TYPE) else { return };
    assert!(targets.iter().all(|target| text.contains(target) && !target.contains('>')));
    let title = text.replace('\\', "\\\\").replace('"', "\\\"");
    let longer = format!("<urn:first>; title=\"{title}\"; rel=\"next {RELATION}\", {text}");
    let mut expected = vec!["urn:first"];
    expected.extend(targets);
    assert_eq!(link_header::targets(&longer, RELATION, MEDIA_TYPE), Ok(expected));
});
