//! What tenants have: systems that are asked, sources that ask them, and what the operator allows beside that.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use kakehashi::documents::files::FileTexts;

use super::super::world::{Manner, Source, World, names};
use super::super::written::{self, consumers_toml, hash_of, tenant_id, type_in_files};

/// Host and port of each system, as it may be written: the first of each stands in floors.
pub(super) const MACHINES: [&[&str]; 5] = [
    &[
        "127.0.0.1:1026",
        "localhost:1026",
        "LocalHost:1026",
        "[::1]:1026",
        "2130706433:1026",
        "0.0.0.0:1026",
    ],
    &["10.1.0.1:1026", "[::ffff:10.1.0.1]:1026", "167837697:1026"],
    &["10.2.0.1:1026", "[::ffff:10.2.0.1]:1026"],
    &["93.184.215.14:1026", "[::ffff:93.184.215.14]:1026"],
    &["127.0.0.1:1027", "localhost:1027", "[::ffff:127.0.0.1]:1027"],
];

/// How a system goes about conditions.
const MANNERS: [Manner; 5] = [
    Manner::Decides,
    Manner::Narrows,
    Manner::Lists,
    Manner::Tells,
    Manner::Decides,
];

/// A path as it is written, what it leads to, and whether it is said without detours.
pub(super) const PATHS: [(&str, &[&str], bool); 10] = [
    ("/a", &["a"], true),
    ("/b", &["b"], true),
    ("", &[], true),
    ("/", &[], true),
    ("/a/", &["a"], true),
    ("/%61", &["a"], true),
    ("/A", &["A"], true),
    ("/a/x", &["a", "x"], true),
    ("/b/../a", &["a"], false),
    ("//a", &["a"], false),
];

/// Services of Orion as they are written; the last ones are not well.
pub(super) const SERVICES: [Option<&str>; 5] = [Some("city"), Some("town"), None, Some("City"), Some("TOWN")];
pub(super) const SERVICE_PATHS: [Option<&str>; 5] = [None, Some("/p/#"), Some("/p"), Some("/p/x"), Some("/q, /p/x/#")];
/// Ranges of addresses that floors let through, with the machines that are in them.
pub(super) const RANGES: [(&str, &[usize]); 3] =
    [("127.0.0.0/8", &[0, 4]), ("10.1.0.0/16", &[1]), ("10.0.0.0/8", &[1, 2])];

/// What systems are made of: each has two paths, below which there are three services.
pub(super) const CELLS: usize = MACHINES.len() * 2 * 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) machine: usize,
    pub(super) spelling: usize,
    /// Of [`PATHS`].
    pub(super) path: usize,
    pub(super) is_https: bool,
}

impl Endpoint {
    pub(super) fn text(self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let spelled = MACHINES[self.machine];
        format!(
            "{scheme}://{}{}",
            spelled[self.spelling % spelled.len()],
            PATHS[self.path].0
        )
    }

    /// What is reached there, whose service this is.
    pub(super) fn cells(self, service: Option<&str>) -> Vec<usize> {
        let service = match service.unwrap_or("").to_lowercase().as_str() {
            "" => 0,
            "city" => 1,
            _ => 2,
        };
        let leaves: &[usize] = match PATHS[self.path].1.first() {
            None => &[0, 1],
            Some(first) if first.to_lowercase() == "a" => &[0],
            Some(_) => &[1],
        };
        leaves
            .iter()
            .map(|leaf| (self.machine * 2 + leaf) * 3 + service)
            .collect()
    }
}

/// Which ids an entry of `provides` speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    Any,
    /// Those that name no type.
    Free,
    /// Those that name one.
    Named,
    One(usize),
}

impl Ids {
    fn text(self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Free => Some("^urn:iso:".to_owned()),
            Self::Named => Some("^urn:ngsi-ld:".to_owned()),
            Self::One(number) => Some(format!("^urn:iso:{number}")),
        }
    }

    pub(super) fn hold(self, number: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Free => number < 6,
            Self::Named => number >= 6,
            Self::One(one) => one == number,
        }
    }

    pub(super) fn lie_in(self, wider: Self) -> bool {
        (0..9).all(|number| !self.hold(number) || wider.hold(number)) && (wider == Self::Any || self != Self::Any)
    }
}

/// An entry of `provides`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) r#type: &'static str,
    pub(super) ids: Ids,
    pub(super) is_claim: bool,
}

/// Limits, where they are said; of a source or of a floor. The timeout is in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Limits {
    pub(super) rate: Option<u32>,
    pub(super) burst: Option<u32>,
    pub(super) concurrency: Option<u32>,
    pub(super) timeout: Option<u32>,
}

impl Limits {
    /// As a table; the timeout stands beside it or in it.
    fn text(&self, holds_timeout: bool) -> String {
        let mut said: Vec<String> = [
            ("requests_per_second", self.rate),
            ("burst", self.burst),
            ("concurrency", self.concurrency),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key} = {}", value?)))
        .collect();
        if let Some(timeout) = self.timeout.filter(|_| holds_timeout) {
            said.push(format!("timeout = \"{timeout}s\""));
        }
        format!("{{ {} }}", said.join(", "))
    }
}

/// A source that a tenant brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Brought {
    pub(super) id: String,
    pub(super) endpoint: Endpoint,
    pub(super) service: Option<&'static str>,
    pub(super) service_path: Option<&'static str>,
    /// Whose secret it is sent.
    pub(super) credential: Option<usize>,
    pub(super) says_none: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) limits: Limits,
    pub(super) named_by_tenant: bool,
}

impl Brought {
    pub(super) fn cells(&self) -> Vec<usize> {
        self.endpoint.cells(self.service)
    }

    pub(super) fn reaches_what(&self, other: &Self) -> bool {
        self.cells().iter().any(|cell| other.cells().contains(cell))
    }

    fn table(&self, world: &World, tenant: usize, folder: &str) -> String {
        let mut text = format!(
            "[[tenants.{}.sources]]\nid = \"{}\"\nadapter = \"ngsi-v2\"\nendpoint = \"{}\"\npersonal_data = \"{}\"\n",
            tenant_id(tenant),
            self.id,
            self.endpoint.text(),
            if self.says_none { "none" } else { "present" }
        );
        let mut say = |key: &str, value: &str| writeln!(text, "{key} = {value}").unwrap();
        if let Some(service) = self.service {
            say("fiware_service", &format!("\"{service}\""));
        }
        if let Some(paths) = self.service_path {
            say("fiware_servicepath", &format!("\"{paths}\""));
        }
        if let Some(whose) = self.credential {
            let value = format!("{{ header = \"x-key\", value = {{ file = \"{folder}/secret-{whose}\" }} }}");
            say("credential", &value);
        }
        say("limits", &self.limits.text(false));
        if let Some(timeout) = self.limits.timeout {
            say("timeout", &format!("\"{timeout}s\""));
        }
        let entries = self.entries.iter().map(|entry| {
            let ids = entry.ids.text().map(|ids| format!(", id_pattern = \"{ids}\""));
            let claim = if entry.is_claim { ", authoritative = true" } else { "" };
            let name = type_in_files(world, entry.r#type);
            format!("{{ type = \"{name}\"{}{claim} }}", ids.unwrap_or_default())
        });
        say("provides", &format!("[{}]", entries.collect::<Vec<_>>().join(", ")));
        text
    }
}

/// `[tenants.<id>.allowed]`
#[derive(Debug, Clone, Default)]
pub(super) struct Floor {
    /// Machines, and whole paths of [`PATHS`].
    pub(super) endpoints: Vec<(usize, usize)>,
    pub(super) services: Vec<&'static str>,
    pub(super) service_paths: Vec<&'static str>,
    /// Of [`RANGES`].
    pub(super) ranges: Vec<usize>,
    pub(super) sources: Option<usize>,
    pub(super) limits: Limits,
    pub(super) tenant_limits: Limits,
    pub(super) may_say_none: bool,
    pub(super) same_system_as: Vec<String>,
}

impl Floor {
    fn table(&self, tenant: usize) -> String {
        let list = |texts: Vec<String>| {
            let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
            quoted.join(", ")
        };
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let endpoints = self.endpoints.iter().map(|(machine, path)| {
            let endpoint = Endpoint {
                machine: *machine,
                spelling: 0,
                path: *path,
                is_https: false,
            };
            endpoint.text()
        });
        let ranges = self.ranges.iter().map(|range| RANGES[*range].0.to_owned());
        let sources = self.sources.map(|most| format!("sources = {most}\n"));
        format!(
            "[tenants.{}.allowed]\nendpoints = [{}]\nfiware_services = [{}]\nfiware_servicepaths = [{}]\n\
             egress_allow = [{}]\n{}limits = {}\ntenant_limits = {}\npersonal_data = \"{}\"\nsame_system_as = [{}]\n",
            tenant_id(tenant),
            list(endpoints.collect()),
            list(owned(&self.services)),
            list(owned(&self.service_paths)),
            list(ranges.collect()),
            sources.unwrap_or_default(),
            self.limits.text(true),
            self.tenant_limits.text(true),
            if self.may_say_none { "none" } else { "present" },
            list(self.same_system_as.clone())
        )
    }
}

/// A tenant's table.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) floor: Floor,
    pub(super) limits: Option<Limits>,
    pub(super) sources: Vec<Brought>,
}

/// A world whose tenants ask systems, and have administrators.
#[derive(Debug, Clone)]
pub(super) struct Platform {
    /// Its sources are made of what follows.
    pub(super) world: World,
    pub(super) parts: Vec<Part>,
    /// What each system holds.
    pub(super) held: Vec<Vec<(usize, Vec<bool>)>>,
}

impl Platform {
    /// What a source holds of what it says that it provides. `None`: everything of it.
    pub(super) fn held_by(&self, source: &Brought) -> Vec<(usize, Vec<bool>)> {
        let mut all: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
        for (number, has) in source.cells().iter().flat_map(|cell| &self.held[*cell]) {
            let own = all.entry(*number).or_insert_with(|| vec![false; names().len()]);
            for (own, has) in own.iter_mut().zip(has) {
                *own |= has;
            }
        }
        all.into_iter().collect()
    }

    /// The world that the model of reading knows.
    pub(super) fn seen(&self) -> World {
        let mut world = self.world.clone();
        for (tenant, part) in world.tenants.iter_mut().zip(&self.parts) {
            tenant.sources = part.sources.iter().map(|source| self.source(source)).collect();
        }
        world
    }

    fn source(&self, source: &Brought) -> Source {
        let mut provides: Vec<&'static str> = source.entries.iter().map(|entry| entry.r#type).collect();
        provides.sort_unstable();
        provides.dedup();
        let mut parts = self.held_by(source);
        parts.retain(|(number, _)| {
            let types = &self.world.things[*number].types;
            let mut entries = source.entries.iter();
            entries.any(|entry| types.contains(&entry.r#type) && entry.ids.hold(*number))
        });
        Source {
            is_store: false,
            provides,
            may_be_personal: !source.says_none,
            manner: MANNERS[source.endpoint.machine],
            parts,
            flawed: Vec::new(),
            is_undated: false,
        }
    }

    pub(super) fn manner(source: &Brought) -> Manner {
        MANNERS[source.endpoint.machine]
    }

    /// A tenant's table, with keys of its own and more sources, as text.
    pub(super) fn table(&self, tenant: usize, keys: &str, folder: &str) -> String {
        let part = &self.parts[tenant];
        let role = if tenant == 0 { "role = \"operator\"\n" } else { "" };
        let limits = part.limits.map(|limits| format!("limits = {}\n", limits.text(true)));
        let mut text = format!(
            "[tenants.{}]\n{role}{}{keys}{}",
            tenant_id(tenant),
            limits.unwrap_or_default(),
            part.floor.table(tenant)
        );
        for source in &part.sources {
            text += &source.table(&self.world, tenant, folder);
        }
        text
    }

    /// All files.
    pub(super) fn files(&self, folder: &str) -> FileTexts {
        let mut files = written::files(&self.world);
        let mut text = consumers_toml(&self.world);
        for tenant in 0..self.parts.len() {
            text += &self.table(tenant, "", folder);
            let id = tenant_id(tenant);
            let hash = hash_of(&key_of(tenant));
            write!(
                text,
                "[administrators.a{tenant}]\nrole = \"tenant\"\ntenant = \"{id}\"\nkeys = [{{ name = \"k\", sha256 = \"{hash}\" }}]\n"
            )
            .unwrap();
        }
        files.insert("tenants.toml".to_owned(), Arc::from(text));
        files
    }
}

/// The key of a tenant's administrator.
pub(super) fn key_of(tenant: usize) -> String {
    format!("key-of-administrator-{tenant}")
}
