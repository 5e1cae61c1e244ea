//! What SQLite's errors are to the gateway.

use kakehashi_database::{CannotOpen, Carries, DatabaseError, Failure};

use crate::StateError;

impl From<DatabaseError> for StateError {
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

impl From<sqlx::Error> for StateError {
    fn from(error: sqlx::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl Carries for StateError {
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
            other @ (Self::Folder(_) | Self::Later | Self::Unknown(_)) => Err(other),
        }
    }
}

impl From<CannotOpen> for StateError {
    fn from(error: CannotOpen) -> Self {
        match error {
            CannotOpen::Folder(error) => Self::Folder(error),
            CannotOpen::Newer { .. } => Self::Later,
            CannotOpen::Database(failure) => Self::Failed(Box::new(failure)),
            other @ (CannotOpen::Foreign | CannotOpen::Content(_)) => Self::Unknown(other.to_string()),
        }
    }
}
