//! A broker that speaks NGSI-v2 and hands out texts as they are, whatever is wrong with them: what no broker of this
//! repository would say.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use stand_ins::server::{self, Service};
use stand_ins::{LoggedRequest, Server};

use super::{Builder, ORION, Platform, change_source};

/// Stands for a byte that is not UTF-8.
pub(crate) const NO_UTF8: char = '\u{E000}';

/// The texts of its entities, in the order of its pages, and the total that it tells.
#[derive(Debug, Default)]
pub(crate) struct RawOrion {
    /// One text for each entity. Where [`NO_UTF8`] stands a byte is sent that no text has. What says no type is of each.
    pub(crate) entities: Vec<String>,
    /// What stands in `Fiware-Total-Count`; `None`: how many it has.
    pub(crate) total: Option<String>,
}

impl RawOrion {
    /// One with these entities.
    pub(crate) fn of(entities: Vec<String>) -> Self {
        Self { entities, total: None }
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Server {
        Server::start(0, self).await.unwrap()
    }

    /// The platform with it in the place of Nasushiobara's broker.
    pub(crate) async fn in_platform(self) -> (Platform, Server) {
        let server = self.start().await;
        (
            in_place_of_orion(Platform::builder().await, &server).start().await,
            server,
        )
    }
}

/// Lets a platform ask a server in the place of Nasushiobara's broker.
pub(crate) fn in_place_of_orion(builder: Builder, server: &Server) -> Builder {
    builder.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("endpoint".into(), server.url().into());
        });
    })
}

impl Service for RawOrion {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let number = |name: &str, default: usize| {
            let text = request.parameter(name);
            text.map_or(default, |text| text.parse().unwrap())
        };
        let types: Vec<String> = listed(request, "type").unwrap_or_default();
        let ids = listed(request, "id");
        let found = self.entities.iter().filter(|text| {
            let says = |member: &str, value: &String| text.contains(&format!("\"{member}\":\"{value}\""));
            (!text.contains("\"type\"") || types.iter().any(|name| says("type", name)))
                && ids.as_ref().is_none_or(|ids| ids.iter().any(|id| says("id", id)))
        });
        let found: Vec<&str> = found.map(String::as_str).collect();
        let page = found.iter().skip(number("offset", 0)).take(number("limit", 20));
        let body = format!("[{}]", page.copied().collect::<Vec<_>>().join(","));
        let parts: Vec<&[u8]> = body.split(NO_UTF8).map(str::as_bytes).collect();
        let body = Bytes::from(parts.join(&b"\xff"[..]));
        let mut answer = server::response(StatusCode::OK, "application/json", body);
        if request
            .parameter("options")
            .is_some_and(|options| options.contains("count"))
        {
            let total = self.total.clone().unwrap_or_else(|| found.len().to_string());
            let total = HeaderValue::from_str(&total).unwrap();
            answer.headers_mut().insert("fiware-total-count", total);
        }
        answer
    }
}

fn listed(request: &LoggedRequest, name: &str) -> Option<Vec<String>> {
    let values = request.parameter(name)?;
    Some(values.split(',').map(str::to_owned).collect())
}
