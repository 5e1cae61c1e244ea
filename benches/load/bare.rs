//! The limits that the gateway is measured against: hyper, hyper-util's pooled client, and one thing to do.

use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kakehashi_adapters::client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::flaw::entities_of;
use kakehashi_adapters::mapping::Mapping;
use kakehashi_adapters::ngsi_v2::translate::ProvidedType;
use kakehashi_adapters::ngsi_v2::{EVERY_SERVICE_PATH, NgsiV2Adapter, NgsiV2Settings};
use kakehashi_adapters::rest::{RestAdapter, RestSettings};
use kakehashi_adapters::{Adapter, Call, Page, SourceId, SourceQuery, Yielded};
use kakehashi_benches::workload::ngsi_ld_list;
use kakehashi_benches::{bare_records, bare_transform};
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, render_entities, render_entity, render_feature_collection};
use ngsi_ld::{EntityId, TypeName};
use tokio::net::TcpListener;

use crate::Failure;
use crate::bare_store::BareStore;
use crate::command_line::{BareKind, BareRole};
use crate::gateway::rig_mapping;
use crate::workload::{ENTITY_ID, Workload};

/// What a limit answers with: bytes that were made, or those of the origin as they come.
type Body = Either<Full<Bytes>, Incoming>;

pub(crate) fn serve(role: &BareRole) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match role.kind {
            BareKind::Proxy => proxy(&role.origin).await,
            BareKind::Transform => transform(&role.origin, role.workload).await,
            BareKind::Adapter => adapter(&role.origin, role.workload).await,
            BareKind::Store => store(role.workload).await,
        }
    })
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Passes every byte through.
async fn proxy(origin: &str) -> Result<(), Failure> {
    let (client, authority) = (client(), http::uri::Authority::try_from(origin)?);
    listen(move |request: Request<Incoming>| {
        let mut parts = request.into_parts().0;
        parts.uri = Uri::builder()
            .scheme("http")
            .authority(authority.clone())
            .path_and_query(parts.uri.path_and_query().map_or("/", |path| path.as_str()))
            .build()
            .unwrap_or_default();
        let client = client.clone();
        async move {
            let answer = client.request(Request::from_parts(parts, Full::default())).await;
            answer.map_or_else(|_| failed(), |answer| answer.map(Either::Right))
        }
    })
    .await
}

/// Fetches the answer from the origin for every request and translates it.
async fn transform(origin: &str, workload: Workload) -> Result<(), Failure> {
    let uri: Uri = format!("http://{origin}{}", workload.origin_path()).parse()?;
    let client = client();
    let translate = move |body: &[u8]| match workload {
        Workload::W1 => bare_transform::transform_one(body).ok(),
        Workload::W3 => bare_records::transform(body).ok(),
        _ => bare_transform::transform(body).ok(),
    };
    listen(move |_| {
        let (client, uri) = (client.clone(), uri.clone());
        async move {
            let transformed = async {
                let answer = client.get(uri).await.ok()?;
                translate(&answer.into_body().collect().await.ok()?.to_bytes())
            };
            transformed.await.map_or_else(failed, json)
        }
    })
    .await
}

/// The gateway's own adapter and renderer, and nothing of the gateway: no edge, no policy, no plan, no telemetry.
async fn adapter(origin: &str, workload: Workload) -> Result<(), Failure> {
    let context = Context::kakehashi();
    let r#type = context.expand_type("EvacuationSite")?;
    let adapter = source(origin, workload, &r#type, context)?;
    let mut query = SourceQuery::of_types(vec![r#type]);
    let limit = match workload {
        Workload::W1 => {
            query.ids = vec![EntityId::parse(ENTITY_ID)?];
            None
        }
        Workload::W3 => None,
        Workload::W8 => Some(1000),
        _ => Some(21),
    };
    let page = limit.map(|limit| Page { limit, offset: 0 });
    let query = Arc::new(query);
    let location = context.expand_attribute("location")?;
    listen(move |_| {
        let (adapter, query, location) = (Arc::clone(&adapter), Arc::clone(&query), location.clone());
        async move {
            let call = Call::until(Instant::now() + Duration::from_secs(10));
            let rendering = Rendering::new(context, Format::Normalized);
            let mut body = Vec::with_capacity(2048);
            if workload == Workload::W1 {
                let Ok(Some(Yielded::Entity(entity))) = adapter.prepare(&query).retrieve(&call).await else {
                    return failed();
                };
                render_entity(&rendering, &entity, &mut body);
                return json(body);
            }
            let Ok(entities) = entities_of(adapter.prepare(&query).query(page, &call))
                .try_collect::<Vec<_>>()
                .await
            else {
                return failed();
            };
            if workload == Workload::W8 {
                render_feature_collection(&rendering, &entities, &location, &mut body);
            } else {
                render_entities(&rendering, &entities, &mut body);
            }
            json(body)
        }
    })
    .await
}

/// A page of what rests as JSON.
async fn store(workload: Workload) -> Result<(), Failure> {
    let entities = workload
        .stored()
        .map(ngsi_ld_list)
        .ok_or("the workload asks no store")?;
    let store = Arc::new(BareStore::of(&entities, workload)?);
    listen(move |_| {
        let store = Arc::clone(&store);
        async move { store.page().map_or_else(|_| failed(), json) }
    })
    .await
}

fn source(
    origin: &str,
    workload: Workload,
    r#type: &TypeName,
    context: &Arc<Context>,
) -> Result<Arc<dyn Adapter>, Failure> {
    let http = HttpClient::new(&HttpClientSettings::default())?;
    let limits = SourceLimits {
        concurrency: 256,
        ..SourceLimits::default()
    };
    let endpoint = format!("http://{origin}");
    if workload == Workload::W3 {
        let mapping = Mapping::parse(&rig_mapping()?, "mappings/sano.toml", context)
            .map_err(|_| "the committed mapping is refused")?;
        return Ok(Arc::new(RestAdapter::new(
            http,
            RestSettings {
                source: SourceId::new("sano"),
                endpoint,
                outside: kakehashi_adapters::mapping::record::Outside::default(),
                mapping: Arc::new(mapping),
                credential: None,
                limits,
                types: vec![r#type.clone()],
            },
        )?));
    }
    let settings = NgsiV2Settings {
        source: SourceId::new("orion"),
        endpoint,
        fiware_service: None,
        fiware_servicepath: EVERY_SERVICE_PATH.to_owned(),
        types: vec![ProvidedType {
            name: r#type.clone(),
            short: "EvacuationSite".into(),
        }],
        context: Arc::clone(context),
        ids_repeat: kakehashi_adapters::ngsi_v2::IdsRepeat::No,
        object_types: Vec::new(),
        scope_from_servicepath: false,
    };
    Ok(Arc::new(NgsiV2Adapter::new(http, settings, None, limits)?))
}

fn json(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn failed() -> Response<Body> {
    let mut failed = Response::new(Either::Left(Full::default()));
    *failed.status_mut() = StatusCode::BAD_GATEWAY;
    failed
}

/// Serves on a free port, whose address is the first line printed.
async fn listen<H, F>(handler: H) -> Result<(), Failure>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let handler = handler.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = handler(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            // A client that breaks off ends its connection; the rig notices by itself.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
