//! What is wrong with a revision, as JSON, and as far as an administrator may see it: a finding shows the line that it
//! is about, and that line may be another tenant's.

use std::collections::HashMap;

use kakehashi_config::AdministratorRole;
use kakehashi_core::diagnostics::{Diagnostic, Diagnostics, Severity};
use kakehashi_core::names::TenantId;
use kakehashi_documents::document::places_of_tenant;
use kakehashi_reload::ConfigFiles;
use serde_json::{Value, json};

use super::tenant_part::own_table;

/// What is told of a secret, whatever is wrong with it.
const UNUSABLE_SECRET: &str = "a secret that is named here cannot be used as it is; the operator is told why";

/// The members that tell of findings.
pub(super) struct Findings {
    /// Those that may be seen, each with the text that the command line shows.
    pub(super) diagnostics: Value,
    /// How many there are beside them.
    pub(super) hidden: usize,
}

/// The findings about a revision whose tenants.toml has this text.
pub(super) fn findings(
    diagnostics: &Diagnostics,
    role: &AdministratorRole,
    tenants_toml: &str,
    files: &ConfigFiles,
) -> Findings {
    let (seen, hidden) = match role {
        AdministratorRole::Operator => (diagnostics.clone(), diagnostics.left_out()),
        AdministratorRole::Auditor => {
            let seen = diagnostics.iter().cloned().map(without_secrets);
            return Findings {
                diagnostics: seen.map(|finding| shown(&finding)).collect(),
                hidden: diagnostics.left_out(),
            };
        }
        AdministratorRole::Tenant(tenant) => {
            let own_policies = files.policy_file(tenant.as_str()).display().to_string();
            let tenants_file = files.tenants_toml().display().to_string();
            let places = own_places(tenants_toml, tenant);
            let is_own = |finding: &Diagnostic| {
                finding.location.as_ref().is_some_and(|location| {
                    location.file == own_policies
                        || (location.file == tenants_file && places.contains_key(&(location.line, location.column)))
                })
            };
            // What is wrong between two tenants is found at one of them, and may be the proposal of the other.
            let is_between =
                |finding: &Diagnostic| finding.severity == Severity::Error && finding.told_to_tenant.is_some();
            let (seen, hidden) = diagnostics.filtered(|finding| is_own(finding) || is_between(finding));
            let shown_there = |mut finding: Diagnostic| {
                if !is_own(&finding) {
                    finding.location = None;
                }
                if let Some(location) = finding
                    .location
                    .as_mut()
                    .filter(|location| location.file == tenants_file)
                    && let Some(place) = places.get(&(location.line, location.column))
                {
                    (location.line, location.column) = *place;
                }
                if let Some(told) = finding.told_to_tenant {
                    told.clone_into(&mut finding.message);
                    finding.help = None;
                }
                if finding.helps_with_others {
                    finding.help = None;
                }
                without_secrets(finding)
            };
            let diagnostics = seen.iter().cloned().map(shown_there);
            return Findings {
                diagnostics: diagnostics.map(|finding| shown(&finding)).collect(),
                hidden,
            };
        }
    };
    Findings {
        diagnostics: seen.iter().map(shown).collect(),
        hidden,
    }
}

/// A finding as whoever is no operator is told it: of a secret no more than that it cannot be used, whether it is absent,
/// a folder, or unfit for what it is for.
fn without_secrets(mut finding: Diagnostic) -> Diagnostic {
    if finding.is_of_secret {
        UNUSABLE_SECRET.clone_into(&mut finding.message);
        finding.help = None;
    }
    finding
}

/// Where what a tenant may see of tenants.toml stands in the whole, and where in the part that it is shown.
fn own_places(tenants_toml: &str, tenant: &TenantId) -> HashMap<(usize, usize), (usize, usize)> {
    let whole = places_of_tenant(tenants_toml, tenant.as_str());
    let part = own_table(tenants_toml, tenant).unwrap_or_default();
    let part = places_of_tenant(&part, tenant.as_str());
    if whole.len() != part.len() {
        // They say the same, so that this does not happen; then the lines are those of the whole.
        return whole.iter().map(|place| (*place, *place)).collect();
    }
    whole.into_iter().zip(part).collect()
}

fn shown(finding: &Diagnostic) -> Value {
    let mut members = json!(finding);
    if let Some(members) = members.as_object_mut() {
        members.insert("text".to_owned(), finding.to_string().into());
    }
    members
}
