//! Keys that do not let anybody in as it is, and would by going back to an earlier revision: whoever took one out because it
//! had leaked is to know before.

use jiff::civil::Date;
use toml_edit::{DocumentMut, Item, TableLike};

use super::key_file::{HOLDERS, for_each_key, last_day};

/// A key that becomes valid again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyAgain {
    holders: &'static str,
    holder: String,
    name: String,
    /// It is there still, and its last day is over.
    has_expired: bool,
}

/// A key as it stands in a file. Its hash says which it is: a name is given twice.
struct WrittenKey {
    holders: &'static str,
    holder: String,
    name: String,
    sha256: String,
    is_valid: bool,
}

impl KeyAgain {
    /// In one sentence.
    pub(super) fn in_words(&self) -> String {
        let (holder, name) = (&self.holder, &self.name);
        match (self.holders == "administrators", self.has_expired) {
            (false, false) => format!("the key `{name}` of consumer `{holder}`, which was taken out, is valid again"),
            (false, true) => format!("the key `{name}` of consumer `{holder}`, which has expired, is valid again"),
            (true, false) => {
                format!("the key `{name}` of administrator `{holder}`, which was taken out, is valid again")
            }
            (true, true) => format!("the key `{name}` of administrator `{holder}`, which has expired, is valid again"),
        }
    }
}

/// The keys of a tenants.toml that are valid on a day and are not in the one that runs.
pub(super) fn keys_again(running: &str, target: &str, today: Date) -> Vec<KeyAgain> {
    let runs = written(running, today);
    let again = written(target, today).into_iter().filter(|key| key.is_valid);
    let again = again.filter_map(|key| {
        let same = |other: &&WrittenKey| {
            (other.holders, &other.holder, &other.sha256) == (key.holders, &key.holder, &key.sha256)
        };
        let now = runs.iter().find(same);
        now.is_none_or(|now| !now.is_valid).then(|| KeyAgain {
            has_expired: now.is_some(),
            holders: key.holders,
            holder: key.holder,
            name: key.name,
        })
    });
    again.collect()
}

/// What ran could be read. If it cannot, none of its keys counts as valid, so that more is told rather than less.
fn written(tenants_toml: &str, today: Date) -> Vec<WrittenKey> {
    let document: DocumentMut = tenants_toml.parse().unwrap_or_default();
    let mut found = Vec::new();
    for table in HOLDERS {
        let holders = document.get(table).and_then(Item::as_table_like);
        for (holder, item) in holders.into_iter().flat_map(TableLike::iter) {
            for_each_key(item.get("keys"), |key| {
                let text = |member: &str| key.get(member).and_then(Item::as_str).unwrap_or_default().to_owned();
                found.push(WrittenKey {
                    holders: table,
                    holder: holder.to_owned(),
                    name: text("name"),
                    sha256: text("sha256").to_ascii_lowercase(),
                    is_valid: last_day(key).is_none_or(|last| today <= last),
                });
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"
[consumers.app]
keys = [
  { name = "2025", sha256 = "aa00", expires = 2025-03-31 },
  { name = "2026", sha256 = "bb00" },
  { name = "2026", sha256 = "bb01", expires = 2026-03-31 },
]
[[administrators.ops.keys]]
name = "first"
sha256 = "DD00"
"#;

    fn told(running: &str) -> Vec<String> {
        let again = keys_again(running, BEFORE, Date::constant(2026, 1, 1));
        again.iter().map(KeyAgain::in_words).collect()
    }

    #[test]
    fn each_key_is_told_that_was_taken_out_or_has_expired_and_none_that_is_valid_as_it_is() {
        assert_eq!(told(BEFORE), Vec::<String>::new());
        assert_eq!(
            told(""),
            [
                "the key `2026` of consumer `app`, which was taken out, is valid again",
                "the key `2026` of consumer `app`, which was taken out, is valid again",
                "the key `first` of administrator `ops`, which was taken out, is valid again",
            ]
        );
        let running = r#"
[consumers]
app = { keys = [{ name = "renamed", sha256 = "bb00" }, { name = "2026", sha256 = "bb01", expires = 2025-12-31 }] }
other = { keys = [{ name = "first", sha256 = "dd00" }] }
[administrators.ops]
keys = [{ name = "first", sha256 = "dd00", expires = 2025-12-31 }]
"#;
        assert_eq!(
            told(running),
            [
                "the key `2026` of consumer `app`, which has expired, is valid again",
                "the key `first` of administrator `ops`, which has expired, is valid again",
            ]
        );
        assert_eq!(told("no = = TOML").len(), 3, "rather more than less");
    }
}
