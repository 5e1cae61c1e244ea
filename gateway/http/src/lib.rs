//! HTTP towards consumers: what happens to every request before an operation sees it, and the NGSI-LD HTTP binding.
//!
//! | module | owns |
//! |---|---|
//! | [`problem`] | problem details (RFC 7807): every error that a consumer is told |
//! | [`negotiate`] | media types of bodies and answers |
//! | [`in_language`] | what may be told in several languages, in that of who asks |
//! | [`tags`] | what a tag says of an entity, and conditions on changes |
//! | `vary` | on which headers of the request an answer depends |
//! | [`edge`] | the steps of every request in their order: hygiene, caller, rate limit, tenant |
//! | [`api`] | the NGSI-LD HTTP binding: a file for each operation, and the list of them |
//!
//! It speaks to no source: what an operation asks for, the federation answers.

#![recursion_limit = "256"]
// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod api;
pub mod edge;
pub mod in_language;
pub mod negotiate;
pub mod problem;
pub mod tags;
mod vary;
