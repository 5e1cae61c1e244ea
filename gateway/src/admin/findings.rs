//! What is wrong with a revision, as JSON, and as far as an administrator may see it: a finding shows the line that it
//! is about, and that line may be another tenant's.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::config::{AdministratorRole, Diagnostic, Diagnostics, places_of_tenant};
use crate::reload::ConfigFiles;

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
        AdministratorRole::Operator | AdministratorRole::Auditor => (diagnostics.clone(), diagnostics.left_out()),
        AdministratorRole::Tenant(tenant) => {
            let own_policies = files.policy_file(tenant.as_str()).display().to_string();
            let tenants_file = files.tenants_toml().display().to_string();
            let own_places: HashSet<(usize, usize)> = places_of_tenant(tenants_toml, tenant.as_str());
            diagnostics.filtered(|finding| {
                finding.location.as_ref().is_some_and(|location| {
                    location.file == own_policies
                        || (location.file == tenants_file && own_places.contains(&(location.line, location.column)))
                })
            })
        }
    };
    Findings {
        diagnostics: seen.iter().map(shown).collect(),
        hidden,
    }
}

fn shown(finding: &Diagnostic) -> Value {
    let mut members = json!(finding);
    if let Some(members) = members.as_object_mut() {
        members.insert("text".to_owned(), finding.to_string().into());
    }
    members
}
