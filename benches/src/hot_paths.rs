//! The code that every read passes, each with an input of usual size: for criterion (`benches/hot_paths.rs`), which
//! measures time, and for `counts`, which counts instructions.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use kakehashi::config::{Config, Environment, today_in_japan};
use kakehashi::core::TenantId;
use kakehashi::core::consumer::Consumer;
use kakehashi::policy::inspection::{Actions, Inspection};
use kakehashi::policy::{Operation, PersonalData};
use kakehashi::runtime::ConsumerLimiters;
use kakehashi_adapters::AttributeSelection;
use kakehashi_adapters::mapping::{Mapping, translate_records};
use kakehashi_adapters::ngsi_v2::translate::{ProvidedType, TranslationContext, translate_entities};
use ngsi_ld::context::{Context, ContextBuilder};
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::entity::render::{Format, Rendering, render_entities};
use ngsi_ld::merge::{Clock, Part, merge_parts};
use ngsi_ld::query::{Expression, Query};
use ngsi_ld::{Entity, TypeName};

use crate::{bare_transform, workload};

/// Something that is done again and again.
pub struct HotPath {
    /// What it does.
    pub name: &'static str,
    /// Bytes that it reads, where that is what it is about.
    pub bytes: Option<usize>,
    /// Whether its instructions are counted and held against the baseline: what most reads spend their time on.
    pub counted: bool,
    /// Does it once.
    pub run: Box<dyn FnMut()>,
}

/// An input that does not fit the code: a fault of the benchmark.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Entities of a list: a page as it is usually asked for.
const ENTITIES: usize = 100;

/// The key of the benchmark's consumer, and its SHA-256. It opens nothing but the benchmarks.
const KEY: &[u8] = b"benchmark";
const KEY_SHA256: &str = "0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc";

/// All of them.
///
/// # Errors
/// When an input is refused.
pub fn all() -> Result<Vec<HotPath>, Failure> {
    let mut paths = translation()?;
    paths.extend(records()?);
    paths.extend(view()?);
    paths.extend(contexts()?);
    paths.extend(queries()?);
    paths.extend(decisions()?);
    Ok(paths)
}

fn path(name: &'static str, bytes: Option<usize>, counted: bool, run: impl FnMut() + 'static) -> HotPath {
    HotPath {
        name,
        bytes,
        counted,
        run: Box::new(run),
    }
}

fn rendered(context: &Context, entities: &[Entity]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * 1024);
    render_entities(&Rendering::new(context, Format::Normalized), entities, &mut out);
    out
}

fn site_type() -> Result<TypeName, Failure> {
    Ok(Context::kakehashi().expand_type("EvacuationSite")?)
}

/// The five-attribute entities of the view.
fn five_attributes() -> Result<Vec<Entity>, Failure> {
    Ok(parse_entities(
        workload::ngsi_ld_list(ENTITIES).as_bytes(),
        Context::kakehashi(),
    )?)
}

fn translation() -> Result<Vec<HotPath>, Failure> {
    let context = Context::kakehashi();
    let list = workload::ngsi_v2_list(ENTITIES);
    let translation = Arc::new(TranslationContext {
        types: vec![ProvidedType {
            name: site_type()?,
            short: "EvacuationSite".into(),
        }],
        context: Arc::clone(context),
        attributes: AttributeSelection::All,
        system_attributes: false,
        object_types: Arc::default(),
        scopes: false,
        tables: Arc::default(),
    });
    let translated = translate_entities(list.as_bytes(), &translation)?;
    if translated.len() != ENTITIES {
        return Err("the benchmark's own list is not translated whole".into());
    }
    let (bytes, again, bare) = (Some(list.len()), list.clone(), list.clone());
    let whole = Arc::clone(&translation);
    Ok(vec![
        path("NGSI-v2 to entities", bytes, true, move || {
            let _ = black_box(translate_entities(black_box(list.as_bytes()), &translation));
        }),
        path("NGSI-v2 to NGSI-LD", bytes, false, move || {
            if let Ok(entities) = translate_entities(black_box(again.as_bytes()), &whole) {
                black_box(rendered(context, &entities));
            }
        }),
        path("NGSI-v2 to NGSI-LD by the bare transform", bytes, false, move || {
            let _ = black_box(bare_transform::transform(black_box(bare.as_bytes())));
        }),
    ])
}

fn records() -> Result<Vec<HotPath>, Failure> {
    let context = Context::kakehashi();
    let mapping = include_str!("../../mappings/sano.toml");
    let mapping = Arc::new(
        Mapping::parse(mapping, "mappings/sano.toml", context).map_err(|_| "the committed mapping is refused")?,
    );
    let one = |name: &'static str, r#type: &str, counted, body: String| -> Result<HotPath, Failure> {
        let (mapping, r#type) = (Arc::clone(&mapping), context.expand_type(r#type)?);
        let all = AttributeSelection::All;
        if translate_records(&mapping, &r#type, &all, body.as_bytes())?.len() != ENTITIES {
            return Err("the benchmark's own records are not mapped whole".into());
        }
        Ok(path(name, Some(body.len()), counted, move || {
            let _ = black_box(translate_records(&mapping, &r#type, &all, black_box(body.as_bytes())));
        }))
    };
    Ok(vec![
        one(
            "records to entities",
            "EvacuationSite",
            true,
            workload::sano_sites(ENTITIES),
        )?,
        one(
            "GeoJSON records to entities",
            "DesignatedShelter",
            false,
            workload::sano_shelters(ENTITIES),
        )?,
    ])
}

fn view() -> Result<Vec<HotPath>, Failure> {
    let own = Context::kakehashi();
    let list = workload::ngsi_ld_list(ENTITIES);
    let bytes = Some(list.len());
    let again = list.clone();
    let entities = Arc::new(five_attributes()?);
    let large = Context::builder()
        .document(&workload::context_document(1_500))
        .and_then(ContextBuilder::build)?;
    let mut paths = vec![
        path("parse 100 entities", bytes, true, move || {
            let _ = black_box(parse_entities(black_box(list.as_bytes()), own));
        }),
        path("parse and render 100 entities", bytes, false, move || {
            if let Ok(entities) = parse_entities(black_box(again.as_bytes()), own) {
                black_box(rendered(own, &entities));
            }
        }),
    ];
    for (name, counted, context) in [
        ("render under the own context", true, Arc::clone(own)),
        ("render under the core context", false, Arc::clone(Context::core())),
        ("render under 1,500 terms", true, Arc::new(large)),
    ] {
        let entities = Arc::clone(&entities);
        paths.push(path(name, bytes, counted, move || {
            black_box(rendered(&context, black_box(&entities)));
        }));
    }
    Ok(paths)
}

fn contexts() -> Result<Vec<HotPath>, Failure> {
    let own = Context::kakehashi();
    let entities = five_attributes()?;
    let names: Vec<String> = entities
        .iter()
        .flat_map(|entity| &entity.attributes)
        .map(|attribute| own.compact(attribute.name.as_str()).into())
        .collect();
    let document = workload::context_document(10_000);
    Context::from_document(&document)?;
    Ok(vec![
        path("expand 500 names", None, false, move || {
            for name in &names {
                let _ = black_box(own.expand_attribute(black_box(name)));
            }
        }),
        path("compact 500 names", None, false, move || {
            for attribute in entities.iter().flat_map(|entity| &entity.attributes) {
                black_box(own.compact(black_box(attribute.name.as_str())));
            }
        }),
        path(
            "compile a context of 10,000 terms",
            Some(document.len()),
            false,
            move || {
                let _ = black_box(Context::from_document(black_box(&document)));
            },
        ),
    ])
}

fn queries() -> Result<Vec<HotPath>, Failure> {
    let q = r#"maxCapacity>=350;typeOfDisasterFlood==true;(name=="佐野市立第1小学校"|managedBy=="urn:ngsi-ld:Organization:7")"#;
    let context = Context::kakehashi();
    let query = Query {
        filter: Some(Expression::parse(q, context)?),
        ..Query::default()
    };
    let entities = five_attributes()?;
    // Later than any date of the entities: none of them lies in the future.
    let clock = Clock::at(DateTime::parse("2100-01-01T00:00:00Z")?);
    let parts: Vec<Vec<Part>> = entities
        .iter()
        .map(|entity| {
            let part = |authoritative| Part {
                entity: entity.clone(),
                authoritative,
            };
            vec![part(false), part(true), part(false)]
        })
        .collect();
    Ok(vec![
        path("parse q", Some(q.len()), false, move || {
            let _ = black_box(Expression::parse(black_box(q), context));
        }),
        path("evaluate q on 100 entities", None, true, move || {
            for entity in &entities {
                black_box(query.matches(black_box(entity)));
            }
        }),
        path("merge 100 entities of three parts", None, true, move || {
            for parts in &parts {
                black_box(merge_parts(black_box(parts.clone()), &clock));
            }
        }),
    ])
}

fn decisions() -> Result<Vec<HotPath>, Failure> {
    let config = Arc::new(configuration()?);
    let consumer: Arc<Consumer> = Arc::clone(
        config
            .consumers
            .authenticate(KEY, today_in_japan())
            .map_err(|_| "the benchmark's own key is refused")?
            .0,
    );
    let sano: TenantId = config.tenant("sano").ok_or("no tenant")?.id.clone();
    let r#type = site_type()?;
    let policies = config.policy.clone();
    let types = vec![r#type.clone()];
    let grants = policies.grants(&consumer, Operation::QueryEntity, &sano, &types, PersonalData::Present);
    let entities = five_attributes()?;
    let inspected = entities.clone();
    let inspection = Inspection::new(Actions::default(), policies.classification());
    if grants.is_empty() {
        return Err("the benchmark's own consumer is granted nothing".into());
    }
    let limiters = ConsumerLimiters::default();
    let (decided, asking, owner) = (policies.clone(), Arc::clone(&consumer), sano.clone());
    let mut invented = 0_u64;
    let (limited, authenticated) = (Arc::clone(&consumer), Arc::clone(&config));
    Ok(vec![
        path("remembered policy decision", None, true, move || {
            black_box(policies.grants(&consumer, Operation::QueryEntity, &sano, &types, PersonalData::Present));
        }),
        path("policy decision by Cedar", None, false, move || {
            // A type that nobody has asked for yet is decided anew.
            invented += 1;
            if let Ok(r#type) = Context::kakehashi().expand_type(&format!("https://example.org/{invented}")) {
                black_box(decided.grant(&asking, Operation::QueryEntity, &owner, &r#type, PersonalData::None));
            }
        }),
        path("project 100 entities", None, true, move || {
            for entity in &entities {
                black_box(grants.project(black_box(entity.clone())));
            }
        }),
        path(
            "inspect 100 entities in which nothing is found",
            None,
            false,
            move || {
                for entity in &inspected {
                    black_box(inspection.inspect(black_box(entity.clone()), &mut |_| {}));
                }
            },
        ),
        path("rate limit", None, true, move || {
            black_box(limiters.admits(&limited.id, limited.limits));
        }),
        path("authenticate", None, false, move || {
            let _ = black_box(authenticated.consumers.authenticate(black_box(KEY), today_in_japan()));
        }),
    ])
}

/// A configuration with the committed policies of Sano.
fn configuration() -> Result<Config, Failure> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("tenants.toml");
    std::fs::write(
        &file,
        format!(
            "[tenants.sano]\nname = \"佐野市\"\ncode = \"092045\"\n\
             [consumers.bench]\ntenant = \"sano\"\nroles = [\"reader\"]\n\
             limits = {{ requests_per_second = 1000000, burst = 1000000, concurrency = 1000 }}\n\
             keys = [{{ name = \"bench\", sha256 = \"{KEY_SHA256}\" }}]\n"
        ),
    )?;
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies)?;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    for name in [
        "schema.cedarschema",
        "classification.toml",
        "platform.cedar",
        "sano.cedar",
    ] {
        std::fs::copy(committed.join(name), policies.join(name))?;
    }
    let config = Config::load(&file, &policies, &Environment::of_process());
    config.map_err(|diagnostics| diagnostics.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hot_path_runs_and_ten_are_counted() {
        let mut paths = all().unwrap();
        for path in &mut paths {
            (path.run)();
        }
        assert_eq!(paths.iter().filter(|path| path.counted).count(), 10);
    }
}
