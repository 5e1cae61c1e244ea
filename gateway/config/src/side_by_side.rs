//! Sources of one tenant that say, by their modes, something of the same data: two that are both its only place, and those to which
//! the same is written twice.

use hashbrown::HashMap;

use super::source::SourceConfig;
use super::tenant::Tenant;
use kakehashi_core::diagnostics::{Place, Report};
use kakehashi_core::mode::Mode;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};

/// Two sources of one tenant cannot be the only place of the same: what one is exclusive for no other proxied source is
/// registered for (clause 4.3.6.3). `places` are those of the ids of all sources.
//= 4.3.6.3-1
pub(crate) fn check_exclusive(tenants: &[Tenant], places: &HashMap<&str, &Place>, report: &Report) {
    for tenant in tenants {
        let sources = tenant.sources.iter().map(AsRef::as_ref);
        let sources: Vec<&SourceConfig> = sources
            .filter(|source: &&SourceConfig| source.mode.is_proxied())
            .collect();
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
