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
    let mut all = targets.related.iter().chain(&targets.unsaid);
    assert!(all.all(|target| text.contains(target) && !target.contains('>')));
    let title = text.replace('\\', "\\\\").replace('"', "\\\"");
    let longer = format!("<urn:first>; title=\"{title}\"; rel=\"next {RELATION}\", {text}");
    let mut expected = link_header::Targets { related: vec!["urn:first"], unsaid: targets.unsaid };
    expected.related.extend(targets.related);
    assert_eq!(link_header::targets(&longer, RELATION, MEDIA_TYPE), Ok(expected));
});
