//! Pages of other origins (CORS, in the Fetch standard): which may read what is answered, and which may not write.
//!
//! A preflight names no consumer, so it is told what a page of its origin may as any of them, before anybody is known; what
//! is asked then is judged by the consumer that asks. So is an answer; one that was made before its consumer was known says
//! nothing that is one consumer's, and may be read by a page that any consumer lists. No answer allows credentials that
//! browsers add by themselves. A certificate is one that cannot be kept away, nor is a place in the network: therefore a
//! write of a page that its consumer does not list is refused, whether the page could read the answer or not.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use kakehashi_config::{Config, Cors, PreflightRules};
use kakehashi_revision::Revision;
use url::Url;

use super::Caller;
use crate::problem::{ErrorType, Problem};
use crate::vary::add_to_vary;

/// Questions that are asked by POST because they are long: nothing is written by them.
pub const READING_POSTS: [&str; 2] = [
    "/ngsi-ld/v1/entityOperations/query",
    "/ngsi-ld/v1/temporal/entityOperations/query",
];

/// Headers of requests that the gateway reads, beside that of API keys, whose name is configured. Those that every page may
/// send have a value here that not every page may send.
const READ: &str = "accept, apikey, authorization, cache-control, content-encoding, content-type, if-match, \
                    if-none-match, kakehashi-purpose, link, ngsild-entitymap, ngsild-tenant, prefer, traceparent";

/// Headers of answers that say what a page must know and cannot read otherwise.
const SENT: &str = "Age, Allow, ETag, Kakehashi-Hint, Link, Location, NGSILD-EntityMap, NGSILD-Results-Count, NGSILD-Tenant, \
                    NGSILD-Warning, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, \
                    X-Request-Id";

/// What else than the origin decides what a preflight is told.
const PREFLIGHT_VARIES: &str = "Access-Control-Request-Method, Access-Control-Request-Headers";

/// What a request says of the page that sends it, found before anything is taken out of its head.
#[derive(Debug)]
pub(super) struct CrossOrigin {
    /// `None`: no page sends it, or one of the same origin that reads.
    page: Option<Page>,
    /// Whether answers depend on it.
    varies: bool,
}

/// A page that a browser sends a request for.
#[derive(Debug)]
struct Page {
    /// As the browser says it; empty: it says several, or nothing readable, and is on no list.
    origin: String,
    method: Method,
    reads: bool,
    /// What a preflight asks for.
    preflight: Option<Vec<HeaderName>>,
    revision: Arc<Revision>,
}

impl CrossOrigin {
    /// What a request says, under the revision that holds for it.
    pub(super) fn of(request: &Request, revision: &Arc<Revision>) -> Self {
        let page = Page::of(request, revision);
        Self {
            varies: page.is_some() || revision.config.consumers.cors().lists_any(),
            page,
        }
    }

    /// The answer to a preflight; `None`: it is none.
    pub(super) fn answer_preflight(&self, config: &Config) -> Option<Response> {
        let page = self.page.as_ref()?;
        let asked = page.preflight.as_deref()?;
        let Some(rules) = config.consumers.cors().of_any(&page.origin) else {
            let detail = "header `Origin`: no page of that origin may ask here; the operator lists origins in `cors`";
            return Some(Problem::new(ErrorType::Forbidden, detail).into_response());
        };
        let mut response = StatusCode::NO_CONTENT.into_response();
        page.tell_rules(&rules, asked, &config.gateway.api_key_header, response.headers_mut());
        Some(response)
    }

    /// Refuses what a page would change as a consumer that does not list its origin and method.
    pub(super) fn check_write(&self, caller: &Caller) -> Result<(), Problem> {
        let Some(page) = self.page.as_ref().filter(|page| !page.reads) else {
            return Ok(());
        };
        if page.may_ask_as(caller) || page.is_of_the_gateway() {
            return Ok(());
        }
        let detail = format!(
            "header `Origin`: pages of that origin may not {} as this consumer; the operator lists origins and methods in \
             `cors`. Programs that are no pages leave the header out",
            page.method
        );
        Err(Problem::new(ErrorType::Forbidden, detail))
    }

    /// Says with an answer who may read it.
    pub(super) fn tell(&self, caller: Option<&Caller>, response: &mut Response) {
        if !self.varies {
            return;
        }
        let is_preflight = self.page.as_ref().is_some_and(|page| page.preflight.is_some());
        add_to_vary(response.headers_mut(), "Origin");
        if is_preflight {
            add_to_vary(response.headers_mut(), PREFLIGHT_VARIES);
        }
        let Some(page) = &self.page else {
            return;
        };
        let may_read = match caller {
            Some(caller) => page.may_ask_as(caller),
            None => page.cors().of_any(&page.origin).is_some(),
        };
        let Some(origin) = HeaderValue::try_from(&page.origin).ok().filter(|_| may_read) else {
            return;
        };
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if !is_preflight {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, page.exposed(caller));
        }
    }
}

impl Page {
    fn of(request: &Request, revision: &Arc<Revision>) -> Option<Self> {
        let headers = request.headers();
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = match (origins.next()?, origins.next()) {
            (only, None) => only.to_str().unwrap_or_default(),
            (_, Some(_)) => "",
        };
        let method = request.method();
        let path = request.uri().path().trim_end_matches('/');
        let is_preflight = method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Some(Self {
            origin: origin.to_owned(),
            method: method.clone(),
            reads: method.is_safe() || method == Method::POST && READING_POSTS.contains(&path),
            preflight: is_preflight.then(|| asked_headers(headers)),
            revision: Arc::clone(revision),
        })
    }

    fn cors(&self) -> &Cors {
        self.revision.config.consumers.cors()
    }

    fn may_ask_as(&self, caller: &Caller) -> bool {
        let rules = self.cors().of(&caller.0.id);
        rules.permit(&self.origin, &self.method, self.reads)
    }

    /// Whether it comes from where consumers are told to ask: a proxy may serve pages there, too. The `Host` of the request
    /// does not say it: whoever has a name may let it lead here.
    fn is_of_the_gateway(&self) -> bool {
        let own = Url::parse(&self.revision.config.gateway.public_url);
        own.is_ok_and(|own| own.origin().ascii_serialization() == self.origin)
    }

    /// Headers of the answer that it may read.
    fn exposed(&self, caller: Option<&Caller>) -> HeaderValue {
        let further = caller.map(|caller| self.cors().of(&caller.0.id).exposed_headers());
        let further = further.unwrap_or_default().iter().map(HeaderName::as_str);
        joined(std::iter::once(SENT).chain(further))
    }

    /// Further headers are named where they were asked for: all consumers together may list many.
    fn tell_rules(&self, rules: &PreflightRules, asked: &[HeaderName], api_key: &HeaderName, told: &mut HeaderMap) {
        let further = asked.iter().filter(|name| rules.headers.contains(*name));
        let names = [READ, api_key.as_str()]
            .into_iter()
            .chain(further.map(HeaderName::as_str));
        let methods = rules.methods.iter().map(Method::as_str);
        told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, joined(methods));
        told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, joined(names));
        told.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from(rules.max_age.as_secs()),
        );
    }
}

/// Which headers a preflight asks for.
fn asked_headers(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    names
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect()
}

/// Names as one field; all of them are such as may stand in one.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> HeaderValue {
    let names: Vec<&str> = names.collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
