//! The origin and the bare proxy: hyper, hyper-util's pooled client, and nothing else.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kakehashi_benches::bare_transform::transform;
use kakehashi_benches::workload::ngsi_v2_list;
use tokio::net::TcpListener;

use crate::Failure;

/// Serves one NGSI-v2 list for every path.
pub(crate) fn origin(entities: usize) -> Result<(), Failure> {
    let body = Bytes::from(ngsi_v2_list(entities));
    serve(move |_| {
        let body = body.clone();
        async move { json(body) }
    })
}

/// Fetches the list from the origin for every request and transforms it.
pub(crate) fn bare_proxy(origin: &str) -> Result<(), Failure> {
    let uri: Uri = format!("http://{origin}/v2/entities?type=EvacuationSite&limit=21").parse()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    serve(move |_| {
        let (client, uri) = (client.clone(), uri.clone());
        async move {
            let transformed = async {
                let answer = client.get(uri).await.ok()?;
                let body = answer.into_body().collect().await.ok()?.to_bytes();
                transform(&body).ok()
            };
            match transformed.await {
                Some(body) => json(Bytes::from(body)),
                None => {
                    let mut failed = Response::new(Full::default());
                    *failed.status_mut() = http::StatusCode::BAD_GATEWAY;
                    failed
                }
            }
        }
    })
}

fn json(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}

/// Serves on a free port, whose address is the first line printed.
fn serve<H, F>(handler: H) -> Result<(), Failure>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
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
                // A client that breaks off ends its connection; the benchmark notices by itself.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}
