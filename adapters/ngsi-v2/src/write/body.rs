//! Bodies of writes. What is sent is read as an answer of the source would be, and refused where that is not what was written.

use std::sync::Arc;

use ngsi_ld::context::Context;
use ngsi_ld::entity::{Attribute, DateTime};

use super::super::translate::{IdleTables, ObjectTypes, ProvidedType, TranslationContext, translate_entities};
use super::attribute::{Sent, is_place, kept_date, sent};
use super::json::quoted;
use super::lost::{Lost, LostWhole};
use kakehashi_contract::{AttributeSelection, WriteError};

/// What bodies are made with.
#[derive(Debug)]
pub(super) struct Encoding {
    pub(super) context: Arc<Context>,
    pub(super) object_types: Arc<ObjectTypes>,
}

impl Encoding {
    /// A new entity.
    ///
    /// # Errors
    /// What of it the source cannot hold.
    pub(super) fn entity(
        &self,
        raw_id: &str,
        r#type: &ProvidedType,
        attributes: &[Attribute],
        expires_at: Option<&DateTime>,
    ) -> Result<String, WriteError> {
        self.check_places(attributes, attributes.iter())?;
        let mut members = vec![
            format!(r#""id":{}"#, quoted(raw_id)),
            format!(r#""type":{}"#, quoted(&r#type.short)),
        ];
        members.extend(self.members(attributes.iter(), expires_at)?);
        Ok(object(&members))
    }

    /// Attributes of an entity.
    ///
    /// # Errors
    /// What of them the source cannot hold.
    pub(super) fn attributes<'a>(
        &self,
        attributes: impl Iterator<Item = &'a Attribute>,
        expires_at: Option<&DateTime>,
    ) -> Result<String, WriteError> {
        Ok(object(&self.members(attributes, expires_at)?))
    }

    /// Whether an entity would have a second place by one of these attributes, which the source refuses.
    ///
    /// # Errors
    /// The name of that one.
    pub(super) fn check_places<'a>(
        &self,
        all: &[Attribute],
        written: impl Iterator<Item = &'a Attribute>,
    ) -> Result<(), WriteError> {
        let is_place = |attribute: &&Attribute| is_place(&self.context, attribute);
        let places = all.iter().filter(is_place).count();
        let second = written.filter(is_place).last().filter(|_| places > 1);
        second.map_or(Ok(()), |second| Err(Lost::SecondPlace.of(&self.context, &second.name)))
    }

    fn members<'a>(
        &self,
        attributes: impl Iterator<Item = &'a Attribute>,
        expires_at: Option<&DateTime>,
    ) -> Result<Vec<String>, WriteError> {
        let mut members = Vec::new();
        let mut all_sent = Vec::new();
        for attribute in attributes {
            let sent = sent(&self.context, attribute).map_err(|lost| lost.of(&self.context, &attribute.name))?;
            members.push(format!("{}:{}", quoted(&sent.raw), sent.json));
            all_sent.push(sent);
        }
        self.check_back(&members, &all_sent)?;
        if let Some(expires_at) = expires_at {
            let date = kept_date(expires_at).map_err(LostWhole::Expires)?;
            members.push(format!(
                r#""dateExpires":{{"type":"DateTime","value":{}}}"#,
                quoted(date)
            ));
        }
        Ok(members)
    }

    /// Whether these members come back as what was written.
    fn check_back(&self, members: &[String], all_sent: &[Sent]) -> Result<(), WriteError> {
        let Some(first) = all_sent.first() else { return Ok(()) };
        let otherwise = |sent: &Sent| Lost::Otherwise.of(&self.context, &sent.kept.name);
        let name = self.context.expand_type("Thing").map_err(|_| otherwise(first))?;
        let reading = TranslationContext {
            context: Arc::clone(&self.context),
            types: vec![ProvidedType {
                name,
                short: "Thing".into(),
            }],
            attributes: AttributeSelection::All,
            system_attributes: false,
            object_types: Arc::clone(&self.object_types),
            scopes: false,
            tables: Arc::new(IdleTables::default()),
        };
        let mut whole = vec![
            r#""id":"urn:ngsi-ld:Thing:sent""#.to_owned(),
            r#""type":"Thing""#.to_owned(),
        ];
        whole.extend_from_slice(members);
        let page = format!("[{}]", object(&whole));
        let back = translate_entities(page.as_bytes(), &reading).unwrap_or_default();
        let Some(entity) = back.first() else {
            return Err(otherwise(first));
        };
        let is_back = |sent: &&Sent| entity.attribute(&sent.kept.name) == Some(&sent.kept);
        match all_sent.iter().find(|sent| !is_back(sent)) {
            Some(sent) => Err(otherwise(sent)),
            None => Ok(()),
        }
    }
}

fn object(members: &[String]) -> String {
    format!("{{{}}}", members.join(","))
}
