//! `[tenants.<id>]`: who shares the platform.

use std::num::NonZeroU32;
use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_policy::inspection::Actions;

use super::Loading;
use super::allowed::{self, Allowed};
use super::inspection;
use super::source::{self, MOST_PER_SECOND, SourceConfig};
use kakehashi_core::diagnostics::{Place, Report, Severity};
use kakehashi_core::names::{LocalGovernmentCode, TenantId, check_name};
use kakehashi_documents::document::Entry;
use kakehashi_documents::section::Section;

/// The name of the operator's policy file, beside those named after tenants.
const PLATFORM: &str = "platform";

/// An organisation that shares the platform.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// Its 全国地方公共団体コード.
    pub code: Option<LocalGovernmentCode>,
    /// Whether it runs the platform.
    pub role: TenantRole,
    /// How many questions may touch its sources, whoever asks; `None`: no limit.
    pub limits: Option<TenantLimits>,
    /// What is done with somebody's number or address in its values.
    pub inspection: Actions,
    /// What its administrator may propose over the admin API.
    pub allowed: Allowed,
    /// What it brings, in the order of the file.
    pub sources: Vec<Arc<SourceConfig>>,
}

/// What a tenant does on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantRole {
    /// It runs the platform.
    Operator,
    /// It shares data.
    Member,
}

/// How many questions may touch a tenant's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantLimits {
    /// Questions per second in the long run.
    pub requests_per_second: NonZeroU32,
    /// Questions at once after a pause.
    pub burst: NonZeroU32,
}

/// Reads `[tenants]`, and where each source's id stands.
pub(crate) fn read<'a>(section: &Section<'a>, loading: &Loading<'a>) -> (Vec<Tenant>, Vec<&'a Place>) {
    let mut entries: Vec<&Entry> = Vec::new();
    for entry in section.entries() {
        match check_name(&entry.key) {
            Ok(()) if entry.key == PLATFORM => {
                let message = "a tenant cannot be called `platform`: policies/platform.cedar is the operator's file";
                loading.report.error(&entry.key_place, message, None);
            }
            Ok(()) => entries.push(entry),
            Err(reason) => loading.report.error(&entry.key_place, reason, None),
        }
    }
    let ids: Vec<TenantId> = entries.iter().map(|entry| TenantId::new(entry.key.as_str())).collect();
    let mut places = Vec::new();
    let of_codes: Vec<&Place> = entries.iter().map(|entry| code_place(entry)).collect();
    let tenants = entries.into_iter().zip(&ids).map(|(entry, id)| {
        let (tenant, own_places) = read_tenant(id, entry, &ids, loading);
        places.extend(own_places);
        tenant
    });
    let tenants: Vec<Tenant> = tenants.collect();
    check_codes(&tenants, &of_codes, loading.report);
    (tenants, places)
}

fn code_place(entry: &Entry) -> &Place {
    entry.node.child("code").map_or(&entry.key_place, |code| &code.place)
}

/// A code is one local government's. Two tenants with one code are one that stands there twice, or a code that was copied.
fn check_codes(tenants: &[Tenant], places: &[&Place], report: &Report) {
    let mut first: HashMap<LocalGovernmentCode, (&Tenant, &Place)> = HashMap::new();
    for (tenant, place) in tenants.iter().zip(places) {
        let Some(code) = tenant.code else { continue };
        let Some((other, earlier)) = first.get(&code) else {
            first.insert(code, (tenant, place));
            continue;
        };
        let message = format!(
            "tenants `{}` ({}) and `{}` ({}) have the same code, {code}",
            other.id,
            earlier.in_words(),
            tenant.id,
            place.in_words()
        );
        let help = "every local government has a code of its own: correct one of the two lines, or take one of the tenants out";
        let told = "another tenant has this code: ask the operator";
        report.between_tenants(Severity::Error, place, message, help.to_owned(), told);
    }
}

fn read_tenant<'a>(
    id: &TenantId,
    entry: &'a Entry,
    ids: &[TenantId],
    loading: &Loading<'a>,
) -> (Tenant, Vec<&'a Place>) {
    let section = Section::new(format!("[tenants.{id}]"), &entry.node, loading.report);
    let name = section
        .text("name")
        .map_or_else(|| id.to_string(), |name| name.value.to_owned());
    let code = section.parsed("code", LocalGovernmentCode::parse);
    let role = section.choice(
        "role",
        &[("operator", TenantRole::Operator), ("member", TenantRole::Member)],
    );
    let role = role.unwrap_or(TenantRole::Member);
    let limits = section.section("limits").and_then(|table| {
        let rate = table
            .count("requests_per_second", MOST_PER_SECOND)
            .and_then(NonZeroU32::new);
        let burst = table.count("burst", MOST_PER_SECOND).and_then(NonZeroU32::new);
        if table.node("requests_per_second").is_none() {
            table.missing("requests_per_second", "200");
        }
        table.finish();
        Some(TenantLimits {
            requests_per_second: rate?,
            burst: burst.or(rate)?,
        })
    });
    let inspection = inspection::read(&section);
    let allowed = allowed::read(&section);
    section.refuse(
        "consent",
        "personal data is never relayed by this version, so there is nothing to consent to",
    );
    let mut sources = Vec::new();
    let mut places = Vec::new();
    for node in section.items("sources").unwrap_or_default() {
        let Some(source) = source::read(node, id, ids, loading) else {
            continue;
        };
        if source.partitions.is_some() && role != TenantRole::Operator {
            let message = format!(
                "the store `{}` belongs to tenant `{id}`, which is not the operator",
                source.id
            );
            loading.report.error(
                source::id_place(node),
                message,
                "the store is the operator's: move it to its tenant".to_owned(),
            );
        }
        sources.push(Arc::new(source));
        places.push(source::id_place(node));
    }
    section.finish();
    let tenant = Tenant {
        id: id.clone(),
        name,
        code,
        role,
        limits,
        inspection,
        allowed,
        sources,
    };
    (tenant, places)
}
