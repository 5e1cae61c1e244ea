//! A gateway that listens, from start to graceful end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::stopping::{self, FOR_ADMINISTRATION, Listening};
use kakehashi_admin as admin;
use kakehashi_config::{Config, TlsProblem};
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_egress::client::CannotAsk;
use kakehashi_http::api;
use kakehashi_http::edge::Edge;
use kakehashi_reload::{ConfigFiles, FollowsReload, History, Reloader, watch};
use kakehashi_revision::{CannotBuild, Process, Revision, RunningRevision};
use kakehashi_running::Gateway;
use kakehashi_runtime::admission::{Admission, bounds};
use kakehashi_runtime::{Tasks, TooMany};
use kakehashi_server::{
    ConnectionBounds, ConnectionLimits, FixedBounds, Listener, TlsEndpoint, connections_within, raise_descriptor_limit,
    serve, serve_over_threads,
};
use kakehashi_state::{State, StateError};
use kakehashi_subscriptions::{CannotSubscribe, Subscriptions};
use kakehashi_telemetry::{Metrics, MetricsError};
use kakehashi_tokens::Tokens;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Connections of administrators: their own, those of monitors and of probes.
const MOST_ADMIN_CONNECTIONS: usize = 512;

/// The same of one address. Behind a proxy all administrators have one, and nobody else reaches this listener. Half of them
/// are for others than tenants' administrators: these have no more requests under way, and idle ones give way.
const MOST_ADMIN_CONNECTIONS_OF_ONE_ADDRESS: usize = 256;

/// What bounds the connections of administrators.
const ADMIN_BOUNDS: FixedBounds = FixedBounds {
    connections: MOST_ADMIN_CONNECTIONS,
    per_address: MOST_ADMIN_CONNECTIONS_OF_ONE_ADDRESS,
};

/// A gateway with its listeners open.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    admin_address: SocketAddr,
    tls: Option<Arc<TlsEndpoint>>,
    gateway: Arc<Gateway>,
    consumers: Listening,
    administration: Listening,
    /// What watches the files holds it weakly.
    _reloader: Option<Arc<Reloader>>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// A listener cannot be opened.
    #[error("cannot listen on {address} ({key} of tenants.toml): {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Which key says so.
        key: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The configuration is refused.
    #[error("the configuration is refused:\n{0}")]
    Configuration(#[from] Diagnostics),
    /// What the gateway keeps cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The revision cannot be built.
    #[error(transparent)]
    Revision(#[from] CannotBuild),
    /// The subscriptions cannot be set up.
    #[error(transparent)]
    Subscriptions(#[from] CannotSubscribe),
    /// The client that fetches the keys of issuers cannot be set up.
    #[error("the client for the issuers of tokens cannot be set up: {0}")]
    Tokens(#[from] CannotAsk),
    /// The certificate of the consumers' listener cannot be used any more.
    #[error(transparent)]
    Tls(#[from] TlsProblem),
    /// There are no threads to compute on.
    #[error("the operating system gives no threads: {0}")]
    Threads(io::Error),
    /// The metrics cannot be set up.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// What has to run beside requests cannot be begun.
    #[error("what runs beside requests cannot be begun: {0}")]
    Tasks(#[from] TooMany),
}

/// What a gateway is put together without, to measure what it costs. Nothing that an administrator can write leads
/// here: it is for the load rig, which is a program of its own.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Without {
    /// The layer that limits consumers.
    pub limits: bool,
    /// The instruments.
    pub metrics: bool,
}

impl Running {
    /// Builds the revision that was read from these files, opens both listeners, and follows the files from then on.
    ///
    /// # Errors
    /// [`CannotStart`]
    pub async fn start(config: Config, files: ConfigFiles) -> Result<Self, CannotStart> {
        Self::start_with(config, Some(files), Without::default()).await
    }

    /// With a revision that stays, for measurements.
    ///
    /// # Errors
    /// [`CannotStart`]
    #[doc(hidden)]
    pub async fn start_without(config: Config, without: Without) -> Result<Self, CannotStart> {
        Self::start_with(config, None, without).await
    }

    async fn start_with(
        mut config: Config,
        mut files: Option<ConfigFiles>,
        without: Without,
    ) -> Result<Self, CannotStart> {
        let descriptors = raise_descriptor_limit();
        let listener = listen(config.gateway.listen, "listen").await?;
        let admin_listener = listen(config.gateway.admin_listen, "admin_listen").await?;
        let local = |listener: &TcpListener, configured| listener.local_addr().unwrap_or(configured);
        let address = local(&listener, config.gateway.listen);
        let admin_address = local(&admin_listener, config.gateway.admin_listen);
        if config.gateway.listen.port() == 0 {
            // Nobody could have written the URL of a port that the system chose.
            config.gateway.public_url = format!("{}://{address}", scheme(config.gateway.tls.is_some()));
            if let Some(files) = &mut files {
                files.overrides.public_url = Some(config.gateway.public_url.clone());
            }
        }
        let metrics = if without.metrics {
            Metrics::unread()?
        } else {
            Metrics::new()?
        };
        let tls = match &config.gateway.tls {
            Some(settings) => Some(Arc::new(TlsEndpoint::open(settings, &metrics.tls)?)),
            None => None,
        };
        let tasks = Tasks::on(&Handle::current(), &metrics.tasks);
        let state = State::open(&config.gateway.state).await?;
        let subscriptions = Subscriptions::open(&config.gateway, &state, &tasks).await?;
        let history = History::open(&state).await?;
        let revision = Revision::build(config, &state, &tasks).await?;
        metrics.show(&revision.findings)?;
        metrics.record_revision(revision.config.revision.as_str());
        let admission =
            Admission::start(bounds(revision.config.gateway.limits.memory.bytes())).map_err(CannotStart::Threads)?;
        let tokens = Tokens::new(tasks.keys.clone())?;
        let subscribed = Arc::clone(&subscriptions);
        let process = Process {
            revision: RunningRevision::new(revision),
            admission: Arc::new(admission),
            limiters: Arc::default(),
            metrics: Arc::new(metrics),
        };
        let gateway = Arc::new(Gateway::new(&process, tokens, subscribed, tasks.clone(), state));
        subscriptions.start(process);
        let reloader = match files {
            Some(files) => {
                let reloader = Reloader::new(&gateway, files, history).await;
                if let Some(tls) = &tls {
                    reloader.join(Arc::new(Certificates(Arc::clone(tls))));
                }
                watch(&reloader, &tasks.watchers)?;
                Some(reloader)
            }
            None => None,
        };
        let administration = admin::operations(&gateway, reloader.as_ref());
        let operations = Edge::around(&gateway, api::operations(&gateway), !without.limits);
        let (shutdown, asked) = watch::channel(false);
        if let Some(tls) = &tls {
            let (tls, asked) = (Arc::clone(tls), asked.clone());
            tasks
                .watchers
                .keep_running(move || Arc::clone(&tls).watch(asked.clone()))?;
        }
        let consumers = Listener {
            socket: listener,
            tls: tls.clone(),
            limits: ConnectionLimits::default(),
            bounds: Arc::new(ConsumerBounds::new(&gateway, connections_within(descriptors))),
            metrics: Arc::clone(&gateway.metrics.connections),
        };
        let pulse = Arc::clone(&gateway.pulse);
        let consumers = Listening {
            accepting: tasks
                .listeners
                .spawn(serve_over_threads(consumers, operations, pulse, asked))?,
            shutdown,
        };
        let administrators = Listener {
            socket: admin_listener,
            tls: None,
            limits: ConnectionLimits {
                drain: FOR_ADMINISTRATION,
                ..ConnectionLimits::default()
            },
            bounds: Arc::new(ADMIN_BOUNDS),
            metrics: Arc::clone(&gateway.metrics.admin_connections),
        };
        let (shutdown, asked) = watch::channel(false);
        let administration = Listening {
            accepting: tasks.listeners.spawn(serve(administrators, administration, asked))?,
            shutdown,
        };
        tracing::info!(%address, %admin_address, revision = %gateway.revision().config.revision, "listening");
        Ok(Self {
            address,
            admin_address,
            tls,
            gateway,
            consumers,
            administration,
            _reloader: reloader,
        })
    }

    /// The consumers' address as a URL.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        format!("{}://{}", scheme(self.tls.is_some()), self.address)
    }

    /// The TLS of the consumers' listener, to be read again; `None`: there is none.
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<TlsEndpoint>> {
        self.tls.as_ref()
    }

    /// The administrators' address as a URL.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin_address)
    }

    /// Runs until the process is asked to end (SIGTERM, SIGINT), then stops in order. Asked again, it ends at once.
    pub async fn until_signal(mut self) {
        let mut signals = Signals::new();
        signals.next().await;
        tokio::select! {
            () = self.stop_in_order() => {}
            () = signals.next() => {
                let writes = self.gateway.tasks.writes.running();
                tracing::warn!(writes, "stopping: asked again, so that it ends at once, with what is being written");
                stopping::name_what_is_lost(&self.gateway);
            }
        }
    }

    /// Ends now, in order.
    pub async fn stop(mut self) {
        self.stop_in_order().await;
    }

    async fn stop_in_order(&mut self) {
        stopping::in_order(&self.gateway, &mut self.consumers, &mut self.administration).await;
    }
}

/// What bounds the connections of consumers: what the running revision says, as far as the process can have so many.
struct ConsumerBounds {
    gateway: Arc<Gateway>,
    possible: usize,
    /// The number that was said to be too large.
    said: AtomicUsize,
}

impl ConsumerBounds {
    fn new(gateway: &Arc<Gateway>, possible: usize) -> Self {
        let bounds = Self {
            gateway: Arc::clone(gateway),
            possible,
            said: AtomicUsize::new(0),
        };
        // Said at start, not when the first connection comes.
        bounds.connections();
        bounds
    }
}

impl ConnectionBounds for ConsumerBounds {
    fn connections(&self) -> usize {
        let wanted = self.gateway.revision().config.gateway.limits.connections;
        if wanted > self.possible && self.said.swap(wanted, Ordering::Relaxed) != wanted {
            let possible = self.possible;
            tracing::warn!(
                wanted,
                possible,
                "`connections` in [gateway.limits] is more than half of the file descriptors that the process may have; \
                 raise its hard limit (`LimitNOFILE` of systemd, `ulimit -Hn`)"
            );
        }
        wanted.min(self.possible)
    }

    fn per_address(&self) -> usize {
        self.gateway.revision().config.gateway.limits.connections_per_address
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        let revision = self.gateway.revision();
        let trusted = &revision.config.gateway.trusted_proxies;
        trusted.iter().any(|network| network.contains(address))
    }
}

/// The certificates of the consumers' listener, which change together with the revision that names their files.
struct Certificates(Arc<TlsEndpoint>);

impl FollowsReload for Certificates {
    fn prepare(&self, revision: &Revision) -> Result<Box<dyn FnOnce() + Send>, Diagnostics> {
        let Some(settings) = &revision.config.gateway.tls else {
            // Whether there is TLS cannot change while the gateway runs.
            return Ok(Box::new(|| {}));
        };
        let put_in_place = self.0.prepare(settings).map_err(|problem| {
            let help = problem.help.map(str::to_owned);
            Diagnostics::error(format!("`tls` in [gateway]: {problem}"), help)
        })?;
        Ok(Box::new(put_in_place))
    }
}

const fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

async fn listen(address: SocketAddr, key: &'static str) -> Result<TcpListener, CannotStart> {
    TcpListener::bind(address)
        .await
        .map_err(|error| CannotStart::Listen { address, key, error })
}

/// The signals that ask the process to end.
struct Signals {
    terminated: Option<Signal>,
    interrupted: Option<Signal>,
}

impl Signals {
    fn new() -> Self {
        let listen = |kind, name| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "{name} cannot be waited for"))
                .ok()
        };
        Self {
            terminated: listen(SignalKind::terminate(), "SIGTERM"),
            interrupted: listen(SignalKind::interrupt(), "SIGINT"),
        }
    }

    async fn next(&mut self) {
        let Self {
            terminated,
            interrupted,
        } = self;
        tokio::select! {
            () = received(terminated) => {}
            () = received(interrupted) => {}
        }
    }
}

/// Waits for a signal; for ever for one that cannot be waited for.
async fn received(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}
