//! The bodies that sources answer with in the benchmarks.

use std::fmt::Write as _;

/// An NGSI-v2 list of evacuation sites as an Orion answers it: `count` entities of ten attributes with a
/// `TimeInstant` each, about 1.6 KiB an entity.
#[must_use]
pub fn ngsi_v2_list(count: usize) -> String {
    let mut list = String::from("[");
    for index in 0..count {
        if index > 0 {
            list.push(',');
        }
        entity(&mut list, index);
    }
    list.push(']');
    list
}

/// One entity of about 1 KB as an Orion answers it.
#[must_use]
pub fn ngsi_v2_small_entity() -> String {
    let mut list = ngsi_v2_list(1);
    // The first entity of the list is of 1.6 KB: five of its attributes make 1 KB.
    let kept = list.find(",\"typeOfDisasterEarthquake\"").unwrap_or(list.len());
    list.truncate(kept);
    list.push('}');
    list.split_off(1)
}

fn entity(out: &mut String, index: usize) {
    let time = r#""metadata":{"TimeInstant":{"type":"DateTime","value":"2026-04-01T00:00:00.000Z","metadata":{}}}"#;
    let longitude = 139.5 + f64::from(u32::try_from(index % 1000).unwrap_or(0)) / 1000.0;
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"{{"id":"urn:ngsi-ld:EvacuationSite:E09213{index:05}201","type":"EvacuationSite","name":{{"type":"Text","value":"那須塩原市第{index}公民館",{time}}},"fullAddress":{{"type":"Text","value":"栃木県那須塩原市下永田8-7-{index}",{time}}},"location":{{"type":"geo:json","value":{{"type":"Point","coordinates":[{longitude},36.872525]}},{time}}},"#
    );
    let hazards = ["Flood", "Landslide", "StormSurge", "Earthquake", "Tsunami"];
    for (position, hazard) in hazards.iter().enumerate() {
        let applies = (index + position).is_multiple_of(2);
        let _ = write!(
            out,
            r#""typeOfDisaster{hazard}":{{"type":"Boolean","value":{applies},{time}}},"#
        );
    }
    let _ = write!(
        out,
        r#""maxCapacity":{{"type":"Number","value":{},{time}}},"remarks":{{"type":"Text","value":"洪水時は使用制限のある避難所",{time}}}}}"#,
        100 + index
    );
}

/// A page of `records` sites as Sano's platform gives it.
#[must_use]
pub fn sano_sites(records: usize) -> String {
    let mut body = format!(r#"{{"meta":{{"total":{records},"page":1,"per_page":{records},"pages":1}},"items":["#);
    for number in 0..records {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{separator}{{"kyotsu_id":"E09204{number:08}","namae":"佐野市立第{number}小学校体育館","jusho":"栃木県佐野市高砂町{number}番地","ido":"36.{number:06}","keido":"139.{number:06}","kozui":"○","dosha":"1","takashio":"","jishin":"有","tsunami":"","kaji":"1","naisui":"無","kazan":"","hinanjo_kenyo":"1","biko":"洪水時は使用制限のある避難所","koshin":"2026-04-01 09:00:00"}}"#
        );
    }
    body.push_str("]}");
    body
}

/// Shelters as that platform's GeoJSON has them.
#[must_use]
pub fn sano_shelters(records: usize) -> String {
    let mut body = String::from(r#"{"type":"FeatureCollection","name":"092045","features":["#);
    for number in 0..records {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{separator}{{"type":"Feature","geometry":{{"type":"Point","coordinates":[139.{number:06},36.{number:06}]}},"properties":{{"NO":{number},"共通ID":"E09204{number:08}","都道府県名及び市町村名":"栃木県佐野市","施設・場所名":"佐野市立第{number}小学校体育館","住所":"栃木県佐野市高砂町{number}番地","指定緊急避難場所との住所同一":"1","その他市町村長が必要と認める事項":null,"受入対象者":null,"備考":""}}}}"#
        );
    }
    body.push_str("]}");
    body
}

/// A normalized NGSI-LD list of `count` entities of five attributes.
#[must_use]
pub fn ngsi_ld_list(count: usize) -> String {
    let mut list = String::from("[");
    for number in 0..count {
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
#[must_use]
pub fn context_document(terms: usize) -> String {
    let mut document = String::from(r#"{"@context":{"ex":"https://example.org/ns#""#);
    for number in 0..terms {
        let _ = write!(document, r#","term{number}":{{"@id":"ex:term{number}","@type":"@id"}}"#);
    }
    document.push_str("}}");
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_json_of_the_size_that_is_claimed() {
        let list = ngsi_v2_list(20);
        let parsed: serde_json::Value = serde_json::from_str(&list).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), 20);
        let small = ngsi_v2_small_entity();
        let parsed: serde_json::Value = serde_json::from_str(&small).unwrap();
        assert_eq!(parsed["id"], "urn:ngsi-ld:EvacuationSite:E0921300000201");
        assert!((900..1200).contains(&small.len()), "{}", small.len());
        assert!((1200..2200).contains(&(list.len() / 20)), "{}", list.len() / 20);
    }
}
