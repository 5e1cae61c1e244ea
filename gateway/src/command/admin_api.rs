//! The admin API of a gateway that runs on this configuration, asked by a command: where it listens, who asks, and what is told
//! when it does not answer.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use toml_edit::DocumentMut;

use super::Failure;

/// The variable with the key of an administrator.
const KEY: &str = "KAKEHASHI_ADMIN_KEY";

/// The variable with an administrator's token.
const TOKEN: &str = "KAKEHASHI_ADMIN_TOKEN";

/// The variable that takes the place of `admin_listen`, as for `kakehashi serve`.
const LISTEN: &str = "KAKEHASHI__GATEWAY__ADMIN_LISTEN";

/// How long an answer may take: a proposal is judged for 30 s at most, and read before.
const LONGEST: Duration = Duration::from_secs(120);

/// Largest answer: the history of 50 revisions with the names of the files that each changed.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// An administrator's way to a gateway that runs.
pub(super) struct AdminApi {
    base: String,
    credential: (header::HeaderName, HeaderValue),
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Answer {
    /// The body of a success.
    pub(super) fn ok(self) -> Result<Value, Self> {
        match self.status {
            StatusCode::OK => Ok(self.body),
            _ => Err(self),
        }
    }

    /// What the gateway says of a failure: its detail, and the findings and files that it names.
    pub(super) fn told(&self) -> String {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut told = self.body.get("detail").and_then(text);
        let told = told.get_or_insert_with(|| format!("the gateway answers with {}", self.status));
        let list = |name: &str| {
            self.body
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let changed: Vec<String> = list("changed").iter().filter_map(text).collect();
        if !changed.is_empty() {
            told.push_str(&format!("\n  {}", changed.join(", ")));
        }
        for finding in list("diagnostics")
            .iter()
            .filter_map(|finding| finding.get("text").and_then(text))
        {
            told.push_str("\n\n");
            told.push_str(&finding);
        }
        std::mem::take(told)
    }
}

impl AdminApi {
    /// The gateway that runs on a configuration. Of the file no more is read than where it listens: what is to be undone may
    /// be wrong. `named`: another address.
    pub(super) fn of(tenants_toml: &Path, named: Option<&str>) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(tenants_toml).unwrap_or_default();
        let document: DocumentMut = ngsi_ld::text_without_byte_order_mark(&text).parse().unwrap_or_default();
        let key = |name: &str| {
            let value = document.get("gateway")?.get(name)?.as_str()?;
            Some(value.to_owned())
        };
        let base = match named {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let listen = std::env::var(LISTEN).ok().or_else(|| key("admin_listen"));
                base_of(&listen.unwrap_or_else(|| "127.0.0.1:8081".to_owned()))?
            }
        };
        if !base.starts_with("http://") {
            return Err(Failure::Other(format!(
                "`{base}` is no address of an admin API: write http://<address>:<port>, as `admin_listen` in tenants.toml says"
            )));
        }
        let header = key("api_key_header").unwrap_or_else(|| "x-api-key".to_owned());
        Ok(Self {
            base,
            credential: credential(&header)?,
            client: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Where it is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks, with a body and the revision that a change is of, where there is one.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        revision: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let (name, value) = &self.credential;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(name, value);
        if let Some(revision) = revision {
            request = request.header(header::IF_MATCH, format!("\"{revision}\""));
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| Failure::other(&self.base, error))?;
        let asked = tokio::time::timeout(LONGEST, self.exchange(request)).await;
        let answer = asked.map_err(|_| Failure::Other(format!("{} does not answer", self.base)))??;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(Failure::Other(format!(
                "{} does not know the credential in {KEY} or {TOKEN}: it must be that of an administrator, under \
                 [administrators] of tenants.toml; `kakehashi key new` makes a key and the hash that belongs there",
                self.base
            ))),
            _ => Ok(answer),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let response = self.client.request(request).await.map_err(|error| {
            let is_there = !error.is_connect();
            let what = match is_there {
                true => "what listens there is no admin API",
                false => {
                    "no gateway runs there: start one with `kakehashi serve`, or name its `admin_listen` with --admin. \
                          Where none runs, nothing holds yet: edit the files and look at them with `kakehashi check`"
                }
            };
            Failure::Other(format!("{}: {what}", self.base))
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|_| Failure::Other(format!("{} broke its answer off", self.base)))?;
        Ok(Answer {
            status,
            body: serde_json::from_slice(&body.to_bytes()).unwrap_or_default(),
        })
    }
}

/// Where to reach what listens at an address.
fn base_of(listen: &str) -> Result<String, Failure> {
    let address: SocketAddr = listen.parse().map_err(|_| {
        Failure::Other(format!(
            "`admin_listen` is \"{listen}\", which is no address: name that of the gateway that runs with --admin"
        ))
    })?;
    if address.port() == 0 {
        return Err(Failure::Other(
            "`admin_listen` leaves the port to the system: name the address of the gateway that runs with --admin"
                .to_owned(),
        ));
    }
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Ok(format!("http://{}", SocketAddr::new(ip, address.port())))
}

/// Who asks. A secret stands in no argument of a command, where others of the machine see it.
fn credential(header: &str) -> Result<(header::HeaderName, HeaderValue), Failure> {
    let of = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let (name, value) = match (of(KEY), of(TOKEN)) {
        (Some(key), None) => (header.to_owned(), key),
        (None, Some(token)) => (header::AUTHORIZATION.to_string(), format!("Bearer {token}")),
        (Some(_), Some(_)) => {
            return Err(Failure::Other(format!("both {KEY} and {TOKEN} are set: keep one")));
        }
        (None, None) => {
            return Err(Failure::Other(format!(
                "nobody says who asks: put the key of an administrator into the environment variable {KEY}, or a token into \
                 {TOKEN}. `kakehashi key new` makes a key; its hash belongs under [administrators] of tenants.toml"
            )));
        }
    };
    let wrong = || {
        Failure::Other(format!(
            "what {KEY} or {TOKEN} holds cannot be sent: is it whole, and on one line?"
        ))
    };
    let name = header::HeaderName::try_from(name).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_reached_on_this_machine() {
        let base = |listen: &str| base_of(listen).map_err(|failure| failure.to_string());
        assert_eq!(base("0.0.0.0:8081").as_deref(), Ok("http://127.0.0.1:8081"));
        assert_eq!(base("[::]:8081").as_deref(), Ok("http://[::1]:8081"));
        assert_eq!(base("10.0.0.1:8081").as_deref(), Ok("http://10.0.0.1:8081"));
        for wrong in ["127.0.0.1:0", "8081", ""] {
            assert!(base(wrong).unwrap_err().contains("--admin"), "{wrong}");
        }
    }
}
