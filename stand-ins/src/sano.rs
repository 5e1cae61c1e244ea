//! A stand-in for a municipality's own platform: its own JSON, romaji field names, pages from 1, an API key.
//!
//! | address | answer |
//! |---|---|
//! | `GET /api/v1/sites?page=1&per_page=20&kyotsu_id=&fields=` | `{"meta":{"total","page","per_page","pages"},"items":[..]}`; with `fields=public` without who holds the keys |
//! | `GET /api/v1/sites/{kyotsu_id}` | one record |
//! | `GET /api/v1/shelters.geojson?offset=0&limit=100` | GeoJSON with the published Japanese properties |
//! | `GET /api/v1/aed` | a JSON array |
//! | `GET /api/v1/rain` | `{"stations":[..]}` |
//!
//! Once [`Sano::take_writes`] was said: `POST /api/v1/sites` and `PUT`, `PATCH` and `DELETE /api/v1/sites/{kyotsu_id}`, with the record as
//! the body; single records then have an `ETag`, which `If-Match` is compared with, and `koshin` is the platform's.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::gsi::{HAZARDS, Refuge, SANO_SHELTERS, SANO_SITES, refuges};
use crate::invented::name;
use crate::server::{self, LoggedRequest, Server};

/// The demo platform's API key, sent as `x-api-key`. A demo value, not a secret.
pub const SANO_DEMO_API_KEY: &str = "sano-demo-key";

const AED: &str = include_str!("../data/sano_aed.json");
const RAIN: &str = include_str!("../data/sano_rain.json");

const DEFAULT_PER_PAGE: usize = 20;
const GREATEST_PER_PAGE: usize = 50;
const DEFAULT_LIMIT: usize = 100;

/// A running platform. Dereferences to its [`Server`].
#[derive(Debug)]
pub struct Sano {
    server: Server,
    platform: Arc<Platform>,
}

// === impl Sano ===

impl Sano {
    /// Starts it on a port; 0 lets the system choose.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(port: u16) -> io::Result<Self> {
        let platform = Arc::new(Platform::with_data()?);
        let server = Server::start(port, Arc::clone(&platform)).await?;
        Ok(Self { server, platform })
    }

    /// From now on sites are written, too.
    pub fn take_writes(&self) {
        self.platform.takes_writes.store(true, Ordering::SeqCst);
    }

    /// From now on a site is written and the answer lost on its way: 504.
    pub fn lose_answers(&self) {
        self.platform.loses_answers.store(true, Ordering::SeqCst);
    }

    /// A site as the platform keeps it.
    #[must_use]
    pub fn record(&self, id: &str) -> Option<Value> {
        self.platform.sites().iter().find(|site| has_id(site, id)).cloned()
    }
}

impl Deref for Sano {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

#[derive(Debug)]
struct Platform {
    sites: Mutex<Vec<Value>>,
    shelters: Vec<Value>,
    takes_writes: AtomicBool,
    loses_answers: AtomicBool,
}

// === impl Platform ===

impl Platform {
    fn with_data() -> serde_json::Result<Self> {
        let mut shelters: Value = serde_json::from_str(SANO_SHELTERS)?;
        let shelters = match shelters.get_mut("features").map(Value::take) {
            Some(Value::Array(features)) => features,
            _ => Vec::new(),
        };
        let sites = refuges(SANO_SITES)?;
        Ok(Self {
            sites: Mutex::new(sites.iter().enumerate().map(|(row, site)| record(row, site)).collect()),
            shelters,
            takes_writes: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
        })
    }

    fn sites(&self) -> MutexGuard<'_, Vec<Value>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listed(&self, request: &LoggedRequest) -> Response<Bytes> {
        let wanted = request.parameter("kyotsu_id");
        let sites = self.sites();
        let matching: Vec<&Value> = sites
            .iter()
            .filter(|site| wanted.as_deref().is_none_or(|id| has_id(site, id)))
            .collect();
        let (Some(page), Some(per_page)) = (
            number(request, "page", 1).filter(|page| *page > 0),
            number(request, "per_page", DEFAULT_PER_PAGE).filter(|size| *size > 0),
        ) else {
            return error(StatusCode::BAD_REQUEST, "E400", "パラメータが正しくありません");
        };
        let per_page = per_page.min(GREATEST_PER_PAGE);
        let start = (page - 1).saturating_mul(per_page);
        let mut items: Vec<Value> = matching.iter().skip(start).take(per_page).copied().cloned().collect();
        if request.parameter("fields").as_deref() == Some("public") {
            let members = items.iter_mut().filter_map(Value::as_object_mut);
            members.for_each(|site| site.retain(|field, _| !field.starts_with("kanrisha_")));
        }
        let total = matching.len();
        let body = json!({
            "meta": {
                "total": total,
                "page": page,
                "per_page": per_page,
                "pages": total.div_ceil(per_page),
            },
            "items": items,
        });
        server::json(StatusCode::OK, &body)
    }

    fn site(&self, id: &str) -> Response<Bytes> {
        let sites = self.sites();
        let Some(site) = sites.iter().find(|site| has_id(site, id)) else {
            return not_found();
        };
        let mut answer = server::json(StatusCode::OK, site);
        if self.takes_writes.load(Ordering::SeqCst)
            && let Ok(tag) = http::HeaderValue::from_str(&tag_of(site))
        {
            answer.headers_mut().insert(http::header::ETAG, tag);
        }
        answer
    }

    /// `id`: of the site that is there; none: a new one.
    fn written(&self, request: &LoggedRequest, id: Option<&str>) -> Response<Bytes> {
        let mut sites = self.sites();
        let sent = serde_json::from_slice::<Map<String, Value>>(&request.body);
        let place = id.and_then(|id| sites.iter().position(|site| has_id(site, id)));
        let is_other = |site: &Value| request.header("if-match").is_some_and(|tag| tag != tag_of(site));
        let answer = match (request.method.as_str(), place, sent) {
            ("POST", None, Ok(mut sent)) if id.is_none() => {
                let Some(id) = sent.get("kyotsu_id").and_then(Value::as_str) else {
                    return error(StatusCode::BAD_REQUEST, "E400", "kyotsu_id がありません");
                };
                if sites.iter().any(|site| has_id(site, id)) {
                    return error(StatusCode::CONFLICT, "E409", "既に登録されています");
                }
                sent.insert("koshin".into(), WRITTEN_AT.into());
                sites.push(Value::Object(sent));
                StatusCode::CREATED
            }
            (_, None, _) => return not_found(),
            (_, Some(place), _) if sites.get(place).is_some_and(is_other) => StatusCode::PRECONDITION_FAILED,
            ("DELETE", Some(place), _) => {
                sites.remove(place);
                StatusCode::NO_CONTENT
            }
            (method @ ("PUT" | "PATCH"), Some(place), Ok(mut sent)) => {
                sent.insert("koshin".into(), WRITTEN_AT.into());
                match sites.get_mut(place) {
                    Some(Value::Object(site)) if method == "PATCH" => site.extend(sent),
                    Some(site) => *site = Value::Object(sent),
                    None => {}
                }
                StatusCode::OK
            }
            _ => return error(StatusCode::BAD_REQUEST, "E400", "登録内容が正しくありません"),
        };
        if answer.is_success() && self.loses_answers.load(Ordering::SeqCst) {
            return server::empty(StatusCode::GATEWAY_TIMEOUT);
        }
        server::empty(answer)
    }

    fn shelters(&self, request: &LoggedRequest) -> Response<Bytes> {
        let (Some(offset), Some(limit)) = (number(request, "offset", 0), number(request, "limit", DEFAULT_LIMIT))
        else {
            return error(StatusCode::BAD_REQUEST, "E400", "パラメータが正しくありません");
        };
        let features: Vec<&Value> = self.shelters.iter().skip(offset).take(limit).collect();
        let body = json!({ "type": "FeatureCollection", "name": "092045", "features": features });
        let mut answer = server::json(StatusCode::OK, &body);
        answer.headers_mut().insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/geo+json"),
        );
        answer
    }
}

impl server::Service for Arc<Platform> {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        if request.header("x-api-key") != Some(SANO_DEMO_API_KEY) {
            return error(StatusCode::UNAUTHORIZED, "E401", "APIキーが正しくありません");
        }
        if request.method != Method::GET && self.takes_writes.load(Ordering::SeqCst) {
            return match request.path.strip_prefix("/api/v1/sites") {
                Some("") => self.written(request, None),
                Some(path) => self.written(request, path.strip_prefix('/').map(server::decoded).as_deref()),
                None => not_found(),
            };
        }
        if request.method != Method::GET {
            return error(StatusCode::METHOD_NOT_ALLOWED, "E405", "参照のみ可能です");
        }
        match request.path.strip_prefix("/api/v1/") {
            Some("sites") => self.listed(request),
            Some("shelters.geojson") => self.shelters(request),
            Some("aed") => server::response(StatusCode::OK, "application/json", AED),
            Some("rain") => server::response(StatusCode::OK, "application/json", RAIN),
            Some(path) => match path.strip_prefix("sites/") {
                Some(id) => self.site(&server::decoded(id)),
                None => not_found(),
            },
            None => not_found(),
        }
    }
}

/// A site as the platform keeps it: coordinates as text, flags as each clerk wrote them, local time.
fn record(row: usize, site: &Refuge) -> Value {
    let yes = ["1", "○", "有"];
    let no = ["", "", "無"];
    let mark = |holds: bool, column: usize| {
        let marks = if holds { yes } else { no };
        Value::from(marks.into_iter().cycle().nth(row + column).unwrap_or_default())
    };
    let mut record = Map::new();
    record.insert("kyotsu_id".into(), site.common_id().into());
    record.insert("namae".into(), site.name().into());
    record.insert("jusho".into(), site.address().into());
    record.insert("ido".into(), site.latitude().to_string().into());
    record.insert("keido".into(), site.longitude().to_string().into());
    for (column, (published, _, field)) in HAZARDS.into_iter().enumerate() {
        record.insert(field.into(), mark(site.has(published), column));
    }
    record.insert("hinanjo_kenyo".into(), mark(site.is_also_of_other_kind(), 0));
    // Who holds the keys. No mapping names these fields, and no consumer may ever see them.
    record.insert("kanrisha_namae".into(), manager_name(row).into());
    record.insert("kanrisha_keitai".into(), manager_mobile_phone(row).into());
    record.insert("biko".into(), site.remarks().unwrap_or_default().into());
    // Invented: some were touched on the first of April, some on the days after.
    let day = 1 + row % 3;
    record.insert(
        "koshin".into(),
        format!("2026-04-{day:02} 09:{:02}:00", row % 60).into(),
    );
    Value::Object(record)
}

/// When whatever is written was written.
const WRITTEN_AT: &str = "2026-05-01 12:00:00";

fn tag_of(site: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    site.to_string().hash(&mut hasher);
    format!("\"{:x}\"", hasher.finish())
}

const FAMILY_NAMES: [&str; 7] = ["夢幻山", "夢幻川", "夢幻野", "夢幻崎", "夢幻橋", "夢幻沢", "夢幻池"];

fn manager_name(row: usize) -> String {
    name(&FAMILY_NAMES, row)
}

fn manager_mobile_phone(row: usize) -> String {
    // 0000 is given to nobody.
    format!("090-0000-{:04}", 8200 + row)
}

/// Every personal value that this platform serves; each occurs nowhere else, so that a scan can look for it.
#[must_use]
pub fn canaries() -> Vec<String> {
    let sites = refuges(SANO_SITES).map_or(0, |sites| sites.len());
    (0..sites)
        .flat_map(|row| [manager_name(row), manager_mobile_phone(row)])
        .collect()
}

fn has_id(site: &Value, id: &str) -> bool {
    site.get("kyotsu_id").and_then(Value::as_str) == Some(id)
}

/// A parameter that must be a number if it is there.
fn number(request: &LoggedRequest, name: &str, absent: usize) -> Option<usize> {
    request
        .parameter(name)
        .map_or(Some(absent), |text| usize::from_str(&text).ok())
}

fn not_found() -> Response<Bytes> {
    error(StatusCode::NOT_FOUND, "E404", "該当するデータがありません")
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    server::json(status, &json!({ "error": { "code": code, "message": message } }))
}
