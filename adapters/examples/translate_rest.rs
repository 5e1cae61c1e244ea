//! How fast the records of a custom platform become entities of the view: megabytes of input per second on
//! one core, with the committed mapping of Sano's platform.
//!
//! `cargo run --release -p kakehashi-adapters --example translate_rest`

#![expect(clippy::print_stdout, reason = "it exists to print")]
#![expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use kakehashi_adapters::AttributeSelection;
use kakehashi_adapters::rest::{Mapping, translate_records};
use ngsi_ld::context::Context;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MAPPING: &str = include_str!("../../mappings/sano.toml");

/// Sano's largest page is 50; others send more.
const RECORDS: usize = 100;

/// An answer as Sano's platform gives it.
fn sites() -> String {
    let mut body = format!(r#"{{"meta":{{"total":{RECORDS},"page":1,"per_page":{RECORDS},"pages":1}},"items":["#);
    for number in 0..RECORDS {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{separator}{{"kyotsu_id":"E09204{number:08}","namae":"佐野市立第{number}小学校体育館","jusho":"栃木県佐野市高砂町{number}番地","ido":"36.{number:06}","keido":"139.{number:06}","kozui":"○","dosha":"1","takashio":"","jishin":"有","tsunami":"","kaji":"1","naisui":"無","kazan":"","hinanjo_kenyo":"1","biko":"洪水時は使用制限のある避難所","koshin":"2026-04-01 09:00:00"}}"#
        );
    }
    body.push_str("]}");
    body
}

/// The same as GeoJSON.
fn shelters() -> String {
    let mut body = String::from(r#"{"type":"FeatureCollection","name":"092045","features":["#);
    for number in 0..RECORDS {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{separator}{{"type":"Feature","geometry":{{"type":"Point","coordinates":[139.{number:06},36.{number:06}]}},"properties":{{"NO":{number},"共通ID":"E09204{number:08}","都道府県名及び市町村名":"栃木県佐野市","施設・場所名":"佐野市立第{number}小学校体育館","住所":"栃木県佐野市高砂町{number}番地","指定緊急避難場所との住所同一":"1","その他市町村長が必要と認める事項":null,"受入対象者":null,"備考":""}}}}"#
        );
    }
    body.push_str("]}");
    body
}

fn main() -> Result<(), String> {
    let mapping = Mapping::parse(MAPPING, "mappings/sano.toml", Context::kakehashi())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    for (short_name, body) in [("EvacuationSite", sites()), ("DesignatedShelter", shelters())] {
        let entity_type = Context::kakehashi()
            .expand_type(short_name)
            .map_err(|error| error.to_string())?;
        let translate = || translate_records(&mapping, &entity_type, &AttributeSelection::All, body.as_bytes());
        if translate().map_err(|error| error.to_string())?.len() != RECORDS {
            return Err(format!("{short_name}: the sample does not fit the mapping"));
        }
        let start = Instant::now();
        let mut rounds = 0;
        while start.elapsed() < Duration::from_secs(2) {
            let _ = black_box(translate());
            rounds += 1;
        }
        let rate = (body.len() * rounds) as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!("{short_name}: {rate:.0} MB/s, {} bytes a record", body.len() / RECORDS);
    }
    Ok(())
}
