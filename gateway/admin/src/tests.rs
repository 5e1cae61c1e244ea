//! That the description of the admin API and the admin API are the same.

use std::collections::BTreeSet;

use axum::body::Body;
use serde_json::Value;
use tower::ServiceExt;

use super::*;

const METHODS: [&str; 5] = ["get", "put", "patch", "post", "delete"];

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let described: Value = serde_json::from_str(OPENAPI).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    let paths = described["paths"].as_object().unwrap();
    let names: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let probes = ["/healthz", "/readyz", "/metrics"];
    let routed: BTreeSet<&str> = routes().iter().map(|(path, _)| *path).chain(probes).collect();
    assert_eq!(names, routed);
    for (path, methods) in routes() {
        // Without an administrator the handlers fail; a method that is not there says so before that.
        let router: Router<Administration> = Router::new().route(path, methods);
        let methods: BTreeSet<&str> = METHODS
            .into_iter()
            .filter(|method| paths[path].get(method).is_some())
            .collect();
        let found = allowed(router, path).await;
        assert_eq!(methods, found, "{path}");
    }
}

/// The methods that a router knows at a path, as it tells whoever asks with another.
async fn allowed(router: Router<Administration>, path: &str) -> BTreeSet<&'static str> {
    // The answer to a method that no route has comes without any state.
    let router = router.with_state::<()>(unused().await);
    let request = http::Request::builder()
        .method("TRACE")
        .uri(path)
        .body(Body::empty())
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    let allow = answer.headers()[header::ALLOW].to_str().unwrap().to_ascii_lowercase();
    METHODS
        .into_iter()
        .filter(|method| allow.split(',').any(|known| known == *method))
        .collect()
}

/// A gateway that nobody asks anything.
async fn unused() -> Administration {
    use kakehashi_config::ConfigOverrides;
    use kakehashi_reload::{ConfigFiles, History};
    use kakehashi_runtime::Tasks;
    use kakehashi_subscriptions::Subscriptions;
    use kakehashi_telemetry::Metrics;
    use kakehashi_tokens::Tokens;
    let folder = tempfile::tempdir().unwrap();
    let policies = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies"));
    let tenants_toml = folder.path().join("tenants.toml");
    std::fs::write(
        &tenants_toml,
        "[tenants.tochigi]\n[tenants.sano]\n[tenants.nasushiobara]\n[tenants.yaita]\n",
    )
    .unwrap();
    let own_policies = folder.path().join("policies");
    std::fs::create_dir(&own_policies).unwrap();
    for name in ["schema.cedarschema", "classification.toml"] {
        std::fs::copy(policies.join(name), own_policies.join(name)).unwrap();
    }
    let files = ConfigFiles::new(&tenants_toml, &own_policies, ConfigOverrides::default());
    let config = files.load().unwrap();
    let metrics = Metrics::new().unwrap();
    let tasks = Tasks::on(&tokio::runtime::Handle::current(), &metrics.tasks);
    let state = kakehashi_state::State::open(&config.gateway.state).await.unwrap();
    let subscriptions = Subscriptions::open(&config.gateway, &state, &tasks).await.unwrap();
    let history = History::open(&state).await.unwrap();
    let limits = kakehashi_runtime::admission::bounds(config.gateway.limits.memory.bytes());
    let revision = kakehashi_revision::Revision::build(config, &state, &tasks)
        .await
        .unwrap();
    let process = kakehashi_revision::Process {
        revision: kakehashi_revision::RunningRevision::new(revision),
        admission: Arc::new(kakehashi_runtime::admission::Admission::start(limits).unwrap()),
        limiters: Arc::default(),
        metrics: Arc::new(metrics),
    };
    let tokens = Tokens::new(tasks.keys.clone()).unwrap();
    let gateway = Arc::new(Gateway::new(&process, tokens, subscriptions, tasks, state));
    let reloader = Reloader::new(&gateway, files, history).await;
    Administration {
        gateway,
        reloader,
        places: Places::default(),
        names: addresses::SourceNames::default(),
    }
}
