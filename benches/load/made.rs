//! An Orion of as many entities as are wanted, which makes those that it is asked for and keeps none: pages by offset, lists
//! of ids, counts.

use kakehashi_benches::workload::ngsi_v2_list;

/// How many entities each of them has.
pub(crate) const ENTITIES: usize = 100_000;

/// One that makes its entities as they are asked for.
pub(crate) struct Made {
    /// What the last part of every entity's id begins with.
    prefix: String,
    /// The text of an entity, between the places where its number stands.
    pieces: Vec<String>,
}

/// Stands in the entity of which all others are made, wherever its number does.
const PLACE: &str = "00000";

impl Made {
    /// The `number`th of several that share no id.
    pub(crate) fn new(number: usize) -> Self {
        let list = ngsi_v2_list(1);
        let entity = list.trim_start_matches('[').trim_end_matches(']');
        let prefix = format!("E0921{number}");
        let own = entity.replacen("E0921300000201", &format!("{prefix}{PLACE}"), 1);
        let own = own.replacen("第0公民館", &format!("第{PLACE}公民館"), 1);
        Self {
            pieces: own.split(PLACE).map(str::to_owned).collect(),
            prefix,
        }
    }

    /// Answers to `GET /v2/entities` with this query.
    pub(crate) fn answer(&self, target: &str) -> Vec<u8> {
        let (_, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let number = |name: &str, default: usize| parameter(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let mut found: Vec<usize> = match parameter("id") {
            Some(ids) => ids.split(',').filter_map(|id| self.number_of(id)).collect(),
            None => Vec::new(),
        };
        let (limit, offset) = (number("limit", 20), number("offset", 0));
        let total = if parameter("id").is_some() {
            let total = found.len();
            found = found.into_iter().skip(offset).take(limit).collect();
            total
        } else {
            found.extend((offset..ENTITIES).take(limit));
            ENTITIES
        };
        let mut body = Vec::with_capacity(2 + found.len() * (2 * PLACE.len() + self.length()));
        body.push(b'[');
        for (place, number) in found.iter().enumerate() {
            if place > 0 {
                body.push(b',');
            }
            self.write(&mut body, *number);
        }
        body.push(b']');
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nfiware-total-count: {total}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    fn write(&self, body: &mut Vec<u8>, number: usize) {
        let number = format!("{number:05}");
        for (place, piece) in self.pieces.iter().enumerate() {
            if place > 0 {
                body.extend_from_slice(number.as_bytes());
            }
            body.extend_from_slice(piece.as_bytes());
        }
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(String::len).sum()
    }

    /// Which of its entities has this id, as it stands in a URL.
    fn number_of(&self, id: &str) -> Option<usize> {
        let id = id.replace("%3A", ":").replace("%3a", ":");
        let last = id.rsplit(':').next()?;
        let number: usize = last.strip_prefix(&self.prefix)?.parse().ok()?;
        (number < ENTITIES).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(made: &Made, query: &str) -> (Vec<String>, String) {
        let answer = String::from_utf8(made.answer(&format!("/v2/entities?{query}"))).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let entities: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
        let ids = entities.iter().map(|entity| entity["id"].as_str().unwrap().to_owned());
        assert!(head.contains(&format!("content-length: {}", body.len())));
        (ids.collect(), head.to_owned())
    }

    #[test]
    fn it_has_as_many_as_it_says_each_once_and_shares_none() {
        let (one, other) = (Made::new(1), Made::new(2));
        let mut all = std::collections::HashSet::new();
        for offset in [0, 1000, 99_000] {
            for made in [&one, &other] {
                let (ids, head) = asked(made, &format!("type=EvacuationSite&limit=1000&offset={offset}"));
                assert_eq!(ids.len(), 1000);
                assert!(head.contains("fiware-total-count: 100000"));
                all.extend(ids);
            }
        }
        assert_eq!(all.len(), 6000);
        assert_eq!(asked(&one, "limit=1000&offset=100000").0.len(), 0);
        let some = "E0921100006,urn%3Angsi-ld%3AEvacuationSite%3AE0921100007,urn:ngsi-ld:EvacuationSite:E0921200007";
        let (ids, head) = asked(&one, &format!("id={some}&limit=1000"));
        assert_eq!(
            ids,
            [6, 7].map(|number| format!("urn:ngsi-ld:EvacuationSite:E09211{number:05}"))
        );
        assert!(head.contains("fiware-total-count: 2\r"));
    }
}
