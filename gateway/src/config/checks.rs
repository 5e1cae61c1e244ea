//! What no table can see alone: sources that contradict each other, roles that no policy knows.

use std::collections::BTreeSet;

use super::diagnostics::{Place, Report, nearest};
use super::document::{Entry, Node, Value};
use super::source::{SourceConfig, upstream};
use super::tenant::{Tenant, TenantRole};

/// Compares every source with every other one. `places` are those of their ids, in the same order.
pub(crate) fn check_sources(tenants: &[Tenant], places: &[&Place], report: &Report) {
    let sources: Vec<(&SourceConfig, &Place)> = tenants
        .iter()
        .flat_map(|tenant| &tenant.sources)
        .map(AsRef::as_ref)
        .zip(places.iter().copied())
        .collect();
    for (index, (source, place)) in sources.iter().enumerate() {
        for (earlier, _) in sources.iter().take(index) {
            compare(earlier, source, place, report);
        }
    }
}

fn compare(earlier: &SourceConfig, source: &SourceConfig, place: &Place, report: &Report) {
    if earlier.id == source.id {
        let message = format!(
            "two sources are called `{}`, of tenants `{}` and `{}`",
            source.id, earlier.tenant, source.tenant
        );
        report.error(place, message, "every source has a name of its own".to_owned());
        return;
    }
    if upstream(earlier) == upstream(source) {
        let message = format!("sources `{}` and `{}` ask the same endpoint", earlier.id, source.id);
        report.warning(place, message, None);
    }
    if earlier.tenant == source.tenant {
        return;
    }
    let claims = |source: &SourceConfig| {
        source
            .provides
            .clone()
            .into_iter()
            .filter(|provides| provides.authoritative)
    };
    let contested = claims(earlier).any(|left| claims(source).any(|right| left.overlaps(&right)));
    if contested {
        let message = format!(
            "`{}` of tenant `{}` and `{}` of tenant `{}` both claim to be authoritative for the same entities",
            earlier.id, earlier.tenant, source.id, source.tenant
        );
        let help =
            "give each claim an `id_pattern` that the other cannot match, such as the municipality's code".to_owned();
        report.error(place, message, help);
    }
}

/// One tenant, and only one, runs the platform.
pub(crate) fn check_operator(tenants: &[Tenant], place: &Place, report: &Report) {
    let operators: Vec<&str> = tenants
        .iter()
        .filter(|tenant| tenant.role == TenantRole::Operator)
        .map(|tenant| tenant.id.as_str())
        .collect();
    if operators.len() > 1 {
        let message = format!("several tenants have role = \"operator\": {}", operators.join(", "));
        report.error(
            place,
            message,
            "one of them runs the platform; the others are members".to_owned(),
        );
    }
}

/// A role that no policy speaks of gives nothing: most often it is written wrong. Whoever administers policies and
/// tenants.toml at different times needs to be told, and not to be kept from it.
pub(crate) fn check_roles(root: &Node, known: &BTreeSet<String>, report: &Report) {
    let Some(Node {
        value: Value::Table(consumers),
        ..
    }) = root.child("consumers")
    else {
        return;
    };
    for Entry {
        key: consumer, node, ..
    } in consumers
    {
        let Some(Node {
            value: Value::Array(roles),
            ..
        }) = node.child("roles")
        else {
            continue;
        };
        for role in roles {
            let Some(name) = role.as_text().filter(|name| !known.contains(*name)) else {
                continue;
            };
            let message = format!("no policy speaks of the role `{name}` of consumer `{consumer}`");
            let near = nearest(name, known.iter().map(String::as_str));
            report.warning(&role.place, message, near.map(|near| format!("did you mean `{near}`?")));
        }
    }
}
