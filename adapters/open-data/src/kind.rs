//! The kind `open-data`: its keys, how they are read, and its factory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use async_trait::async_trait;
use kakehashi_contract::Adapter;
use kakehashi_index::{Finders, Holding, Judged};
use kakehashi_kind::{
    Address, At, CannotOpen, Floor, Forgets, Keeping, Key, Kind, NamedFile, Opened, Opening, Settings, Table,
    Transport, Value, WhenAbsent, constants, memory_of_read, parsed,
};
use kakehashi_mapping::language::{Paging, Place as PlaceInFile};
use kakehashi_mapping::record::Outside;
use kakehashi_mapping::{Mapping, MappingError, try_samples};
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};
use tokio::sync::watch;
use url::Url;

use crate::adapter::OpenDataAdapter;
use crate::folder::Folder;
use crate::origin::Origin;
use crate::refresh::upkeep;
use crate::shared::{About, Shared, State};
use crate::web::{Making, Web};

/// What an endpoint begins with that is a folder.
const FOLDER: &str = "folder:";

/// How often it is looked whether there is something new, where nobody says it: portals are renewed once a day.
const USUAL_REFRESH: Duration = Duration::from_secs(3_600);

/// A file is fetched no more often: whoever changes every second is asked by another kind.
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);

/// And no more seldom: what a file says would be old.
const LONGEST_REFRESH: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Bytes of one file as it is fetched, and of all files of a folder: 100,000 rows of 20 columns have some 25 MB.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How long one file may take.
const FETCHING: Duration = Duration::from_secs(60);

/// Hosts that a source may be led to.
const MOST_HOSTS: usize = 20;

/// Files that are read at an interval.
#[derive(Debug)]
pub struct OpenDataKind;

static KEYS: [Key; 6] = [
    Key {
        name: "mapping",
        value: Value::Text,
        required: false,
        default: WhenAbsent::Nothing,
        floor: Floor::Given,
        about: "For rest and open-data: the file that says how its records become entities.",
    },
    Key {
        name: "constants",
        value: Value::NamedTexts,
        required: false,
        default: WhenAbsent::Nothing,
        floor: Floor::Free,
        about: "For rest and open-data: texts that a mapping takes into entities by name, as `@source.<name>`.",
    },
    Key {
        name: "refresh",
        value: Value::Text,
        required: false,
        default: WhenAbsent::Is("\"1h\""),
        floor: Floor::Free,
        about: "For open-data: how often it is looked whether the file has changed, 10s to 7d.",
    },
    Key {
        name: "licence",
        value: Value::Text,
        required: false,
        default: WhenAbsent::Nothing,
        floor: Floor::Free,
        about: "For open-data: under which terms it may be used, such as \"CC BY 4.0\".",
    },
    Key {
        name: "attribution",
        value: Value::Text,
        required: false,
        default: WhenAbsent::Nothing,
        floor: Floor::Free,
        about: "For open-data: whom to name as the source (出典).",
    },
    Key {
        name: "hosts",
        value: Value::Texts,
        required: false,
        default: WhenAbsent::Is("[]"),
        floor: Floor::Given,
        about: "For open-data: further hosts that redirections may lead to.",
    },
];

impl Kind for OpenDataKind {
    fn name(&self) -> &'static str {
        "open-data"
    }

    fn about(&self) -> &'static str {
        "files of open data, by URL or in a folder"
    }

    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn transport(&self) -> Transport {
        Transport::Http
    }

    fn read(&self, table: &dyn Table) -> Option<Arc<dyn Settings>> {
        let place = place(table);
        let refresh = if table.has("refresh") {
            parsed(table, "refresh", refresh)
        } else {
            Some(USUAL_REFRESH)
        };
        let about = About {
            licence: table.text("licence").map(str::to_owned),
            attribution: table.text("attribution").map(str::to_owned),
        };
        let hosts = hosts(table);
        let constants = constants(table);
        let file = table.file("mapping");
        let mapping = match (&file, table.has("mapping")) {
            (Some(file), _) => Some(mapping(table, file).filter(|mapping| is_of_files(table, file, mapping))?),
            (None, true) => return None,
            (None, false) => None,
        };
        Some(Arc::new(OpenDataSource {
            place: place?,
            refresh: refresh?,
            about,
            hosts: hosts?,
            constants: constants?,
            mapping,
            file: file.map(|file| file.name),
        }))
    }
}

/// Where the files are.
#[derive(Debug, Clone)]
enum Place {
    Url(Url),
    Folder { written: String, path: PathBuf },
}

fn place(table: &dyn Table) -> Option<Place> {
    if !table.has("endpoint") {
        table.missing("endpoint", "\"https://opendata.example.jp/aed.csv\"");
        return None;
    }
    parsed(table, "endpoint", |text| {
        if let Some(folder) = text.strip_prefix(FOLDER) {
            if folder.is_empty() {
                return Err("names no folder: write one such as \"folder:open-data/\"".to_owned());
            }
            return Ok(Place::Folder {
                written: text.to_owned(),
                path: table.path(folder),
            });
        }
        let url: Url = text.parse().map_err(
            |_| "no URL: write one such as \"https://opendata.example.jp/aed.csv\", or \"folder:open-data/\"",
        )?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with https://, http:// or folder:".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must hold no user or password: use `credential`".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must have no fragment".to_owned());
        }
        Ok(Place::Url(url))
    })
}

/// A time span such as `1h`.
fn refresh(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(24 * 3_600),
        _ => None,
    };
    let duration = number.parse::<u64>().ok().zip(seconds);
    let duration = duration.and_then(|(number, seconds)| Some(Duration::from_secs(number.checked_mul(seconds)?)));
    let within = duration.filter(|duration| (SHORTEST_REFRESH..=LONGEST_REFRESH).contains(duration));
    within.ok_or_else(|| "must be a time span from 10s to 7d, such as \"30m\" or \"1h\"".to_owned())
}

fn hosts(table: &dyn Table) -> Option<Vec<String>> {
    if !table.has("hosts") {
        return Some(Vec::new());
    }
    let named = table.texts("hosts")?;
    let title = table.title().to_owned();
    let mut hosts = Vec::new();
    for (number, host) in named.into_iter().enumerate() {
        let url = Url::parse(&format!("https://{host}/"));
        let is_host = url.is_ok_and(|url| {
            url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty()
        });
        if !is_host || host.contains(['/', '@', '*']) {
            let message = format!("`hosts` in {title}: no name of a host");
            let help = "write it as in a URL, with its port where that is not the usual one: \"cdn.example.jp\"";
            table.wrong(At::Item("hosts", number), message, Some(help.to_owned()));
            return None;
        }
        hosts.push(host.to_owned());
    }
    if hosts.len() > MOST_HOSTS {
        let message = format!("`hosts` in {title} names more than {MOST_HOSTS}");
        table.wrong(At::Value("hosts"), message, None);
        return None;
    }
    Some(hosts)
}

/// Compiles a mapping, unless it was compiled before.
fn mapping(table: &dyn Table, file: &NamedFile) -> Option<Arc<Mapping>> {
    if let Some(made) = table.made_of(file).and_then(|made| made.downcast::<Mapping>().ok()) {
        return Some(made);
    }
    match Mapping::parse(&file.text, &file.name, Context::kakehashi()) {
        Ok(mapping) => {
            let mapping = Arc::new(mapping);
            table.keep(file, Arc::clone(&mapping) as _);
            Some(mapping)
        }
        Err(errors) => {
            errors.into_iter().for_each(|error| tell(table, file, error));
            None
        }
    }
}

/// Reports what a mapping has that only platforms have.
fn is_of_files(table: &dyn Table, file: &NamedFile, mapping: &Mapping) -> bool {
    let mut is_well = true;
    let mut refuse = |place: &PlaceInFile, name: &str, key: &str| {
        is_well = false;
        let at = At::File {
            file,
            line: place.line,
            column: place.column,
        };
        let message =
            format!("types.{name}: `{key}` is for platforms that are asked by requests, and a file is read whole");
        let help = "leave it out, or ask the platform itself, with adapter = \"rest\"";
        table.wrong(at, message, Some(help.to_owned()));
    };
    for of_type in mapping.type_mappings() {
        for (key, has) in [
            ("paging", of_type.paging != Paging::NONE),
            ("record_path", of_type.record_path.is_some()),
            ("filters", !of_type.filters.is_empty()),
            ("write", of_type.write.is_some()),
        ] {
            if has {
                refuse(&of_type.path_place, &of_type.short_name, key);
            }
        }
    }
    is_well
}

fn tell(table: &dyn Table, file: &NamedFile, error: MappingError) {
    let field = match error.field.as_str() {
        "" => String::new(),
        field => format!("{field}: "),
    };
    let at = At::File {
        file,
        line: error.line,
        column: error.column,
    };
    let help = error.suggestion.map(|name| format!("did you mean `{name}`?"));
    table.wrong(at, format!("{field}{}", error.message), help);
}

/// What the table of such a source says.
#[derive(Debug, Clone)]
pub struct OpenDataSource {
    place: Place,
    refresh: Duration,
    about: About,
    hosts: Vec<String>,
    constants: Vec<(String, String)>,
    mapping: Option<Arc<Mapping>>,
    file: Option<String>,
}

impl OpenDataSource {
    /// The files that the mapping names for these types, each once.
    fn paths(&self, types: &[TypeName]) -> Vec<String> {
        let mappings = self.mapping.iter().flat_map(|mapping| mapping.type_mappings());
        let named = mappings
            .filter(|one| types.contains(&one.name))
            .map(|one| one.path.as_ref().map_or("", |path| path.as_str()));
        let mut paths: Vec<String> = Vec::new();
        for path in named {
            if !paths.iter().any(|known| known == path) {
                paths.push(path.to_owned());
            }
        }
        paths
    }

    fn origin(&self, opening: &Opening<'_>, keeping: &Keeping) -> Result<Origin, CannotOpen> {
        match &self.place {
            Place::Folder { path, .. } => Ok(Origin::Folder(Folder {
                source: opening.source.clone(),
                path: path.clone(),
                most_bytes: MOST_BYTES,
            })),
            Place::Url(endpoint) => {
                let mut limits = opening.limits.clone();
                limits.body = MOST_BYTES;
                limits.timeout = limits.timeout.max(FETCHING);
                let web = Web::new(Making {
                    source: opening.source,
                    endpoint,
                    http: opening.http,
                    credential: opening.credential.clone(),
                    limits,
                    hosts: &self.hosts,
                    elsewhere: keeping.elsewhere.clone(),
                });
                Ok(Origin::Web(Box::new(web.map_err(CannotOpen::because)?)))
            }
        }
    }
}

#[async_trait]
impl Settings for OpenDataSource {
    fn address(&self) -> Option<Address<'_>> {
        match &self.place {
            Place::Url(url) => Some(Address {
                endpoint: url.as_str(),
                service: None,
            }),
            Place::Folder { .. } => None,
        }
    }

    fn upstream(&self) -> String {
        match &self.place {
            Place::Url(url) => url.to_string(),
            Place::Folder { written, .. } => written.clone(),
        }
    }

    fn made_types(&self) -> Option<Vec<&TypeName>> {
        Some(self.mapping.as_ref()?.types().collect())
    }

    fn makes_attribute(&self, r#type: &TypeName, name: &AttributeName) -> Option<bool> {
        Some(self.mapping.as_ref()?.has_attribute(r#type, name))
    }

    fn ids_begin_with(&self, r#type: &TypeName) -> Option<String> {
        self.mapping.as_ref()?.ids_begin_with(r#type)
    }

    fn made_attributes(&self, r#type: &TypeName) -> Option<Vec<&AttributeName>> {
        Some(self.mapping.as_ref()?.attributes_of(r#type).collect())
    }

    fn tried_on_samples(&self, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Vec<String> {
        let (Some(mapping), Some(file)) = (&self.mapping, &self.file) else {
            return Vec::new();
        };
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        try_samples(mapping, &|sample| read(&folder.join(sample)))
    }

    fn is_read_from(&self, file: &str) -> bool {
        self.file.as_deref() == Some(file)
    }

    fn keeps_what_it_reads(&self) -> bool {
        true
    }

    fn asks_other_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, CannotOpen> {
        // Where nobody says what may be kept, nothing is.
        let keeping = opening.keeping.clone().unwrap_or_else(|| Keeping {
            holding: Holding::of(Vec::new()),
            judge: Arc::new(|_| Judged::Nothing),
            memory: memory_of_read(),
            remembers: Arc::new(Forgets),
            elsewhere: None,
        });
        let origin = self.origin(&opening, &keeping)?;
        let Keeping {
            holding,
            judge,
            memory,
            remembers,
            ..
        } = keeping;
        let types: Vec<TypeName> = holding.types().iter().map(|of_type| of_type.name.clone()).collect();
        let mut paths = self.paths(&types);
        if paths == [""] {
            paths.clear();
        }
        let shared = Arc::new(Shared {
            source: opening.source.clone(),
            origin,
            mapping: self.mapping.clone(),
            outside: Outside::of_source(
                opening.code,
                opening.name,
                self.constants.iter().map(|(name, text)| (name.as_str(), text.as_str())),
            ),
            paths,
            refresh: self.refresh,
            about: self.about.clone(),
            holding,
            judge,
            memory: memory.of_source(),
            remembers,
            state: watch::Sender::new(State::default()),
            wanted: Arc::default(),
            finders: Finders::default(),
            is_accepted: AtomicBool::new(false),
            readings: AtomicU64::new(0),
            unchanged: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let upkeep = upkeep(&shared);
        let adapter: Arc<dyn Adapter> = Arc::new(OpenDataAdapter(Arc::clone(&shared)));
        Ok(Opened {
            adapter,
            upkeep: Some(upkeep),
            keeps: Some(shared),
        })
    }
}
