//! The tables, and how a file of an earlier version becomes one of this version. Each part counts the versions of its own
//! tables, so that parts come and change independently of each other.

use async_trait::async_trait;
use kakehashi_database::{CannotOpen, Found, Schema};
use sqlx::SqliteConnection;

/// Something that is kept.
struct Part {
    /// Its name, which stands in the file.
    name: &'static str,
    /// What leads from each version of its tables to the next. Entries are only ever added.
    migrations: &'static [&'static str],
}

const PARTS: [Part; 5] = [
    // `tenant` is empty where the subscription is to the federation.
    Part {
        name: "subscriptions",
        migrations: &[
            "
    CREATE TABLE subscriptions (
        owner TEXT NOT NULL,
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        document TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        modified_at INTEGER NOT NULL,
        times_sent INTEGER NOT NULL DEFAULT 0,
        times_failed INTEGER NOT NULL DEFAULT 0,
        last_notification TEXT,
        last_success TEXT,
        last_failure TEXT,
        is_ok INTEGER,
        PRIMARY KEY (owner, tenant, id)
    ) STRICT;
",
            "
    ALTER TABLE subscriptions ADD COLUMN purpose TEXT;
",
            // What was made before this was kept has none.
            "
    ALTER TABLE subscriptions ADD COLUMN proof TEXT;
",
        ],
    },
    Part {
        name: "config",
        migrations: &["
    CREATE TABLE config_texts (
        hash TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE config_revisions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        revision TEXT NOT NULL,
        at INTEGER NOT NULL,
        cause TEXT NOT NULL,
        administrator TEXT,
        files TEXT NOT NULL
    ) STRICT;
"],
    },
    // Numbers are never given again: whoever ends an act names its own.
    Part {
        name: "acts",
        migrations: &["
    CREATE TABLE acts (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        act TEXT NOT NULL,
        tenant TEXT NOT NULL,
        by_whom TEXT NOT NULL,
        what TEXT NOT NULL,
        outcome TEXT
    ) STRICT;
"],
    },
    Part {
        name: "files",
        migrations: &["
    CREATE TABLE source_files (
        source TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        known TEXT NOT NULL
    ) STRICT;
"],
    },
    Part {
        name: "contexts",
        migrations: &[
            "
    CREATE TABLE contexts (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX contexts_by_owner ON contexts (owner);
",
            // What was stored before this was kept is its owner's alone.
            "
    ALTER TABLE contexts ADD COLUMN public INTEGER NOT NULL DEFAULT 0;
",
        ],
    },
];

/// The tables of all parts.
#[derive(Debug)]
pub(super) struct Tables;

#[async_trait]
impl Schema for Tables {
    async fn look(&self, connection: &mut SqliteConnection) -> Result<Found, CannotOpen> {
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema")
            .fetch_all(&mut *connection)
            .await?;
        if tables.is_empty() {
            return Ok(Found::Nothing);
        }
        if tables.iter().all(|table| table != "versions") {
            return Ok(Found::Older);
        }
        let mut found = Found::Current;
        for part in &PARTS {
            if !missing(connection, part).await?.is_empty() {
                found = Found::Older;
            }
        }
        Ok(found)
    }

    async fn migrate(&self, connection: &mut SqliteConnection) -> Result<(), CannotOpen> {
        sqlx::query("CREATE TABLE IF NOT EXISTS versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT")
            .execute(&mut *connection)
            .await?;
        for part in &PARTS {
            for migration in missing(connection, part).await? {
                sqlx::raw_sql(*migration).execute(&mut *connection).await?;
            }
            sqlx::query("INSERT OR REPLACE INTO versions (part, version) VALUES (?1, ?2)")
                .bind(part.name)
                .bind(i64::try_from(part.migrations.len()).unwrap_or(i64::MAX))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

/// What leads from the version of a part's tables in the file to this version's.
async fn missing(connection: &mut SqliteConnection, part: &Part) -> Result<&'static [&'static str], CannotOpen> {
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM versions WHERE part = ?1")
        .bind(part.name)
        .fetch_optional(connection)
        .await?;
    let found = version.unwrap_or(0);
    let reached = usize::try_from(found).unwrap_or(0);
    part.migrations.get(reached..).ok_or(CannotOpen::Newer {
        found,
        known: i64::try_from(part.migrations.len()).unwrap_or(i64::MAX),
    })
}
