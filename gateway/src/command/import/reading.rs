//! Reading the records of a file into entities, on a thread of its own, while those before them are written.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::provide::not_taken;
use kakehashi_federation::registered_source::RegisteredSource;
use kakehashi_policy::{Classification, PlaceOfId, PolicyEngine};
use ngsi_ld::Entity;
use ngsi_ld::entity::parse::parse_entity;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::super::store::entity_file::Contexts;
use super::feature;
use super::forms::Form;
use super::records::{At, Records, Unreadable};
use super::refusals::Refusal;
use super::resuming::Upto;

/// Records that are written together where there are many: as many share what a transaction costs, and are held in memory.
const MANY: usize = 5_000;

/// Most bytes of records that are written together.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What judges records before they are written.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) policy: &'a PolicyEngine,
    pub(super) source: &'a RegisteredSource,
    pub(super) public_url: &'a str,
}

/// Records that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Those that were judged.
    pub(super) entities: Vec<(At, Entity)>,
    /// The texts of those that somebody else judges.
    pub(super) texts: Vec<(At, Vec<u8>)>,
    pub(super) refused: Vec<Refusal>,
    /// How far it has come with them.
    pub(super) upto: Option<Upto>,
    /// Up to which byte of the file.
    pub(super) bytes: u64,
    /// Whether there are no others in the file.
    pub(super) is_all: bool,
}

/// Why no more is read.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The file cannot be opened.
    Unopened(std::io::Error),
    /// The file is no longer readable.
    Unreadable(Unreadable),
    /// It is not the file that an import was stopped in.
    AnotherFile,
}

/// What is read, and how.
pub(super) struct Reading<'a> {
    /// `None`: standard input.
    pub(super) path: Option<PathBuf>,
    /// `None`: somebody else judges.
    pub(super) judge: Option<Judge<'a>>,
    /// Where it goes on.
    pub(super) from: Option<Upto>,
}

impl Reading<'_> {
    /// Reads all of it.
    pub(super) fn run(self, to: &SyncSender<Result<Batch, Stopped>>) {
        if let Err(stopped) = self.read(to) {
            // Whoever does not wait any more has failed by himself.
            let _ = to.send(Err(stopped));
        }
    }

    fn read(&self, to: &SyncSender<Result<Batch, Stopped>>) -> Result<(), Stopped> {
        let mut records = self.open(None)?;
        if records.form == Form::Features
            && let Some(path) = &self.path
        {
            let context = context_of(path)?;
            records = self.open(context)?;
        }
        let mut contexts = Contexts::new(self.judge.map_or("", |judge| judge.public_url));
        let mut digest = Sha256::new();
        let mut count = 0;
        if let Some(from) = &self.from {
            while count < from.records {
                let Some((_, text)) = records.next().map_err(Stopped::Unreadable)? else {
                    return Err(Stopped::AnotherFile);
                };
                digest.update(&text);
                count += 1;
            }
            if hex::encode(digest.clone().finalize()) != from.digest {
                return Err(Stopped::AnotherFile);
            }
        }
        let mut is_first = true;
        loop {
            let mut batch = Batch::default();
            let (mut read, mut bytes) = (0, 0);
            let end = loop {
                if read >= MANY || bytes >= MOST_BYTES {
                    break Ok(false);
                }
                match records.next() {
                    Ok(Some((at, text))) => {
                        digest.update(&text);
                        read += 1;
                        bytes += text.len();
                        self.take(at, text, &records, &mut contexts, &mut batch);
                    }
                    Ok(None) => break Ok(true),
                    // What stands before it is imported.
                    Err(error) => break Err(error),
                }
            };
            count += read as u64;
            batch.upto = Some(Upto {
                records: count,
                digest: hex::encode(digest.clone().finalize()),
            });
            batch.bytes = records.bytes();
            batch.is_all = is_first && matches!(end, Ok(true));
            is_first = false;
            if to.send(Ok(batch)).is_err() {
                return Ok(());
            }
            match end {
                Ok(false) => {}
                Ok(true) => return Ok(()),
                Err(error) => return Err(Stopped::Unreadable(error)),
            }
        }
    }

    fn open(&self, context: Option<Box<RawValue>>) -> Result<Records<Box<dyn Read>>, Stopped> {
        let input: Box<dyn Read> = match &self.path {
            Some(path) => Box::new(File::open(path).map_err(Stopped::Unopened)?),
            None => Box::new(std::io::stdin()),
        };
        Records::of(input, context).map_err(Stopped::Unreadable)
    }

    fn take(
        &self,
        at: At,
        text: Vec<u8>,
        records: &Records<Box<dyn Read>>,
        contexts: &mut Contexts<'_>,
        batch: &mut Batch,
    ) {
        let text = match has_word(&text, b"\"Feature\"").then(|| feature::entity_of(&text, records.context.as_deref()))
        {
            Some(Some(Ok(entity))) => entity,
            Some(Some(Err(plain))) => {
                let refusal = Refusal {
                    at,
                    member: None,
                    reason: plain.to_owned(),
                };
                return batch.refused.push(refusal);
            }
            Some(None) | None => text,
        };
        let Some(judge) = &self.judge else {
            return batch.texts.push((at, text));
        };
        match judge.entity(&text, contexts) {
            Ok(entity) => batch.entities.push((at, entity)),
            Err((member, reason)) => batch.refused.push(Refusal { at, member, reason }),
        }
    }
}

/// The `@context` of a collection, wherever it stands.
fn context_of(path: &Path) -> Result<Option<Box<RawValue>>, Stopped> {
    let file = File::open(path).map_err(Stopped::Unopened)?;
    let mut records = Records::of(file, None).map_err(Stopped::Unreadable)?;
    loop {
        if records.context.is_some() {
            return Ok(records.context);
        }
        match records.next() {
            Ok(Some(_)) => {}
            // Whatever is wrong is told when it is read.
            Ok(None) | Err(_) => return Ok(records.context),
        }
    }
}

pub(super) fn has_word(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|some| some == word)
}

impl Judge<'_> {
    /// The entity that a text is, where it may be written: as a write over HTTP, whoever writes.
    ///
    /// # Errors
    /// The member, and what is wrong with it.
    fn entity(&self, text: &[u8], contexts: &mut Contexts<'_>) -> Result<Entity, (Option<String>, String)> {
        let context = match has_word(text, b"@context") {
            true => contexts
                .of(&String::from_utf8_lossy(text))
                .map_err(|fault| (Some("@context".to_owned()), fault))?,
            false => contexts.default(),
        };
        let entity = parse_entity(text, &context).map_err(|error| match error.path.is_empty() {
            true => (None, error.to_string()),
            false => (Some(error.path.clone()), error.fault.to_string()),
        })?;
        let place = self.policy.place_of_id(&entity, self.source.personal_data);
        if let PlaceOfId::GuardedInOthers(name) = place {
            let name = compact_type(&name);
            return Err((
                Some("id".to_owned()),
                format!(
                    "it lies in the namespace of `{name}`, and one of the entity's types is hidden from some who may write \
                     `{name}`; give it an id that names that type, as urn:ngsi-ld:<type>:... does"
                ),
            ));
        }
        let classification: &Classification = self.policy.classification();
        if let Some(not_taken) = not_taken(&entity, classification, self.source) {
            let (of, name) = not_taken.names();
            let member = name.map(compact_attribute).or_else(|| of.map(compact_type));
            return Err((member, not_taken.to_string()));
        }
        if !self.source.provides(&entity) {
            return Err((
                Some("type".to_owned()),
                "the store provides no entities of this type or id, so that nobody would find it; see `provides` of the store \
                 in tenants.toml"
                    .to_owned(),
            ));
        }
        Ok(entity)
    }
}
