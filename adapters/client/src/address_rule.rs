//! Connections to addresses that somebody else than the operator has named: what a name leads to is judged after it was
//! resolved and before anything is connected to, so that what was judged is what is asked, whatever the name says later.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tower::{BoxError, Service};

use super::driven::LendableIo;

/// Which addresses a name may lead to.
#[async_trait]
pub trait AddressRule: fmt::Debug + Send + Sync {
    /// Those that may be connected to.
    async fn allowed(&self, found: Vec<IpAddr>) -> Vec<IpAddr>;
}

/// No address that was found may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the address is not one that may be asked")]
pub(super) struct AddressRefused;

/// Resolves names, and hands out what the rule lets through; without a rule, everything.
#[derive(Debug, Clone)]
pub(super) struct Names {
    rule: Option<Arc<dyn AddressRule>>,
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let rule = self.rule.clone();
        Box::pin(async move {
            // The port is the connector's to add.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let Some(rule) = rule else {
                return Ok(found.collect::<Vec<_>>().into_iter());
            };
            let allowed = rule.allowed(found.map(|found| found.ip()).collect()).await;
            if allowed.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, AddressRefused));
            }
            let allowed: Vec<SocketAddr> = allowed.into_iter().map(|address| (address, 0).into()).collect();
            Ok(allowed.into_iter())
        })
    }
}

/// The connector of TCP, which resolves nothing where an address stands in the place of a name: then it is judged here.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Names>,
    rule: Option<Arc<dyn AddressRule>>,
}

impl Connector {
    /// One whose names are resolved under the rule, to be set up.
    pub(super) fn new(rule: Option<Arc<dyn AddressRule>>, set_up: impl FnOnce(&mut HttpConnector<Names>)) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Names { rule: rule.clone() });
        set_up(&mut tcp);
        Self { tcp, rule }
    }
}

impl Service<Uri> for Connector {
    type Response = LendableIo<<HttpConnector<Names> as Service<Uri>>::Response>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let literal = uri.host().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        let judged = self.rule.clone().zip(literal);
        // The one that was ready goes; the other has to become it.
        let waiting = self.tcp.clone();
        let mut tcp = std::mem::replace(&mut self.tcp, waiting);
        Box::pin(async move {
            if let Some((rule, address)) = judged
                && rule.allowed(vec![address]).await.is_empty()
            {
                return Err(AddressRefused.into());
            }
            Ok(LendableIo::new(tcp.call(uri).await?))
        })
    }
}
