//! The same question by `POST /entityOperations/query`: whatever is asked, both operations answer alike.

use serde_json::{Value, json};

/// Where a query is posted.
const QUERY: &str = "/ngsi-ld/v1/entityOperations/query";

/// Target and body of the query that asks what a `GET` of `/entities` asks; `None` for any other target. Each type has a
/// selector of its own, with a pattern of its own that every id meets, so that none of them says what another says.
pub(super) fn posted(target: &str) -> Option<(String, Value)> {
    let query = target.strip_prefix("/ngsi-ld/v1/entities?")?;
    let mut body = json!({"type": "Query"});
    let mut in_url = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap();
        let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
        match name {
            "type" => {
                let selectors = value
                    .split(',')
                    .enumerate()
                    .map(|(index, name)| json!({"type": name, "idPattern": format!("^urn:.{{{index}}}")}));
                body["entities"] = selectors.collect();
            }
            "attrs" | "pick" | "omit" => body[name] = value.split(',').collect(),
            "georel" | "geometry" => body["geoQ"][name] = value.as_ref().into(),
            "coordinates" => body["geoQ"][name] = serde_json::from_str(&value).unwrap(),
            "splitEntities" => body[name] = (value == "true").into(),
            "joinLevel" => body[name] = value.parse::<u32>().unwrap().into(),
            "q" | "join" => body[name] = value.as_ref().into(),
            "limit" | "offset" | "count" | "options" | "format" | "local" => in_url.push(pair),
            other => panic!("say how {other} is posted"),
        }
    }
    Some((format!("{QUERY}?{}", in_url.join("&")), body))
}
