//! What a revision takes from outside of its files: variables of the environment, the date, and what a caller
//! such as `kakehashi demo` puts in the place of what the files say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use config::{Source, ValueKind};
use jiff::civil::Date;
use kakehashi_adapters::kind_named;

use kakehashi_core::diagnostics::{Place, Report, suggest};
use kakehashi_documents::document::{Entry, Node, Value};

/// Variables with this prefix override keys of `[gateway]`.
const PREFIX: &str = "KAKEHASHI";
/// Between the parts of a key.
const SEPARATOR: &str = "__";
/// Keys of `[gateway]` whose variables hold a list, separated by commas.
const LISTS: [&str; 7] = [
    "gateway.trusted_proxies",
    "gateway.extensions",
    "gateway.egress_allow",
    "gateway.cors.origins",
    "gateway.cors.methods",
    "gateway.cors.headers",
    "gateway.cors.exposed_headers",
];

/// The variables that a revision may refer to, and the day on which it is loaded.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    today: Date,
    reads: Reads,
}

/// What becomes of the secrets that a revision names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Secrets,
    /// Read if they are there: the revision is only looked at.
    SecretsIfThere,
    /// Not read: whoever proposes the revision may not apply it.
    NoSecret,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.len())
            .field("today", &self.today)
            .finish()
    }
}

impl Environment {
    /// The environment of this process, and the date in Japan.
    #[must_use]
    pub fn of_process() -> Self {
        // Variables that are no Unicode cannot be named by a configuration file.
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            variables: variables.collect(),
            today: today_in_japan(),
            reads: Reads::Secrets,
        }
    }

    /// These variables, on that day.
    #[must_use]
    pub fn new(variables: impl IntoIterator<Item = (String, String)>, today: Date) -> Self {
        Self {
            variables: variables.into_iter().collect(),
            today,
            reads: Reads::Secrets,
        }
    }

    /// The same for whoever only looks at a revision, asks no source and runs nothing: a secret that is not there is
    /// done without, and nothing needs a restart.
    #[must_use]
    pub fn only_to_look(mut self) -> Self {
        self.reads = Reads::SecretsIfThere;
        self
    }

    /// The same for what somebody proposes who may not apply it: no secret is read, and none is missed.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.reads = Reads::NoSecret;
        self
    }

    /// Whether the revision is only looked at.
    pub(crate) fn is_only_to_look(&self) -> bool {
        self.reads == Reads::SecretsIfThere
    }

    /// Whether secrets are read at all.
    pub(crate) fn reads_secrets(&self) -> bool {
        self.reads != Reads::NoSecret
    }

    /// The day on which the revision is loaded.
    #[must_use]
    pub fn today(&self) -> Date {
        self.today
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Lets `secrets` of the overrides stand in for variables.
    pub(crate) fn with_secrets(&self, secrets: &BTreeMap<String, String>) -> Self {
        let mut environment = self.clone();
        environment.variables.extend(secrets.clone());
        environment
    }
}

/// The date in Japan, whose administrators write the expiry of keys.
#[must_use]
pub fn today_in_japan() -> Date {
    jiff::tz::offset(9).to_datetime(jiff::Timestamp::now()).date()
}

/// What a caller puts in the place of what the files say, before anything is checked: free ports and fresh keys
/// for the demo, addresses of stand-ins for tests.
#[derive(Debug, Clone, Default)]
pub struct ConfigOverrides {
    /// `[gateway] listen`
    pub listen: Option<SocketAddr>,
    /// `[gateway] admin_listen`
    pub admin_listen: Option<SocketAddr>,
    /// `[gateway] public_url`
    pub public_url: Option<String>,
    /// Further `origins` of `[gateway.cors]`
    pub origins: Vec<String>,
    /// Further ranges of `[gateway] egress_allow`
    pub egress_allow: Vec<String>,
    /// `[gateway] state`, without `sqlite:`
    pub state: Option<PathBuf>,
    /// `endpoint` by source id
    pub endpoints: BTreeMap<String, String>,
    /// The folder of every source that rests on this machine
    pub store_folder: Option<PathBuf>,
    /// The one key of a consumer, by consumer id: the SHA-256 of it
    pub keys: BTreeMap<String, [u8; 32]>,
    /// Values for `{ env = "NAME" }`, by name
    pub secrets: BTreeMap<String, String>,
}

impl ConfigOverrides {
    /// Writes the overrides into the tree of tenants.toml.
    pub fn apply(&self, root: &mut Node, report: &Report) {
        let gateway = [
            ("listen", self.listen.map(|address| address.to_string())),
            ("admin_listen", self.admin_listen.map(|address| address.to_string())),
            ("public_url", self.public_url.clone()),
            (
                "state",
                self.state.as_ref().map(|path| format!("sqlite:{}", path.display())),
            ),
        ];
        for (key, text) in gateway {
            if let Some(text) = text {
                root.set(&["gateway", key], Value::Text(text), &Place::Caller);
            }
        }
        add_further(root, &["cors", "origins"], &self.origins);
        add_further(root, &["egress_allow"], &self.egress_allow);
        for (consumer, hash) in &self.keys {
            if root
                .child("consumers")
                .and_then(|consumers| consumers.child(consumer))
                .is_none()
            {
                report.error(
                    &Place::Caller,
                    format!("a key is given for the unknown consumer `{consumer}`"),
                    None,
                );
                continue;
            }
            let key = [("name", "override".to_owned()), ("sha256", hex::encode(hash))];
            let entries = key.map(|(name, text)| Entry::new(name, Value::Text(text), &Place::Caller));
            let key = Node::new(Value::Table(entries.into()), &Place::Caller);
            root.set(
                &["consumers", consumer, "keys"],
                Value::Array(vec![key]),
                &Place::Caller,
            );
        }
        self.apply_to_sources(root, report);
    }

    fn apply_to_sources(&self, root: &mut Node, report: &Report) {
        let mut unused: Vec<&String> = self.endpoints.keys().collect();
        for tenant in root.child_mut("tenants").map(Node::children_mut).unwrap_or_default() {
            let sources = tenant.child_mut("sources").map(Node::items_mut).unwrap_or_default();
            for source in sources {
                let id = source.child("id").and_then(Node::as_text).map(str::to_owned);
                let endpoint = id.as_ref().and_then(|id| self.endpoints.get(id));
                unused.retain(|unused| Some(*unused) != id.as_ref());
                let kind = source.child("adapter").and_then(Node::as_text).and_then(kind_named);
                let resting = || kind?.resting_in(self.store_folder.as_ref()?);
                let text = endpoint.cloned().or_else(resting);
                if let Some(text) = text {
                    source.set(&["endpoint"], Value::Text(text), &Place::Caller);
                }
            }
        }
        for id in unused {
            report.error(
                &Place::Caller,
                format!("an endpoint is given for the unknown source `{id}`"),
                None,
            );
        }
    }
}

/// Adds to a list of `[gateway]` beside what the file says.
fn add_further(root: &mut Node, keys: &[&str], further: &[String]) {
    if further.is_empty() {
        return;
    }
    let path = [&["gateway"], keys].concat();
    let written = path.iter().try_fold(&*root, |node, key| node.child(key));
    let mut items = match written.map(|node| &node.value) {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        // The reader says what is wrong with it.
        Some(_) => return,
    };
    let further = further.iter();
    items.extend(further.map(|item| Node::new(Value::Text(item.clone()), &Place::Caller)));
    root.set(&path, Value::Array(items), &Place::Caller);
}

/// Writes `KAKEHASHI__GATEWAY__...` into the tree of tenants.toml.
pub(crate) fn apply_environment(root: &mut Node, environment: &Environment, report: &Report) {
    let variables = environment.variables.clone().into_iter().collect();
    let mut layer = config::Environment::with_prefix(PREFIX)
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .try_parsing(true)
        .list_separator(",")
        .source(Some(variables));
    for list in LISTS {
        layer = layer.with_list_parse_key(list);
    }
    let values = match layer.collect() {
        Ok(values) => values,
        Err(error) => {
            report.error(&Place::Caller, format!("environment: {error}"), None);
            return;
        }
    };
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(|(left, _), (right, _)| left.cmp(right));
    for (key, value) in values {
        let variable = format!("{PREFIX}{SEPARATOR}{}", key.replace('.', SEPARATOR).to_uppercase());
        let place = Place::Variable(Arc::from(variable.as_str()));
        let path: Vec<&str> = key.split('.').collect();
        if path.first() != Some(&"gateway") || path.len() < 2 {
            let help = suggest(path.first().copied().unwrap_or(""), ["gateway"]);
            report.error(&place, "only keys of [gateway] can be overridden by environment", help);
            continue;
        }
        match environment_value(value.kind, &place) {
            Some(value) => root.set(&path, value, &place),
            None => report.error(&place, "not a text, a number, true, false or a list of texts", None),
        }
    }
}

fn environment_value(kind: ValueKind, place: &Place) -> Option<Value> {
    Some(match kind {
        ValueKind::Boolean(boolean) => Value::Boolean(boolean),
        ValueKind::I64(integer) => Value::Integer(integer),
        ValueKind::Float(_) => Value::Float,
        ValueKind::String(text) => Value::Text(text),
        ValueKind::Array(items) => {
            let items = items.into_iter().filter_map(|item| environment_value(item.kind, place));
            // An empty variable is an empty list, not a list of one empty text.
            let items = items.filter(|item| !matches!(item, Value::Text(text) if text.is_empty()));
            Value::Array(items.map(|item| Node::new(item, place)).collect())
        }
        _ => return None,
    })
}
