//! What no table can see alone: sources that contradict each other, roles that no policy knows.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use ngsi_ld::TypeName;

use super::diagnostics::{Place, Report, nearest, suggest};
use super::document::{Entry, Node, Value};
use super::provides::{ProvidedType, Provides};
use super::source::{SourceConfig, upstream};
use super::tenant::{Tenant, TenantRole};
use crate::policy::Principals;

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
            report.error(place, message, "every source has a name of its own".to_owned());
            continue;
        }
        by_id.insert(source.id.as_str(), (source, place));
        if let Some((earlier, _)) = by_upstream.get(&upstream(source)) {
            let message = format!("sources `{}` and `{}` ask the same endpoint", earlier.id, source.id);
            report.warning(place, message, None);
        } else {
            by_upstream.insert(upstream(source), (source, place));
        }
        for earlier in claims.contested(source) {
            let message = format!(
                "`{}` of tenant `{}` and `{}` of tenant `{}` both claim to be authoritative for the same entities",
                earlier.id, earlier.tenant, source.id, source.tenant
            );
            let help = "give each claim an `id_pattern` that the other cannot match, such as the municipality's code";
            report.error(place, message, help.to_owned());
        }
        claims.add(source);
    }
}

/// A claim to authority, and who claims.
type Claim<'a> = (&'a SourceConfig, &'a Provides);

/// The claims to authority so far.
#[derive(Default)]
struct Claims<'a> {
    by_type: HashMap<&'a TypeName, ClaimsOfType<'a>>,
    of_any_type: Vec<Claim<'a>>,
}

/// The claims about one type. Two beginnings of ids meet only where one begins with the other, so that thousands of
/// towns are not compared with each other.
#[derive(Default)]
struct ClaimsOfType<'a> {
    by_beginning: BTreeMap<&'a str, Vec<Claim<'a>>>,
    others: Vec<Claim<'a>>,
}

impl<'a> ClaimsOfType<'a> {
    fn all(&self) -> impl Iterator<Item = &Claim<'a>> {
        self.by_beginning.values().flatten().chain(&self.others)
    }

    /// Those that may meet a claim.
    fn near<'b>(&'b self, claim: &'b Provides) -> Vec<&'b Claim<'a>> {
        let Some(beginning) = claim.beginning() else {
            return self.all().collect();
        };
        let longer = self
            .by_beginning
            .range(beginning..)
            .take_while(|(other, _)| other.starts_with(beginning));
        let shorter = beginning.char_indices().filter_map(|(end, _)| {
            let other = beginning.get(..end)?;
            self.by_beginning.get_key_value(other)
        });
        longer
            .chain(shorter)
            .flat_map(|(_, claims)| claims)
            .chain(&self.others)
            .collect()
    }
}

impl<'a> Claims<'a> {
    fn add(&mut self, source: &'a SourceConfig) {
        for claim in source.provides.iter().filter(|provides| provides.authoritative) {
            let ProvidedType::Type(name) = &claim.r#type else {
                self.of_any_type.push((source, claim));
                continue;
            };
            let claims = self.by_type.entry(name).or_default();
            match claim.beginning() {
                Some(beginning) => claims.by_beginning.entry(beginning).or_default().push((source, claim)),
                None => claims.others.push((source, claim)),
            }
        }
    }

    /// The sources of other tenants that claim what this one claims, each once.
    fn contested(&self, source: &SourceConfig) -> Vec<&'a SourceConfig> {
        let mut found: Vec<&SourceConfig> = Vec::new();
        for claim in source.provides.iter().filter(|provides| provides.authoritative) {
            let near: Vec<&Claim<'a>> = match &claim.r#type {
                ProvidedType::Type(name) => self
                    .by_type
                    .get(name)
                    .map(|claims| claims.near(claim))
                    .unwrap_or_default(),
                ProvidedType::Any => self.by_type.values().flat_map(ClaimsOfType::all).collect(),
            };
            for (earlier, other) in near.into_iter().chain(&self.of_any_type) {
                let is_new = found.iter().all(|known| known.id != earlier.id);
                if is_new && earlier.tenant != source.tenant && other.overlaps(claim) {
                    found.push(earlier);
                }
            }
        }
        found
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
