//! What every part of the gateway speaks of.
//!
//! | module | owns |
//! |---|---|
//! | [`names`] | names of tenants, consumers and roles; codes of local governments |
//! | [`consumer`] | who asks: what is known of a consumer, whatever proved it |
//! | [`mod@client_network`] | what a client is counted by where nothing better is known of it |
//! | [`condition`] | something that is wrong now |
//! | [`diagnostics`] | what is wrong with a file that somebody wrote, with its place |
//! | [`mode`] | how a source stands to the others of its tenant |
//! | [`controls`] | text from outside, safe to show |
//!
//! It knows no file format, no policy, no source and no HTTP.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod client_network;
pub mod condition;
pub mod consumer;
pub mod controls;
pub mod diagnostics;
pub mod mode;
pub mod names;

pub use client_network::{ClientNetwork, client_network};
pub use condition::Condition;
pub use consumer::Consumer;
pub use names::{ConsumerId, RoleName, TenantId};
