//! Every write: whole, or nothing.
//!
//! SQLite ends a transaction by itself when the disk is full or fails, and sqlx, which counts transactions, does not
//! notice: its rollback fails, the count stays, and the connection takes no further transaction. So transactions are begun
//! and ended here, by SQLite's own statements, and a connection goes back to its pool only when SQLite has said that
//! the transaction is over. In every other case (an error, a rollback that fails, a future that is dropped, whenever
//! that is) it is closed, and the next write opens another.
//!
//! What is about to be committed is not given up any more: a commit runs as a task of its own, past the deadline and without
//! whoever waits for it. So a write that was given up was not made, and one that was made is told to whoever still waits.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteQueryResult};
use sqlx::{Sqlite, SqliteConnection};
use tokio::runtime::Handle;

use crate::trouble::Failure;
use crate::{Database, DatabaseError, Inner};

/// How a transaction ends well.
pub enum End<T> {
    /// It is committed.
    Commit(T),
    /// It is committed, and before anybody else writes this is done, whoever still waits.
    CommitThen(T, Box<dyn FnOnce() + Send>),
    /// It is rolled back.
    RollBack(T),
}

impl<T> End<T> {
    /// What it ends with.
    pub fn into_value(self) -> T {
        match self {
            Self::Commit(value) | Self::CommitThen(value, _) | Self::RollBack(value) => value,
        }
    }
}

/// An error that an error of a database can be.
pub trait Carries: From<DatabaseError> {
    /// The error of the database, if it is one.
    ///
    /// # Errors
    /// Itself, if it is another.
    fn into_database(self) -> Result<DatabaseError, Self>;
}

impl Carries for DatabaseError {
    fn into_database(self) -> Result<DatabaseError, Self> {
        Ok(self)
    }
}

/// A connection in a transaction. Dropped in the midst of it, it is closed, and nothing was written.
#[derive(Debug)]
pub struct Transaction {
    connection: PoolConnection<Sqlite>,
    is_over: bool,
    /// That of whoever has opened the file.
    runtime: Handle,
}

impl Transaction {
    /// The transaction is not begun yet.
    const fn of(connection: PoolConnection<Sqlite>, runtime: Handle) -> Self {
        Self {
            connection,
            is_over: false,
            runtime,
        }
    }

    /// Commits, as a task of its own; and before anybody else writes `then` is done, whoever still waits.
    ///
    /// # Errors
    /// [`DatabaseError`]; then nothing was written.
    pub async fn commit(self, then: Box<dyn FnOnce() + Send>) -> Result<(), DatabaseError> {
        let runtime = self.runtime.clone();
        finished(runtime.spawn(self.committed(then))).await
    }

    /// Rolls back. A statement that was given up may still run: nobody waits for it.
    pub fn give_up(self) {
        let runtime = self.runtime.clone();
        runtime.spawn(self.roll_back());
    }

    async fn begin(&mut self) -> Result<(), DatabaseError> {
        // The write lock comes first: what is read can then not become outdated before it is written.
        sqlx::query("BEGIN IMMEDIATE").execute(&mut **self).await?;
        Ok(())
    }

    async fn committed(mut self, then: Box<dyn FnOnce() + Send>) -> Result<(), DatabaseError> {
        sqlx::query("COMMIT").execute(&mut *self).await?;
        self.is_over = true;
        then();
        Ok(())
    }

    /// One statement, without any other.
    async fn run(
        mut self,
        statement: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<SqliteQueryResult, DatabaseError> {
        let result = statement.execute(&mut *self).await?;
        self.is_over = true;
        Ok(result)
    }

    async fn roll_back(mut self) {
        // It fails where SQLite has ended the transaction already.
        self.is_over = sqlx::query("ROLLBACK").execute(&mut *self).await.is_ok();
    }
}

impl Deref for Transaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.close_on_drop();
        }
    }
}

impl Database {
    /// Writes in one transaction. At the deadline it is given up, unless it is about to be committed.
    ///
    /// # Errors
    /// Whatever the work says; then nothing was written. [`DatabaseError::Unwritable`] where the file cannot be written.
    pub async fn write<T, E, W>(&self, deadline: Option<Instant>, work: W) -> Result<T, E>
    where
        E: Carries,
        W: AsyncFnOnce(&mut SqliteConnection) -> Result<End<T>, E>,
    {
        match self.0.attempt(deadline, work).await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.0.judged(error).await),
        }
    }

    /// Begins a transaction, until the deadline. Whatever then fails in it is told by [`Database::judged`].
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn begin(&self, deadline: Option<Instant>) -> Result<Transaction, DatabaseError> {
        self.0.begin(deadline).await
    }

    /// The error of a transaction as it is told: what is wrong with the file is noted, and tried again.
    pub async fn judged<E: Carries>(&self, error: E) -> E {
        self.0.judged(error).await
    }

    /// Runs one statement that is a transaction of its own. Once begun it is finished, whoever waits for it.
    ///
    /// # Errors
    /// [`DatabaseError`]; then nothing was written.
    pub async fn statement(
        &self,
        statement: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<SqliteQueryResult, DatabaseError> {
        let run = async {
            let connection = Transaction::of(self.0.writer().await?, self.0.runtime.clone());
            finished(self.0.runtime.spawn(connection.run(statement))).await
        };
        match run.await {
            Ok(result) => Ok(result),
            Err(error) => Err(self.0.judged(error).await),
        }
    }
}

impl Inner {
    async fn begin(&self, deadline: Option<Instant>) -> Result<Transaction, DatabaseError> {
        let begun = within(deadline, async {
            let mut transaction = Transaction::of(self.writer().await?, self.runtime.clone());
            transaction.begin().await?;
            Ok(transaction)
        });
        begun.await
    }

    /// Writes in one transaction, without a thought about what an error means.
    pub(crate) async fn attempt<T, E, W>(&self, deadline: Option<Instant>, work: W) -> Result<T, E>
    where
        E: Carries,
        W: AsyncFnOnce(&mut SqliteConnection) -> Result<End<T>, E>,
    {
        let mut transaction = self.begin(deadline).await?;
        let worked = within(deadline, work(&mut transaction)).await;
        let (value, then): (T, Box<dyn FnOnce() + Send>) = match worked {
            Ok(End::Commit(value)) => (value, Box::new(|| {})),
            Ok(End::CommitThen(value, then)) => (value, then),
            ended => {
                transaction.give_up();
                return ended.map(End::into_value);
            }
        };
        transaction.commit(then).await?;
        Ok(value)
    }

    /// The error as it is told: what is wrong with the file is noted, and tried again.
    async fn judged<E: Carries>(self: &std::sync::Arc<Self>, error: E) -> E {
        match error.into_database() {
            Ok(DatabaseError::Sqlite(failure)) if failure.is_of_the_file() && !self.is_closed() => {
                DatabaseError::Unwritable(self.broke(failure).await).into()
            }
            Ok(error) => error.into(),
            Err(error) => error,
        }
    }
}

/// What became of a task that nobody aborts.
async fn finished<T>(task: tokio::task::JoinHandle<Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    task.await.unwrap_or_else(|_| {
        let text = "the process is ending; what became of the write is not known";
        Err(DatabaseError::Sqlite(Failure::other(text)))
    })
}

/// Gives work up at the deadline.
///
/// # Errors
/// Those of the work, or [`DatabaseError::Timeout`].
async fn within<T, E: Carries>(deadline: Option<Instant>, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let Some(deadline) = deadline else {
        return work.await;
    };
    // The timer counts whole milliseconds, so that work could still slip through after the deadline.
    if Instant::now() >= deadline {
        return Err(DatabaseError::Timeout.into());
    }
    tokio::time::timeout_at(deadline.into(), work)
        .await
        .unwrap_or_else(|_| Err(DatabaseError::Timeout.into()))
}
