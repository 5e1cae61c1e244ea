//! Requests to addresses that clients have named: @context documents and notification endpoints. Which addresses
//! they may lead to, and the one way in which they are asked.
//!
//! | module | owns |
//! |---|---|
//! | [`rule`] | which addresses may be asked |
//! | [`client`] | the HTTP client that follows the rule |
//!
//! It knows neither contexts nor subscriptions.

pub mod client;
pub mod rule;
