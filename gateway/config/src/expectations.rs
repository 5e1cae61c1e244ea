//! policies/tests/*.toml: what an administrator expects the policies to show and to hide.
//!
//! ```toml
//! [[expect]]
//! title = "the map shows names and places of Sano's sites"
//! consumer = "bousai-map"
//! operation = "queryEntity"        # the default
//! source = "sano-safe-map"
//! owner = "sano"                   # only for the store: whose partition
//! type = "EvacuationSite"
//! granted = true                   # the default; false: the type is absent
//! visible = ["name", "location"]
//! hidden = ["managerName"]
//! purpose = "disaster-response"    # what the request states; one of the consumer's purposes
//! ial = 2                          # what its token would say of how surely its holder was identified; aal likewise
//! entity = '''{"id": ...}'''        # a normalized entity: then the expectation is about what is shown of it
//! ```

use std::path::Path;
use std::sync::Arc;

use crate::Config;
use crate::ConsumerIndex;
use crate::Tenant;
use kakehashi_adapters::SourceId;
use kakehashi_core::consumer::{AssuranceLevels, Consumer, HIGHEST_LEVEL};
use kakehashi_core::diagnostics::{Place, Report, suggest};
use kakehashi_core::names::{ConsumerId, TenantId};
use kakehashi_documents::document::{Node, parse as parse_document};
use kakehashi_documents::files::Files;
use kakehashi_documents::section::{Placed, Section};
use kakehashi_documents::vocabulary::{compact_attribute, expand_attribute, expand_type};
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::{AttributeName, Entity, TypeName};
use serde::Serialize;

use kakehashi_policy::{Operation, PermitScope, TypeGrant, why_nothing};

/// One expectation.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    file: String,
    line: usize,
    title: String,
    consumer: ConsumerId,
    operation: Operation,
    source: SourceId,
    owner: TenantId,
    r#type: TypeName,
    granted: bool,
    visible: Vec<AttributeName>,
    hidden: Vec<AttributeName>,
    purpose: Option<String>,
    levels: AssuranceLevels,
    /// What the source holds; `None`: the expectation is about the type.
    entity: Option<Entity>,
}

/// What came of one expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The file that it stands in.
    pub file: String,
    /// The line at which it begins.
    pub line: usize,
    /// The tenant whose data it is about.
    pub tenant: TenantId,
    /// The consumer that it is about.
    pub consumer: ConsumerId,
    /// What it is called.
    pub title: String,
    /// What is otherwise than expected. Empty: the expectation is met.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Whether everything is as expected.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Tries all expectations of a revision on its policies.
#[must_use]
pub fn run_expectations(config: &Config) -> Vec<Outcome> {
    run_expectations_while(config, || true).unwrap_or_default()
}

/// The same for as long as somebody waits for it; `None`: nobody did.
#[must_use]
pub fn run_expectations_while(config: &Config, is_waited_for: impl Fn() -> bool) -> Option<Vec<Outcome>> {
    let outcomes = config.expectations.iter().map(|expectation| {
        is_waited_for().then(|| Outcome {
            file: expectation.file.clone(),
            line: expectation.line,
            tenant: expectation.owner.clone(),
            consumer: expectation.consumer.clone(),
            title: expectation.title.clone(),
            failures: expectation.failures(config),
        })
    });
    outcomes.collect()
}

impl Expectation {
    fn failures(&self, config: &Config) -> Vec<String> {
        let consumer = config.consumers.get(self.consumer.as_str());
        let (Some(consumer), Some(source)) = (consumer, config.source(&self.source)) else {
            return vec!["its consumer or its source is gone".to_owned()];
        };
        let Some(consumer) = &self.asking(consumer) else {
            return vec!["its consumer does not have that purpose".to_owned()];
        };
        let grant = config.policy.grant(
            consumer,
            self.operation,
            &self.owner,
            &self.r#type,
            source.personal_data,
        );
        if grant.is_empty() {
            let unexpected = self
                .granted
                .then(|| format!("nothing is granted: {}", why_nothing(&grant)));
            return unexpected.into_iter().collect();
        }
        if let Some(entity) = &self.entity {
            let grants = config.policy.grants(
                consumer,
                self.operation,
                &self.owner,
                &entity.types,
                source.personal_data,
            );
            return self.failures_of(entity, &grant, grants.project(entity.clone()).as_ref());
        }
        if !self.granted {
            return vec![format!("it is granted, by {}", named(grant.permits().iter()))];
        }
        let classification = config.policy.classification();
        let missing = self.visible.iter().filter(|name| !grant.includes(name));
        let missing = missing.map(|name| {
            let short = compact_attribute(name);
            match classification.attribute_class(&self.r#type, name) {
                Some(class) if class.is_personal() => format!("`{short}` is hidden: it is classed {class}"),
                _ => format!(
                    "`{short}` is hidden: {} does not grant it",
                    named(grant.permits().iter())
                ),
            }
        });
        let shown = self.hidden.iter().filter(|name| grant.includes(name));
        let shown = shown.map(|name| {
            let by = grant
                .permits()
                .iter()
                .filter(|permit| grant.permit_includes(permit, name));
            format!("`{}` is visible, by {}", compact_attribute(name), named(by))
        });
        missing.chain(shown).collect()
    }
}

impl Expectation {
    /// The consumer, as it asks.
    fn asking(&self, consumer: &Arc<Consumer>) -> Option<Arc<Consumer>> {
        let asking = match &self.purpose {
            Some(purpose) => consumer.for_purpose(purpose)?,
            None => Arc::clone(consumer),
        };
        if self.levels == AssuranceLevels::default() {
            return Some(asking);
        }
        Some(Arc::new(Consumer {
            levels: self.levels,
            ..Consumer::clone(&asking)
        }))
    }

    /// What is shown of one entity otherwise than expected.
    fn failures_of(&self, entity: &Entity, grant: &TypeGrant, shown: Option<&Entity>) -> Vec<String> {
        let covering = grant.covering(entity);
        let Some(shown) = shown else {
            if !self.granted {
                return Vec::new();
            }
            let asks = grant.permits().iter().map(|permit| {
                let conditions = permit.conditions.in_words().join(" and ");
                format!("{} is for {conditions}", permit.policy)
            });
            let asks: Vec<String> = asks.collect();
            return vec![format!("the entity is hidden: {}", asks.join("; "))];
        };
        let covering = named(covering.iter().copied());
        if !self.granted {
            return vec![format!("the entity is visible, by {covering}")];
        }
        let has = |name: &&AttributeName| shown.attribute(name).is_some();
        let missing = self.visible.iter().filter(|name| !has(name));
        let missing = missing.map(|name| {
            let short = compact_attribute(name);
            if entity.attribute(name).is_none() {
                format!("`{short}` is not in the entity of the expectation")
            } else {
                format!("`{short}` is hidden: {covering} does not grant it")
            }
        });
        let visible = self.hidden.iter().filter(has);
        let visible = visible.map(|name| format!("`{}` is visible, by {covering}", compact_attribute(name)));
        missing.chain(visible).collect()
    }
}

/// The policies of permits.
fn named<'a>(permits: impl Iterator<Item = &'a PermitScope>) -> String {
    let policies: Vec<&str> = permits.map(|permit| permit.policy.as_ref()).collect();
    policies.join(" and ")
}

/// Reads all files of policies/tests, in the order of their names.
pub(crate) fn read_expectations(
    folder: &Path,
    tenants: &[Tenant],
    consumers: &ConsumerIndex,
    files: &Files,
    report: &Report,
) -> Vec<Expectation> {
    let tests = folder.join("tests");
    let mut expectations = Vec::new();
    for short in files.names_in(&tests, "policies/tests", ".toml") {
        let path = tests.join(&short);
        let name = path.display().to_string();
        let text = match files.read(&path, &format!("policies/tests/{short}")) {
            Ok(text) => text,
            Err(reason) => {
                report.error(&Place::Caller, format!("{name} cannot be read: {reason}"), None);
                continue;
            }
        };
        let Some(root) = parse_document(&name, &text, report) else {
            continue;
        };
        let top = Section::new(short, &root, report);
        for node in top.items("expect").unwrap_or_default() {
            expectations.extend(read_expectation(&name, node, tenants, consumers, report));
        }
        top.finish();
    }
    expectations
}

fn read_expectation(
    file: &str,
    node: &Node,
    tenants: &[Tenant],
    consumers: &ConsumerIndex,
    report: &Report,
) -> Option<Expectation> {
    let section = Section::new("[[expect]]", node, report);
    let title = section
        .required_text("title", "\"what is expected\"")
        .map(|title| title.value.to_owned());
    let consumer = section.required_text("consumer", "\"anonymous\"");
    let consumer = consumer.and_then(|name| {
        let known: Vec<&str> = consumers.iter().map(|consumer| consumer.id.as_str()).collect();
        find(&name, "consumer", &known, report).then(|| ConsumerId::new(name.value))
    });
    let operations: Vec<(&str, Operation)> = Operation::ALL
        .iter()
        .map(|operation| (operation.as_str(), *operation))
        .collect();
    let operation = section
        .choice("operation", &operations)
        .unwrap_or(Operation::QueryEntity);
    let sources = || tenants.iter().flat_map(|tenant| &tenant.sources);
    let source = section.required_text("source", "\"my-source\"").and_then(|name| {
        let known: Vec<&str> = sources().map(|source| source.id.as_str()).collect();
        let found = find(&name, "source", &known, report);
        found.then(|| SourceId::new(name.value))
    });
    let owner = section.text("owner").and_then(|name| {
        let known: Vec<&str> = tenants.iter().map(|tenant| tenant.id.as_str()).collect();
        find(&name, "tenant", &known, report).then(|| TenantId::new(name.value))
    });
    let entity = section.text("entity").and_then(|text| {
        let read = parse_entity(text.value.as_bytes(), Context::kakehashi());
        read.map_err(|error| report.error(text.place, format!("`entity` is no NGSI-LD entity: {error}"), None))
            .ok()
    });
    let r#type = match &entity {
        // What is shown of an entity does not depend on which of its types is named.
        Some(entity) if section.node("type").is_none() => entity.types.first().cloned(),
        _ => section
            .required_text("type", "\"EvacuationSite\"")
            .and_then(|name| match expand_type(name.value) {
                Ok(expanded) => Some(expanded),
                Err(reason) => {
                    report.error(name.place, reason, None);
                    None
                }
            }),
    };
    let purpose = section.text("purpose").map(|purpose| purpose.value.to_owned());
    let level = |key| {
        section
            .count(key, HIGHEST_LEVEL.into())
            .and_then(|level| u8::try_from(level).ok())
    };
    let levels = AssuranceLevels {
        identity: level("ial"),
        authentication: level("aal"),
    };
    let granted = section.boolean("granted").is_none_or(|granted| granted.value);
    let visible = read_names(&section, "visible");
    let hidden = read_names(&section, "hidden");
    section.finish();
    let line = match &node.place {
        Place::File(file, range) => file.line_of(range.start),
        Place::Variable(_) | Place::Caller => 0,
    };
    let source = source?;
    let brought_by = sources()
        .find(|known| known.id == source)
        .map(|source| source.tenant.clone());
    Some(Expectation {
        file: file.to_owned(),
        line,
        title: title?,
        consumer: consumer?,
        operation,
        source,
        owner: owner.or(brought_by)?,
        r#type: r#type?,
        granted,
        visible,
        hidden,
        purpose,
        levels,
        entity,
    })
}

fn find(name: &Placed<'_, &str>, what: &str, known: &[&str], report: &Report) -> bool {
    let found = known.contains(&name.value);
    if !found {
        report.error(
            name.place,
            format!("unknown {what} `{}`", name.value),
            suggest(name.value, known.iter().copied()),
        );
    }
    found
}

fn read_names(section: &Section<'_>, key: &'static str) -> Vec<AttributeName> {
    let texts = section.texts(key).unwrap_or_default();
    let names = texts.into_iter().filter_map(|name| match expand_attribute(name.value) {
        Ok(expanded) => Some(expanded),
        Err(reason) => {
            section.report().error(name.place, reason, None);
            None
        }
    });
    names.collect()
}
