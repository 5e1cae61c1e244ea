//! The bodies that sources answer with in the benchmarks.

use std::fmt::Write;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_json_of_the_size_that_is_claimed() {
        let list = ngsi_v2_list(20);
        let parsed: serde_json::Value = serde_json::from_str(&list).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), 20);
        assert!((1200..2200).contains(&(list.len() / 20)), "{}", list.len() / 20);
    }
}
