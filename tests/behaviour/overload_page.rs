//! `docs/overload.md` says what the code bounds: each bound that it names stands there with that value, each metric is one,
//! and no bound of the parts that outsiders reach is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands in a row: the bound, where, and the metrics.
struct Row {
    bound: String,
    place: Option<(String, String)>,
    metrics: Vec<String>,
}

fn rows() -> Vec<Row> {
    let page = read("docs/overload.md");
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let [_, bound, place, _, _, metrics] = cells[..] else {
            panic!("six cells: {line}");
        };
        let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let place = quoted(place);
        let place = place.first().map(|place| {
            let (file, name) = place.split_once(':').unwrap();
            (file.to_owned(), name.to_owned())
        });
        (bound != "bound").then(|| Row {
            bound: bound.to_owned(),
            place,
            metrics: quoted(metrics),
        })
    });
    rows.collect()
}

/// A bound as the page states it, in bytes, seconds or pieces.
fn stated(bound: &str) -> f64 {
    if let Some(part) = bound.strip_prefix("1/") {
        return part.split(' ').next().unwrap().parse().unwrap();
    }
    let (number, unit) = bound.split_once(' ').unwrap_or((bound, ""));
    let number: f64 = number
        .replace(',', "")
        .parse()
        .unwrap_or_else(|_| panic!("no number: {bound}"));
    number
        * match unit {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            other => panic!("no unit: {other}"),
        }
}

/// The text of a constant, or of the default of a setting.
fn written<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let constant = text.split_once(&format!("const {name}: ")).and_then(|(_, rest)| {
        let (_, rest) = rest.split_once('=')?;
        rest.split_once(';').map(|(value, _)| value)
    });
    let setting = || {
        let (_, rest) = text.split_once(&format!("            {name}: "))?;
        rest.split_once(",\n").map(|(value, _)| value)
    };
    constant.or_else(setting).map(str::trim)
}

/// What it comes to.
fn value(text: &str, expression: &str) -> f64 {
    let expression = expression.trim();
    for (call, factor) in [
        ("Size::from_bytes(", 1.0),
        ("Duration::from_secs(", 1.0),
        ("Duration::from_millis(", 0.001),
    ] {
        if let Some(inner) = expression.strip_prefix(call) {
            return factor * value(text, inner.strip_suffix(')').unwrap());
        }
    }
    if let Some(added) = expression.strip_prefix("NonZeroU32::MIN.saturating_add(") {
        return 1.0 + value(text, added.strip_suffix(')').unwrap());
    }
    if let Some((left, right)) = expression.split_once('*') {
        return value(text, left) * value(text, right);
    }
    if let Some((left, right)) = expression.split_once('/') {
        return value(text, left) / value(text, right);
    }
    let number = expression.replace('_', "").parse();
    number.unwrap_or_else(|_| {
        let named = written(text, expression).unwrap_or_else(|| panic!("nothing is known of {expression}"));
        value(text, named)
    })
}

#[test]
fn each_bound_has_the_value_that_the_code_has() {
    let mut looked_at = 0;
    for row in rows() {
        let Some((file, name)) = row.place else { continue };
        let text = read(&file);
        let written = written(&text, &name).unwrap_or_else(|| panic!("{file} has no {name}"));
        let (is, says) = (value(&text, written), stated(&row.bound));
        assert!(
            (is - says).abs() < 1e-9,
            "{file}: {name} is {is}, and the page says {}",
            row.bound
        );
        looked_at += 1;
    }
    assert!(looked_at > 90, "{looked_at}");
}

#[test]
fn each_metric_is_one() {
    let mut instruments = String::new();
    for entry in fs::read_dir(repository().join("gateway/telemetry/src")).unwrap() {
        instruments += &fs::read_to_string(entry.unwrap().path()).unwrap().replace('.', "_");
    }
    instruments += &read("gateway/running/src/conditions.rs");
    let mut named = BTreeSet::new();
    for row in rows() {
        named.extend(row.metrics.iter().map(|metric| {
            let name = metric.split('{').next().unwrap();
            let name = name.strip_suffix("_total").unwrap_or(name);
            name.strip_suffix("_duration_seconds")
                .map_or(name.to_owned(), |name| format!("{name}_duration"))
        }));
    }
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        assert!(instruments.contains(&name), "no instrument is called {name}");
    }
}

/// Bounds that no caller meets, or that an answer names which refuses what is beyond.
const OF_NO_CALLER: [&str; 10] = [
    "gateway/admin/src/revision.rs:MAX_NAME",
    "gateway/contexts/src/download.rs:MOST_REDIRECTS",
    "gateway/contexts/src/download.rs:MOST_VALIDATOR_BYTES",
    "gateway/egress/src/freshness.rs:LONGEST",
    "gateway/contexts/src/resolver.rs:MOST_URL_BYTES",
    "gateway/contexts/src/usage.rs:MOST_USERS",
    "gateway/federation/src/flawed.rs:MOST_TYPES",
    "gateway/federation/src/release.rs:MOST_KINDS",
    "gateway/subscriptions/src/periodic.rs:LONGEST_JITTER",
    "gateway/tokens/src/claims.rs:MOST_ROLES",
];

#[test]
fn no_bound_of_what_outsiders_reach_is_missing() {
    let on_page: BTreeSet<String> = rows()
        .into_iter()
        .filter_map(|row| row.place.map(|(file, name)| format!("{file}:{name}")))
        .collect();
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    for folder in [
        "admin",
        "contexts",
        "http/src/edge",
        "federation",
        "runtime",
        "server",
        "subscriptions",
        "tokens",
    ] {
        let mut files = vec![repository().join("gateway").join(folder)];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let file = path.strip_prefix(repository()).unwrap().display().to_string();
            // What one text of a request may hold, the answer says that refuses it.
            let is_of_texts =
                file.contains("/reading") || file.contains("/members.rs") || file.contains("discovery.rs");
            if file.contains("tests") || is_of_texts {
                continue;
            }
            for line in fs::read_to_string(&path).unwrap().lines() {
                let constant = line
                    .trim_start()
                    .trim_start_matches("pub")
                    .trim_start_matches("(crate)");
                let constant = constant.trim_start_matches("(super)").trim_start();
                let Some((name, _)) = constant.strip_prefix("const ").and_then(|rest| rest.split_once(':')) else {
                    continue;
                };
                let place = format!("{file}:{name}");
                let bounds = ["MOST_", "MAX_", "LONGEST"]
                    .iter()
                    .any(|prefix| name.starts_with(prefix));
                if bounds && !on_page.contains(&place) && !OF_NO_CALLER.contains(&place.as_str()) {
                    missing.insert(place, line.trim().to_owned());
                }
            }
        }
    }
    assert!(missing.is_empty(), "docs/overload.md does not name {missing:#?}");
}
