//! A mapping for a file whose columns follow a standard. What the file does not say is asked for, never made up.

use std::collections::BTreeMap;

use super::sample::{Sample, SampleColumn, SampleShape};
use super::words::{folded, is_number};
use super::writing::{Draft, in_comment, quoted};
use super::{Columns, Dataset, Standards};

/// Texts that mean nothing in the files of most towns.
const MISSING: &[&str] = &["-", "－", "―", "ー", "—", "…"];

/// The longest word that is asked about as it stands; what is longer is a note, maybe about somebody.
const LONGEST_WORD: usize = 8;

/// A mapping that may be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The file.
    pub text: String,
    /// The type of its entities.
    pub entity_type: String,
    /// What people call the dataset.
    pub title: String,
    /// How many questions stand in it.
    pub questions: usize,
}

/// No standard has these columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unrecognised {
    /// Why, and what to say instead.
    pub message: String,
}

/// Proposes a mapping. `entity_type` chooses the dataset, by its type or its Japanese name; without it the columns do.
///
/// # Errors
/// [`Unrecognised`]
pub fn propose(sample: &Sample, file: &str, entity_type: Option<&str>) -> Result<Proposal, Unrecognised> {
    let standards = Standards::known();
    let (name, dataset) = match entity_type {
        Some(wanted) => {
            let found = standards
                .datasets()
                .find(|(name, dataset)| *name == wanted || dataset.title == wanted);
            found.ok_or_else(|| Unrecognised {
                message: format!(
                    "no standard has the type `{wanted}`: there are {}",
                    all_types(standards)
                ),
            })?
        }
        None => standards.recognised(&sample.columns).ok_or_else(|| Unrecognised {
            message: format!(
                "no column of the file stands in one official table alone: say with --type which it is: {}",
                all_types(standards)
            ),
        })?,
    };
    let proposer = Proposer {
        standards,
        dataset,
        name,
        sample,
        known: known_columns(standards, dataset, sample),
    };
    let draft = proposer.draft(file);
    Ok(Proposal {
        text: draft.text,
        entity_type: name.to_owned(),
        title: dataset.title.clone(),
        questions: draft.questions,
    })
}

fn all_types(standards: &Standards) -> String {
    let names: Vec<String> = standards
        .datasets()
        .map(|(name, dataset)| format!("{name} ({})", dataset.title))
        .collect();
    names.join(", ")
}

/// An attribute, and the column that stands for it.
type Known<'s> = (&'s str, &'s Columns, &'s SampleColumn);

fn known_columns<'s>(standards: &'s Standards, dataset: &'s Dataset, sample: &'s Sample) -> Vec<Known<'s>> {
    let mut known: Vec<Known<'s>> = Vec::new();
    for (attribute, columns) in standards.attributes(dataset) {
        let Some(column) = columns.column(attribute, &sample.columns) else {
            continue;
        };
        let is_taken = known.iter().any(|(_, _, other)| other.name == column.name);
        // The standard names a column such as 法人の名称; a name that only seems to be a person's is known better by the standard.
        if !is_taken {
            known.push((attribute, columns, column));
        }
    }
    // In the order of the file, so that people find their columns.
    known.sort_by_key(|(_, _, column)| sample.columns.iter().position(|other| other.name == column.name));
    known
}

struct Proposer<'s> {
    standards: &'s Standards,
    dataset: &'s Dataset,
    name: &'s str,
    sample: &'s Sample,
    known: Vec<Known<'s>>,
}

impl Proposer<'_> {
    fn draft(&self, file: &str) -> Draft {
        let mut draft = Draft::default();
        draft.line(format!(
            "# {}: proposed by `kakehashi mapping new` from {}, of {} records. Read it through and answer what begins with `# ?`;",
            self.dataset.title,
            in_comment(file),
            self.sample.records
        ));
        draft.line("# then try it: `kakehashi mapping try`. The format is described in docs/mappings.md.");
        draft.line(format!(
            "# {}のマッピング案。「# ?」の行を確認してから `kakehashi mapping try` で試す。書式は docs/mappings.md、手順は docs/ja/mappings/from-a-file.md",
            self.dataset.title
        ));
        draft.line("");
        draft.line(format!("description = {}", quoted(&self.dataset.title)));
        draft.line("zone = \"+09:00\"");
        let missing: Vec<String> = std::iter::once("")
            .chain(MISSING.iter().copied().filter(|word| self.occurs(word)))
            .map(quoted)
            .collect();
        draft.line(format!("missing = [{}]", missing.join(", ")));
        self.tables(&mut draft);
        draft.line("");
        draft.line(format!("[types.{}]", self.name));
        match &self.sample.shape {
            SampleShape::Table => draft.line("format = \"table\""),
            SampleShape::GeoJson => draft.line("format = \"geojson\""),
            SampleShape::Json { records } => draft.line(format!("records = {}", quoted(records))),
        }
        let code = self.id(&mut draft);
        if let Some(code) = code {
            draft.line("");
            draft.line(format!("[types.{}.fields]", self.name));
            draft.line(code);
        }
        draft.line("");
        draft.line(format!("[types.{}.attributes]", self.name));
        self.position(&mut draft);
        for (attribute, columns, column) in &self.known {
            if !matches!(*attribute, "latitude" | "longitude") {
                self.attribute(attribute, columns, column, &mut draft);
            }
        }
        self.joined(&mut draft);
        self.others(&mut draft);
        draft
    }

    fn occurs(&self, word: &str) -> bool {
        self.sample
            .columns
            .iter()
            .any(|column| column.values.iter().any(|value| value == word))
    }

    fn column(&self, attribute: &str) -> Option<&SampleColumn> {
        self.known
            .iter()
            .find(|(known, _, _)| *known == attribute)
            .map(|(_, _, column)| *column)
    }

    /// Tables of the words that occur.
    fn tables(&self, draft: &mut Draft) {
        let mut words: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (_, columns, column) in &self.known {
            if let Some(table) = &columns.table {
                let found = words.entry(table).or_default();
                for value in &column.values {
                    if !found.contains(&value.as_str()) && !MISSING.contains(&value.as_str()) {
                        found.push(value);
                    }
                }
            }
        }
        for (table, words) in words {
            draft.line("");
            draft.line(format!("[tables.{table}]"));
            let (mut listed, mut unclear) = (Vec::new(), Vec::new());
            for word in words {
                match self.meaning(table, word) {
                    Some(meaning) => listed.push(format!("{} = {}", quoted(word), as_value(meaning))),
                    None => unclear.push(word),
                }
            }
            if unclear.is_empty() {
                draft.ask("What does an empty cell mean? Where it means no, add `\"\" = ` and that value; else there is no attribute.");
            } else {
                let short: Vec<String> = unclear
                    .iter()
                    .filter(|word| word.chars().count() <= LONGEST_WORD)
                    .map(|word| quoted(&in_comment(word)))
                    .collect();
                let longer = unclear.len().saturating_sub(short.len());
                let mut told = short;
                if longer > 0 {
                    told.push(format!("{longer} longer texts"));
                }
                draft.ask(format!("What do these mean: {}? And an empty cell?", told.join(", ")));
            }
            draft.line(format!("values = {{ {} }}", listed.join(", ")));
        }
    }

    fn meaning(&self, table: &str, word: &str) -> Option<&str> {
        let word = folded(word);
        let meanings = self.standards.tables.get(table)?;
        let found = meanings
            .iter()
            .find(|(_, words)| words.iter().any(|known| folded(known) == word));
        found.map(|(meaning, _)| meaning.as_str())
    }

    /// The id, and the line of the derived field that it needs.
    fn id(&self, draft: &mut Draft) -> Option<String> {
        let of_record =
            |column: &SampleColumn| column.values.len() == self.sample.records && !column.name.contains(['{', '}']);
        let is_unique = |column: &SampleColumn| {
            let mut values: Vec<&String> = column.values.iter().collect();
            values.sort_unstable();
            let all = values.len();
            values.dedup();
            values.len() == all
        };
        if let Some(common) = self.column("commonId").filter(|column| of_record(column)) {
            draft.line(format!(
                "id = {}",
                quoted(&format!("urn:ngsi-ld:{}:{{{}}}", self.name, common.name))
            ));
            return None;
        }
        let code = match self.column("localGovernmentCode") {
            Some(column) => format!(
                "code = {{ field = {}, as = \"municipality-code\" }}",
                quoted(&column.name)
            ),
            None => "code = { field = \"@source.code\", as = \"municipality-code\" }  # the tenant's  団体のコード"
                .to_owned(),
        };
        match self.column("identifier").filter(|column| of_record(column)) {
            Some(number) => {
                if !is_unique(number) {
                    draft.ask(format!(
                        "Several rows have the same {}: which column names each row, and stays the same when the file is renewed?",
                        in_comment(&number.name)
                    ));
                }
                let id = format!("urn:ngsi-ld:{}:{{code}}:{{{}}}", self.name, number.name);
                draft.line(format!("id = {}", quoted(&id)));
            }
            None => {
                draft.ask("Which column names each row, and stays the same when the file is renewed? Write it in place of COLUMN.");
                draft.line(format!("# id = \"urn:ngsi-ld:{}:{{code}}:{{COLUMN}}\"", self.name));
            }
        }
        Some(code)
    }

    fn position(&self, draft: &mut Draft) {
        if self.sample.shape == SampleShape::GeoJson {
            draft.line("location = { geometry = true, bounds = [122, 20, 154, 46] }");
            return;
        }
        match (self.column("latitude"), self.column("longitude")) {
            (Some(latitude), Some(longitude)) => {
                let all = latitude.values.iter().chain(&longitude.values);
                if all.clone().any(|value| !is_number(value)) {
                    draft.ask("Not all coordinates are decimal degrees. Degrees, minutes and seconds are read as well; what else stands there?");
                }
                draft.line(format!(
                    "location = {{ latitude = {}, longitude = {}, bounds = [122, 20, 154, 46] }}  # of the Tokyo datum: crs = 4301",
                    quoted(&latitude.name),
                    quoted(&longitude.name)
                ));
            }
            _ => draft.ask("Which columns say where it is? location = { latitude = \"…\", longitude = \"…\" }"),
        }
    }

    fn attribute(&self, attribute: &str, columns: &Columns, column: &SampleColumn, draft: &mut Draft) {
        let mut keys = vec![format!("field = {}", quoted(&column.name))];
        if columns.r#as.as_deref() == Some("number") {
            let others = column
                .values
                .iter()
                .filter(|value| !is_number(value) && !MISSING.contains(&value.as_str()));
            let others = others.count();
            if others > 0 {
                draft.ask(format!(
                    "{}: {others} of {} values are no plain numbers and would be left out. `as = \"string\"` keeps them as texts.",
                    in_comment(&column.name),
                    column.values.len()
                ));
            }
        }
        if let Some(table) = &columns.table {
            keys.push(format!("table = {}", quoted(table)));
        } else {
            keys.push(format!("as = {}", quoted(columns.r#as.as_deref().unwrap_or("string"))));
        }
        keys.extend(
            columns
                .separator
                .as_deref()
                .map(|separator| format!("separator = {}", quoted(separator))),
        );
        keys.extend(
            columns
                .unit_code
                .as_deref()
                .map(|unit| format!("unit_code = {}", quoted(unit))),
        );
        draft.line(format!("{attribute} = {{ {} }}", keys.join(", ")));
    }

    /// Attributes that several columns make together.
    fn joined(&self, draft: &mut Draft) {
        for (attribute, columns) in self.standards.attributes(self.dataset) {
            let parts = self.parts_of(columns);
            if self.column(attribute).is_none() && !parts.is_empty() && parts.len() == columns.joined.len() {
                let text: String = parts.iter().map(|column| format!("{{{}}}", column.name)).collect();
                draft.line(format!("{attribute} = {{ text = {} }}", quoted(&text)));
            }
        }
    }

    fn parts_of(&self, columns: &Columns) -> Vec<&SampleColumn> {
        let parts = columns.joined.iter();
        parts
            .filter_map(|name| {
                self.sample
                    .columns
                    .iter()
                    .find(|column| super::same_name(&column.name, name))
            })
            .filter(|column| !column.name.contains(['{', '}']))
            .collect()
    }

    /// Columns that the standard does not have.
    fn others(&self, draft: &mut Draft) {
        let is_joined = |column: &SampleColumn| {
            let attributes = self.standards.attributes(self.dataset);
            attributes
                .iter()
                .any(|(_, columns)| columns.joined.iter().any(|name| super::same_name(&column.name, name)))
        };
        let is_known = |column: &&SampleColumn| {
            self.known.iter().any(|(_, _, known)| known.name == column.name) || is_joined(column)
        };
        let (persons, others): (Vec<&SampleColumn>, Vec<&SampleColumn>) = self
            .sample
            .columns
            .iter()
            .filter(|column| !is_known(column))
            .partition(|column| self.standards.is_of_a_person(&column.name));
        if !persons.is_empty() {
            draft.line("");
            draft.line("# Left out, because it seems to be about persons:  個人に関する列と思われるため、含めていない");
            for column in persons {
                draft.line(format!("#   {}", in_comment(&column.name)));
            }
        }
        if !others.is_empty() {
            draft.line("");
            draft.ask("Columns that the standard does not have. Which of them are to be shown, under which attribute, of which class?");
            for column in others {
                draft.line(format!("#   ATTRIBUTE = {}", in_comment(&quoted(&column.name))));
            }
        }
    }
}

/// A meaning as TOML writes it.
fn as_value(meaning: &str) -> String {
    match meaning {
        "true" | "false" => meaning.to_owned(),
        other => quoted(other),
    }
}
