//! What is wrong with a revision, said as a good compiler says it: file, line, column, the line itself, what is
//! wrong and what would be right. Several at once. A secret in the line is masked before anything keeps it.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::Serialize;

mod told;

pub use told::Told;

/// More findings than this help nobody; the rest is counted.
const MAX_FINDINGS: usize = 100;

/// Longest part of a line that is shown, in characters.
const MAX_EXCERPT: usize = 200;

/// Whether a finding refuses the revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The revision is refused.
    Error,
    /// The revision loads; somebody should look.
    Warning,
}

/// Where something stands in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file, as it was named to the loader.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// The line's text, secrets masked.
    pub excerpt: String,
    /// How many characters of the line are meant, at least 1.
    pub width: usize,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it refuses the revision.
    pub severity: Severity,
    /// Where; `None` when it is about no file, such as a variable of the environment.
    pub location: Option<Location>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// What is told in the place of both to whoever administers one tenant: they name what is another's.
    #[serde(skip)]
    pub told_to_tenant: Option<&'static str>,
    /// Whether it tells how the reading of a secret went, which is the operator's alone to know.
    #[serde(skip)]
    pub is_of_secret: bool,
    /// Whether `help` names what may be another tenant's.
    #[serde(skip)]
    pub helps_with_others: bool,
}

/// Everything that was found, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Diagnostics {
    findings: Vec<Diagnostic>,
    left_out: usize,
}

impl Diagnostics {
    /// The findings.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many more there were than are told.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// One error that is about no file.
    #[must_use]
    pub fn error(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        let report = Report::default();
        report.error(&Place::Caller, message, help);
        report.finish()
    }

    /// Those that a reader may see, and how many it may not.
    #[must_use]
    pub fn filtered(&self, may_see: impl Fn(&Diagnostic) -> bool) -> (Self, usize) {
        let (seen, hidden): (Vec<_>, Vec<_>) = self.findings.iter().cloned().partition(|finding| may_see(finding));
        let seen = Self {
            findings: seen,
            left_out: 0,
        };
        (seen, hidden.len() + self.left_out)
    }

    /// Whether something refuses the revision.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// What of a file must not be shown.
#[derive(Debug)]
pub enum Masking {
    /// These byte ranges.
    Ranges(Vec<Range<usize>>),
    /// The file could not be parsed, so nobody knows what is a secret: lines that may hold one are not shown.
    Guess,
}

/// A file of the revision, to point into.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    masking: Masking,
    /// Where each line begins, found when it is first asked for.
    line_starts: OnceLock<Vec<usize>>,
}

impl SourceFile {
    /// A file that may be shown except for what `masking` says.
    pub fn new(name: impl Into<String>, text: impl Into<String>, masking: Masking) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
            masking,
            line_starts: OnceLock::new(),
        })
    }

    /// What the file is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 1-based line of a byte offset.
    pub fn line_of(&self, offset: usize) -> usize {
        let starts = self.line_starts.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect()
        });
        starts.partition_point(|start| *start <= offset)
    }

    /// The byte offset at which a 1-based line begins.
    pub fn offset_of_line(&self, line: usize) -> usize {
        let lines = self.text.split_inclusive('\n').take(line.saturating_sub(1));
        lines.map(str::len).sum()
    }

    fn locate(&self, span: &Range<usize>) -> Location {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let (before, _) = self.text.split_at_checked(start).unwrap_or(("", ""));
        let line_start = before.rfind('\n').map_or(0, |position| position + 1);
        let line_end = self.text.as_bytes().iter().skip(start).position(|byte| *byte == b'\n');
        let line_end = line_end.map_or(self.text.len(), |length| start + length);
        let line = self.text.get(line_start..line_end).unwrap_or("");
        let meant = self.text.get(start..span.end.clamp(start, line_end)).unwrap_or("");
        let column = self.text.get(line_start..start).unwrap_or("").chars().count() + 1;
        Location {
            file: self.name.clone(),
            line: self.line_of(start),
            column,
            excerpt: self
                .mask(line.trim_end(), line_start)
                .chars()
                .take(MAX_EXCERPT)
                .collect(),
            width: meant.trim_end().chars().count().max(1),
        }
    }

    /// The line with every secret character replaced by `*`, so that columns stay.
    fn mask(&self, line: &str, line_start: usize) -> String {
        let masked = match &self.masking {
            Masking::Guess if may_hold_a_secret(line) => line.chars().map(|_| '*').collect(),
            Masking::Guess => line.to_owned(),
            Masking::Ranges(ranges) => line
                .char_indices()
                .map(|(offset, character)| {
                    let position = line_start + offset;
                    let secret = ranges.iter().any(|range| range.contains(&position));
                    if secret { '*' } else { character }
                })
                .collect(),
        };
        mask_passwords_in_addresses(&masked)
    }
}

/// Whether a line of a file that is no TOML may hold a secret: everything may, except a table's head and the
/// keys whose values are known to be none.
fn may_hold_a_secret(line: &str) -> bool {
    const HARMLESS: [&str; 27] = [
        "adapter",
        "admin_listen",
        "attributes",
        "code",
        "endpoint",
        "exposed_headers",
        "fiware_service",
        "fiware_servicepath",
        "headers",
        "hold",
        "id",
        "limits",
        "listen",
        "mapping",
        "max_age",
        "methods",
        "mode",
        "name",
        "organisation",
        "origins",
        "personal_data",
        "ids",
        "provides",
        "public_url",
        "roles",
        "tenant",
        "without_tenant",
    ];
    let line = line.trim();
    let is_head = line.starts_with('[') && !line.contains(['=', '"', '\'']);
    let harmless = line.split_once('=').is_some_and(|(key, value)| {
        HARMLESS.contains(&key.trim()) && !value.contains(['=', '#']) && value.matches(['"', '\'']).count() <= 2
    });
    !(line.is_empty() || is_head || harmless)
}

/// `//user:password@host` with the password masked.
pub fn mask_passwords_in_addresses(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("//") {
        shown.push_str(before);
        shown.push_str("//");
        rest = after;
        let authority_length = after.find(['/', '"', '\'', ' ']).unwrap_or(after.len());
        let Some((authority, tail)) = after.split_at_checked(authority_length) else {
            continue;
        };
        if let Some((user, host)) = authority.rsplit_once('@') {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            shown.push_str(name);
            if !password.is_empty() {
                shown.push(':');
                shown.extend(password.chars().map(|_| '*'));
            }
            shown.push('@');
            shown.push_str(host);
            rest = tail;
        }
    }
    shown.push_str(rest);
    shown
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum Place {
    /// A part of a file.
    File(Arc<SourceFile>, Range<usize>),
    /// A variable of the environment.
    Variable(Arc<str>),
    /// The caller of the loader.
    Caller,
}

impl Place {
    /// Where it is, for a finding that stands somewhere else.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::File(file, span) => format!("line {} of {}", file.line_of(span.start), file.name()),
            Self::Variable(name) => format!("environment variable {name}"),
            Self::Caller => "given by the caller".to_owned(),
        }
    }
}

/// Collects findings while a revision is read. Readers share it.
#[derive(Debug, Default)]
pub struct Report {
    findings: RefCell<Vec<Diagnostic>>,
    left_out: RefCell<usize>,
    refused: Cell<bool>,
}

impl Report {
    /// Something that refuses the revision.
    pub fn error(&self, place: &Place, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.add(Severity::Error, place, message.into(), help.into(), |_| {});
    }

    /// Something to look at.
    pub fn warning(&self, place: &Place, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.add(Severity::Warning, place, message.into(), help.into(), |_| {});
    }

    /// Something between two tenants. `told_to_tenant` is what one of them is told of it, which names nothing of the other.
    pub fn between_tenants(
        &self,
        severity: Severity,
        place: &Place,
        message: String,
        help: String,
        told_to_tenant: &'static str,
    ) {
        self.add(severity, place, message, Some(help), |finding| {
            finding.told_to_tenant = Some(told_to_tenant);
        });
    }

    /// Something whose help names what may be another tenant's: its consumers, their roles, its id.
    pub fn helped_by_others(&self, severity: Severity, place: &Place, message: String, help: Option<String>) {
        self.add(severity, place, message, help, |finding| {
            finding.helps_with_others = true;
        });
    }

    /// How the reading of a secret went.
    pub fn of_secret(&self, severity: Severity, place: &Place, message: String, help: Option<String>) {
        self.add(severity, place, message, help, |finding| finding.is_of_secret = true);
    }

    fn add(
        &self,
        severity: Severity,
        place: &Place,
        message: String,
        help: Option<String>,
        mark: impl FnOnce(&mut Diagnostic),
    ) {
        if severity == Severity::Error {
            self.refused.set(true);
        } else if self.findings.borrow().len() >= MAX_FINDINGS {
            // Finding the line in a large file costs more than it is worth for what nobody will see.
            *self.left_out.borrow_mut() += 1;
            return;
        }
        let (location, message) = match place {
            Place::File(file, span) => (Some(file.locate(span)), message),
            Place::Variable(name) => (None, format!("environment variable {name}: {message}")),
            Place::Caller => (None, message),
        };
        let mut finding = Diagnostic {
            severity,
            location,
            message,
            help,
            told_to_tenant: None,
            is_of_secret: false,
            helps_with_others: false,
        };
        mark(&mut finding);
        self.push(finding);
    }

    fn push(&self, finding: Diagnostic) {
        let mut findings = self.findings.borrow_mut();
        if findings.contains(&finding) {
            return;
        }
        if findings.len() >= MAX_FINDINGS {
            *self.left_out.borrow_mut() += 1;
            // An error is not hidden by warnings that came before it.
            let is_warning = |finding: &Diagnostic| finding.severity == Severity::Warning;
            match findings.iter().rposition(is_warning) {
                Some(last) if finding.severity == Severity::Error => {
                    findings.remove(last);
                }
                _ => return,
            }
        }
        findings.push(finding);
    }

    /// Takes over what another report has found.
    pub fn absorb(&self, other: Self) {
        self.refused.set(self.refused.get() || other.refused.get());
        *self.left_out.borrow_mut() += other.left_out.into_inner();
        for finding in other.findings.into_inner() {
            self.push(finding);
        }
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.findings.borrow().is_empty() && *self.left_out.borrow() == 0
    }

    /// Whether something refuses the revision.
    pub fn has_errors(&self) -> bool {
        self.refused.get()
    }

    /// The findings, errors first, then by file and line.
    pub fn finish(self) -> Diagnostics {
        let mut findings = self.findings.into_inner();
        findings.sort_by(|left, right| {
            let key = |finding: &Diagnostic| {
                let location = finding.location.as_ref();
                let place = location.map(|location| (location.file.clone(), location.line, location.column));
                (finding.severity == Severity::Warning, place)
            };
            key(left).cmp(&key(right))
        });
        Diagnostics {
            findings,
            left_out: self.left_out.into_inner(),
        }
    }
}

/// `did you mean ...?` when one of the known names is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// How alike two names must be, on Jaro-Winkler's scale to 1: below, a guess misleads.
    const ALIKE: f64 = 0.75;
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// The help for a name that is not among the known ones.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(name, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let list: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    (!list.is_empty()).then(|| format!("known: {}", list.join(", ")))
}

/// What would be right in the place of a tenant that is unknown: the nearest, or to forget it here too.
#[must_use]
pub fn suggest_tenant<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let is_gone = format!("if the tenant is gone, take its name out here too; if it is new, begin `[tenants.{name}]`");
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    match suggest(name, known) {
        Some(list) => format!("{list}; {is_gone}"),
        None => is_gone,
    }
}
