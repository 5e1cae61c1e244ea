//! What no table can see alone: sources that contradict each other, roles that no policy knows.

use hashbrown::HashMap;
use kakehashi_policy::Principals;

use super::claims::{Claims, check_undecided};
use super::gateway::FEDERATION;
use super::same_system;
use super::side_by_side;
use super::source::SourceConfig;
use super::tenant::{Tenant, TenantRole};
use kakehashi_core::diagnostics::{Place, Report, Severity, nearest, suggest, suggest_tenant};
use kakehashi_core::names::TenantId;
use kakehashi_documents::document::{Entry, Node, Value};

/// What is known of a source, with the place of its id.
type Placed<'a> = (&'a SourceConfig, &'a Place);

/// Compares the sources with each other. `places` are those of their ids, in the same order. Two thousand tenants
/// bring thousands of sources, so that only those are compared which can contradict each other.
pub(crate) fn check_sources(tenants: &[Tenant], places: &[&Place], report: &Report) {
    let sources: Vec<Placed<'_>> = tenants
        .iter()
        .flat_map(|tenant| &tenant.sources)
        .map(AsRef::as_ref)
        .zip(places.iter().copied())
        .collect();
    let mut by_id: HashMap<&str, Placed<'_>> = HashMap::new();
    let mut by_upstream: HashMap<String, Placed<'_>> = HashMap::new();
    let mut claims = Claims::default();
    for (source, place) in sources {
        if let Some((earlier, _)) = by_id.get(source.id.as_str()) {
            let message = format!(
                "two sources are called `{}`, of tenants `{}` and `{}`",
                source.id, earlier.tenant, source.tenant
            );
            let told = "there is another source of this name: every source has a name of its own";
            let help = "every source has a name of its own".to_owned();
            report.between_tenants(Severity::Error, place, message, help, told);
            continue;
        }
        by_id.insert(source.id.as_str(), (source, place));
        // Those of two tenants are a matter of their own.
        match by_upstream.get(&source.settings.upstream()) {
            Some((earlier, _)) if earlier.tenant == source.tenant => {
                let message = format!("sources `{}` and `{}` ask the same endpoint", earlier.id, source.id);
                report.warning(place, message, None);
            }
            Some(_) => {}
            None => {
                by_upstream.insert(source.settings.upstream(), (source, place));
            }
        }
        for (owner, earlier) in claims.contested(source) {
            let message = format!(
                "`{}` of tenant `{}` and `{}` of tenant `{}` both claim to be authoritative for the same entities",
                earlier.source.id, earlier.owner, source.id, owner
            );
            let help = "give each claim an `id_pattern` that the other cannot match, such as the municipality's code";
            let told = "another tenant claims to be authoritative for some of the same entities: ask the operator";
            report.between_tenants(Severity::Error, place, message, help.to_owned(), told);
        }
        claims.add(source);
    }
    let places: HashMap<&str, &Place> = by_id.iter().map(|(id, (_, place))| (*id, *place)).collect();
    side_by_side::check_exclusive(tenants, &places, report);
    // What is wrong is mended first.
    if report.has_errors() {
        return;
    }
    side_by_side::check_written_twice(tenants, &places, report);
    same_system::check(tenants, &places, report);
    check_undecided(tenants, &places, report);
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

/// The tenant that a request means which names none.
pub(crate) fn check_without_tenant(named: &TenantId, tenants: &[TenantId], place: &Place, report: &Report) {
    if !tenants.contains(named) {
        let known = tenants.iter().map(TenantId::as_str).chain([FEDERATION]);
        let known: Vec<&str> = known.collect();
        let message = format!("unknown tenant `{}` in {}", named.as_str(), "[gateway]");
        report.error(place, message, suggest_tenant(named.as_str(), known));
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
            let help = near.map_or_else(
                || format!("write a permit for Role::\"{name}\", or take the role out"),
                |near| format!("did you mean `{near}`?"),
            );
            report.warning(&role.place, message, help);
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
