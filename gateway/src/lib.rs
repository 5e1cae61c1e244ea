//! Kakehashi, the reverse-proxy core: from a consumer's request to the sources and back. This package is the command: it
//! puts the parts together and keeps them up. Each part is a crate of its own, named here from the bottom up; none knows
//! one that stands below it.
//!
//! | crate | owns |
//! |---|---|
//! | [`core`] | what every part speaks of: names, consumers, diagnostics |
//! | [`certificates`] | certificates and keys: what they say, and what is wrong with them |
//! | [`documents`] | what administrators write, as text: files and TOML with places |
//! | [`policy`] | grants, narrowing, classification, inspection of values |
//! | [`config`] | tenants.toml and policies/ as one immutable revision, loaded and checked |
//! | [`telemetry`] | logs and metrics, without any value |
//! | [`runtime`] | who is let in, how much a request may use, and what outlives it |
//! | [`state`] | the file of what the gateway keeps |
//! | [`egress`] | requests to addresses that clients have named |
//! | [`server`] | listeners, connections and their limits |
//! | [`contexts`] | the @contexts of requests: downloaded, cached, hosted, compiled |
//! | [`tokens`] | verifying JSON Web Tokens, and the keys of those who sign them |
//! | [`federation`] | registry, plan, fan-out, merging, pages |
//! | [`mod@revision`] | from a checked configuration to a revision that answers |
//! | [`subscriptions`] | subscriptions and their notifications |
//! | [`running`] | what lives as long as the process, and what is wrong now |
//! | [`http`] | the layers in request order, and the NGSI-LD HTTP binding |
//! | [`explain`] | what would become of a request, and why |
//! | [`diff`] | who gains and who loses what between two revisions |
//! | [`reload`] | taking over an edited configuration while running |
//! | [`admin`] | the administrators' listener |
//!
//! | module | owns |
//! |---|---|
//! | [`command`] | the command line |
//! | [`listening`] | a gateway that listens, from start to graceful end |
//! | `stopping` | what happens in which order when the process is asked to end |

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod command;
pub mod listening;
mod stopping;

pub use kakehashi_admin as admin;
pub use kakehashi_certificates as certificates;
pub use kakehashi_config as config;
pub use kakehashi_contexts as contexts;
pub use kakehashi_core as core;
pub use kakehashi_diff as diff;
pub use kakehashi_documents as documents;
pub use kakehashi_egress as egress;
pub use kakehashi_explain as explain;
pub use kakehashi_federation as federation;
pub use kakehashi_http as http;
pub use kakehashi_policy as policy;
pub use kakehashi_reload as reload;
pub use kakehashi_revision as revision;
pub use kakehashi_running as running;
pub use kakehashi_runtime as runtime;
pub use kakehashi_server as server;
pub use kakehashi_state as state;
pub use kakehashi_subscriptions as subscriptions;
pub use kakehashi_telemetry as telemetry;
pub use kakehashi_tokens as tokens;
