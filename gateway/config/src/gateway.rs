//! `[gateway]`: where it listens, what it bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use kakehashi_adapters::kind::http_url;

use super::Loading;
use super::cors::{self, CorsRules};
use super::tls::{self, TlsSettings};
use kakehashi_core::diagnostics::suggest;
use kakehashi_core::names::TenantId;
use kakehashi_documents::quantity::{Network, Size};
use kakehashi_documents::section::Section;

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where consumers are served.
    pub listen: SocketAddr,
    /// Where administrators and probes are served.
    pub admin_listen: SocketAddr,
    /// How consumers reach the gateway, without a trailing slash.
    pub public_url: String,
    /// The SQLite file of registrations, subscriptions, entity maps and usage.
    pub state: PathBuf,
    /// The @context of requests that bring none.
    pub default_context: DefaultContext,
    /// The header that carries an API key.
    pub api_key_header: HeaderName,
    /// Whose `X-Forwarded-For` counts. Empty: nobody's.
    pub trusted_proxies: Vec<Network>,
    /// What goes beyond the standard.
    pub extensions: Extensions,
    /// Addresses in ranges that are not public, which URLs of clients may name all the same.
    pub egress_allow: Vec<Network>,
    /// Whether the parts of an entity in several sources may meet the conditions of a query together only, where the
    /// request does not say it (`splitEntities`, clause 5.7.2.4).
    pub split_entities: bool,
    /// The tenant that a request means which names none (clause 4.14); `None`: the federation of all.
    pub without_tenant: Option<TenantId>,
    /// Which pages of other origins may ask, where a consumer does not say it.
    pub cors: Arc<CorsRules>,
    /// How consumers are served over TLS; `None`: in plain text, behind a proxy or on one machine.
    pub tls: Option<Arc<TlsSettings>>,
    /// Bounds of one request, whoever asks.
    pub limits: RequestLimits,
}

/// What goes beyond the standard. Everything is off unless it is named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `federated-order`: `orderBy` over several sources, which clause 5.7.2.4 limits to the local scope.
    pub federated_order: bool,
}

/// The @context of requests that bring none. Core terms always win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultContext {
    /// The gateway's own.
    Kakehashi,
    /// The core context alone.
    Core,
    /// One that is downloaded, by its address.
    Url(String),
}

/// `[gateway.limits]`: for one request, whoever asks, and for connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLimits {
    /// Largest body.
    pub body: Size,
    /// Longest path and query.
    pub url: Size,
    /// Deepest nesting of a JSON body.
    pub json_depth: usize,
    /// Largest `limit`.
    pub page: usize,
    /// Sources that one request may need.
    pub fan_out: usize,
    /// Entities that one request may look at in one source that does not decide by itself what matches.
    pub scan: usize,
    /// Requests to sources that one question may cause; one source is asked half of them at most.
    pub requests: usize,
    /// How long a request may take.
    pub deadline: Duration,
    /// What may be held for all requests together: their bodies, what sources have sent for them, and answers that are not
    /// sent yet. A quarter of it may be held for one request.
    pub memory: Size,
    /// Consumers' connections at once.
    pub connections: usize,
    /// Consumers' connections at once from one address that is no trusted proxy's.
    pub connections_per_address: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body: Size::from_bytes(2 * 1024 * 1024),
            url: Size::from_bytes(8 * 1024),
            json_depth: 64,
            page: 1000,
            fan_out: 128,
            // At 10 us each a second of one core, and more than any municipality has of one type.
            scan: 100_000,
            // Many times what any page needs. A source with pages of 100 records is looked through up to 50,000.
            requests: 1_000,
            deadline: Duration::from_secs(10),
            // With what is not counted a process of less than a GiB.
            memory: Size::from_bytes(512 * 1024 * 1024),
            // A connection costs some 20 KiB; this bounds them to a few hundred MiB.
            connections: 10_000,
            connections_per_address: share_of(10_000),
        }
    }
}

/// Largest body that may be configured: a request's body is held in memory whole.
const MOST_BODY: usize = 64 * 1024 * 1024;
/// Longest URL that may be configured: what HTTP servers in front commonly pass on.
const MOST_URL: usize = 64 * 1024;
/// Deepest JSON that may be configured: the stack of a worker thread bounds recursion.
const MOST_DEPTH: u32 = 128;
/// Largest page that may be configured.
const MOST_PAGE: u32 = 10_000;
/// Most sources that one request may be allowed to need.
const MOST_FAN_OUT: u32 = 4096;

/// Most memory for all requests that may be configured: that of large machines.
const MOST_MEMORY: usize = 1024 * 1024 * 1024 * 1024;

/// Least memory for all requests: of a quarter of it the largest page of a source must find room, twice.
const LEAST_MEMORY: usize = 128 * 1024 * 1024;

/// Most entities that one request may be allowed to look at in one source.
const MOST_SCAN: u32 = 10_000_000;
/// Most requests of one question that may be configured: at a millisecond each far more than its deadline has room for.
const MOST_REQUESTS: u32 = 100_000;

/// Most connections that may be configured: what 20 GiB hold.
const MOST_CONNECTIONS: u32 = 1_000_000;

/// The connections that one address may have where nothing else is said: a quarter. An address is a company's, or all of
/// a mobile carrier's that share it; four of them are needed to keep others waiting, and only while a request is under
/// way on each of their connections.
pub(super) const fn share_of(connections: usize) -> usize {
    let share = connections / 4;
    if share == 0 { 1 } else { share }
}

/// What a request means that names no tenant, where it is the federation of all.
pub(super) const FEDERATION: &str = "federation";

/// Reads `[gateway]`. Every key has a default, so that the table may be absent.
pub(crate) fn read(section: Section<'_>, loading: &Loading<'_>) -> GatewayConfig {
    let default_listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    let default_admin_listen = SocketAddr::from(([127, 0, 0, 1], 8081));
    let listen = section.parsed("listen", parse_listen).unwrap_or(default_listen);
    let admin_listen = section
        .parsed("admin_listen", parse_listen)
        .unwrap_or(default_admin_listen);
    if listen == admin_listen && listen.port() != 0 {
        let message = "`listen` and `admin_listen` are the same address: administrators are never exposed to consumers";
        loading.report.error(
            section.key_place("admin_listen").unwrap_or(section.place()),
            message,
            None,
        );
    }
    let public_url = section.parsed("public_url", |text| {
        http_url(text).map(|_| text.trim_end_matches('/').to_owned())
    });
    let state = section.parsed("state", |text| {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Err("PostgreSQL is not supported by this version: write \"sqlite:<file>\"".to_owned());
        }
        let file = text.strip_prefix("sqlite:").filter(|file| !file.is_empty());
        file.map(|file| loading.path(file))
            .ok_or_else(|| "write \"sqlite:<file>\"".to_owned())
    });
    let default_context = section.parsed("default_context", |text| match text {
        "kakehashi" => Ok(DefaultContext::Kakehashi),
        "core" => Ok(DefaultContext::Core),
        url if url.contains("://") => http_url(url).map(|_| DefaultContext::Url(url.to_owned())),
        other => Err(format!(
            "\"{other}\" is no context: write \"kakehashi\", \"core\" or the URL of one"
        )),
    });
    let api_key_header = section.parsed("api_key_header", |text| {
        HeaderName::try_from(text).map_err(|_| format!("\"{text}\" is no header name"))
    });
    let limits = section.section("limits").map(read_limits).unwrap_or_default();
    let tls = tls::read(&section, loading);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let gateway = GatewayConfig {
        listen,
        admin_listen,
        public_url: public_url.unwrap_or_else(|| format!("{scheme}://localhost:{}", listen.port())),
        state: state.unwrap_or_else(|| loading.path("kakehashi.db")),
        default_context: default_context.unwrap_or(DefaultContext::Kakehashi),
        api_key_header: api_key_header.unwrap_or(HeaderName::from_static("x-api-key")),
        trusted_proxies: read_networks(&section, "trusted_proxies"),
        extensions: read_extensions(&section),
        egress_allow: read_networks(&section, "egress_allow"),
        split_entities: section.boolean("split_entities").is_some_and(|split| split.value),
        without_tenant: section
            .text("without_tenant")
            .filter(|name| name.value != FEDERATION)
            .map(|name| TenantId::new(name.value)),
        cors: cors::read(&section, &CorsRules::default(), None).unwrap_or_default(),
        tls,
        limits,
    };
    refuse_what_is_not_built(&section);
    // Who only looks at two revisions runs neither.
    let running = loading.previous.filter(|_| !loading.environment.is_only_to_look());
    if let Some(running) = running {
        refuse_what_needs_a_restart(&running.gateway, &gateway, &section);
    }
    section.finish();
    gateway
}

/// What is set up once, when the gateway starts: a reload that silently left it as it was would pretend.
fn refuse_what_needs_a_restart(running: &GatewayConfig, wanted: &GatewayConfig, section: &Section<'_>) {
    let changed = [
        ("listen", running.listen != wanted.listen),
        ("admin_listen", running.admin_listen != wanted.admin_listen),
        ("public_url", running.public_url != wanted.public_url),
        ("state", running.state != wanted.state),
        ("default_context", running.default_context != wanted.default_context),
        ("egress_allow", running.egress_allow != wanted.egress_allow),
        // Other files for it are no matter.
        ("tls", running.tls.is_some() != wanted.tls.is_some()),
        ("limits.memory", running.limits.memory != wanted.limits.memory),
    ];
    for (key, _) in changed.into_iter().filter(|(_, is_changed)| *is_changed) {
        let place = section.node(key).map_or_else(|| section.place(), |node| &node.place);
        let message = format!("`{key}` in [gateway] cannot change while the gateway runs: it needs a restart");
        let help = "put the old value back, or restart with the new one; the running revision stays until then";
        section.report().error(place, message, help.to_owned());
    }
}

fn read_extensions(section: &Section<'_>) -> Extensions {
    const KNOWN: [&str; 1] = ["federated-order"];
    let mut extensions = Extensions::default();
    for name in section.texts("extensions").unwrap_or_default() {
        match name.value {
            "federated-order" => extensions.federated_order = true,
            unknown => {
                let message = format!("`extensions` in [gateway] cannot hold \"{unknown}\"");
                section.report().error(name.place, message, suggest(unknown, KNOWN));
            }
        }
    }
    extensions
}

/// Keys that ask for what this version does not do.
fn refuse_what_is_not_built(section: &Section<'_>) {
    section.refuse("rate_store", "rate limits are counted in process: leave the key out");
    if let Some(relay) = section.boolean("personal_relay")
        && relay.value
    {
        let message = "`personal_relay = true` is not supported: personal data is never relayed by this version";
        let help = "set it to false, or leave it out: what is classed personal or special-care stays with its owner, whatever \
                    a policy permits; relaying it would need the person's consent, which nothing here can ask for";
        section.report().error(relay.place, message, help.to_owned());
    }
}

fn read_limits(section: Section<'_>) -> RequestLimits {
    let default = RequestLimits::default();
    let size = |key, most| {
        section.parsed(key, |text| {
            let size = Size::parse(text)?;
            let most = Size::from_bytes(most);
            if size > most {
                Err(format!("{size} is more than {most}"))
            } else {
                Ok(size)
            }
        })
    };
    let count = |key, most, default: usize| section.count(key, most).map_or(default, |count| count as usize);
    let connections = count("connections", MOST_CONNECTIONS, default.connections);
    let limits = RequestLimits {
        body: size("body", MOST_BODY).unwrap_or(default.body),
        url: size("url", MOST_URL).unwrap_or(default.url),
        json_depth: count("json_depth", MOST_DEPTH, default.json_depth),
        page: count("page", MOST_PAGE, default.page),
        fan_out: count("fan_out", MOST_FAN_OUT, default.fan_out),
        scan: count("scan", MOST_SCAN, default.scan),
        requests: count("requests", MOST_REQUESTS, default.requests),
        deadline: section.duration("deadline").unwrap_or(default.deadline),
        memory: memory(&section).unwrap_or(default.memory),
        connections,
        connections_per_address: count("connections_per_address", MOST_CONNECTIONS, share_of(connections)),
    };
    section.finish();
    limits
}

fn memory(section: &Section<'_>) -> Option<Size> {
    section.parsed("memory", |text| {
        let size = Size::parse(text)?;
        let (least, most) = (Size::from_bytes(LEAST_MEMORY), Size::from_bytes(MOST_MEMORY));
        if size < least {
            return Err(format!("{size} is less than {least}"));
        }
        if size > most {
            return Err(format!("{size} is more than {most}"));
        }
        Ok(size)
    })
}

pub(super) fn read_networks(section: &Section<'_>, key: &'static str) -> Vec<Network> {
    let texts = section.texts(key).unwrap_or_default();
    let networks = texts.into_iter().filter_map(|text| match Network::parse(text.value) {
        Ok(network) => Some(network),
        Err(reason) => {
            section.report().error(text.place, format!("`{key}`: {reason}"), None);
            None
        }
    });
    networks.collect()
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let example = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => "127.0.0.1:8080".to_owned(),
        };
        format!("\"{text}\" is no address to listen on: write an IP address and a port, such as \"{example}\"")
    })
}
