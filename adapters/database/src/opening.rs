//! The connections of a file: as they should be, or as far as the disk allows now.
//!
//! SQLite needs room even to read a file in WAL mode, for the index of the WAL that all connections share. Where there
//! is none, and no WAL either (the last program that had the file open has closed it well), the file is read as it
//! stands, without locks (`immutable`): [`Connections::Frozen`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};

use crate::CannotOpen;
use crate::apart::Apart;
use crate::in_place::InPlace;
use crate::settings::{Found, Schema, Settings};
use crate::trouble::{Failure, folder_of};

/// The connections that there are.
#[derive(Debug)]
pub(crate) enum Connections {
    /// Those that there should be.
    Open {
        /// One.
        writer: SqlitePool,
        readers: SqlitePool,
        /// One more that reads, for whoever holds one of the others already. It is opened first and stays, so that SQLite's
        /// files beside this one stay, too: a full disk would not have them back.
        spare: SqlitePool,
        /// Those that read on the thread that asks.
        in_place: InPlace,
        /// Those that read what takes long.
        apart: Arc<Apart>,
    },
    /// The file is read as it stands.
    Frozen {
        readers: SqlitePool,
        spare: SqlitePool,
        apart: Arc<Apart>,
        state: Arc<AsItStood>,
    },
    /// None.
    Absent {
        /// Nothing was ever written to the file.
        is_empty: bool,
    },
    /// They are being closed, and opened again.
    Changing,
}

impl Connections {
    pub(crate) async fn close(&self) {
        match self {
            Self::Open {
                writer,
                readers,
                spare,
                in_place,
                apart,
            } => {
                in_place.close().await;
                apart.close().await;
                readers.close().await;
                spare.close().await;
                // The last one moves the WAL into the file and removes it, which one that only reads cannot.
                writer.close().await;
            }
            Self::Frozen {
                readers, spare, apart, ..
            } => {
                apart.close().await;
                readers.close().await;
                spare.close().await;
            }
            Self::Absent { .. } | Self::Changing => {}
        }
    }
}

/// A file that is read without locks: what another program would have to change with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AsItStood {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl AsItStood {
    fn of(file: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(file)?;
        Ok(Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }

    /// Whether the file itself is as it was.
    pub(crate) fn holds(&self, file: &Path) -> bool {
        Self::of(file).is_ok_and(|now| now == *self)
    }

    /// Whether there is nothing newer either, in a WAL that another program has begun.
    pub(crate) async fn is_newest(&self, file: &Path) -> bool {
        self.holds(file) && !has_content(&beside(file, "-wal")).await
    }
}

/// Opens what can be opened; and says why the file cannot be written, if so.
///
/// # Errors
/// [`CannotOpen`] where waiting would not help.
pub(crate) async fn open(
    settings: &Settings,
    schema: &dyn Schema,
) -> Result<(Connections, Option<Failure>), CannotOpen> {
    let failure = match make_folder(&settings.file).await {
        Ok(()) => match open_to_write(settings, schema).await {
            Ok(connections) => return Ok((connections, None)),
            Err(CannotOpen::Database(failure)) => failure,
            Err(refused) => return Err(refused),
        },
        Err(error) => match Failure::of_the_disk("the folder of the file cannot be made", &error) {
            Some(failure) => failure,
            None => return Err(CannotOpen::Folder(error)),
        },
    };
    let connections = open_to_read(settings, schema).await?;
    let is_there = !matches!(connections, Connections::Absent { .. });
    let reason = failure.reason(&settings.file).await;
    // What can be read is read, whatever is wrong with writing.
    if is_there || failure.may_pass(reason) {
        return Ok((connections, Some(failure)));
    }
    Err(CannotOpen::Database(failure))
}

/// What [`open`] would find wrong with what is there. Nothing is made, opened to be written, or changed.
///
/// # Errors
/// [`CannotOpen`] where waiting would not help.
pub(crate) async fn examine(settings: &Settings, schema: &dyn Schema) -> Result<(), CannotOpen> {
    let file = &settings.file;
    for folder in folder_of(file).into_iter().flat_map(Path::ancestors) {
        let error = match tokio::fs::metadata(folder).await {
            Ok(metadata) if metadata.is_dir() => break,
            Ok(_) => io::Error::from(io::ErrorKind::NotADirectory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => error,
        };
        if Failure::of_the_disk("the folder of the file cannot be made", &error).is_none() {
            return Err(CannotOpen::Folder(error));
        }
        break;
    }
    if tokio::fs::metadata(file).await.is_ok_and(|metadata| metadata.is_dir()) {
        return Err(CannotOpen::Content(
            "a folder stands in the place of the file".to_owned(),
        ));
    }
    if !has_content(file).await {
        return Ok(());
    }
    // As it stands: whoever reads along with a writer makes files beside it.
    match look(&settings.to_read().immutable(true), schema).await {
        Err(CannotOpen::Database(failure)) => {
            let reason = failure.reason(file).await;
            match failure.may_pass(reason) {
                true => Ok(()),
                false => Err(CannotOpen::Database(failure)),
            }
        }
        found => found.map(drop),
    }
}

async fn make_folder(file: &Path) -> io::Result<()> {
    match folder_of(file) {
        Some(folder) => tokio::fs::create_dir_all(folder).await,
        None => Ok(()),
    }
}

/// The connections that there should be.
async fn open_to_write(settings: &Settings, schema: &dyn Schema) -> Result<Connections, CannotOpen> {
    let writer = pool(1).connect_lazy_with(settings.to_write());
    let mut connection = writer.acquire().await?;
    let prepared = bring_up_to_date(&mut connection, schema).await;
    if prepared.is_err() {
        // It may be in the midst of a transaction.
        connection.close_on_drop();
    }
    drop(connection);
    prepared?;
    let (readers, spare) = reading(settings, &settings.to_read());
    drop(spare.acquire().await?);
    let in_place = InPlace::of(&settings.file);
    Ok(Connections::Open {
        writer,
        readers,
        spare,
        in_place,
        apart: Apart::of(&settings.file, false),
    })
}

/// The tables as this version has them. A file that has them is written to all the same: only so is it known whether
/// that is possible.
async fn bring_up_to_date(connection: &mut SqliteConnection, schema: &dyn Schema) -> Result<(), CannotOpen> {
    // The write lock comes first, so that two processes that open a new file do not both fill it.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    if schema.look(connection).await? == Found::Current {
        touch(connection).await?;
    } else {
        schema.migrate(connection).await?;
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

/// Writes to the file and changes nothing.
pub(crate) async fn touch(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    // A pragma takes no bindings; the value is a number.
    let same = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {version}"));
    sqlx::raw_sql(same).execute(connection).await?;
    Ok(())
}

/// The connections that are possible to a file that cannot be written.
async fn open_to_read(settings: &Settings, schema: &dyn Schema) -> Result<Connections, CannotOpen> {
    let file = &settings.file;
    match look(&settings.to_read(), schema).await {
        Ok(Found::Current) => {
            let writer = pool(1).connect_lazy_with(settings.to_write());
            let (readers, spare) = reading(settings, &settings.to_read());
            drop(spare.acquire().await?);
            let in_place = InPlace::of(file);
            return Ok(Connections::Open {
                writer,
                readers,
                spare,
                in_place,
                apart: Apart::of(file, false),
            });
        }
        Ok(found) => return Ok(absent(found)),
        Err(CannotOpen::Database(_)) => {}
        Err(refused) => return Err(refused),
    }
    // Nobody has the file open, or a WAL would be there: then it is whole as it stands.
    if has_content(&beside(file, "-wal")).await {
        return Ok(Connections::Absent { is_empty: false });
    }
    if !has_content(file).await {
        return Ok(Connections::Absent { is_empty: true });
    }
    let Ok(state) = AsItStood::of(file) else {
        return Ok(Connections::Absent { is_empty: false });
    };
    let frozen = settings.to_read().immutable(true);
    match look(&frozen, schema).await {
        Ok(Found::Current) => {
            let (readers, spare) = reading(settings, &frozen);
            Ok(Connections::Frozen {
                readers,
                spare,
                apart: Apart::of(file, true),
                state: Arc::new(state),
            })
        }
        Ok(found) => Ok(absent(found)),
        Err(CannotOpen::Database(_)) => Ok(Connections::Absent { is_empty: false }),
        Err(refused) => Err(refused),
    }
}

const fn absent(found: Found) -> Connections {
    Connections::Absent {
        is_empty: matches!(found, Found::Nothing),
    }
}

/// What the file holds, as a connection of its own sees it.
async fn look(options: &SqliteConnectOptions, schema: &dyn Schema) -> Result<Found, CannotOpen> {
    let mut connection = options.connect().await?;
    let found = schema.look(&mut connection).await;
    // Closing can only fail to tidy up.
    let _ = connection.close().await;
    found
}

/// The pools that read.
fn reading(settings: &Settings, options: &SqliteConnectOptions) -> (SqlitePool, SqlitePool) {
    let readers = pool(settings.readers.get())
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.lock_handle().await?.remove_progress_handler();
                Ok(true)
            })
        })
        .connect_lazy_with(options.clone());
    (readers, pool(1).connect_lazy_with(options.clone()))
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        // A file does not break like a network does: neither probing nor renewing is needed.
        .test_before_acquire(false)
        .max_lifetime(None)
        .idle_timeout(None)
}

/// The path of one of SQLite's files beside this one.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

async fn has_content(file: &Path) -> bool {
    tokio::fs::metadata(file).await.is_ok_and(|metadata| metadata.len() > 0)
}
