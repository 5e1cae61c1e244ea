//! Requests to addresses that somebody else than the operator has named: @context documents and notification endpoints of
//! consumers, sources that a tenant's administrator has proposed. Which addresses they may lead to, and the one way in
//! which those of consumers are asked.
//!
//! | module | owns |
//! |---|---|
//! | [`rule`] | which addresses may be asked |
//! | [`client`] | the HTTP client that follows the rule |
//! | [`freshness`] | how long a copy is good (RFC 9111) |
//! | [`sources`] | the rule for a source, which other tenants' sources are a part of |
//!
//! It knows neither contexts nor subscriptions.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod client;
pub mod freshness;
pub mod rule;
pub mod sources;
