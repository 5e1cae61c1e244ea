//! What SQLite's errors are to the store, and what of the store's errors is SQLite's.

use kakehashi_database::{CannotOpen, Carries, DatabaseError, Failure};

use crate::StoreError;

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unwritable(trouble) => Self::Unwritable(trouble),
            DatabaseError::Unopened(trouble) => Self::Unopened(trouble),
            DatabaseError::Changed => Self::Changed,
            DatabaseError::Timeout => Self::Timeout,
            DatabaseError::Sqlite(failure) => Self::Failed(Box::new(failure)),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl Carries for StoreError {
    fn into_database(self) -> Result<DatabaseError, Self> {
        match self {
            Self::Unwritable(trouble) => Ok(DatabaseError::Unwritable(trouble)),
            Self::Unopened(trouble) => Ok(DatabaseError::Unopened(trouble)),
            Self::Changed => Ok(DatabaseError::Changed),
            Self::Timeout => Ok(DatabaseError::Timeout),
            Self::Failed(error) => match error.downcast::<Failure>() {
                Ok(failure) => Ok(DatabaseError::Sqlite(*failure)),
                Err(error) => Err(Self::Failed(error)),
            },
            other => Err(other),
        }
    }
}

impl From<CannotOpen> for StoreError {
    fn from(error: CannotOpen) -> Self {
        match error {
            CannotOpen::Folder(error) => Self::Folder(error),
            CannotOpen::Foreign => Self::NotAStore,
            CannotOpen::Newer { found, known } => Self::NewerVersion { found, known },
            CannotOpen::Content(reason) => Self::Row(reason),
            CannotOpen::Database(failure) => Self::Failed(Box::new(failure)),
        }
    }
}

impl From<StoreError> for CannotOpen {
    /// What stopped a migration.
    fn from(error: StoreError) -> Self {
        match error.into_database() {
            Ok(DatabaseError::Sqlite(failure)) => Self::Database(failure),
            Ok(other) => Self::Content(other.to_string()),
            Err(other) => Self::Content(other.to_string()),
        }
    }
}
