//! `mode` of a source: how it stands to the others of its tenant (CIM 009 clauses 4.3.6.2 and 4.3.6.3), and what contradicts it.

use hashbrown::HashMap;
use kakehashi_adapters::kind::{Kind, Transport};

use super::provides::Provides;
use super::source::SourceConfig;
use super::tenant::Tenant;
use kakehashi_core::diagnostics::{Place, Report};
use kakehashi_core::mode::Mode;
use kakehashi_core::names::TenantId;
use kakehashi_documents::section::Section;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};

/// Reads the mode of a source. A store has none: it is what the others stand beside.
pub(super) fn read(section: &Section<'_>, kind: Option<&dyn Kind>) -> Mode {
    let modes = [Mode::Inclusive, Mode::Exclusive, Mode::Redirect, Mode::Auxiliary];
    let mode = section.choice("mode", &modes.map(|mode| (mode.as_str(), mode)));
    let is_store = kind.is_some_and(|kind| kind.transport() == Transport::Local);
    let mode = mode.unwrap_or_default();
    if is_store && mode != Mode::Inclusive {
        let message = format!(
            "`mode` in {} has no meaning: a store is where the gateway itself keeps what no other source alone holds",
            section.title()
        );
        let help = "take it out here, and say of the other source what it is to the store".to_owned();
        let place = section.key_place("mode").unwrap_or(section.place());
        section.report().error(place, message, help);
        return Mode::Inclusive;
    }
    mode
}

/// What a mode asks of the rest of its source.
pub(super) fn check(section: &Section<'_>, mode: Mode, provides: &[Provides], is_writable: bool) {
    let place = section.key_place("mode").unwrap_or(section.place());
    if mode == Mode::Auxiliary && is_writable {
        let message = format!(
            "`mode = \"auxiliary\"` in {} does not go with `writable = true`: it is only asked, for what no other has",
            section.title()
        );
        let help = "take one of the two out".to_owned();
        section.report().error(place, message, help);
    }
    let is_narrow = |entry: &Provides| entry.id.is_some() && entry.attributes.is_some();
    if mode == Mode::Exclusive && !provides.iter().all(is_narrow) {
        let message = format!(
            "`mode = \"exclusive\"` in {} is for attributes of single entities: each entry of `provides` needs `id` and `attributes`",
            section.title()
        );
        let help = "write them, or mode = \"redirect\", which may be said of whole types".to_owned();
        section.report().error(place, message, help);
    }
}

/// Every source of the tenant that is proxied, in the order of the files.
fn proxied<'a>(tenants: &'a [Tenant], tenant: &'a TenantId) -> impl Iterator<Item = &'a SourceConfig> {
    let of_tenant = tenants.iter().filter(move |one| one.id == *tenant);
    let sources = of_tenant.flat_map(|tenant| &tenant.sources).map(AsRef::as_ref);
    sources.filter(|source| source.mode.is_proxied())
}

/// Two sources of one tenant cannot be the only place of the same: what one is exclusive for no other proxied source is
/// registered for (clause 4.3.6.3). `places` are those of the ids of all sources.
pub(crate) fn check_exclusive(tenants: &[Tenant], places: &HashMap<&str, &Place>, report: &Report) {
    for tenant in tenants {
        let sources: Vec<&SourceConfig> = proxied(tenants, &tenant.id).collect();
        for (index, source) in sources.iter().enumerate() {
            let earlier = sources.iter().take(index);
            let exclusive = earlier.filter(|other| other.mode == Mode::Exclusive || source.mode == Mode::Exclusive);
            let clash = exclusive
                .filter(|other| other.id != source.id)
                .find_map(|other| Some((other, shared(source, other)?)));
            if let Some((other, told)) = clash
                && let Some(place) = places.get(source.id.as_str())
            {
                let message = format!(
                    "`{}` and `{}` of tenant `{}` are both said to be the only place of {told}",
                    other.id, source.id, tenant.id
                );
                let help = "let one of them provide other attributes, or other ids".to_owned();
                report.error(place, message, help);
            }
        }
    }
}

/// The first attribute that both speak of in one entity, of an exclusive source and another.
fn shared(one: &SourceConfig, other: &SourceConfig) -> Option<String> {
    let pairs = one
        .provides
        .iter()
        .flat_map(|entry| other.provides.iter().map(move |theirs| (entry, theirs)));
    let mut meeting = pairs.filter(|(entry, theirs)| entry.overlaps(theirs));
    meeting.find_map(|(entry, theirs)| {
        let name = entry.shared_attribute(theirs)?;
        let id = entry.id.as_ref().or(theirs.id.as_ref())?;
        Some(format!("`{}` of {id}", compact_attribute(name)))
    })
}

/// Warns where each write of a type goes to the store and to another source as well: seldom does anybody mean that.
pub(crate) fn check_written_twice(tenants: &[Tenant], places: &HashMap<&str, &Place>, report: &Report) {
    let all = || tenants.iter().flat_map(|tenant| &tenant.sources).map(AsRef::as_ref);
    let stores: Vec<&SourceConfig> = all()
        .filter(|source: &&SourceConfig| source.partitions.is_some() && source.writable)
        .collect();
    for source in all().filter(|source: &&SourceConfig| source.partitions.is_none() && source.writable) {
        if source.mode != Mode::Inclusive {
            continue;
        }
        let partitions = stores.iter().filter(|store| store.owners().contains(&source.tenant));
        let twice = partitions
            .filter_map(|store| {
                let mut of_store = store.provided_by(&source.tenant);
                let (entry, theirs) = of_store.find_map(|theirs| {
                    let mut own = source.provides.iter();
                    own.find(|entry| entry.overlaps(theirs)).map(|entry| (entry, theirs))
                })?;
                Some((store, entry.type_name().or(theirs.type_name())))
            })
            .next();
        if let Some((store, name)) = twice
            && let Some(place) = places.get(source.id.as_str())
        {
            let name = name.map_or_else(|| "*".to_owned(), compact_type);
            let message = format!(
                "what tenant `{}` writes of type `{name}` goes to `{}` and to `{}` as well",
                source.tenant, source.id, store.id
            );
            let help = format!(
                "to have it in `{}` alone, say mode = \"redirect\" there; to have it in the store alone, take the type out of its `provides`",
                source.id
            );
            report.warning(place, message, help);
        }
    }
}
