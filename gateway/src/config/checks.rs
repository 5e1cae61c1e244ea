//! What no table can see alone: sources that contradict each other, roles that no policy knows.

use super::diagnostics::{Place, Report, nearest, suggest};
use super::document::{Entry, Node, Value};
use super::source::{SourceConfig, upstream};
use super::tenant::{Tenant, TenantRole};
use crate::policy::Principals;

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
pub(crate) fn check_roles(root: &Node, principals: &Principals, report: &Report) {
    let Some(Node {
        value: Value::Table(consumers),
        ..
    }) = root.child("consumers")
    else {
        return;
    };
    for entry in consumers {
        let roles = match entry.node.child("roles").map(|roles| &roles.value) {
            Some(Value::Array(roles)) => roles.as_slice(),
            _ => &[],
        };
        for role in roles {
            let Some(name) = role.as_text().filter(|name| !principals.roles.contains(*name)) else {
                continue;
            };
            let message = format!("no policy speaks of the role `{name}` of consumer `{}`", entry.key);
            let near = nearest(name, principals.roles.iter().map(String::as_str));
            report.warning(&role.place, message, near.map(|near| format!("did you mean `{near}`?")));
        }
        if roles.is_empty() && !may_see_something(entry, principals) {
            let message = format!(
                "consumer `{}` has no role, and no policy names it: it sees nothing",
                entry.key
            );
            let help = suggest("", principals.roles.iter().map(String::as_str));
            report.warning(&entry.key_place, message, help);
        }
    }
}

/// Whether a consumer without a role may be meant by a policy all the same, or have roles by its tokens.
fn may_see_something(consumer: &Entry, principals: &Principals) -> bool {
    let is_named = |key: &str| {
        let name = consumer.node.child(key).and_then(Node::as_text);
        name.is_some_and(|name| principals.named.contains(name))
    };
    principals.anybody
        || principals.named.contains(&consumer.key)
        || is_named("tenant")
        || is_named("organisation")
        || consumer.node.child("jwt").is_some()
}
