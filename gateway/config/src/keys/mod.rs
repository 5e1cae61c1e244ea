//! Every key of tenants.toml, said once as data: JSON Schema for editors and `kakehashi explain-config` are made of it.
//! The readers beside this module give the keys their meaning; a test walks through them and finds what one side knows
//! and the other does not.

mod allowed;
mod cors;
mod explain;
mod fallback;
mod kinds;
mod schema;
mod source_credential;
mod tables;

/// A key that may be left out.
const fn key(name: &'static str, kind: Kind, fallback: Fallback, about: &'static str) -> Key {
    Key {
        name,
        kind,
        required: false,
        fallback,
        about,
    }
}

/// A key that must be there.
const fn required(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        name,
        kind,
        required: true,
        fallback: Fallback::Nothing,
        about,
    }
}

/// Where the keys stand that kinds of sources bring.
const fn of_kinds(brought: &'static LazyLock<Vec<Key>>) -> Key {
    key("", Kind::OfKinds(brought), Fallback::Nothing, "")
}

#[cfg(test)]
mod tests;

pub use self::explain::{Origin, Setting, explain};
pub use self::schema::json_schema;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kakehashi_adapters::kind::WhenAbsent;
use kakehashi_documents::document::Node;

/// The keys of one table.
#[derive(Debug)]
struct Table {
    keys: &'static [Key],
}

impl Table {
    /// Its keys, with those that kinds of sources bring where they stand.
    fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|key| match key.kind {
            Kind::OfKinds(brought) => brought.iter(),
            _ => std::slice::from_ref(key).iter(),
        })
    }

    /// Whether something holds although the table is absent.
    fn has_defaults(&self) -> bool {
        let has_default = |key: &'static Key| !matches!(key.fallback, Fallback::Nothing);
        self.keys().any(has_default) && !self.keys().any(|key| key.required)
    }
}

/// One key.
#[derive(Debug)]
struct Key {
    name: &'static str,
    kind: Kind,
    required: bool,
    fallback: Fallback,
    /// What it is, in one sentence for a tooltip.
    about: &'static str,
}

/// What the value of a key is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Any text that is not empty.
    Text,
    /// An IP address and a port.
    Listen,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, or a table.
    ChoiceOrTable(&'static [&'static str], &'static Table),
    /// `true` or `false`.
    Boolean,
    /// A whole number from 1.
    Count(u32),
    /// Such as "3s".
    Duration,
    /// Such as "2MiB".
    Size,
    /// A date without a time.
    Date,
    /// A list of texts.
    Texts,
    /// A table of texts, under names of its own.
    NamedTexts,
    /// A list of some of these words.
    Choices(&'static [&'static str]),
    /// `{ env = "NAME" }` or `{ file = "..." }`.
    Secret,
    /// The SHA-256 of an API key: 64 hex digits.
    KeyHash,
    /// A table.
    Table(&'static Table),
    /// A table of tables, under names that the administrator chooses.
    Named(&'static Table),
    /// A list of tables.
    List(&'static Table),
    /// A table, or a list of such.
    OneOrList(&'static Table),
    /// The documentation names it, and this version refuses it.
    Refused,
    /// What `adapter` may be: the name of a kind of source.
    Adapter,
    /// No key: those that kinds of sources bring stand here.
    OfKinds(&'static LazyLock<Vec<Key>>),
}

/// What holds where the key is absent.
#[derive(Debug, Clone, Copy)]
enum Fallback {
    /// Nothing.
    Nothing,
    /// This, as TOML.
    Is(&'static str),
    /// What follows from other keys, as TOML.
    From(fn(&Surroundings<'_>) -> Option<String>),
    /// What a kind of source says of its key of that name, for sources of that kind; and what is told of it where the kind is
    /// not known.
    OfKind(&'static str, WhenAbsent),
}

impl Fallback {
    /// What holds there, as TOML.
    fn within(self, surroundings: &Surroundings<'_>) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Is(text) => Some(text.to_owned()),
            Self::From(follow) => follow(surroundings),
            Self::OfKind(name, _) => match kinds::default_of(fallback::adapter(surroundings)?, name)? {
                WhenAbsent::Nothing => None,
                WhenAbsent::Is(text) => Some(text.to_owned()),
                WhenAbsent::EveryTenant => fallback::all_tenants(surroundings),
            },
        }
    }

    /// What holds wherever it stands, as TOML.
    const fn always(self) -> Option<&'static str> {
        match self {
            Self::Is(text) | Self::OfKind(_, WhenAbsent::Is(text)) => Some(text),
            Self::Nothing | Self::From(_) | Self::OfKind(..) => None,
        }
    }
}

/// Every key by its whole name, `*` for names that the administrator chooses and `[]` for items of lists, with what holds
/// where it is absent, as far as that follows from nothing else.
pub fn defaults_of_keys() -> BTreeMap<String, Option<toml::Value>> {
    let mut keys = BTreeMap::new();
    add_keys(&tables::ROOT, "", &mut keys);
    keys
}

fn add_keys(table: &'static Table, path: &str, keys: &mut BTreeMap<String, Option<toml::Value>>) {
    for key in table.keys() {
        let name = if path.is_empty() {
            key.name.to_owned()
        } else {
            format!("{path}.{}", key.name)
        };
        match key.kind {
            Kind::Table(inner) => add_keys(inner, &name, keys),
            Kind::Named(inner) => add_keys(inner, &format!("{name}.*"), keys),
            Kind::List(inner) => add_keys(inner, &format!("{name}[]"), keys),
            Kind::ChoiceOrTable(_, inner) | Kind::OneOrList(inner) => {
                add_keys(inner, &name, keys);
                keys.insert(name, None);
            }
            _ => {
                keys.insert(name, key.fallback.always().and_then(default_of));
            }
        }
    }
}

fn default_of(text: &str) -> Option<toml::Value> {
    let mut table: toml::Table = format!("value = {text}").parse().ok()?;
    table.remove("value")
}

/// What a fallback may follow from.
#[derive(Debug, Clone, Copy)]
struct Surroundings<'a> {
    /// The whole file.
    root: &'a Node,
    /// The table that the key is missing in; `None`: the table is absent itself.
    table: Option<&'a Node>,
    /// The name of the tenant, source, consumer or issuer that the table is about.
    name: &'a str,
}
