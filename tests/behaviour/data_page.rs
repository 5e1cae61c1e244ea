//! `docs/data.md` is made of what decides and of what is meant: the classes of `policies/classification.toml`, the names of the
//! gateway's own @context, and `ngsi-ld/contexts/meanings.toml`. After a change of one of them, this writes it anew:
//! `KAKEHASHI_WRITE_DATA_PAGE=1 cargo test --workspace --locked --test behaviour data_page`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use toml_edit::{DocumentMut, Item, TableLike};

const CLASSIFICATION: &str = include_str!("../../policies/classification.toml");
const CONTEXT: &str = include_str!("../../ngsi-ld/contexts/kakehashi.jsonld");
const MEANINGS: &str = include_str!("../../ngsi-ld/contexts/meanings.toml");
const MAPPING: &str = include_str!("../../mappings/sano.toml");

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/data.md");

/// What stands before what is made.
const HEAD: &str = "\
# The data

Every type and attribute of the view: its Japanese name, what it means, in which unit, and which class it has. This page is made of
[`policies/classification.toml`](../policies/classification.toml) and [`ngsi-ld/contexts/meanings.toml`](../ngsi-ld/contexts/meanings.toml);
change those. 型・属性の日本語名、意味、単位、値、区分の一覧です。

- Japanese names behind \"also\" are columns of published files, which stand for the same attribute. Names without any of them are those of the
  published models (エリアデータ活用のためのデータモデル, 自治体標準オープンデータセット, 災害対応基本共有情報) where these have one, else ours.
- What stands under \"value\" is what the models say. Sources say it in their own way: compare texts as they are, expect others. A number's
  `unitCode` in an answer counts before the unit that stands here. Dates and times are UTC.
- **Class.** `open` 公開: whoever is permitted the type. `limited` 限定提供: whom a permit names it. `personal` 個人情報: nobody, ever. What is not
  on this page is unclassified: it is shown of no source that may hold personal data.
  [All classes](administrators/policies.md).

**指定緊急避難場所 (`EvacuationSite`) and 指定避難所 (`DesignatedShelter`) are two things.** To the first one flees while the danger lasts, and
it is designated for some kinds of disaster and not for others; in the second one stays afterwards. A shelter may lie where the flood
comes. For \"where do I flee to\" ask for `EvacuationSite` with `q=typeOfDisasterFlood==true`, never for `DesignatedShelter`.
";

struct Data {
    classification: DocumentMut,
    meanings: DocumentMut,
    context: Value,
}

fn committed() -> Data {
    Data {
        classification: CLASSIFICATION.parse().unwrap(),
        meanings: MEANINGS.parse().unwrap(),
        context: serde_json::from_str(CONTEXT).unwrap(),
    }
}

fn table<'a>(item: &'a Item, name: &str) -> &'a dyn TableLike {
    item[name]
        .as_table_like()
        .unwrap_or_else(|| panic!("no table `{name}`"))
}

fn texts(item: Option<&Item>) -> Vec<&str> {
    let items = item.and_then(Item::as_array).into_iter().flatten();
    items.map(|item| item.as_str().unwrap()).collect()
}

impl Data {
    fn types(&self) -> impl Iterator<Item = (&str, &Item)> {
        table(self.classification.as_item(), "types").iter()
    }

    fn groups(&self) -> impl Iterator<Item = (&str, &Item)> {
        table(self.classification.as_item(), "groups").iter()
    }

    /// The attributes of a type or a group, each with its class.
    fn attributes(of: Option<&dyn TableLike>) -> Vec<(&str, &str)> {
        let classes = of.into_iter().flat_map(|table| table.iter());
        classes
            .flat_map(|(class, names)| texts(Some(names)).into_iter().map(move |name| (name, class)))
            .collect()
    }

    fn meaning(&self, of: &str, name: &str) -> Option<&Item> {
        table(self.meanings.as_item(), of).get(name)
    }

    /// Whether a name is a column of published files, which an attribute lists beside its own.
    fn is_column(&self, name: &str) -> bool {
        let mut attributes = table(self.meanings.as_item(), "attributes").iter();
        let named = |meaning: &Item| text(meaning, "ja") == Some(name) || texts(meaning.get("columns")).contains(&name);
        attributes.any(|(attribute, meaning)| attribute != name && named(meaning))
    }

    /// The names of which nobody has said what they mean.
    fn without_meaning(&self) -> Vec<String> {
        let mut missing = BTreeSet::new();
        let told = |of: &str, name: &str| {
            self.meaning(of, name).is_some_and(|meaning| {
                ["ja", "means"]
                    .iter()
                    .all(|what| text(meaning, what).is_some_and(|text| !text.is_empty()))
            })
        };
        let terms = self.context["@context"][0].as_object().unwrap().keys();
        let terms = terms.filter(|name| !name.starts_with('@') && *name != "kakehashi");
        let (types, attributes): (Vec<&str>, Vec<&str>) = terms
            .map(String::as_str)
            .partition(|name| name.starts_with(|first: char| first.is_ascii_uppercase()));
        let of_types = self.types().map(|(name, _)| name);
        missing.extend(types.into_iter().chain(of_types).filter(|name| !told("types", name)));
        let in_types = self
            .types()
            .flat_map(|(_, item)| Self::attributes(item.get("attributes").and_then(Item::as_table_like)));
        let in_groups = self
            .groups()
            .flat_map(|(_, item)| Self::attributes(item.as_table_like()));
        let classified = in_types.chain(in_groups).map(|(name, _)| name);
        let wanted = classified
            .chain(attributes)
            .filter(|name| !told("attributes", name) && !self.is_column(name));
        missing.extend(wanted);
        missing.into_iter().map(str::to_owned).collect()
    }

    /// The names that are explained and nowhere used.
    fn without_use(&self) -> Vec<&str> {
        let text = format!("{CLASSIFICATION}{CONTEXT}");
        let explained = ["types", "groups", "attributes"].map(|of| table(self.meanings.as_item(), of).iter());
        let names = explained.into_iter().flatten().map(|(name, _)| name);
        // Keys of tables and texts in lists.
        let uses = |name: &&str| {
            [format!("\"{name}\""), format!(".{name}]")]
                .iter()
                .any(|written| text.contains(written))
        };
        names.filter(|name| !uses(name)).collect()
    }

    fn page(&self) -> String {
        let mut page = format!("{HEAD}\n## Types\n\n| type | 日本語 | what it is | class |\n|---|---|---|---|\n");
        for (name, item) in self.types() {
            let meaning = self.meaning("types", name).unwrap();
            let mut also = texts(item.get("aliases"));
            also.extend(texts(meaning.get("columns")));
            let class = text(item, "class").unwrap();
            let (ja, means) = (japanese(meaning, &also), text(meaning, "means").unwrap());
            let name = if is_shown(class) {
                format!("[`{name}`](#{})", anchor(name))
            } else {
                format!("`{name}`")
            };
            writeln!(page, "| {name} | {ja} | {means} | {class} |").unwrap();
        }
        page.push_str("\n## Attributes that several types have\n\n");
        for (group, item) in self.groups() {
            let says = self.meaning("groups", group).and_then(Item::as_str).unwrap();
            let of = self
                .types()
                .filter(|(_, item)| texts(item.get("groups")).contains(&group));
            let of: Vec<String> = of.map(|(name, _)| format!("`{name}`")).collect();
            writeln!(page, "### Group `{group}`\n\n{says} Of {}.\n", of.join(", ")).unwrap();
            self.rows(&mut page, &Self::attributes(item.as_table_like()));
        }
        page.push_str("## Attributes of each type\n\n");
        for (name, item) in self.types() {
            let ja = text(self.meaning("types", name).unwrap(), "ja").unwrap();
            let groups = texts(item.get("groups")).into_iter();
            let groups: Vec<String> = groups.map(|group| format!("[{group}](#group-{group})")).collect();
            let own = Self::attributes(item.get("attributes").and_then(Item::as_table_like));
            if !own.is_empty() {
                writeln!(page, "### {name}\n").unwrap();
                let beside = if groups.is_empty() {
                    String::new()
                } else {
                    format!(" Beside those of {}:", groups.join(", "))
                };
                writeln!(page, "{ja}.{beside}\n").unwrap();
                self.rows(&mut page, &own);
            }
        }
        page.push_str("## Names that nobody is shown, in any type\n\nThey are recognised in every spelling, and in every source.\n");
        let everywhere = table(self.classification.as_item(), "attributes");
        for (class, names) in everywhere.iter() {
            let names: Vec<String> = texts(Some(names)).iter().map(|name| format!("`{name}`")).collect();
            writeln!(page, "\n**{class}**: {}", names.join(", ")).unwrap();
        }
        page
    }

    fn rows(&self, page: &mut String, attributes: &[(&str, &str)]) {
        page.push_str("| attribute | 日本語 | what it means | value | class |\n|---|---|---|---|---|\n");
        for (name, class) in attributes {
            // A column is told in the row of its attribute.
            let Some(meaning) = self.meaning("attributes", name) else {
                continue;
            };
            let of = |what: &str| text(meaning, what).map(str::to_owned);
            let unit = of("unit").map(|unit| format!("in {unit}"));
            let value: Vec<String> = [of("value"), unit, of("values")].into_iter().flatten().collect();
            let value = if value.is_empty() {
                "text".to_owned()
            } else {
                value.join("; ")
            };
            let (ja, means) = (japanese(meaning, &[]), of("means").unwrap());
            writeln!(page, "| `{name}` | {ja} | {means} | {value} | {class} |").unwrap();
        }
        page.push('\n');
    }
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Item::as_str)
}

/// The Japanese name, and the others.
fn japanese(meaning: &Item, also: &[&str]) -> String {
    let name = text(meaning, "ja").unwrap();
    let columns = texts(meaning.get("columns"));
    let mut others: Vec<&str> = Vec::new();
    for other in also.iter().chain(&columns) {
        if *other != name && !others.contains(other) {
            others.push(other);
        }
    }
    match others.is_empty() {
        true => name.to_owned(),
        false => format!("{name}; also {}", others.join("、").replace('*', "\\*")),
    }
}

fn is_shown(class: &str) -> bool {
    !matches!(class, "personal" | "special-care")
}

fn anchor(heading: &str) -> String {
    heading.to_lowercase()
}

#[test]
fn the_page_of_the_data_is_what_the_context_the_classes_and_the_meanings_give() {
    let data = committed();
    assert_eq!(
        data.without_meaning(),
        [""; 0],
        "say what they mean, in ngsi-ld/contexts/meanings.toml"
    );
    let page = data.page();
    if std::env::var_os("KAKEHASHI_WRITE_DATA_PAGE").is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    let written = fs::read_to_string(PAGE).unwrap();
    assert!(
        written == page,
        "docs/data.md is not what is made: see the first lines of tests/behaviour/data_page.rs"
    );
}

#[test]
fn what_is_added_without_its_meaning_is_found() {
    let mut data = committed();
    let aed = &mut data.classification["types"]["AED"]["attributes"]["open"];
    aed.as_array_mut().unwrap().push("batteryLevel");
    data.classification["types"]["SnowStation"] = toml_edit::table();
    data.context["@context"][0]["snowDepthNow"] = "kakehashi:snowDepthNow".into();
    data.meanings["attributes"]["waterLevel"]["means"] = toml_edit::value("");
    let found = ["SnowStation", "batteryLevel", "snowDepthNow", "waterLevel"];
    assert_eq!(data.without_meaning(), found);
}

#[test]
fn nothing_is_explained_that_there_is_not() {
    assert_eq!(committed().without_use(), [""; 0]);
}

#[test]
fn what_the_mapping_of_the_demo_makes_is_on_the_page() {
    let mapping: DocumentMut = MAPPING.parse().unwrap();
    let data = committed();
    for (name, item) in table(mapping.as_item(), "types").iter() {
        assert!(data.meaning("types", name).is_some(), "{name}");
        for (attribute, _) in table(item, "attributes").iter() {
            assert!(data.meaning("attributes", attribute).is_some(), "{name}: {attribute}");
        }
    }
}
