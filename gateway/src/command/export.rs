//! `kakehashi export`: what a tenant's partition holds, as a file: all that may lie in one, or what one consumer would be shown of it.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use clap::{Args, ValueEnum};
use futures::StreamExt as _;
use kakehashi_adapters::Call;
use kakehashi_adapters::store::StorePartition;
use kakehashi_config::{Config, ConfigOverrides};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::diagnostics::nearest;
use kakehashi_documents::vocabulary::{expand_attribute, expand_type};
use kakehashi_federation::registered_source::RegisteredSource;
use kakehashi_federation::release::Audit;
use kakehashi_policy::{GrantSet, Operation};
use ngsi_ld::context::Context;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::render::{Format, Rendering, open_feature_collection, render_entity, render_feature};
use ngsi_ld::{AttributeName, Entity, TypeName};
use tempfile::NamedTempFile;

use super::acts::Act;
use super::store::backup::LONGEST;
use super::store::keeping::Keeping;
use super::store::partition::Partition;
use super::{Failure, Files, output, runtime};

/// How entities stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One JSON object a line.
    JsonLines,
    /// One JSON array.
    Json,
    /// A FeatureCollection of NGSI-LD.
    Geojson,
}

/// Export what a tenant's partition holds.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// What this consumer may see of it alone, by its id in tenants.toml.
    #[arg(long = "as")]
    consumer: Option<String>,
    /// The purpose that the consumer states.
    #[arg(long, requires = "consumer")]
    purpose: Option<String>,
    /// Entities of this type alone; may be given several times.
    #[arg(long = "type")]
    types: Vec<String>,
    /// How entities stand in the file.
    #[arg(long, value_enum, default_value_t = Form::JsonLines)]
    format: Form,
    /// The file to be made, which must not be there; `-` is standard output.
    file: PathBuf,
}

/// Who may see what of the partition.
struct Shown<'a> {
    source: &'a RegisteredSource,
    types: Vec<TypeName>,
    /// `None`: the owner.
    consumer: Option<(GrantSet, Audit)>,
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let types = self.types.iter().map(|name| expand_type(name).map_err(Failure::Other));
        let types = types.collect::<Result<Vec<_>, _>>()?;
        let consumer = self.consumer(&config)?;
        let runtime = runtime()?;
        let source = partition.registered(&runtime)?;
        let mut keeping = Keeping::of(config.policy.classification(), &source);
        let for_whom = match &self.consumer {
            Some(consumer) => format!("as {consumer}: {}", self.file.display()),
            None => self.file.display().to_string(),
        };
        runtime.block_on(async {
            let to_file = self.file.as_os_str() != "-";
            if to_file && self.file.exists() {
                return Err(Failure::Other(format!(
                    "{} is there already: name another file, or move it away; nothing was exported",
                    self.file.display()
                )));
            }
            let opened = partition.open_existing().await?;
            let held = partition.held_types(&opened).await?;
            let held: Vec<TypeName> = held.into_iter().map(|(_, name)| name).collect();
            let shown = Shown {
                consumer: consumer.as_ref().map(|consumer| {
                    let operation = Operation::QueryEntity;
                    let personal_data = source.personal_data;
                    let grants = config
                        .policy
                        .grants(consumer, operation, partition.tenant, &held, personal_data);
                    (grants, Audit::new(&consumer.id, &source))
                }),
                source: &source,
                types,
            };
            let act = Act::begin(&config, "export", &self.tenant, &for_whom).await?;
            let exported = self.write(&partition, opened.partition(), &shown, &mut keeping).await;
            opened.partition().close().await;
            let count = act.end_with(exported, |count| format!("{count} entities")).await?;
            output::note(format_args!("{}: {count} entities exported", self.tenant));
            // What a consumer is not shown is not there for it.
            if shown.consumer.is_none() {
                keeping.tell();
            }
            Ok(())
        })
    }

    fn consumer(&self, config: &Config) -> Result<Option<Arc<Consumer>>, Failure> {
        let Some(id) = &self.consumer else { return Ok(None) };
        let unknown = |what: String, near: Option<String>| {
            let help = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Failure::Other(format!("{what}{help}"))
        };
        let Some(consumer) = config.consumers.get(id) else {
            let known = config.consumers.iter().map(|consumer| consumer.id.as_str());
            let near = nearest(id, known).map(ToOwned::to_owned);
            return Err(unknown(format!("no consumer is called `{id}`"), near));
        };
        let Some(purpose) = &self.purpose else {
            return Ok(Some(Arc::clone(consumer)));
        };
        let asking = consumer.for_purpose(purpose).ok_or_else(|| {
            let near = nearest(purpose, consumer.purposes.iter().map(|purpose| &**purpose)).map(ToOwned::to_owned);
            unknown(format!("`{purpose}` is no purpose of the consumer's"), near)
        })?;
        Ok(Some(asking))
    }

    async fn write(
        &self,
        partition: &Partition<'_>,
        opened: &StorePartition,
        shown: &Shown<'_>,
        keeping: &mut Keeping<'_>,
    ) -> Result<u64, Failure> {
        let path = self.file.display().to_string();
        let failed = |error: &dyn std::fmt::Display| Failure::other(&format!("cannot write {path}"), error);
        if self.file.as_os_str() == "-" {
            let mut out = ToReader(BufWriter::new(std::io::stdout().lock()));
            return self.write_to(&mut out, partition, opened, shown, keeping).await;
        }
        let beside = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Only its owner may read it, from the beginning; and it is there once it is whole.
        let file = NamedTempFile::with_prefix_in(".kakehashi-export-", beside.unwrap_or(Path::new(".")));
        let mut out = BufWriter::new(file.map_err(|error| failed(&error))?);
        let count = self.write_to(&mut out, partition, opened, shown, keeping).await?;
        let file = out.into_inner().map_err(|error| failed(&error))?;
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        file.persist_noclobber(&self.file).map_err(|error| failed(&error))?;
        Ok(count)
    }

    async fn write_to(
        &self,
        out: &mut impl Write,
        partition: &Partition<'_>,
        opened: &StorePartition,
        shown: &Shown<'_>,
        keeping: &mut Keeping<'_>,
    ) -> Result<u64, Failure> {
        let failed = |error: std::io::Error| Failure::other(&format!("cannot write {}", self.file.display()), error);
        let rendering = Rendering::new(Context::kakehashi(), Format::Normalized);
        let location = expand_attribute("location").map_err(Failure::Other)?;
        let mut text = Vec::new();
        match self.format {
            Form::JsonLines => {}
            Form::Json => text.push(b'['),
            Form::Geojson => {
                open_feature_collection(&rendering, &mut text);
                text.push(b'[');
            }
        }
        let mut everything = std::pin::pin!(opened.everything(Call::until(Instant::now() + LONGEST)));
        let mut count = 0;
        while let Some(entity) = everything.next().await {
            let entity = entity.map_err(|error| partition.failed(error))?;
            let Some(entity) = shown.of(entity, keeping) else {
                continue;
            };
            self.append(&rendering, &location, &entity, count == 0, &mut text);
            count += 1;
            out.write_all(&text).map_err(failed)?;
            text.clear();
        }
        match self.format {
            Form::JsonLines => {}
            Form::Json => text.extend_from_slice(b"\n]\n"),
            Form::Geojson => text.extend_from_slice(b"\n]}\n"),
        }
        out.write_all(&text).map_err(failed)?;
        out.flush().map_err(failed)?;
        Ok(count)
    }

    fn append(
        &self,
        rendering: &Rendering<'_>,
        location: &AttributeName,
        entity: &Entity,
        is_first: bool,
        text: &mut Vec<u8>,
    ) {
        if self.format != Form::JsonLines {
            text.extend_from_slice(if is_first { b"\n" } else { b",\n" });
        }
        match self.format {
            Form::Json => render_entity(rendering, entity, text),
            Form::Geojson => render_feature(rendering, entity, location, text),
            Form::JsonLines => {
                render_entity(rendering, entity, text);
                text.push(b'\n');
            }
        }
    }
}

/// Writes to somebody who may have read enough: that is no failure.
struct ToReader<W>(W);

impl<W: Write> Write for ToReader<W> {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        match self.0.write(text) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(text.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

impl Shown<'_> {
    /// What of an entity is shown.
    fn of(&self, entity: Entity, keeping: &mut Keeping<'_>) -> Option<Entity> {
        if !self.types.is_empty() && !entity.types.iter().any(|name| self.types.contains(name)) {
            return None;
        }
        let valid = entity.valid_at(|| DateTime::from_system_time(SystemTime::now()))?;
        let Some((grants, audit)) = &self.consumer else {
            return keeping.kept(valid);
        };
        if !self.source.provides(&valid) {
            return None;
        }
        // What it is granted, of whichever class, and of that what may lie in a file.
        let released = self.source.release(grants, valid, audit)?;
        let wanted = self.types.is_empty() || released.types.iter().any(|name| self.types.contains(name));
        keeping.kept(released).filter(|_| wanted)
    }
}
