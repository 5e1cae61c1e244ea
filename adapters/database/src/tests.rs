//! What must hold whatever becomes of a write: the next one works.

use kakehashi_trouble::Reason;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::sync::oneshot;

use super::*;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// One table. A file of an earlier version has it without its column.
#[derive(Debug)]
struct Numbers;

#[async_trait]
impl Schema for Numbers {
    async fn look(&self, connection: &mut SqliteConnection) -> Result<Found, CannotOpen> {
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *connection)
            .await?;
        match version {
            0 => Ok(Found::Nothing),
            1 => Ok(Found::Older),
            2 => Ok(Found::Current),
            found => Err(CannotOpen::Newer { found, known: 2 }),
        }
    }

    async fn migrate(&self, connection: &mut SqliteConnection) -> Result<(), CannotOpen> {
        let statements = "CREATE TABLE IF NOT EXISTS numbers (number INTEGER NOT NULL UNIQUE) STRICT;
             CREATE TABLE references_ (number INTEGER REFERENCES numbers (number) DEFERRABLE INITIALLY DEFERRED) STRICT;
             PRAGMA user_version = 2";
        sqlx::raw_sql(statements).execute(connection).await?;
        Ok(())
    }
}

fn settings(file: &Path) -> Settings {
    // Nobody in a test waits for a lock.
    let options = SqliteConnectOptions::new().busy_timeout(Duration::from_millis(20));
    Settings {
        name: "the numbers".into(),
        file: file.to_owned(),
        readers: NonZeroU32::MIN,
        writing: options.clone().foreign_keys(true),
        all: options,
    }
}

async fn open(file: &Path) -> Result<Database, CannotOpen> {
    Database::open(settings(file), Arc::new(Numbers)).await
}

async fn numbers(folder: &tempfile::TempDir) -> Database {
    open(&folder.path().join("numbers.db")).await.unwrap()
}

async fn insert(connection: &mut SqliteConnection, number: i64) -> Result<(), DatabaseError> {
    let insert = sqlx::query("INSERT INTO numbers (number) VALUES (?)").bind(number);
    insert.execute(connection).await?;
    Ok(())
}

async fn written(database: &Database, number: i64) -> Result<(), DatabaseError> {
    let write = database.write(None, async |connection| {
        insert(connection, number).await?;
        Ok(End::Commit(()))
    });
    write.await
}

async fn held(database: &Database) -> Vec<i64> {
    let mut reader = database.reader(None).await.unwrap();
    let held = sqlx::query_scalar("SELECT number FROM numbers ORDER BY number")
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    reader.done().unwrap();
    held
}

async fn run(database: &Database, statements: &'static str) {
    let mut connection = database.for_upkeep().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut *connection).await.unwrap();
}

/// Another program that holds the write lock.
async fn lock(file: &Path) -> SqliteConnection {
    let mut other = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    other
}

async fn until_healed(database: &Database) {
    let mut changes = database.changes();
    while database.trouble().is_some() {
        tokio::time::timeout(PATIENCE, changes.changed())
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn an_error_rolls_back_and_the_next_write_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    written(&database, 1).await.unwrap();
    let twice = database.write(None, async |connection| {
        insert(connection, 2).await?;
        insert(connection, 1).await?;
        Ok(End::Commit(()))
    });
    let twice: Result<(), DatabaseError> = twice.await;
    assert!(matches!(twice, Err(DatabaseError::Sqlite(_))), "{twice:?}");
    assert!(database.trouble().is_none(), "nothing is wrong with the file");
    let left = database.write(None, async |connection| {
        insert(connection, 3).await?;
        Ok::<_, DatabaseError>(End::RollBack("left"))
    });
    assert_eq!(left.await.unwrap(), "left");
    written(&database, 4).await.unwrap();
    assert_eq!(held(&database).await, [1, 4]);
}

#[tokio::test]
async fn a_transaction_that_sqlite_has_ended_is_over_and_the_next_write_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    let ended = database.write(None, async |connection| {
        insert(connection, 1).await?;
        // As SQLite does when the disk is full.
        sqlx::query("ROLLBACK").execute(&mut *connection).await?;
        Err::<End<()>, _>(DatabaseError::Changed)
    });
    assert!(matches!(ended.await, Err(DatabaseError::Changed)));
    // It did so, and nobody has noticed.
    let ended = database.write(None, async |connection| {
        sqlx::query("ROLLBACK").execute(&mut *connection).await?;
        insert(connection, 2).await?;
        Ok(End::Commit(()))
    });
    let ended: Result<(), DatabaseError> = ended.await;
    assert!(matches!(ended, Err(DatabaseError::Sqlite(_))), "{ended:?}");
    written(&database, 3).await.unwrap();
    // What was written when there was no transaction any more is beyond help.
    assert_eq!(held(&database).await, [2, 3]);
}

#[tokio::test]
async fn a_commit_that_fails_changes_nothing_and_the_next_write_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    let dangling = database.write(None, async |connection| {
        insert(connection, 1).await?;
        let reference = sqlx::query("INSERT INTO references_ (number) VALUES (7)");
        reference.execute(&mut *connection).await?;
        Ok(End::Commit(()))
    });
    let dangling: Result<(), DatabaseError> = dangling.await;
    assert!(matches!(dangling, Err(DatabaseError::Sqlite(_))), "{dangling:?}");
    written(&database, 2).await.unwrap();
    assert_eq!(held(&database).await, [2]);
}

#[tokio::test]
async fn a_write_that_is_given_up_at_its_deadline_was_not_made_and_the_next_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    let soon = Instant::now() + Duration::from_millis(30);
    let late: Result<(), _> = database
        .write(Some(soon), async |connection| {
            insert(connection, 1).await?;
            std::future::pending::<Result<End<()>, DatabaseError>>().await
        })
        .await;
    assert!(matches!(late, Err(DatabaseError::Timeout)), "{late:?}");
    let before = database.write(Some(Instant::now()), async |_| Ok::<_, DatabaseError>(End::Commit(())));
    assert!(matches!(before.await, Err(DatabaseError::Timeout)));
    written(&database, 2).await.unwrap();
    assert_eq!(held(&database).await, [2]);
}

#[tokio::test]
async fn a_statement_that_runs_when_its_write_is_given_up_ends_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    let soon = Instant::now() + Duration::from_millis(30);
    let late: Result<(), _> = database
        .write(Some(soon), async |connection| {
            insert(connection, 1).await?;
            let long = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)
                        INSERT INTO numbers SELECT -max(i) FROM n";
            sqlx::query(long).execute(&mut *connection).await?;
            Ok::<_, DatabaseError>(End::Commit(()))
        })
        .await;
    assert!(matches!(late, Err(DatabaseError::Timeout)), "{late:?}");
    written(&database, 2).await.unwrap();
    assert_eq!(held(&database).await, [2]);
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_was_not_made_or_is_made_whole() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    // Given up at every point at which it waits, from the first on.
    for polls in 0..40 {
        let number = 1 + i64::from(polls);
        let (told, mut tells) = oneshot::channel();
        let writing = database.clone();
        let mut write = Box::pin(async move {
            let written: Result<(), DatabaseError> = writing
                .write(None, async |connection| {
                    insert(connection, number).await?;
                    insert(connection, -number).await?;
                    Ok(End::CommitThen((), Box::new(move || told.send(()).unwrap())))
                })
                .await;
            written.unwrap();
        });
        let mut left = polls;
        std::future::poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            write.as_mut().poll(context)
        })
        .await;
        drop(write);
        // Whoever writes next comes after it.
        written(&database, 1_000 + number).await.unwrap();
        let held = held(&database).await;
        assert_eq!(
            held.contains(&number),
            held.contains(&-number),
            "half of it was written"
        );
        assert_eq!(
            held.contains(&number),
            tells.try_recv().is_ok(),
            "it was written and nobody told, or told and not written"
        );
    }
}

#[tokio::test]
async fn what_is_about_to_be_committed_is_not_given_up_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    // On a busy machine the time may be over before the work begins; that shows nothing.
    loop {
        let deadline = Instant::now() + Duration::from_millis(200);
        let began = AtomicBool::new(false);
        let written: Result<(), DatabaseError> = database
            .write(Some(deadline), async |connection| {
                insert(connection, 1).await?;
                began.store(true, Ordering::Relaxed);
                // Nothing is awaited from here on, so that only the commit is later.
                std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
                Ok(End::Commit(()))
            })
            .await;
        if began.load(Ordering::Relaxed) {
            written.unwrap();
            break;
        }
    }
    assert_eq!(held(&database).await, [1]);
}

#[tokio::test]
async fn one_statement_is_finished_whoever_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    let insert = || sqlx::query("INSERT INTO numbers (number) VALUES (1)");
    assert_eq!(database.statement(insert()).await.unwrap().rows_affected(), 1);
    assert!(matches!(
        database.statement(insert()).await,
        Err(DatabaseError::Sqlite(_))
    ));
    let delete = sqlx::query("DELETE FROM numbers");
    assert_eq!(database.statement(delete).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn a_file_that_another_program_has_locked_is_read_and_can_be_written_again_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    written(&database, 1).await.unwrap();
    let other = lock(database.path()).await;
    for _ in 0..3 {
        let refused = written(&database, 2).await;
        let Err(DatabaseError::Unwritable(trouble)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(trouble.reason, Reason::Other);
    }
    assert_eq!(held(&database).await, [1]);
    let since = database.trouble().unwrap().since;
    let refused = database.statement(sqlx::query("DELETE FROM numbers")).await;
    assert!(matches!(refused, Err(DatabaseError::Unwritable(_))), "{refused:?}");
    assert_eq!(database.trouble().unwrap().since, since, "it broke once");
    drop(other);
    until_healed(&database).await;
    written(&database, 3).await.unwrap();
    assert_eq!(held(&database).await, [1, 3]);
}

#[tokio::test]
async fn a_file_that_is_locked_from_the_beginning_is_opened_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let first = numbers(&folder).await;
    written(&first, 1).await.unwrap();
    let other = lock(first.path()).await;
    let database = numbers(&folder).await;
    assert!(database.trouble().is_some() && database.is_readable());
    assert_eq!(held(&database).await, [1]);
    drop(other);
    until_healed(&database).await;
    written(&database, 2).await.unwrap();
    assert_eq!(held(&database).await, [1, 2]);
}

#[tokio::test]
async fn a_file_of_an_earlier_version_that_cannot_be_brought_up_to_date_now_is_opened_later_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.db");
    let earlier = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut earlier = earlier.connect().await.unwrap();
    let statements = "PRAGMA journal_mode = WAL; CREATE TABLE numbers (number INTEGER NOT NULL UNIQUE) STRICT;
                      INSERT INTO numbers VALUES (1); PRAGMA user_version = 1";
    sqlx::raw_sql(statements).execute(&mut earlier).await.unwrap();
    let other = lock(&file).await;
    let database = open(&file).await.unwrap();
    assert!(!database.is_readable() && !database.is_empty());
    assert!(matches!(database.reader(None).await, Err(DatabaseError::Unopened(_))));
    assert!(matches!(written(&database, 2).await, Err(DatabaseError::Unwritable(_))));
    drop(other);
    until_healed(&database).await;
    written(&database, 2).await.unwrap();
    assert_eq!(held(&database).await, [1, 2]);
}

#[tokio::test]
async fn a_file_that_waiting_does_not_help_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.db");
    std::fs::write(&file, "no database at all, and longer than the head of one ".repeat(20)).unwrap();
    assert!(matches!(open(&file).await, Err(CannotOpen::Database(_))));
    let later = folder.path().join("later.db");
    let database = open(&later).await.unwrap();
    run(&database, "PRAGMA user_version = 3").await;
    database.close().await;
    assert!(database.is_closed());
    assert!(matches!(
        open(&later).await,
        Err(CannotOpen::Newer { found: 3, known: 2 })
    ));
    let no_folder = file.join("numbers.db");
    assert!(matches!(open(&no_folder).await, Err(CannotOpen::Folder(_))));
    assert!(matches!(open(folder.path()).await, Err(CannotOpen::Database(_))));
}

#[tokio::test]
async fn a_file_that_is_read_as_it_stands_counts_only_if_it_still_does_and_is_opened_well_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    let file = database.path().to_owned();
    written(&database, 1).await.unwrap();
    database.close().await;
    // SQLite has no place for the index of a WAL, as on a full disk.
    let in_the_way = folder.path().join("numbers.db-shm");
    std::os::unix::fs::symlink("nowhere", &in_the_way).unwrap();
    let database = open(&file).await.unwrap();
    assert!(database.trouble().is_some_and(|trouble| trouble.is_readable));
    assert_eq!(held(&database).await, [1]);
    assert!(matches!(written(&database, 2).await, Err(DatabaseError::Unwritable(_))));

    // Another program writes to the file while it is read.
    let reader = database.reader(None).await.unwrap();
    let touched = std::fs::File::options().write(true).open(&file).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(matches!(reader.done(), Err(DatabaseError::Changed)));
    // It is looked at again, and read as it stands now.
    let mut changes = database.changes();
    tokio::time::timeout(PATIENCE, changes.changed())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(held(&database).await, [1]);

    std::fs::remove_file(&in_the_way).unwrap();
    until_healed(&database).await;
    written(&database, 3).await.unwrap();
    assert_eq!(held(&database).await, [1, 3]);
}

/// Long after whatever a test does.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

fn read_in_place(database: &Database) -> Option<i64> {
    let read = database.read_in_place(later(), |reading| -> rusqlite::Result<i64> {
        let connection = reading.connection();
        let mut newest = connection.prepare_cached("SELECT coalesce(max(number), 0) FROM numbers")?;
        newest.query_row([], |row| row.get(0))
    });
    read.ok()
}

#[tokio::test]
async fn what_is_read_in_place_is_what_was_committed_last() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    for number in 1..5 {
        written(&database, number).await.unwrap();
        assert_eq!(read_in_place(&database), Some(number));
    }
    // By another program, too, and not what is under way.
    let other = numbers(&folder).await;
    written(&other, 10).await.unwrap();
    assert_eq!(read_in_place(&database), Some(10));
    let mut begun = other.begin(None).await.unwrap();
    insert(&mut begun, 11).await.unwrap();
    assert_eq!(read_in_place(&database), Some(10));
    begun.commit(Box::new(|| {})).await.unwrap();
    assert_eq!(read_in_place(&database), Some(11));
}

#[tokio::test]
async fn what_fails_in_place_is_left_to_those_that_tell_why_and_a_closed_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    written(&database, 1).await.unwrap();
    let failed: Result<i64, NotInPlace> = database.read_in_place(later(), |reading| -> rusqlite::Result<i64> {
        let connection = reading.connection();
        connection.query_row("SELECT nothing FROM numbers", [], |row| row.get(0))
    });
    assert_eq!(failed, Err(NotInPlace::Now));
    assert_eq!(read_in_place(&database), Some(1));
    database.close().await;
    assert_eq!(read_in_place(&database), None);
    assert!(
        !folder.path().join("numbers.db-wal").exists(),
        "the last one has tidied up"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_read_in_place_at_once_and_the_rest_is_left_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    written(&database, 1).await.unwrap();
    // Whoever reads within a reading has another connection, until there are no more.
    fn nested(database: &Database, depth: u32) -> u32 {
        let inner = database.read_in_place(later(), |_| Ok::<_, DatabaseError>(nested(database, depth + 1)));
        inner.unwrap_or(depth)
    }
    assert_eq!(nested(&database, 0), 8);
    assert_eq!(read_in_place(&database), Some(1));
}

#[tokio::test]
async fn what_is_long_is_interrupted_in_place_and_the_connection_reads_on() {
    const COUNT: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n";
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    written(&database, 1).await.unwrap();
    let count = |to: i64, until: Instant| -> Result<i64, NotInPlace> {
        database.read_in_place(until, |reading| {
            let connection = reading.connection();
            connection.query_row(COUNT, [to], |row| row.get(0))
        })
    };
    assert_eq!(count(100, later()), Ok(100));
    assert_eq!(count(1_000_000, later()), Err(NotInPlace::TooLong));
    // What had no time any more would not have been too long.
    assert_eq!(count(1_000_000, Instant::now()), Err(NotInPlace::Now));
    assert_eq!(count(100, later()), Ok(100));
    assert_eq!(read_in_place(&database), Some(1));
}

#[tokio::test]
async fn what_is_read_apart_is_one_state_and_is_judged_as_its_reader_says() {
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    written(&database, 1).await.unwrap();
    let (begun, may_go_on) = (tokio::sync::oneshot::channel(), std::sync::mpsc::channel());
    let reading = database.read_apart(later(), move |reading| -> Result<[i64; 2], DatabaseError> {
        let highest = || {
            let connection = reading.connection();
            let judge: crate::Judge = Box::new(|values| Ok(values.get::<i64>(0)? < 100));
            let highest = || {
                connection.query_row("SELECT max(number) FROM numbers WHERE judged(number)", (), |row| {
                    row.get(0)
                })
            };
            reading.judged_by(judge, highest).unwrap()
        };
        let first = highest();
        begun.0.send(()).unwrap();
        may_go_on.1.recv().unwrap();
        Ok([first, highest()])
    });
    let writing = async {
        begun.1.await.unwrap();
        written(&database, 2).await.unwrap();
        written(&database, 100).await.unwrap();
        may_go_on.0.send(()).unwrap();
    };
    let (read, ()) = tokio::join!(reading, writing);
    assert_eq!(read.unwrap(), [1, 1]);
    // Without a judge there is nothing that is looked for.
    let unjudged = database.read_apart(later(), |reading| -> Result<i64, DatabaseError> {
        let counted = reading
            .connection()
            .query_row("SELECT count(*) FROM numbers WHERE judged(number)", (), |row| {
                row.get(0)
            });
        Ok(counted.unwrap())
    });
    assert_eq!(unjudged.await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_read_apart_ends_at_its_deadline_and_when_nobody_waits() {
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let folder = tempfile::tempdir().unwrap();
    let database = numbers(&folder).await;
    let count = |deadline: Instant| {
        database.read_apart(deadline, |reading| -> Result<i64, DatabaseError> {
            let counted = reading.connection().query_row(ENDLESS, (), |row| row.get(0));
            counted.map_err(|error| DatabaseError::from(&error))
        })
    };
    let late = count(Instant::now() + Duration::from_millis(50)).await;
    assert!(matches!(late, Err(DatabaseError::Timeout)), "{late:?}");
    let given_up = tokio::time::timeout(Duration::from_millis(50), count(later())).await;
    assert!(given_up.is_err());
    // Closing waits for all that is under way, and so nothing is.
    database.close().await;
}
