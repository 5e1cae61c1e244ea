//! How fast entities are read and written: a normalized list of 100 five-attribute entities, one core.
//!
//! `cargo run --release -p ngsi-ld --example throughput [the begin of a line's name]`
#![expect(clippy::print_stdout, reason = "the figures are what the program is for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ngsi_ld::Entity;
use ngsi_ld::context::{Context, ContextError};
use ngsi_ld::entity::parse::{InvalidEntity, parse_entities};
use ngsi_ld::entity::render::{Format, Rendering, render_entities};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Long enough to even out what else the machine does.
const MEASURED: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let list = list_of_entities();
    let own = Context::kakehashi();
    let large = large_context(1_500)?;
    let entities = parse_entities(list.as_bytes(), own)?;
    println!("list: {} bytes, {} entities", list.len(), entities.len());

    report("parse", list.len(), || parse_entities(list.as_bytes(), own).map(drop))?;
    for (name, context, format) in [
        ("render normalized", own.as_ref(), Format::Normalized),
        ("render normalized, 1,500 terms more", &large, Format::Normalized),
        (
            "render normalized, core alone",
            Context::core().as_ref(),
            Format::Normalized,
        ),
        ("render concise", own.as_ref(), Format::Concise),
        ("render simplified", own.as_ref(), Format::Simplified),
    ] {
        let rendering = Rendering::new(context, format);
        let length = rendered(&rendering, &entities).len();
        report(name, length, || {
            black_box(rendered(&rendering, &entities));
            Ok::<(), InvalidEntity>(())
        })?;
    }
    let rendering = Rendering::new(own, Format::Normalized);
    report("parse and render normalized", list.len(), || {
        parse_entities(list.as_bytes(), own).map(|entities| drop(black_box(rendered(&rendering, &entities))))
    })?;
    let document = large_document(10_000);
    report("compile a context of 10,000 terms", document.len(), || {
        Context::from_document(&document).map(drop)
    })?;
    Ok(())
}

fn rendered(rendering: &Rendering<'_>, entities: &[Entity]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * 1024);
    render_entities(rendering, entities, &mut out);
    out
}

/// The fastest round counts: the others share the core with something else.
#[expect(clippy::cast_precision_loss, reason = "figures to three digits")]
fn report<E>(name: &str, bytes: usize, mut work: impl FnMut() -> Result<(), E>) -> Result<(), E> {
    let chosen = std::env::args().nth(1);
    if chosen.is_some_and(|chosen| !name.starts_with(&chosen)) {
        return Ok(());
    }
    let start = Instant::now();
    let mut fastest = Duration::MAX;
    while start.elapsed() < MEASURED {
        let round = Instant::now();
        work()?;
        fastest = fastest.min(round.elapsed());
    }
    let micros = fastest.as_secs_f64() * 1e6;
    println!("{name}: {:.0} MB/s, {micros:.0} us", bytes as f64 / micros);
    Ok(())
}

fn list_of_entities() -> String {
    let mut list = String::from("[");
    for number in 0..100 {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(
            list,
            r#"{separator}{{"id":"urn:ngsi-ld:EvacuationSite:{number:06}","type":"EvacuationSite","name":{{"type":"Property","value":"佐野市立第{number}小学校"}},"location":{{"type":"GeoProperty","value":{{"type":"Point","coordinates":[139.{number:03}123,36.5{number:03}7]}}}},"maxCapacity":{{"type":"Property","value":{},"unitCode":"C62","observedAt":"2026-04-01T00:00:00Z"}},"typeOfDisasterFlood":{{"type":"Property","value":true}},"managedBy":{{"type":"Relationship","object":"urn:ngsi-ld:Organization:{number}"}}}}"#,
            300 + number
        );
    }
    list.push(']');
    list
}

/// A context document with that many terms.
fn large_document(terms: usize) -> String {
    let mut document = String::from(r#"{"@context":{"ex":"https://example.org/ns#""#);
    for number in 0..terms {
        let _ = write!(document, r#","term{number}":{{"@id":"ex:term{number}","@type":"@id"}}"#);
    }
    document.push_str("}}");
    document
}

/// A context with that many terms besides those of the core and the gateway.
fn large_context(terms: usize) -> Result<Context, ContextError> {
    Context::builder()
        .document(ngsi_ld::context::KAKEHASHI_CONTEXT)?
        .document(&large_document(terms))?
        .build()
}
