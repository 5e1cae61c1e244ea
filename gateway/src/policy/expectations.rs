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
//! ```

use std::path::Path;

use kakehashi_adapters::SourceId;
use ngsi_ld::{AttributeName, TypeName};

use super::grant::{Denial, TypeGrant};
use super::operation::Operation;
use crate::config::{
    Config, ConsumerId, ConsumerIndex, Files, Node, Place, Placed, Report, Section, Tenant, TenantId,
    compact_attribute, expand_attribute, expand_type, parse_document, suggest,
};

/// One expectation.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    file: String,
    title: String,
    consumer: ConsumerId,
    operation: Operation,
    source: SourceId,
    owner: TenantId,
    r#type: TypeName,
    granted: bool,
    visible: Vec<AttributeName>,
    hidden: Vec<AttributeName>,
}

/// What came of one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The file that it stands in.
    pub file: String,
    /// What it is called.
    pub title: String,
    /// What is otherwise than expected. Empty: the expectation is met.
    pub failures: Vec<String>,
}

/// Tries all expectations of a revision on its policies.
#[must_use]
pub fn run_expectations(config: &Config) -> Vec<Outcome> {
    let outcomes = config.expectations.iter().map(|expectation| Outcome {
        file: expectation.file.clone(),
        title: expectation.title.clone(),
        failures: expectation.failures(config),
    });
    outcomes.collect()
}

impl Expectation {
    fn failures(&self, config: &Config) -> Vec<String> {
        let consumer = config.consumers.get(self.consumer.as_str());
        let (Some(consumer), Some(source)) = (consumer, config.source(&self.source)) else {
            return vec!["its consumer or its source is gone".to_owned()];
        };
        let grant = config.policy.grant(
            consumer,
            self.operation,
            &self.owner,
            &self.r#type,
            source.personal_data,
        );
        if grant.is_empty() {
            let unexpected = self.granted.then(|| format!("nothing is granted: {}", reason(&grant)));
            return unexpected.into_iter().collect();
        }
        if !self.granted {
            let permits: Vec<&str> = grant.permits().iter().map(|permit| permit.policy.as_ref()).collect();
            return vec![format!("it is granted, by {}", permits.join(" and "))];
        }
        let missing = self.visible.iter().filter(|name| !grant.includes(name));
        let missing = missing.map(|name| format!("`{}` is hidden", compact_attribute(name)));
        let shown = self.hidden.iter().filter(|name| grant.includes(name));
        let shown = shown.map(|name| format!("`{}` is visible", compact_attribute(name)));
        missing.chain(shown).collect()
    }
}

fn reason(grant: &TypeGrant) -> String {
    match grant.denial() {
        Some(Denial::Personal(class)) => format!("the type is {class}"),
        Some(Denial::Guarded(class)) => {
            format!("the type is {class}, and no permit with what that asks for applies to the consumer")
        }
        Some(Denial::Unclassified) => "the type has no class, and the source may hold personal data".to_owned(),
        Some(Denial::NoPolicies) => "the tenant has no policies".to_owned(),
        Some(Denial::Forbidden(policies)) => format!("forbidden by {}", policies.join(" and ")),
        Some(Denial::EvaluationError) => "the policies could not be evaluated".to_owned(),
        Some(Denial::NoPermit) | None => "no permit covers it".to_owned(),
    }
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
    let r#type = section
        .required_text("type", "\"EvacuationSite\"")
        .and_then(|name| match expand_type(name.value) {
            Ok(expanded) => Some(expanded),
            Err(reason) => {
                report.error(name.place, reason, None);
                None
            }
        });
    let granted = section.boolean("granted").is_none_or(|granted| granted.value);
    let visible = read_names(&section, "visible");
    let hidden = read_names(&section, "hidden");
    section.finish();
    let source = source?;
    let brought_by = sources()
        .find(|known| known.id == source)
        .map(|source| source.tenant.clone());
    Some(Expectation {
        file: file.to_owned(),
        title: title?,
        consumer: consumer?,
        operation,
        source,
        owner: owner.or(brought_by)?,
        r#type: r#type?,
        granted,
        visible,
        hidden,
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
