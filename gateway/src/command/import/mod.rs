//! `kakehashi import`: very many entities, from files, into one tenant's partition. Records are read on one thread while those before
//! them are written; what is refused is told and the rest is written.
//!
//! | module | owns |
//! |---|---|
//! | `scan`, `forms`, `records` | where a value ends; how records stand in a file; one after the other |
//! | `feature` | Features as the entities that they show |
//! | `refusals`, `report` | what is told of refused records; the file that they are written to |
//! | `resuming` | how far an import has come |
//! | `reading` | from records to judged entities |
//! | `through_gateway` | records that a gateway writes |

mod feature;
mod forms;
mod reading;
mod records;
mod refusals;
mod report;
mod resuming;
mod scan;
mod through_gateway;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::SystemTime;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kakehashi_adapters::store::{Loaded, StorePartition};
use kakehashi_config::ConfigOverrides;
use kakehashi_subscriptions::MOST_OF_A_LOAD;
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;
use tokio::runtime::Runtime;

use self::reading::{Batch, Judge, Reading, Stopped};
use self::records::At;
use self::refusals::{Refusal, Refusals};
use self::resuming::{Found, Resuming, Upto};
use super::acts::Act;
use super::consumer_api::{Asking, ConsumerApi};
use super::store::partition::Partition;
use super::{Failure, Files, output, runtime};

/// Batches that are read ahead of the one that is written.
const BATCHES_AHEAD: usize = 1;

/// Import entities into a tenant's partition.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// The address of a gateway that runs: entities go through it, and KAKEHASHI_KEY says who writes. Without it they go into
    /// the partition's file, whether a gateway runs on it or not.
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    asking: Asking,
    /// Say what would be refused, and write nothing.
    #[arg(long, conflicts_with_all = ["url", "resume"])]
    dry_run: bool,
    /// Go on where an import of the same files was stopped.
    #[arg(long)]
    resume: bool,
    /// A file that is made, with every refused record: a line of JSON each. It must not be there, but where --resume goes on.
    #[arg(long)]
    report: Option<PathBuf>,
    /// NGSI-LD as a JSON array, as one JSON object a line or as a GeoJSON FeatureCollection; `-` is standard input.
    #[arg(required = true)]
    file: Vec<PathBuf>,
}

/// What became of all files.
#[derive(Debug, Default)]
struct Imported {
    loaded: Loaded,
    /// Records that a gateway has written, or that would be written.
    written: u64,
}

/// Where entities go.
enum Into<'a> {
    /// Nowhere.
    Nowhere,
    /// Into the file of a partition.
    Partition(&'a StorePartition),
    /// Through a gateway that runs.
    Gateway(&'a ConsumerApi),
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let report = self.report.as_deref();
        let report = report
            .map(|path| report::open(path, &self.file, self.resume))
            .transpose()?;
        let mut refusals = Refusals::to(report);
        let runtime = runtime()?;
        let imported = match &self.url {
            Some(url) => self.through(url, &runtime, &mut refusals)?,
            None => self.straight(&runtime, &mut refusals)?,
        };
        let Imported { loaded, written } = imported;
        let (tenant, refused) = (&self.tenant, refusals.count);
        match (&self.url, self.dry_run) {
            (Some(_), _) => output::line(format_args!("{tenant}: {written} written, {refused} refused")),
            (None, true) => output::line(format_args!(
                "{tenant}: {written} would be imported, {refused} refused; nothing was written"
            )),
            (None, false) => {
                let Loaded {
                    created,
                    replaced,
                    unchanged,
                } = loaded;
                output::line(format_args!(
                    "{tenant}: {created} created, {replaced} replaced, {unchanged} unchanged, {refused} refused"
                ));
            }
        }
        match refused {
            0 => Ok(()),
            1 => Err(Failure::Other(
                "1 record was refused; mend it, and import the file again: what is as it was changes nothing"
                    .to_owned(),
            )),
            _ => Err(Failure::Other(format!(
                "{refused} records were refused; mend them, and import the file again: what is as it was changes nothing"
            ))),
        }
    }

    fn through(&self, url: &str, runtime: &Runtime, refusals: &mut Refusals) -> Result<Imported, Failure> {
        let api = ConsumerApi::of(url, &self.asking)?;
        output::note(format_args!(
            "through the gateway at {url}, as the consumer of KAKEHASHI_KEY"
        ));
        self.all_files(None, &Into::Gateway(&api), url, runtime, refusals)
    }

    fn straight(&self, runtime: &Runtime, refusals: &mut Refusals) -> Result<Imported, Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let source = partition.registered(runtime)?;
        let judge = Judge {
            policy: &config.policy,
            source: &source,
            public_url: &config.gateway.public_url,
        };
        if self.dry_run {
            return self.all_files(Some(judge), &Into::Nowhere, "", runtime, refusals);
        }
        let names: Vec<String> = self.file.iter().map(|file| file.display().to_string()).collect();
        let act = runtime.block_on(Act::begin(&config, "import", &self.tenant, &names.join(", ")))?;
        let imported = (|| {
            let opened = runtime.block_on(partition.open_for_loads())?;
            let file = opened.file().display().to_string();
            output::note(format_args!(
                "into the file {file}, one transaction a batch; a gateway may run on it meanwhile"
            ));
            let imported = self.all_files(Some(judge), &Into::Partition(&opened), &file, runtime, refusals);
            runtime.block_on(async {
                opened.end_loading().await;
                opened.close().await;
            });
            imported
        })();
        let refused = refusals.count;
        runtime.block_on(act.end_with(imported, |imported| told(&imported.loaded, refused)))
    }

    fn all_files(
        &self,
        judge: Option<Judge<'_>>,
        into: &Into<'_>,
        place: &str,
        runtime: &Runtime,
        refusals: &mut Refusals,
    ) -> Result<Imported, Failure> {
        let mut imported = Imported::default();
        for file in &self.file {
            let path = (file.as_os_str() != "-").then(|| file.clone());
            let name = path
                .as_deref()
                .map_or("standard input".into(), |path| path.display().to_string());
            if path.is_none() && self.resume {
                return Err(Failure::Other(
                    "standard input cannot be read again: name the file that --resume is to go on in".to_owned(),
                ));
            }
            let resuming = Resuming::beside(path.as_deref(), &self.tenant, place);
            let stopped_at = self.stopped_at(&name, resuming.found());
            let reading = Reading {
                path: path.clone(),
                judge,
                from: stopped_at,
            };
            let mut writing = Writing {
                name: &name,
                tenant: &self.tenant,
                into,
                runtime,
                refusals,
                resuming,
                imported: &mut imported,
                progress: progress(path.as_deref()),
            };
            writing.refusals.begin_file();
            let ended = std::thread::scope(|scope| {
                let (sender, receiver) = sync_channel(BATCHES_AHEAD);
                scope.spawn(move || reading.run(&sender));
                writing.all(receiver)
            });
            writing.progress.finish_and_clear();
            writing.refusals.end_file(&name)?;
            ended?;
            if !self.dry_run {
                writing.resuming.forget()?;
            }
        }
        Ok(imported)
    }
}

impl Import {
    /// Where an import of the file is to go on; what is there of one that was stopped is told.
    fn stopped_at(&self, name: &str, found: Found) -> Option<Upto> {
        match found {
            Found::StoppedAt(upto) if self.resume => {
                output::note(format_args!("{name}: goes on behind record {}", upto.records));
                return Some(upto);
            }
            Found::StoppedAt(upto) if !self.dry_run => output::note(format_args!(
                "note: an import of {name} was stopped behind record {}; --resume would go on there",
                upto.records
            )),
            Found::OfAnother(file, tenant) if self.resume => output::note(format_args!(
                "note: {} is of an import into another place, of the tenant `{tenant}`: this one begins anew",
                file.display()
            )),
            Found::Unreadable(file, error) if self.resume => output::note(format_args!(
                "note: {} cannot be read, so that the import begins anew: {error}",
                file.display()
            )),
            _ => {}
        }
        None
    }
}

/// What became of entities that went into a file.
fn told(loaded: &Loaded, refused: u64) -> String {
    let Loaded {
        created,
        replaced,
        unchanged,
    } = loaded;
    format!("imported: {created} created, {replaced} replaced, {unchanged} unchanged, {refused} refused")
}

/// How far it has come, for whoever sits there.
fn progress(path: Option<&Path>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bytes = path
        .and_then(|path| std::fs::metadata(path).ok())
        .map(|metadata| metadata.len());
    let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
    let template = match bytes {
        Some(_) => "{wide_bar} {percent:>3} %  {msg}  {eta}",
        None => "{spinner} {bytes}  {msg}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Writing what was read of one file.
struct Writing<'a> {
    name: &'a str,
    tenant: &'a str,
    into: &'a Into<'a>,
    runtime: &'a Runtime,
    refusals: &'a mut Refusals,
    resuming: Resuming,
    imported: &'a mut Imported,
    progress: ProgressBar,
}

impl Writing<'_> {
    fn all(&mut self, batches: Receiver<Result<Batch, Stopped>>) -> Result<(), Failure> {
        for batch in batches {
            let batch = batch.map_err(|stopped| self.stopped(stopped))?;
            self.batch(batch)?;
        }
        Ok(())
    }

    fn stopped(&self, stopped: Stopped) -> Failure {
        let name = self.name;
        match stopped {
            Stopped::Unopened(error) => Failure::other(&format!("cannot read {name}"), error),
            Stopped::Unreadable(why) => Failure::Other(format!(
                "{name}: {why}; what stands before it was read: mend the file and go on with --resume, or import it anew"
            )),
            Stopped::AnotherFile => Failure::Other(format!(
                "{name} is not as it was when its import was stopped: import it without --resume; what is as it was changes \
                 nothing"
            )),
        }
    }

    fn batch(&mut self, batch: Batch) -> Result<(), Failure> {
        let Batch {
            entities,
            texts,
            refused,
            upto,
            bytes,
            is_all,
        } = batch;
        for refusal in &refused {
            self.refusals.add(self.name, refusal)?;
        }
        match self.into {
            Into::Nowhere => self.imported.written += entities.len() as u64,
            Into::Partition(partition) => self.put(partition, entities, is_all)?,
            Into::Gateway(api) => {
                let written = self.runtime.block_on(through_gateway::send(api, self.tenant, &texts))?;
                self.imported.written += written.written;
                for refusal in &written.refused {
                    self.refusals.add(self.name, refusal)?;
                }
            }
        }
        if let Some(upto) = upto.filter(|_| !matches!(self.into, Into::Nowhere)) {
            self.progress.set_message(upto.records.to_string());
            self.resuming.note(&upto);
        }
        self.progress.set_position(bytes);
        Ok(())
    }

    /// Writes entities into the file: each batch is a transaction with a mark of its own. Where there are no others, as many
    /// are a batch as subscribers are told of.
    fn put(
        &mut self,
        partition: &StorePartition,
        mut entities: Vec<(At, Entity)>,
        are_all: bool,
    ) -> Result<(), Failure> {
        let at_once = match are_all {
            true => usize::try_from(MOST_OF_A_LOAD).unwrap_or(usize::MAX),
            false => usize::MAX,
        };
        while !entities.is_empty() {
            let rest = entities.split_off(entities.len().min(at_once));
            let some = std::mem::replace(&mut entities, rest);
            self.put_some(partition, some)?;
        }
        Ok(())
    }

    fn put_some(&mut self, partition: &StorePartition, mut some: Vec<(At, Entity)>) -> Result<(), Failure> {
        loop {
            let now = DateTime::from_system_time(SystemTime::now());
            let entities = some.iter().map(|(_, entity)| entity.clone());
            match self.runtime.block_on(partition.load_part(entities, now)) {
                Ok(loaded) => {
                    self.imported.loaded += loaded;
                    return Ok(());
                }
                // One that cannot be stored leaves the others to be.
                Err(kakehashi_adapters::store::StoreError::Entity { position, reason }) => {
                    let place = usize::try_from(position).unwrap_or_default().saturating_sub(1);
                    if place >= some.len() {
                        return Err(Failure::other(&format!("the partition of `{}`", self.tenant), reason));
                    }
                    let (at, _) = some.remove(place);
                    let member = None;
                    self.refusals.add(self.name, &Refusal { at, member, reason })?;
                }
                Err(error) => {
                    return Err(Failure::Other(format!(
                        "the partition of `{}`: {error}; what was imported before stays: go on with --resume",
                        self.tenant
                    )));
                }
            }
        }
    }
}
