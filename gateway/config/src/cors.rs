//! `[gateway.cors]`, and `cors` of a consumer: which pages of other origins may ask as whom (CORS, in the Fetch standard).
//! What a consumer's table does not say is as `[gateway.cors]` says it; by default no page may.
//!
//! Nothing here lets a browser add a credential by itself: a page brings a key or a token, or is anonymous.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use http::{HeaderName, Method};
use kakehashi_core::consumer::ANONYMOUS;
use kakehashi_core::names::ConsumerId;
use url::{Host, Url};

use kakehashi_core::diagnostics::suggest;
use kakehashi_documents::section::Section;

/// The methods that there are for a page, in the order in which they are told.
static METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PATCH,
    Method::PUT,
    Method::DELETE,
];

/// Origins of one list: more than one application is published at.
const MOST_ORIGINS: usize = 100;

/// Headers of one list: a quarter of what the head of a request may hold.
const MOST_HEADERS: usize = 25;

/// How long a browser may remember what a preflight was told: what is asked later is judged all the same, so that it costs
/// nothing but a clearer error.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// Which pages may ask as one consumer, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRules {
    origins: Vec<AllowedOrigin>,
    methods: Vec<Method>,
    /// Headers of requests, beside those that the gateway reads.
    headers: Vec<HeaderName>,
    /// Headers of answers, beside those that the gateway sends: what a proxy in front adds.
    exposed_headers: Vec<HeaderName>,
    max_age: Duration,
}

/// An origin of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum AllowedOrigin {
    /// This one, as browsers write it.
    Exactly(Arc<str>),
    /// That of any port of this machine: scheme and host.
    AnyPort(Arc<str>),
    /// Any that has a name, to read.
    Everybody,
}

/// What a preflight is told of an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightRules {
    /// The methods, reading ones first.
    pub methods: Vec<Method>,
    /// Headers of requests, beside those that the gateway reads.
    pub headers: HashSet<HeaderName>,
    /// How long that may be remembered.
    pub max_age: Duration,
}

/// Which pages may ask, as every consumer and as any of them.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    of_gateway: Arc<CorsRules>,
    /// Those with a table of their own.
    of_consumers: HashMap<ConsumerId, Arc<CorsRules>>,
    /// What a preflight is told, which names no consumer: what any of them may.
    of_any: HashMap<AllowedOrigin, PreflightRules>,
}

impl Default for CorsRules {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            methods: METHODS.to_vec(),
            headers: Vec::new(),
            exposed_headers: Vec::new(),
            max_age: REMEMBERED,
        }
    }
}

impl CorsRules {
    /// Whether a page of this origin may send a request of this method. `reads`: it changes nothing, whatever its method.
    #[must_use]
    pub fn permit(&self, origin: &str, method: &Method, reads: bool) -> bool {
        let is_listed = |allowed: &AllowedOrigin| match allowed {
            AllowedOrigin::Everybody => reads && has_a_name(origin),
            named => named.is_of(origin),
        };
        // A HEAD is a GET without its body, and what reads by POST is one with a longer URL.
        let has = |method: &Method| self.methods.contains(method);
        let has_method = has(method) || reads && has(&Method::GET);
        has_method && self.origins.iter().any(is_listed)
    }

    /// Headers of answers that pages may read, beside those that the gateway sends.
    #[must_use]
    pub fn exposed_headers(&self) -> &[HeaderName] {
        &self.exposed_headers
    }

    fn methods_for(&self, allowed: &AllowedOrigin) -> impl Iterator<Item = &Method> {
        let only_reads = *allowed == AllowedOrigin::Everybody;
        METHODS
            .iter()
            .filter(move |method| self.methods.contains(method) && (!only_reads || method.is_safe()))
    }
}

/// Whether it is one origin as browsers write it, and not `null`: that of files, of frames without one and of redirections,
/// which anybody can have.
fn has_a_name(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin)
}

impl AllowedOrigin {
    fn is_of(&self, origin: &str) -> bool {
        match self {
            Self::Exactly(own) => **own == *origin,
            Self::AnyPort(own) => any_port_of(origin).is_some_and(|of| *of == **own),
            Self::Everybody => has_a_name(origin),
        }
    }
}

/// Scheme and host of an origin, whatever its port is.
fn any_port_of(origin: &str) -> Option<&str> {
    let (before, port) = origin.rsplit_once(':')?;
    if before == "http" || before == "https" {
        return Some(origin);
    }
    let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    // The colons of an IPv6 address stand in brackets.
    if is_port {
        Some(before)
    } else {
        port.ends_with(']').then_some(origin)
    }
}

impl Cors {
    /// Those of all consumers, and of those that have a table of their own.
    pub(crate) fn new(of_gateway: Arc<CorsRules>, of_consumers: HashMap<ConsumerId, Arc<CorsRules>>) -> Self {
        let mut of_any: HashMap<AllowedOrigin, PreflightRules> = HashMap::new();
        for rules in of_consumers.values().chain([&of_gateway]) {
            for allowed in &rules.origins {
                let further = PreflightRules {
                    methods: rules.methods_for(allowed).cloned().collect(),
                    headers: rules.headers.iter().cloned().collect(),
                    max_age: rules.max_age,
                };
                match of_any.get_mut(allowed) {
                    Some(known) => known.add(&further),
                    None => {
                        of_any.insert(allowed.clone(), further);
                    }
                }
            }
        }
        Self {
            of_gateway,
            of_consumers,
            of_any,
        }
    }

    /// Whether there is any page of another origin that may ask.
    #[must_use]
    pub fn lists_any(&self) -> bool {
        !self.of_any.is_empty()
    }

    /// Which pages may ask as this consumer.
    #[must_use]
    pub fn of(&self, consumer: &ConsumerId) -> &CorsRules {
        self.of_consumers.get(consumer).unwrap_or(&self.of_gateway)
    }

    /// What a page of this origin may as any of the consumers; `None`: nothing as none of them.
    #[must_use]
    pub fn of_any(&self, origin: &str) -> Option<PreflightRules> {
        let any_port = any_port_of(origin).map(|own| AllowedOrigin::AnyPort(own.into()));
        let exactly = Some(AllowedOrigin::Exactly(origin.into()));
        let named = [exactly, any_port];
        let named = named.iter().flatten().filter_map(|allowed| self.of_any.get(allowed));
        let everybody = self.of_any.get(&AllowedOrigin::Everybody);
        let mut listed = named.chain(everybody.filter(|_| has_a_name(origin)));
        let mut rules = listed.next()?.clone();
        for further in listed {
            rules.add(further);
        }
        Some(rules)
    }
}

impl PreflightRules {
    /// What one or the other permits, for as long as both are remembered.
    fn add(&mut self, other: &Self) {
        let either = |method: &&Method| self.methods.contains(method) || other.methods.contains(method);
        self.methods = METHODS.iter().filter(either).cloned().collect();
        self.headers.extend(other.headers.iter().cloned());
        self.max_age = self.max_age.min(other.max_age);
    }
}

/// Reads `cors` of a table; `None`: it has none. What it does not say is as the default says.
pub(crate) fn read(table: &Section<'_>, default: &CorsRules, consumer: Option<&str>) -> Option<Arc<CorsRules>> {
    let section = table.section("cors")?;
    let rules = CorsRules {
        origins: read_origins(&section, consumer).unwrap_or_else(|| default.origins.clone()),
        methods: read_methods(&section).unwrap_or_else(|| default.methods.clone()),
        headers: read_headers(&section, "headers").unwrap_or_else(|| default.headers.clone()),
        exposed_headers: read_headers(&section, "exposed_headers").unwrap_or_else(|| default.exposed_headers.clone()),
        max_age: section.duration("max_age").unwrap_or(default.max_age),
    };
    let says_none = section.node("origins").is_none() && rules.origins.is_empty();
    if says_none && consumer.is_some() {
        section.missing("origins", "[\"https://map.example.jp\"]");
    }
    section.finish();
    Some(Arc::new(rules))
}

fn read_origins(section: &Section<'_>, consumer: Option<&str>) -> Option<Vec<AllowedOrigin>> {
    let mut origins: Vec<AllowedOrigin> = Vec::new();
    for text in section.texts("origins")? {
        match parse_origin(text.value, consumer == Some(ANONYMOUS)) {
            Ok(origin) if origins.contains(&origin) => {}
            Ok(_) if origins.len() == MOST_ORIGINS => {
                let message = format!("`origins` in {} has more than {MOST_ORIGINS}", section.title());
                section.report().error(text.place, message, None);
                break;
            }
            Ok(origin) => origins.push(origin),
            Err((message, help)) => {
                let message = format!("`origins` in {}: {message}", section.title());
                section.report().error(text.place, message, help.to_owned());
            }
        }
    }
    Some(origins)
}

/// Reads an origin as an administrator writes it: it becomes what browsers send.
fn parse_origin(text: &str, of_anonymous: bool) -> Result<AllowedOrigin, (String, &'static str)> {
    const EXAMPLE: &str =
        "write scheme, host and port alone, such as \"https://map.example.jp\" or \"http://localhost:*\"";
    let wrong = |reason: &str| (format!("\"{text}\" {reason}"), EXAMPLE);
    match text {
        "*" if of_anonymous => return Ok(AllowedOrigin::Everybody),
        "*" => {
            let help = "\"*\" may stand in [consumers.anonymous] alone, for reading: a certificate, or a place in the network, \
                        would be lent to every page that is open in somebody's browser; list the origins";
            return Err(("\"*\" would be every page there is".to_owned(), help));
        }
        "null" => {
            let help = "anybody's page can have it; serve the page from an address, such as \"http://localhost:*\"";
            return Err((
                "\"null\" is the origin of files and of frames without one".to_owned(),
                help,
            ));
        }
        _ => {}
    }
    let (scheme, authority) = text.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(wrong("is neither of http nor of https"));
    }
    if authority.contains(['/', '\\', '?', '#']) {
        return Err(wrong("says more than an origin"));
    }
    if authority.contains('@') {
        return Err(wrong("names a user, which no origin does"));
    }
    let without_port = authority.strip_suffix(":*");
    let host = without_port.unwrap_or(authority);
    if host.contains(['*', '%']) || host.chars().any(char::is_whitespace) {
        return Err(wrong("names no single host"));
    }
    let url = Url::parse(&format!("{scheme}://{host}")).map_err(|_| wrong("names no host and port"))?;
    let origin = url.origin().ascii_serialization();
    if without_port.is_none() {
        return Ok(AllowedOrigin::Exactly(origin.into()));
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let has_port = !host.ends_with(']') && host.contains(':');
    if has_port || !is_loopback {
        return Err(wrong(
            "lets in every port, which is for localhost, 127.0.0.1 and [::1] alone",
        ));
    }
    Ok(AllowedOrigin::AnyPort(origin.into()))
}

fn read_methods(section: &Section<'_>) -> Option<Vec<Method>> {
    let mut methods: Vec<Method> = Vec::new();
    let texts = section.texts("methods")?;
    if texts.is_empty() {
        let place = section.key_place("methods").unwrap_or(section.place());
        let help = "leave the key out for all of them, or `origins` empty for no page";
        let message = format!("`methods` in {} is empty", section.title());
        section.report().error(place, message, help.to_owned());
    }
    for text in texts {
        match METHODS.iter().find(|method| method.as_str() == text.value) {
            Some(method) if methods.contains(method) => {}
            Some(method) => methods.push(method.clone()),
            None => {
                let message = format!("`methods` in {} cannot hold \"{}\"", section.title(), text.value);
                let names = METHODS.iter().map(Method::as_str);
                section.report().error(text.place, message, suggest(text.value, names));
            }
        }
    }
    Some(methods)
}

fn read_headers(section: &Section<'_>, key: &'static str) -> Option<Vec<HeaderName>> {
    let mut headers: Vec<HeaderName> = Vec::new();
    for text in section.texts(key)? {
        let refuse = |reason: &str, help: &str| {
            let message = format!("`{key}` in {}: \"{}\" {reason}", section.title(), text.value);
            section.report().error(text.place, message, help.to_owned());
        };
        match HeaderName::try_from(text.value) {
            Err(_) => refuse("is no name of a header", "write one such as \"x-trace\""),
            Ok(_) if text.value == "*" => refuse(
                "would be every header",
                "name them; what the gateway itself reads and sends is let through anyway",
            ),
            Ok(name) if [http::header::COOKIE, http::header::SET_COOKIE].contains(&name) => refuse(
                "is a credential that browsers add by themselves",
                "leave it out: no page may use one",
            ),
            Ok(name) if headers.contains(&name) => {}
            Ok(_) if headers.len() == MOST_HEADERS => {
                let message = format!("`{key}` in {} has more than {MOST_HEADERS}", section.title());
                section.report().error(text.place, message, None);
                break;
            }
            Ok(name) => headers.push(name),
        }
    }
    Some(headers)
}

#[cfg(test)]
mod tests;
