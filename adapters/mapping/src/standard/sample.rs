//! The columns of a sample, of whatever format.

use serde_json::Value;

/// How deep records are looked for.
const MAX_DEPTH: usize = 6;

/// How many records say what a column holds: enough to meet the words that occur.
pub(super) const RECORDS: usize = 2_000;

/// A column, or a member that records have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleColumn {
    /// Its header, or the name of the member; a JSONPath where it stands deeper.
    pub name: String,
    /// What stands in it, of each record that has something there.
    pub values: Vec<String>,
}

/// What a sample is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleShape {
    /// A table: CSV, TSV or a spreadsheet.
    Table,
    /// A FeatureCollection.
    GeoJson,
    /// Other JSON.
    Json {
        /// The JSONPath of its records.
        records: String,
    },
}

/// The columns of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What it is.
    pub shape: SampleShape,
    /// Its columns, in their order.
    pub columns: Vec<SampleColumn>,
    /// How many records were looked at.
    pub records: usize,
}

/// The JSON holds no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("has no list of records: a mapping needs a list of objects, or a GeoJSON FeatureCollection")]
pub struct NotRecords;

impl Sample {
    /// The columns of a table.
    pub fn of_table<R: AsRef<str>>(header: &[String], rows: impl IntoIterator<Item = Vec<R>>) -> Self {
        let mut columns: Vec<SampleColumn> = header
            .iter()
            .map(|name| SampleColumn {
                name: name.trim().to_owned(),
                values: Vec::new(),
            })
            .collect();
        let mut records = 0;
        for row in rows.into_iter().take(RECORDS) {
            records += 1;
            for (column, cell) in columns.iter_mut().zip(row) {
                let cell = cell.as_ref().trim();
                if !cell.is_empty() {
                    column.values.push(cell.to_owned());
                }
            }
        }
        columns.retain(|column| !column.name.is_empty());
        Self {
            shape: SampleShape::Table,
            columns,
            records,
        }
    }

    /// The members of the records of a JSON text.
    ///
    /// # Errors
    /// [`NotRecords`]
    pub fn of_json(json: &Value) -> Result<Self, NotRecords> {
        let is_collection = json.get("type").and_then(Value::as_str) == Some("FeatureCollection");
        let (shape, records) = match (is_collection, json.get("features").and_then(Value::as_array)) {
            (true, Some(features)) => (SampleShape::GeoJson, features),
            _ => {
                let (records, list) = longest_list(json, "$", 0).ok_or(NotRecords)?;
                (SampleShape::Json { records }, list)
            }
        };
        let mut columns: Vec<SampleColumn> = Vec::new();
        for record in records.iter().take(RECORDS) {
            let record = match shape {
                SampleShape::GeoJson => record.get("properties").unwrap_or(&Value::Null),
                _ => record,
            };
            for (member, value) in record.as_object().into_iter().flatten() {
                match value {
                    Value::Object(inner) if shape != SampleShape::GeoJson => {
                        for (name, value) in inner {
                            add(
                                &mut columns,
                                format!("$.{}.{}", step(member), step(name)).replace(".[", "["),
                                value,
                            );
                        }
                    }
                    value => add(&mut columns, member.clone(), value),
                }
            }
        }
        Ok(Self {
            shape,
            columns,
            records: records.len().min(RECORDS),
        })
    }
}

/// A member in a JSONPath.
fn step(member: &str) -> String {
    let is_plain = member
        .chars()
        .all(|character| character.is_alphanumeric() || character == '_')
        && !member.starts_with(|character: char| character.is_ascii_digit());
    match is_plain {
        true => member.to_owned(),
        false => format!("['{}']", member.replace('\\', "\\\\").replace('\'', "\\'")),
    }
}

fn add(columns: &mut Vec<SampleColumn>, name: String, value: &Value) {
    let place = columns
        .iter()
        .position(|column| column.name == name)
        .unwrap_or_else(|| {
            columns.push(SampleColumn {
                name,
                values: Vec::new(),
            });
            columns.len().saturating_sub(1)
        });
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(boolean) => boolean.to_string(),
        _ => return,
    };
    if let Some(column) = columns.get_mut(place).filter(|_| !text.is_empty()) {
        column.values.push(text);
    }
}

/// The longest list of objects, and its JSONPath: a list of records is longer than what stands beside it.
fn longest_list<'v>(json: &'v Value, path: &str, depth: usize) -> Option<(String, &'v Vec<Value>)> {
    if depth > MAX_DEPTH {
        return None;
    }
    match json {
        Value::Array(items) if items.iter().any(Value::is_object) => Some((format!("{path}[*]"), items)),
        Value::Object(members) => members
            .iter()
            .filter_map(|(name, value)| {
                longest_list(value, &format!("{path}.{}", step(name)).replace(".[", "["), depth + 1)
            })
            .max_by_key(|(_, list)| list.len()),
        _ => None,
    }
}
