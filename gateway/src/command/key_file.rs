//! The keys in tenants.toml, read and taken out without touching the rest of the file. It needs no secret of the
//! environment and no policy: whoever has to revoke a key in a hurry has neither at hand.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Serialize;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::Failure;

/// The tables whose entries have keys.
pub(super) const HOLDERS: [&str; 2] = ["consumers", "administrators"];

/// tenants.toml with everything that was written around its values.
pub(super) struct KeyFile {
    path: PathBuf,
    document: DocumentMut,
}

/// One key, without its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ListedKey {
    /// The consumer or administrator.
    pub(super) holder: String,
    /// What the key is called.
    pub(super) name: String,
    /// The last day on which it is valid, in Japan.
    pub(super) expires: Option<String>,
    /// `valid` or `expired`.
    pub(super) state: &'static str,
}

impl KeyFile {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text =
            fs::read_to_string(path).map_err(|error| Failure::other(&format!("cannot read {name}"), error.kind()))?;
        // The parser's own message shows the line, which may hold a secret.
        let document = ngsi_ld::text_without_byte_order_mark(&text)
            .parse()
            .map_err(|_| Failure::Other(format!("{name} is not TOML: `kakehashi check` says where")))?;
        Ok(Self {
            path: path.to_owned(),
            document,
        })
    }

    /// All keys, in the order of the file.
    pub(super) fn keys(&self, today: Date) -> Vec<ListedKey> {
        let mut listed = Vec::new();
        for table in HOLDERS {
            let holders = self.document.get(table).and_then(Item::as_table_like);
            for (holder, item) in holders.into_iter().flat_map(TableLike::iter) {
                let keys = item.get("keys");
                for_each_key(keys, |key| listed.push(listed_key(holder, key, today)));
            }
        }
        listed
    }

    /// Says which holders there are when this is none.
    pub(super) fn check_holder(&self, holder: &str) -> Result<(), Failure> {
        let tables = HOLDERS
            .iter()
            .filter_map(|table| self.document.get(table)?.as_table_like());
        let known: Vec<&str> = tables.flat_map(|table| table.iter().map(|(name, _)| name)).collect();
        if known.contains(&holder) {
            return Ok(());
        }
        let help = kakehashi_core::diagnostics::suggest(holder, known.iter().copied()).unwrap_or_default();
        Err(Failure::Other(format!(
            "{} has no consumer or administrator `{holder}`\n  = help: {help}",
            self.path.display()
        )))
    }

    /// Takes a key out; says how many its holder has left.
    pub(super) fn revoke(&mut self, holder: &str, name: &str, sha256: Option<&str>) -> Result<usize, Failure> {
        self.check_holder(holder)?;
        let names: Vec<String> = self.names_of(holder);
        let fits = |key: &dyn TableLike| {
            let text = |member: &str| key.get(member).and_then(Item::as_str).unwrap_or_default().to_owned();
            let begins = |begin: &str| {
                text("sha256")
                    .to_ascii_lowercase()
                    .starts_with(&begin.to_ascii_lowercase())
            };
            text("name") == name && sha256.is_none_or(begins)
        };
        for table in HOLDERS {
            let Some(keys) = self
                .document
                .get_mut(table)
                .and_then(|table| table.get_mut(holder))
                .and_then(|holder| holder.get_mut("keys"))
            else {
                continue;
            };
            let mut found = Vec::new();
            let mut index = 0;
            for_each_key(Some(keys), |key| {
                if fits(key) {
                    found.push(index);
                }
                index += 1;
            });
            match found.as_slice() {
                [] => {}
                [position] => {
                    remove(keys, *position);
                    return Ok(index - 1);
                }
                several => {
                    let message = format!(
                        "`{holder}` has {} keys called `{name}`: name one with --sha256 and the beginning of its hash",
                        several.len()
                    );
                    return Err(Failure::Other(message));
                }
            }
        }
        let help = kakehashi_core::diagnostics::suggest(name, names.iter().map(String::as_str))
            .unwrap_or_else(|| "it has none at all".to_owned());
        Err(Failure::Other(format!(
            "`{holder}` has no key `{name}`\n  = help: {help}"
        )))
    }

    fn names_of(&self, holder: &str) -> Vec<String> {
        let keys = self.keys(Date::MAX).into_iter();
        keys.filter(|key| key.holder == holder).map(|key| key.name).collect()
    }

    /// Writes the file in one step: whoever reads it meanwhile sees the old one or the new one, and it keeps its
    /// permissions.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::other(&format!("cannot write {}", self.path.display()), error);
        // A link is followed, not replaced: what it leads to is the file.
        let path = fs::canonicalize(&self.path).map_err(|error| failed(&error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let permissions = fs::metadata(&path).map_err(|error| failed(&error))?.permissions();
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
        file.write_all(self.document.to_string().as_bytes())
            .and_then(|()| file.as_file().set_permissions(permissions))
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| failed(&error))?;
        file.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(())
    }
}

/// Looks at every key, whether they are written as a list or as `[[consumers.<id>.keys]]`.
pub(super) fn for_each_key(keys: Option<&Item>, mut look: impl FnMut(&dyn TableLike)) {
    match keys {
        Some(Item::Value(Value::Array(items))) => {
            // What is no table is no key; it keeps its place in the count.
            let nothing = toml_edit::InlineTable::new();
            for item in items {
                look(item.as_inline_table().unwrap_or(&nothing));
            }
        }
        Some(Item::ArrayOfTables(tables)) => {
            for table in tables {
                look(table);
            }
        }
        _ => {}
    }
}

fn remove(keys: &mut Item, position: usize) {
    match keys {
        Item::Value(Value::Array(items)) => remove_item(items, position),
        Item::ArrayOfTables(tables) => {
            tables.remove(position);
        }
        _ => {}
    }
}

/// Takes an item out with the comment at the end of its line. The parser keeps that comment with what comes next.
fn remove_item(items: &mut toml_edit::Array, position: usize) {
    let removed = items.remove(position);
    let before = removed
        .decor()
        .prefix()
        .and_then(toml_edit::RawString::as_str)
        .unwrap_or("");
    if let Some(next) = items.get_mut(position) {
        let own = next
            .decor()
            .prefix()
            .and_then(toml_edit::RawString::as_str)
            .unwrap_or("");
        let prefix = joined_lines(before, own);
        next.decor_mut().set_prefix(prefix);
    } else {
        let trailing = joined_lines(before, items.trailing().as_str().unwrap_or(""));
        items.set_trailing(trailing);
    }
}

/// The end of the line before, and what follows the end of the removed item's own line.
fn joined_lines(before: &str, after: &str) -> String {
    match (before.split_once('\n'), after.split_once('\n')) {
        (Some((end, _)), Some((_, rest))) => format!("{end}\n{rest}"),
        // All on one line.
        (_, None) => before.to_owned(),
        (None, Some((_, rest))) => format!("{before}\n{rest}"),
    }
}

/// The last day on which a key is valid; `None`: it does not expire.
pub(super) fn last_day(key: &dyn TableLike) -> Option<Date> {
    let date = key.get("expires").and_then(Item::as_datetime)?.date?;
    Date::new(
        date.year.cast_signed(),
        date.month.cast_signed(),
        date.day.cast_signed(),
    )
    .ok()
}

fn listed_key(holder: &str, key: &dyn TableLike, today: Date) -> ListedKey {
    let last = last_day(key);
    let is_expired = last.is_some_and(|last| today > last);
    ListedKey {
        holder: holder.to_owned(),
        name: key.get("name").and_then(Item::as_str).unwrap_or_default().to_owned(),
        expires: last.map(|last| last.to_string()),
        state: if is_expired { "expired" } else { "valid" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# Who calls.
[consumers.app]   # the map
roles = ["reader"]
keys = [
  { name = "2025", sha256 = "aa00", expires = 2025-03-31 },  # the old one
  { name = "2026", sha256 = "bb00" },                        # the new one
]

[consumers."other"]
keys = [{ name = "2026", sha256 = "cc00" }, { name = "2026", sha256 = "cd00" }]

# Runs the platform.
[[administrators.ops.keys]]
name = "first"   # of two
sha256 = "dd00"

[[administrators.ops.keys]]
name = "second"
sha256 = "ee00"
"#;

    fn file() -> KeyFile {
        KeyFile {
            path: PathBuf::from("tenants.toml"),
            document: FILE.parse().unwrap(),
        }
    }

    #[test]
    fn keys_are_listed_with_what_is_left_of_their_time() {
        let keys = file().keys(Date::constant(2026, 1, 1));
        let shown: Vec<String> = keys
            .iter()
            .map(|key| format!("{} {} {:?} {}", key.holder, key.name, key.expires.as_deref(), key.state))
            .collect();
        assert_eq!(
            shown,
            [
                "app 2025 Some(\"2025-03-31\") expired",
                "app 2026 None valid",
                "other 2026 None valid",
                "other 2026 None valid",
                "ops first None valid",
                "ops second None valid",
            ]
        );
        assert_eq!(
            file().keys(Date::constant(2025, 3, 31))[0].state,
            "valid",
            "to the end of the day"
        );
    }

    #[test]
    fn a_revoked_key_is_gone_and_nothing_else_has_changed() {
        let mut revoked = file();
        assert_eq!(revoked.revoke("app", "2025", None).unwrap(), 1);
        let text = revoked.document.to_string();
        let gone: Vec<&str> = FILE
            .lines()
            .filter(|line| !text.lines().any(|left| left == *line))
            .collect();
        assert_eq!(gone.len(), 1, "{gone:?}\n{text}");
        assert!(gone[0].contains("aa00"));
        assert!(text.contains("# the new one") && text.contains("bb00"), "{text}");

        let mut revoked = file();
        assert_eq!(revoked.revoke("app", "2026", None).unwrap(), 1);
        let text = revoked.document.to_string();
        let gone: Vec<&str> = FILE
            .lines()
            .filter(|line| !text.lines().any(|left| left == *line))
            .collect();
        assert_eq!(gone.len(), 1, "{gone:?}\n{text}");
        assert!(gone[0].contains("bb00") && text.contains("# the old one"), "{text}");

        let mut revoked = file();
        assert_eq!(revoked.revoke("ops", "first", None).unwrap(), 1);
        let text = revoked.document.to_string();
        assert!(
            !text.contains("dd00") && text.contains("ee00") && text.contains("bb00"),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_one_key_is_not_revoked() {
        let said = |holder: &str, name: &str, sha256| file().revoke(holder, name, sha256).unwrap_err().to_string();
        assert!(said("ap", "2026", None).contains("did you mean `app`?"));
        assert!(said("app", "2027", None).contains("did you mean `2026`?"));
        assert!(said("other", "2026", None).contains("--sha256"));
        assert!(said("other", "2026", Some("ff")).contains("no key"));
        let mut revoked = file();
        assert_eq!(revoked.revoke("other", "2026", Some("CD")).unwrap(), 1);
        let text = revoked.document.to_string();
        assert!(text.contains("cc00") && !text.contains("cd00"), "{text}");
    }
}
