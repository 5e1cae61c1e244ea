//! Tables that the documentation names and this version only checks: a revision that asks for them is refused,
//! because being silent would promise what does not happen.

use super::diagnostics::Report;
use super::names::check_name;
use super::section::Section;

/// `[administrators.<name>]`: who administers.
pub(crate) fn check_administrators(section: &Section<'_>, report: &Report) {
    for entry in section.entries() {
        let administrator = Section::new(format!("[administrators.{}]", entry.key), &entry.node, report);
        let help = "there is no admin API yet: leave the table out".to_owned();
        report.error(
            &entry.key_place,
            format!("{} is not supported by this version", administrator.title()),
            help,
        );
        if let Err(reason) = check_name(&entry.key) {
            report.error(&entry.key_place, reason, None);
        }
        administrator.choice("role", &[("operator", ()), ("tenant", ()), ("auditor", ())]);
        administrator.text("tenant");
        if let Some(jwt) = administrator.section("jwt") {
            jwt.required_text("issuer", "\"prefecture\"");
            jwt.required_text("subject", "\"...\"");
            jwt.finish();
        }
        administrator.items("keys");
        administrator.finish();
    }
}
