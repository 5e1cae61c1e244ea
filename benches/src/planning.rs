//! What planning costs: which sources are asked, and what of the question each of them may be told; and what it costs one of
//! them to say what it decides and to write its request. Nothing is sent.

use std::hint::black_box;
use std::sync::Arc;

use kakehashi::config::Config;
use kakehashi::core::TenantId;
use kakehashi::core::consumer::Consumer;
use kakehashi::federation::Question;
use kakehashi::federation::flawed::Flawed;
use kakehashi::federation::pages::known_list::KnownLists;
use kakehashi::federation::plan::{Asker, narrow};
use kakehashi::federation::registry::{OwnIds, Provision, RegisteredSource, Registration, Registry};
use kakehashi::federation::tenant_limits::TenantLimiters;
use kakehashi::policy::inspection::{Actions, Inspection};
use kakehashi::policy::{Operation, PersonalData};
use kakehashi::telemetry::FindingCounter;
use kakehashi_adapters::client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::ngsi_v2::translate::ProvidedType;
use kakehashi_adapters::ngsi_v2::{EVERY_SERVICE_PATH, NgsiV2Adapter, NgsiV2Settings};
use kakehashi_adapters::{AttributeSelection, Page, SourceId, SourceQuery};
use ngsi_ld::TypeName;
use ngsi_ld::context::Context;
use ngsi_ld::query::{Expression, GeoQuery, Query, TypeSelection};

use crate::hot_paths::{Failure, HotPath};
use crate::scaled_policies::{self, Scale};

/// How many sources there are, and how many of them hold what is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Sources {
    /// All of them, spread over the tenants.
    pub registered: usize,
    /// Those that are asked.
    pub asked: usize,
    /// What it is called.
    pub name: &'static str,
}

/// Of a prefecture, for one kind of data.
pub const FEW_OF_A_PREFECTURE: Sources = Sources {
    registered: 100,
    asked: 10,
    name: "plan over 100 sources, 10 of them asked",
};

/// Of a prefecture, for what everybody has.
pub const ALL_OF_A_PREFECTURE: Sources = Sources {
    registered: 100,
    asked: 100,
    name: "plan over 100 sources, all of them asked",
};

/// Of the country, for one kind of data.
pub const FEW_OF_THE_COUNTRY: Sources = Sources {
    registered: 10_000,
    asked: 10,
    name: "plan over 10,000 sources, 10 of them asked",
};

/// Tenants among which the sources are spread.
const TENANTS: usize = 100;

/// Planning one question of three conditions.
///
/// # Errors
/// When the benchmark's own configuration or question is refused.
pub fn planning(sources: Sources) -> Result<HotPath, Failure> {
    let scale = Scale {
        tenants: TENANTS,
        policies: 3,
        ..scaled_policies::SMALL
    };
    let config = scaled_policies::configuration(scale)?;
    let consumer = Arc::clone(config.consumers.get("bench").ok_or("no consumer")?);
    let site = Context::kakehashi().expand_type("EvacuationSite")?;
    let registry = registry(&config, sources, &site)?;
    let question = question(&site)?;
    let limits = TenantLimiters::default();
    let named = vec![site];
    let planned = plan(&question, &config, &consumer, &registry, &limits, &named)?;
    if planned != sources.asked {
        return Err(format!("{planned} sources are asked").into());
    }
    Ok(HotPath {
        name: sources.name,
        bytes: None,
        counted: false,
        run: Box::new(move || {
            let _ = black_box(plan(
                &question,
                &config,
                &consumer,
                &registry,
                &limits,
                black_box(&named),
            ));
        }),
    })
}

/// What one Orion is asked: of the question, and of a type alone. What it decides, and the request for a page.
///
/// # Errors
/// When the benchmark's own configuration or question is refused.
pub fn asking() -> Result<HotPath, Failure> {
    let config = scaled_policies::configuration(scaled_policies::SMALL)?;
    let site = Context::kakehashi().expand_type("EvacuationSite")?;
    let one = Sources {
        registered: 1,
        asked: 1,
        name: "ask an Orion",
    };
    let registry = registry(&config, one, &site)?;
    let source = Arc::clone(registry.configured().first().ok_or("no source")?);
    let Query { filter, geo, .. } = question(&site)?.query;
    let whole = SourceQuery {
        attributes: AttributeSelection::only([Context::kakehashi().expand_attribute("name")?]),
        ..SourceQuery::of_types(vec![site])
    };
    let some = SourceQuery {
        filter: filter.map(Into::into),
        geo: geo.map(Into::into),
        ..whole.clone()
    };
    let page = Some(Page { limit: 21, offset: 0 });
    Ok(HotPath {
        name: one.name,
        bytes: None,
        counted: true,
        run: Box::new(move || {
            for query in [&some, &whole] {
                let prepared = source.adapter.prepare(black_box(query));
                black_box(prepared.push_down());
                let _ = black_box(prepared.asked(page));
            }
        }),
    })
}

/// Narrows the question and splits it into one for each source, as every query does. Gives how many are asked.
fn plan(
    question: &Question,
    config: &Config,
    consumer: &Arc<Consumer>,
    registry: &Registry,
    limits: &TenantLimiters,
    named: &[TypeName],
) -> Result<usize, Failure> {
    let known_lists = KnownLists::default();
    let asker = Asker {
        consumer,
        operation: Operation::QueryEntity,
        policies: &config.policy,
        registry,
        tenant_limits: limits,
        fan_out: 128,
        extensions: config.gateway.extensions,
        known_lists: &known_lists,
    };
    Ok(narrow(question, &asker, named)?.len())
}

fn question(site: &TypeName) -> Result<Question, Failure> {
    let context = Context::kakehashi();
    let filter = r#"maxCapacity>=350;typeOfDisasterFlood==true;name=="佐野市立第1小学校""#;
    let geo = GeoQuery::parse("near;maxDistance==2000", "Point", "[139.5,36.3]", None, context)?;
    Ok(Question {
        query: Query {
            types: Some(TypeSelection::Type(site.clone())),
            filter: Some(Expression::parse(filter, context)?),
            geo: Some(geo),
            ..Query::default()
        },
        ..Question::default()
    })
}

fn registry(config: &Config, sources: Sources, site: &TypeName) -> Result<Registry, Failure> {
    let context = Context::kakehashi();
    let http = HttpClient::new(&HttpClientSettings::default())?;
    let inspection = Inspection::new(Actions::default(), config.policy.classification());
    let tenants: Vec<TenantId> = config.tenants.iter().map(|tenant| tenant.id.clone()).collect();
    let mut registered = Vec::with_capacity(sources.registered);
    for number in 0..sources.registered {
        // Those that are asked stand among the others.
        let is_asked = number * sources.asked / sources.registered != (number + 1) * sources.asked / sources.registered;
        let r#type = if is_asked {
            site.clone()
        } else {
            context.expand_type(&format!("https://example.org/{number}"))?
        };
        let id = SourceId::new(format!("orion-{number}"));
        let settings = NgsiV2Settings {
            source: id.clone(),
            endpoint: "http://127.0.0.1:1026".to_owned(),
            fiware_service: None,
            fiware_servicepath: EVERY_SERVICE_PATH.to_owned(),
            types: vec![ProvidedType {
                name: r#type.clone(),
                short: format!("Type{number}").into(),
            }],
            context: Arc::clone(context),
            ids_repeat: kakehashi_adapters::ngsi_v2::IdsRepeat::No,
            object_types: Vec::new(),
            scope_from_servicepath: false,
        };
        registered.push(RegisteredSource {
            id,
            tenant: tenants.get(number % tenants.len()).ok_or("no tenant")?.clone(),
            adapter: Arc::new(NgsiV2Adapter::new(
                http.clone(),
                settings,
                None,
                SourceLimits::default(),
            )?),
            provides: vec![Provision::of_type(r#type)],
            registration: Registration::default(),
            personal_data: PersonalData::None,
            is_store: false,
            writable: false,
            inspection: inspection.clone(),
            findings: FindingCounter::new()?,
            flawed: Flawed::default(),
            owns_ids: OwnIds::default(),
            credential_from: None,
        });
    }
    Ok(Registry::new(registered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_sources_are_planned_for_as_hold_what_is_asked_for() {
        for sources in [FEW_OF_A_PREFECTURE, ALL_OF_A_PREFECTURE] {
            let mut path = planning(sources).unwrap();
            (path.run)();
        }
        let mut asking = asking().unwrap();
        (asking.run)();
        assert!(asking.counted);
    }
}
