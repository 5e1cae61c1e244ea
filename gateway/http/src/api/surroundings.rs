//! What surrounds the parameters of a request.

use kakehashi_core::names::TenantId;
use ngsi_ld::context::Context;

use crate::negotiate::MediaType;

/// What surrounds the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The request's @context.
    pub context: &'a Context,
    /// The negotiated media type.
    pub media_type: MediaType,
    /// `NGSILD-Tenant`
    pub tenant: Option<&'a TenantId>,
    /// The largest `limit`.
    pub largest_page: usize,
    /// `splitEntities`, where the request does not say it (clause 5.7.2.4).
    pub split_entities: bool,
}
