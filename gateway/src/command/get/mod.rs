//! `kakehashi get`: entities of a gateway that runs, as a consumer sees them, page by page.
//!
//! | module | owns |
//! |---|---|
//! | `walking` | asking for the pages |
//! | `cells` | entities as rows |
//! | `csv` | rows as text; in columns `super::table` writes them |

mod cells;
mod csv;
mod walking;

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, LINK};
use serde_json::value::RawValue;

use self::cells::{Cell, columns, has_more_than, row};
use self::walking::Pages;
use super::consumer_api::{Asking, ConsumerApi};
use super::{Failure, output, runtime, table};

/// How entities are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// In columns, for people.
    Table,
    /// One JSON array of normalized entities.
    Json,
    /// One normalized entity a line.
    JsonLines,
    /// A FeatureCollection.
    Geojson,
    /// For spreadsheets.
    Csv,
}

/// Ask a gateway that runs for entities, as a consumer. The environment variable KAKEHASHI_KEY says who asks (the key of a
/// consumer), or KAKEHASHI_TOKEN (a token); without either nobody says it.
#[derive(Debug, Args)]
pub(super) struct Get {
    /// Where the gateway listens.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    #[command(flatten)]
    asking: Asking,
    /// Of this tenant alone.
    #[arg(long)]
    tenant: Option<String>,
    /// Entities of this type; several with commas between.
    #[arg(long)]
    r#type: Option<String>,
    /// The entity of this id; several with commas between.
    #[arg(long)]
    id: Option<String>,
    /// What they have to fulfil, such as 'capacity>100;name~=小学校'.
    #[arg(long)]
    q: Option<String>,
    /// Near this place: longitude and latitude, such as 139.58,36.31.
    #[arg(long, requires = "within", allow_hyphen_values = true)]
    near: Option<String>,
    /// Within so many metres of it.
    #[arg(long, requires = "near")]
    within: Option<f64>,
    /// In these scopes, such as /sano/#.
    #[arg(long)]
    scope_q: Option<String>,
    /// Their order, such as name or capacity;desc.
    #[arg(long)]
    order_by: Option<String>,
    /// These attributes alone; with commas between. They are the columns, too.
    #[arg(long)]
    columns: Option<String>,
    /// The language of texts that are there in several, such as ja.
    #[arg(long)]
    lang: Option<String>,
    /// The address of an @context that says what names mean.
    #[arg(long)]
    context: Option<String>,
    /// What the data is asked for, as the policies name it.
    #[arg(long)]
    purpose: Option<String>,
    /// How entities are shown.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
    /// With the mark by which Excel knows UTF-8, for CSV.
    #[arg(long)]
    bom: bool,
    /// Entities of one page, from 1 to 1000.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    page: u32,
    /// All pages, and not the first alone.
    #[arg(long)]
    all: bool,
}

/// Writes what is read, page by page.
#[derive(Debug, Default)]
struct Written {
    entities: u64,
    columns: Option<Vec<String>>,
    /// Names of which some entity has more than the columns show.
    has_more: bool,
    /// Whoever reads has gone.
    is_over: bool,
}

impl Get {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.r#type.is_none()
            && self.id.is_none()
            && self.q.is_none()
            && self.near.is_none()
            && self.scope_q.is_none()
        {
            return Err(Failure::Other(
                "nothing says which entities are meant: name a --type, an --id, a --q or a place with --near and --within"
                    .to_owned(),
            ));
        }
        runtime()?.block_on(self.walk())
    }

    async fn walk(&self) -> Result<(), Failure> {
        let api = ConsumerApi::of(&self.url, &self.asking)?;
        let mut pages = Pages {
            api: &api,
            headers: self.headers()?,
            next: Some(self.first(&api)?),
        };
        let mut written = Written::default();
        let mut warnings = BTreeSet::new();
        let mut count = None;
        while let Some(page) = pages.next().await? {
            count = count.or(page.count);
            warnings.extend(page.warnings);
            self.write(&page.elements, &mut written);
            if !self.all || written.is_over {
                break;
            }
        }
        self.end(&mut written);
        for warning in warnings {
            output::warning(format_args!("a part may be missing: {warning}"));
        }
        if written.has_more {
            output::note("note: some entities have attributes that are in no column: name them with --columns");
        }
        let is_all = pages.next.is_none();
        match (count, written.entities) {
            (_, 0) => output::note("no entity meets that, or none that you may see"),
            (Some(count), shown) if !is_all => output::note(format_args!("{shown} of {count}; --all has all of them")),
            (None, shown) if !is_all => output::note(format_args!("the first {shown}; --all has all of them")),
            _ => {}
        }
        Ok(())
    }

    /// The address of the first page.
    fn first(&self, api: &ConsumerApi) -> Result<reqwest::Url, Failure> {
        let mut url = api.url("/ngsi-ld/v1/entities")?;
        {
            let mut query = url.query_pairs_mut();
            let texts = [
                ("type", &self.r#type),
                ("id", &self.id),
                ("q", &self.q),
                ("scopeQ", &self.scope_q),
                ("orderBy", &self.order_by),
                ("lang", &self.lang),
            ];
            for (name, value) in texts {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
            if let Some(columns) = &self.columns {
                let attributes: Vec<&str> = columns
                    .split(',')
                    .filter(|name| !matches!(*name, "id" | "type"))
                    .collect();
                if !attributes.is_empty() {
                    query.append_pair("pick", &format!("id,type,{}", attributes.join(",")));
                }
            }
            if let Some((near, within)) = self.near.as_ref().zip(self.within) {
                let place = place(near)?;
                query.append_pair("geometry", "Point");
                query.append_pair("coordinates", &place);
                query.append_pair("georel", &format!("near;maxDistance=={within}"));
            }
            if matches!(self.format, Form::Table | Form::Csv) {
                query.append_pair("format", "simplified");
            }
            query.append_pair("limit", &self.page.to_string());
            query.append_pair("count", "true");
        }
        Ok(url)
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: &str| {
            let value = HeaderValue::try_from(value)
                .map_err(|_| Failure::Other(format!("`{value}` cannot be sent in a request")))?;
            headers.insert(name, value);
            Ok::<(), Failure>(())
        };
        let accepted = match self.format {
            Form::Geojson => "application/geo+json",
            _ => "application/json",
        };
        add(ACCEPT, accepted)?;
        if let Some(tenant) = &self.tenant {
            add(HeaderName::from_static("ngsild-tenant"), tenant)?;
        }
        if let Some(purpose) = &self.purpose {
            add(HeaderName::from_static("kakehashi-purpose"), purpose)?;
        }
        if let Some(context) = &self.context {
            let link =
                format!("<{context}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
            add(LINK, &link)?;
        }
        Ok(headers)
    }

    fn write(&self, elements: &[Box<RawValue>], written: &mut Written) {
        let mut text = String::new();
        match self.format {
            Form::Table | Form::Csv => self.rows(elements, written, &mut text),
            Form::JsonLines => {
                for element in elements {
                    text.push_str(element.get());
                    text.push('\n');
                }
            }
            Form::Json | Form::Geojson => {
                for (element, number) in elements.iter().zip(written.entities..) {
                    text.push_str(match (number, self.format) {
                        (0, Form::Geojson) => "{\"type\":\"FeatureCollection\",\"features\":[\n",
                        (0, _) => "[\n",
                        _ => ",\n",
                    });
                    text.push_str(element.get());
                }
            }
        }
        written.entities += elements.len() as u64;
        written.is_over = output::raw(&text).is_err();
    }

    fn rows(&self, elements: &[Box<RawValue>], written: &mut Written, text: &mut String) {
        let is_first = written.columns.is_none();
        let columns = written.columns.get_or_insert_with(|| match &self.columns {
            Some(named) => with_id(named),
            None => columns(elements),
        });
        let all: Vec<Vec<Cell>> = elements.iter().map(|element| row(element, columns)).collect();
        written.has_more |= self.columns.is_none() && elements.iter().any(|element| has_more_than(element, columns));
        if self.format == Form::Csv {
            if is_first {
                text.push_str(if self.bom { "\u{feff}" } else { "" });
                let heading: Vec<Cell> = columns.iter().map(|name| Cell::Text(name.clone())).collect();
                text.push_str(&csv::line(&heading));
            }
            for cells in &all {
                text.push_str(&csv::line(cells));
            }
            return;
        }
        if elements.is_empty() {
            return;
        }
        let rows: Vec<Vec<String>> = all
            .into_iter()
            .map(|cells| cells.into_iter().map(Cell::into_text).collect())
            .collect();
        for line in table::lines(columns, &rows) {
            text.push_str(&line);
            text.push('\n');
        }
    }

    fn end(&self, written: &mut Written) {
        let end = match (self.format, written.entities) {
            (Form::Json, 0) => "[]\n",
            (Form::Json, _) => "\n]\n",
            (Form::Geojson, 0) => "{\"type\":\"FeatureCollection\",\"features\":[]}\n",
            (Form::Geojson, _) => "\n]}\n",
            _ => "",
        };
        if !written.is_over {
            written.is_over = output::raw(end).is_err();
        }
    }
}

/// The columns that somebody has named.
fn with_id(named: &str) -> Vec<String> {
    named
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// A place as a query has it.
fn place(text: &str) -> Result<String, Failure> {
    let numbers: Vec<&str> = text.split(',').map(str::trim).collect();
    let are_two = numbers.len() == 2
        && numbers
            .iter()
            .all(|number| number.parse::<f64>().is_ok_and(f64::is_finite));
    match are_two {
        true => Ok(format!("[{}]", numbers.join(","))),
        false => Err(Failure::Other(format!(
            "--near is `{text}`: write longitude and latitude with a comma between, such as 139.58,36.31"
        ))),
    }
}
