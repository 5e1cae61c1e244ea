//! Defaults that follow from other keys.

use kakehashi_documents::document::{Node, Value};

use super::Surroundings;
use crate::gateway::{RequestLimits, share_of};

pub(super) fn public_url(surroundings: &Surroundings<'_>) -> Option<String> {
    let gateway = surroundings.root.child("gateway");
    let listen = gateway.and_then(|gateway| gateway.child("listen")?.as_text());
    let port = listen.unwrap_or("127.0.0.1:8080").rsplit(':').next()?;
    let has_tls = gateway.is_some_and(|gateway| gateway.child("tls").is_some());
    let scheme = if has_tls { "https" } else { "http" };
    Some(format!("\"{scheme}://localhost:{port}\""))
}

pub(super) fn own_name(surroundings: &Surroundings<'_>) -> Option<String> {
    Some(format!("\"{}\"", surroundings.name))
}

fn rate_of(surroundings: &Surroundings<'_>) -> Option<i64> {
    match surroundings.table?.child("requests_per_second")?.value {
        Value::Integer(rate) => Some(rate),
        _ => None,
    }
}

pub(super) fn same_as_rate(surroundings: &Surroundings<'_>) -> Option<String> {
    rate_of(surroundings).map(|rate| rate.to_string())
}

pub(super) fn a_quarter_of_connections(surroundings: &Surroundings<'_>) -> Option<String> {
    let written = surroundings.table.and_then(|table| table.child("connections"));
    let connections = match written.map(|node| &node.value) {
        Some(Value::Integer(connections)) => usize::try_from(*connections).ok()?,
        _ => RequestLimits::default().connections,
    };
    Some(share_of(connections).to_string())
}

fn anonymous_or(surroundings: &Surroundings<'_>, anonymous: u32, known: u32) -> String {
    let is_anonymous = surroundings.name == kakehashi_core::consumer::ANONYMOUS;
    if is_anonymous { anonymous } else { known }.to_string()
}

pub(super) fn consumer_rate(surroundings: &Surroundings<'_>) -> Option<String> {
    Some(anonymous_or(surroundings, 5, 50))
}

pub(super) fn consumer_burst(surroundings: &Surroundings<'_>) -> Option<String> {
    let twice = rate_of(surroundings).map(|rate| rate.saturating_mul(2).to_string());
    Some(twice.unwrap_or_else(|| anonymous_or(surroundings, 10, 100)))
}

pub(super) fn consumer_concurrency(surroundings: &Surroundings<'_>) -> Option<String> {
    Some(anonymous_or(surroundings, 4, 20))
}

pub(super) fn adapter<'a>(surroundings: &Surroundings<'a>) -> Option<&'a str> {
    surroundings.table?.child("adapter")?.as_text()
}

pub(super) fn all_tenants(surroundings: &Surroundings<'_>) -> Option<String> {
    let Some(Node {
        value: Value::Table(tenants),
        ..
    }) = surroundings.root.child("tenants")
    else {
        return None;
    };
    let names: Vec<String> = tenants.iter().map(|tenant| format!("\"{}\"", tenant.key)).collect();
    Some(format!("[{}]", names.join(", ")))
}
