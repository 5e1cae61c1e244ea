//! A server for an invented town's platform, whose records a test chooses.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use stand_ins::LoggedRequest;
use stand_ins::server::{self, Server, Service};

/// The platform's records, and how it hands them out.
#[derive(Debug, Clone)]
pub(super) struct Town {
    pub(super) facilities: Vec<Value>,
    pub(super) levels: Vec<Value>,
    pub(super) spots: Vec<Value>,
    /// What it declares as its total; `None`: the truth.
    pub(super) declared: Option<u64>,
    /// Its largest page.
    pub(super) largest: usize,
    /// Where its links begin.
    pub(super) links: &'static str,
    /// Whether it looks at the number of a page.
    pub(super) ignores_pages: bool,
    /// The record at which a page begins that it does not have.
    pub(super) lost: Option<usize>,
}

impl Default for Town {
    fn default() -> Self {
        Self {
            facilities: (0..25).map(facility).collect(),
            levels: (0..25)
                .map(|id| json!({"id": id, "level": "１．５", "time": "2026-11-20 09:00"}))
                .collect(),
            spots: (0..25)
                .map(|id| json!({"uri": format!("https://town.example/spots/{id}"), "name": "滝"}))
                .collect(),
            declared: None,
            largest: 10,
            links: "https://town.example/api/levels",
            ignores_pages: false,
            lost: None,
        }
    }
}

pub(super) fn facility(number: usize) -> Value {
    json!({
        "区分": "公民館", "no": number, "label": {"ja": format!("第{number}公民館")}, "menseki": "1,200.5",
        "youbi": "月／火／水", "車椅子": "可", "geom": "{\"type\":\"Point\",\"coordinates\":[139.5,36.5]}",
        "tel": "(0283)00-0000", "法人番号": 7_000_020_092_045_u64, "history": [{"at": "2026-04-01T09:00:00+09:00"}]
    })
}

impl Town {
    pub(super) async fn start(self) -> Server {
        Server::start(0, self).await.unwrap()
    }

    fn part<'v>(&self, records: &'v [Value], skip: usize, limit: usize) -> Vec<&'v Value> {
        let skip = if self.ignores_pages { 0 } else { skip };
        records.iter().skip(skip).take(limit.min(self.largest)).collect()
    }
}

fn number(request: &LoggedRequest, name: &str) -> usize {
    request.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Service for Town {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let answer = match request.path.as_str() {
            "/api/facilities" => {
                assert_eq!(request.parameter("lang").as_deref(), Some("ja"));
                if self.lost == Some(number(request, "from")) {
                    return server::empty(StatusCode::NOT_FOUND);
                }
                let part = self.part(&self.facilities, number(request, "from"), number(request, "count"));
                let hits = self.declared.unwrap_or(self.facilities.len() as u64);
                json!({"data": {"facilities": part, "hits": hits}})
            }
            "/api/levels" => {
                let cursor = number(request, "cursor");
                let next = cursor + self.largest;
                let link = (next < self.levels.len()).then(|| format!("{}?cursor={next}", self.links));
                json!({"links": {"next": link}, "data": self.part(&self.levels, cursor, self.largest)})
            }
            "/api/spots" => json!(self.part(&self.spots, number(request, "p") * self.largest, self.largest)),
            path => {
                let wanted = path.rsplit('/').next().and_then(|no| no.parse::<usize>().ok());
                let Some(found) = wanted.and_then(|no| self.facilities.iter().find(|one| one["no"] == no)) else {
                    return server::empty(StatusCode::NOT_FOUND);
                };
                json!({"data": {"facility": found}})
            }
        };
        server::json(StatusCode::OK, &answer)
    }
}
