//! The table of a tenant in tenants.toml.

use kakehashi_core::TenantId;
use toml::Table;

pub(super) const TENANTS_TOML: &str = "tenants.toml";

/// The table of a tenant.
pub(super) fn table_of<'a>(document: &'a Table, tenant: &TenantId) -> Option<&'a Table> {
    document.get("tenants")?.as_table()?.get(tenant.as_str())?.as_table()
}

pub(super) fn table_of_mut<'a>(document: &'a mut Table, tenant: &TenantId) -> Option<&'a mut Table> {
    let tenants = document.get_mut("tenants")?.as_table_mut()?;
    tenants.get_mut(tenant.as_str())?.as_table_mut()
}
