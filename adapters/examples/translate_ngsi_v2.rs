//! How fast NGSI-v2 lists become entities of the view: megabytes of input per second on one core.
//!
//! `cargo run --release -p kakehashi-adapters --example translate_ngsi_v2`

#![expect(clippy::print_stdout, reason = "it exists to print")]
#![expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kakehashi_adapters::AttributeSelection;
use kakehashi_adapters::ngsi_v2::translate::{ProvidedType, TranslationContext, translate_entities};
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, render_entities};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Orion's largest page.
const ENTITIES: usize = 1000;

fn page() -> String {
    let mut list = String::from("[");
    for number in 0..ENTITIES {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(
            list,
            r#"{separator}{{"id":"urn:ngsi-ld:EvacuationSite:{number:06}","type":"EvacuationSite","address":{{"type":"StructuredValue","value":{{"addressRegion":"栃木県","addressLocality":"那須塩原市","streetAddress":"共墾社108番地2"}},"metadata":{{}}}},"location":{{"type":"geo:json","value":{{"type":"Point","coordinates":[139.{number:06},36.{number:06}]}},"metadata":{{}}}},"maxCapacity":{{"type":"Number","value":{number},"metadata":{{}}}},"name":{{"type":"Text","value":"那須塩原市立第{number}小学校体育館","metadata":{{}}}},"flood":{{"type":"Boolean","value":true,"metadata":{{}}}},"remarks":{{"type":"Text","value":"","metadata":{{}}}},"temperature":{{"type":"Number","value":21.5,"metadata":{{"TimeInstant":{{"type":"DateTime","value":"2026-01-01T10:00:00.000Z"}},"unitCode":{{"type":"Text","value":"CEL"}}}}}},"dateObserved":{{"type":"DateTime","value":"2026-01-01T10:00:00.000Z","metadata":{{}}}},"refDevice":{{"type":"Relationship","value":"urn:ngsi-ld:Device:{number}","metadata":{{}}}}}}"#
        );
    }
    list.push(']');
    list
}

fn megabytes_per_second(bytes: usize, mut work: impl FnMut()) -> f64 {
    work();
    let (start, busy_before) = (Instant::now(), time_on_processor());
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(2) {
        work();
        rounds += 1;
    }
    let busy = time_on_processor()
        .zip(busy_before)
        .map(|(after, before)| after - before);
    (bytes * rounds) as f64 / busy.unwrap_or(start.elapsed()).as_secs_f64() / 1e6
}

/// How long this process has run on a processor, so that a busy machine does not falsify the rate. Linux only.
fn time_on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Arc::clone(Context::core());
    let translation = TranslationContext {
        types: vec![ProvidedType {
            name: context.expand_type("EvacuationSite")?,
            short: "EvacuationSite".into(),
        }],
        context,
        attributes: AttributeSelection::All,
        system_attributes: false,
    };
    let body = page();
    translate_entities(body.as_bytes(), &translation)?;
    let rate = megabytes_per_second(body.len(), || {
        let _ = black_box(translate_entities(black_box(body.as_bytes()), &translation));
    });
    println!("translate: {rate:.0} MB/s of {} bytes", body.len());
    let rendering = Rendering::new(&translation.context, Format::Normalized);
    let mut out = Vec::new();
    let rate = megabytes_per_second(body.len(), || {
        out.clear();
        let entities = translate_entities(black_box(body.as_bytes()), &translation).unwrap_or_default();
        render_entities(&rendering, &entities, &mut out);
        black_box(&out);
    });
    println!("translate and render: {rate:.0} MB/s, {} bytes out", out.len());
    Ok(())
}
