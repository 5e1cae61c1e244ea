//! A world as an administrator would write it: tenants.toml, the policies, the classes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use kakehashi::documents::files::FileTexts;
use ngsi_ld::context::Context;
use sha2::{Digest, Sha256};

use super::question::{q, ring};
use super::world::{
    Action, Class, EVERYWHERE, Filter, Head, PLACE, Permit, Principal, Resource, TYPES, When, World, names,
};

const SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");

/// What is said of the gateway itself: subscribers listen on the loopback.
pub(super) const GATEWAY: &str = "[gateway]\negress_allow = [\"127.0.0.0/8\"]\n";

pub(super) fn tenant_id(index: usize) -> String {
    format!("t{index}")
}

pub(super) fn source_id(tenant: usize, source: usize) -> String {
    format!("t{tenant}-s{source}")
}

pub(super) fn key_of(consumer: usize) -> String {
    format!("key-of-consumer-{consumer}")
}

/// What stands in tenants.toml of a key.
pub(super) fn hash_of(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a type is called in tenants.toml: what nobody has classified is known by its IRI alone. In policies it has its short
/// name.
pub(super) fn type_in_files(world: &World, name: &str) -> String {
    match world.type_class(name) {
        Some(_) => name.to_owned(),
        None => iri(name),
    }
}

fn iri(name: &str) -> String {
    Context::kakehashi().expand_type(name).unwrap().as_str().to_owned()
}

/// The files of a revision.
pub(super) fn files(world: &World) -> FileTexts {
    let mut files: BTreeMap<String, Arc<str>> = BTreeMap::new();
    let mut put = |name: &str, text: String| files.insert(name.to_owned(), text.into());
    put("tenants.toml", tenants_toml(world));
    put("policies/schema.cedarschema", SCHEMA.to_owned());
    put("policies/classification.toml", classification(world));
    let forbids = world.platform.iter().map(|head| policy("forbid", head, None));
    put("policies/platform.cedar", forbids.collect());
    for (index, tenant) in world
        .tenants
        .iter()
        .enumerate()
        .filter(|(_, tenant)| tenant.has_policies)
    {
        let permits = tenant.permits.iter().map(|permit| written_permit(permit, index));
        let forbids = tenant.forbids.iter().map(|head| policy("forbid", head, Some(index)));
        put(
            &format!("policies/{}.cedar", tenant_id(index)),
            permits.chain(forbids).collect(),
        );
    }
    files
}

/// The files, as somebody reads them who looks for a fault.
pub(super) fn shown(world: &World) -> String {
    let files = files(world).into_iter().filter(|(name, _)| !name.contains("schema"));
    files.map(|(name, text)| format!("--- {name}\n{text}")).collect()
}

fn tenants_toml(world: &World) -> String {
    let mut text = GATEWAY.to_owned();
    for (index, tenant) in world.tenants.iter().enumerate() {
        let id = tenant_id(index);
        let role = if index == 0 { "role = \"operator\"\n" } else { "" };
        write!(text, "[tenants.{id}]\n{role}").unwrap();
        for (place, source) in tenant.sources.iter().enumerate() {
            let provides: Vec<String> = source
                .provides
                .iter()
                .map(|name| format!("{{ type = \"{}\" }}", type_in_files(world, name)))
                .collect();
            write!(
                text,
                "[[tenants.{id}.sources]]\nid = \"{}\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:9\"\nfiware_service = \"{}\"\n\
                 personal_data = \"{}\"\nprovides = [{}]\n",
                source_id(index, place),
                source_id(index, place).replace('-', "_"),
                if source.may_be_personal { "present" } else { "none" },
                provides.join(", ")
            )
            .unwrap();
        }
    }
    text + &consumers_toml(world)
}

/// The tables of all consumers.
pub(super) fn consumers_toml(world: &World) -> String {
    let mut text = String::new();
    for (index, consumer) in world.consumers.iter().enumerate() {
        let quoted = |names: &[&str]| {
            names
                .iter()
                .map(|name| format!("\"{name}\""))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let hash = hash_of(&key_of(index));
        let affiliation = match consumer.tenant {
            Some(tenant) => format!("tenant = \"{}\"", tenant_id(tenant)),
            None => "organisation = \"elsewhere\"".to_owned(),
        };
        write!(
            text,
            "[consumers.c{index}]\n{affiliation}\nroles = [{}]\npurposes = [{}]\ncontracts = [{}]\nconsents = [{}]\n\
             keys = [{{ name = \"k\", sha256 = \"{hash}\" }}]\n",
            quoted(&consumer.roles),
            quoted(&consumer.purposes),
            quoted(&consumer.references.contracts),
            quoted(&consumer.references.consents),
        )
        .unwrap();
    }
    text
}

fn classification(world: &World) -> String {
    let mut text = format!("[attributes]\n{} = [\"{EVERYWHERE}\"]\n", world.everywhere.word());
    for (name, classes) in TYPES.iter().zip(&world.classes) {
        let Some(classes) = classes else { continue };
        write!(
            text,
            "[types.\"{name}\"]\nclass = \"{}\"\n[types.\"{name}\".attributes]\n",
            classes.class.word()
        )
        .unwrap();
        for class in Class::ALL {
            let of_class = names()
                .into_iter()
                .zip(&classes.attributes)
                .filter(|(_, own)| **own == Some(class));
            let of_class: Vec<String> = of_class.map(|(name, _)| format!("\"{name}\"")).collect();
            if !of_class.is_empty() {
                writeln!(text, "{} = [{}]", class.word(), of_class.join(", ")).unwrap();
            }
        }
    }
    text
}

/// The policy. `owner`: whose file it stands in; `None`: the operator's.
fn policy(effect: &str, head: &Head, owner: Option<usize>) -> String {
    let principal = match &head.principal {
        Principal::Anybody => "principal".to_owned(),
        Principal::Role(role) => format!("principal in Role::\"{role}\""),
        Principal::Consumer(index) => format!("principal == Consumer::\"c{index}\""),
        Principal::Tenant(index) => format!("principal in Tenant::\"{}\"", tenant_id(*index)),
    };
    let action = match head.action {
        Action::Any => "action",
        Action::Read => "action in Action::\"read\"",
        Action::Query => "action == Action::\"queryEntity\"",
        Action::Provide => "action in Action::\"provide\"",
        Action::Subscribe => "action in Action::\"subscribe\"",
        Action::ReadAndSubscribe => "action in [Action::\"read\", Action::\"subscribe\"]",
        Action::RetrieveAndTypes => "action in [Action::\"retrieveEntity\", Action::\"retrieveEntityTypes\"]",
    };
    let resource = match (head.resource, owner) {
        (Resource::All, Some(owner)) => format!("resource in Tenant::\"{}\"", tenant_id(owner)),
        (Resource::Type(name), Some(owner)) => {
            format!("resource == EntityType::\"{}/{name}\"", tenant_id(owner))
        }
        (_, None) => "resource".to_owned(),
    };
    let mut conditions = match &head.when {
        When::Always => String::new(),
        When::Class(class) => format!(" when {{ resource.class == Class::\"{}\" }}", class.word()),
        When::UnlessClass(class) => format!(" unless {{ resource.class == Class::\"{}\" }}", class.word()),
        When::Unclassified => " when { resource.class == Class::\"unclassified\" }".to_owned(),
        When::Purpose(purpose) => {
            format!(" when {{ context has purpose && context.purpose == \"{purpose}\" }}")
        }
    };
    if let (Resource::Type(name), None) = (head.resource, owner) {
        write!(conditions, " when {{ resource.iri == \"{}\" }}", iri(name)).unwrap();
    }
    format!("{effect} ({principal}, {action}, {resource}){conditions};\n")
}

fn written_permit(permit: &Permit, owner: usize) -> String {
    let mut text = String::new();
    let mut annotate = |name: &str, value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        writeln!(text, "@{name}(\"{value}\")").unwrap();
    };
    if let Some(named) = &permit.attributes {
        annotate("attributes", &named.join(","));
    }
    if !permit.without.is_empty() {
        annotate("without", &permit.without.join(","));
    }
    if let Some(filter) = &permit.q {
        annotate("q", &q(filter));
    }
    if let Some(scope) = permit.scope {
        annotate("scope", scope);
    }
    if let Some(area) = permit.area {
        annotate(
            "area",
            &format!("{{\"type\":\"Polygon\",\"coordinates\":{}}}", ring(area)),
        );
    }
    if let Some(ids) = permit.ids {
        annotate("ids", ids);
    }
    if !permit.purposes.is_empty() {
        annotate("purpose", &permit.purposes.join(","));
    }
    if !permit.references.contracts.is_empty() {
        annotate("contract", &permit.references.contracts.join(","));
    }
    if !permit.references.consents.is_empty() {
        annotate("consent", &permit.references.consents.join(","));
    }
    if permit.needs_assurance {
        annotate("ial", "1");
    }
    text + &policy("permit", &permit.head, Some(owner))
}

/// The world without conditions that no permit may have: `check` refuses those on what is stricter than limited or
/// unclassified.
pub(super) fn allowed(mut world: World) -> World {
    fn asks(filter: &Filter) -> Vec<&'static str> {
        match filter {
            Filter::And(one, other) | Filter::Or(one, other) => [asks(one), asks(other)].concat(),
            Filter::Condition(name, ..) => vec![name],
        }
    }
    let known = world.clone();
    for permit in world.tenants.iter_mut().flat_map(|tenant| &mut tenant.permits) {
        let resource = permit.head.resource;
        permit.q = permit
            .q
            .take()
            .filter(|filter| asks(filter).iter().all(|name| known.may_ask(resource, name)));
        if let Resource::Type(r#type) = resource {
            let class = known.attribute_class(r#type, PLACE);
            permit.area = permit
                .area
                .filter(|_| matches!(class, None | Some(Class::Open | Class::Limited)));
        }
    }
    world
}
