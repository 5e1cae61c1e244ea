//! An explanation for people: short lines, what decides first.

use std::fmt::{self, Display, Formatter};

use kakehashi_adapters::AskedRequest;

use super::cost::PushedDown;
use super::grants::{EVERYTHING, TypeDecision};
use super::linked::{LinkedQuestion, LinkedSource};
use super::{Explanation, SourceQuestion, judged_names};

/// Types that are shown of those that are denied for the same reason, where nobody asked for one of them.
const SHOWN_TYPES: usize = 8;

/// Attributes that are shown of a question, whose requests name them all.
const SHOWN_ATTRIBUTES: usize = 12;

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let consumer = &self.consumer;
        write!(f, "{} asks {}", consumer.id, self.operation)?;
        if let Some(tenant) = &self.tenant {
            write!(f, " of `{tenant}`")?;
        }
        let mut is = Vec::new();
        is.extend(consumer.tenant.iter().map(|tenant| format!("belongs to {tenant}")));
        is.extend(consumer.organisation.iter().map(|name| format!("belongs to {name}")));
        is.push(match consumer.roles.as_slice() {
            [] => "no role".to_owned(),
            roles => format!("roles: {}", roles.join(", ")),
        });
        is.extend(consumer.purpose.iter().map(|purpose| format!("purpose {purpose}")));
        is.extend(consumer.assurance.iter().map(|level| format!("assurance {level}")));
        writeln!(f, " ({})", is.join("; "))?;
        for owner in &self.grants {
            writeln!(
                f,
                "\n{}, in {} (personal data: {})",
                owner.tenant, owner.source, owner.personal_data
            )?;
            for decision in &owner.types {
                write_decision(f, decision)?;
            }
        }
        judged_names::write(f, &self.names)?;
        if !self.hints.is_empty() {
            writeln!(f, "\nif the list is empty, the consumer is told:")?;
        }
        for hint in &self.hints {
            writeln!(f, "  {hint}")?;
        }
        if !self.questions.is_empty() {
            writeln!(f, "\nasked:")?;
        }
        for question in &self.questions {
            write_question(f, question)?;
        }
        for linked in &self.linked {
            write_linked(f, linked)?;
        }
        if !self.writes.is_empty() {
            writeln!(f, "\nwritten:")?;
        }
        for write in &self.writes {
            match (&write.source, &write.refused) {
                (Some(source), _) if write.parts.is_empty() => writeln!(f, "  {} to {source}", write.entity)?,
                (Some(_), _) => {
                    writeln!(f, "  {} to several sources", write.entity)?;
                    for part in &write.parts {
                        let names = part.attributes.join(", ");
                        match part.is_taken {
                            true => writeln!(f, "    {names} to {}", part.source)?,
                            false => writeln!(f, "    {names} not: {} alone has it and takes no writes", part.source)?,
                        }
                    }
                }
                (None, refused) => {
                    let reason = refused.as_deref().unwrap_or("refused");
                    writeln!(f, "  {} not: {reason}", write.entity)?;
                }
            }
        }
        for note in &self.notes {
            writeln!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}

fn write_decision(f: &mut Formatter<'_>, decision: &TypeDecision) -> fmt::Result {
    let types = match decision.types.get(..SHOWN_TYPES) {
        Some(first) if decision.permits.is_empty() && decision.types.len() > SHOWN_TYPES => {
            format!("{} and {} more", first.join(", "), decision.types.len() - first.len())
        }
        _ => decision.types.join(", "),
    };
    write!(f, "  {types} ({}): ", decision.class)?;
    if let Some(denial) = &decision.denial {
        write!(f, "nothing, {}", denial.reason)?;
        if !denial.policies.is_empty() {
            write!(f, " by {}", denial.policies.join(" and "))?;
        }
        writeln!(f)?;
    } else {
        writeln!(f, "granted")?;
    }
    for unmet in &decision.unmet {
        writeln!(f, "    not by {}: {}", unmet.policy, unmet.reason)?;
    }
    for permit in &decision.permits {
        let granted = if permit.is_every_open {
            format!("every attribute that is classed open ({})", permit.attributes.len())
        } else {
            attributes(&permit.attributes)
        };
        writeln!(f, "    by {}: {granted}", permit.policy)?;
        for condition in &permit.conditions {
            writeln!(f, "      only {condition}")?;
        }
    }
    Ok(())
}

/// Names of attributes in one line.
fn attributes(names: &[String]) -> String {
    match names {
        [] => "no attribute, only ids and types".to_owned(),
        [only] if only == EVERYTHING => "every attribute that is not classed limited or personal".to_owned(),
        names => names.join(", "),
    }
}

fn write_linked(f: &mut Formatter<'_>, linked: &LinkedQuestion) -> fmt::Result {
    let types = match linked.types.as_slice() {
        [] => "of any type".to_owned(),
        types => types.join(", "),
    };
    writeln!(f, "\nthen, for {}: entities by their ids, {types}", linked.because)?;
    let sources: Vec<String> = linked
        .sources
        .iter()
        .map(|LinkedSource { source, tenant }| format!("`{source}` of {tenant}"))
        .collect();
    match sources.as_slice() {
        [] => writeln!(f, "  no source is asked")?,
        sources => writeln!(f, "  of {}, where it may hold the id", sources.join(", "))?,
    }
    writeln!(f, "  at most {} entities; more are refused with 403", linked.at_most)
}

fn write_question(f: &mut Formatter<'_>, question: &SourceQuestion) -> fmt::Result {
    let SourceQuestion {
        tenant,
        source,
        types,
        requests,
        ..
    } = question;
    let shown = match types.get(..SHOWN_TYPES) {
        Some(first) if types.len() > SHOWN_TYPES => {
            format!("{} and {} more", first.join(", "), types.len() - first.len())
        }
        _ => types.join(", "),
    };
    let asked = match question.attributes.get(..SHOWN_ATTRIBUTES) {
        Some(first) if question.attributes.len() > SHOWN_ATTRIBUTES => {
            format!(
                "{} and {} more",
                first.join(", "),
                question.attributes.len() - first.len()
            )
        }
        _ => attributes(&question.attributes),
    };
    writeln!(f, "  {source} of {tenant}, for {shown}: {asked}")?;
    if let Some(answered_by) = &question.answered_by {
        writeln!(f, "    answered by {answered_by}")?;
    }
    match question.statements_left_out {
        0 => {}
        1 => writeln!(f, "    one statement to its database (--verbose shows it)")?,
        many => writeln!(f, "    {many} statements to its database (--verbose shows them)")?,
    }
    if requests.is_empty() && question.statements_left_out == 0 {
        writeln!(f, "    nothing: it cannot have what is asked for")?;
    }
    for request in requests {
        match request {
            AskedRequest::Http { method, url, headers } => {
                writeln!(f, "    {method} {url}")?;
                for (name, value) in headers {
                    writeln!(f, "      {name}: {value}")?;
                }
            }
            AskedRequest::Sql { statement, bindings } => {
                writeln!(f, "    {statement}")?;
                writeln!(f, "      with {}", bindings.join(", "))?;
            }
        }
    }
    if question.judged_here {
        writeln!(
            f,
            "    judged by the gateway, entity by entity: what the permits say of entities"
        )?;
    }
    for shown in &question.conditions {
        let pushed_down = match shown.pushed_down {
            PushedDown::Whole => "decided by the source",
            PushedDown::Partly => "pushed down, and decided by the gateway on what is visible",
            PushedDown::Nothing => "decided by the gateway, on what is visible",
        };
        match shown.residual {
            Some(reason) => writeln!(f, "    {}: {pushed_down}: {reason}", shown.condition)?,
            None => writeln!(f, "    {}: {pushed_down}", shown.condition)?,
        }
    }
    let cost = &question.cost;
    write!(f, "    cost: {} request", cost.requests)?;
    if cost.requests != 1 {
        write!(f, "s")?;
    }
    write!(f, " at first; reads {}", cost.reads.in_words())?;
    match cost.at_most {
        Some(most) => writeln!(f, ", {most} at most"),
        None => writeln!(f),
    }
}
