//! `kakehashi policy`

use clap::{Args, Subcommand};
use kakehashi_config::{ConfigOverrides, Outcome, run_expectations};

use super::{Failure, Files, output};

/// Work on the policies.
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Try the expectations in policies/tests/ on the policies.
    Test(Test),
}

/// Try the expectations in policies/tests/ on the policies.
#[derive(Debug, Args)]
pub(super) struct Test {
    #[command(flatten)]
    files: Files,
    /// For machines: a JSON array.
    #[arg(long)]
    json: bool,
    /// Only expectations whose titles or files hold this.
    #[arg(default_value = "")]
    which: String,
}

impl Policy {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Test(test) => test.run(),
        }
    }
}

impl Test {
    fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let mut outcomes = run_expectations(&config);
        outcomes.retain(|outcome| outcome.title.contains(&self.which) || outcome.file.contains(&self.which));
        if outcomes.is_empty() {
            let what = if self.which.is_empty() {
                "there is no expectation in policies/tests/".to_owned()
            } else {
                format!("no expectation's title or file holds `{}`", self.which)
            };
            return Err(Failure::Other(what));
        }
        if self.json {
            output::json(&outcomes)?;
        } else {
            print(&outcomes);
        }
        match outcomes.iter().filter(|outcome| !outcome.is_met()).count() {
            0 => Ok(()),
            failed => Err(Failure::Other(format!(
                "{failed} of {} expectations are not met",
                outcomes.len()
            ))),
        }
    }
}

fn print(outcomes: &[Outcome]) {
    for outcome in outcomes {
        let mark = if outcome.is_met() { "met   " } else { "FAILED" };
        // The title is whatever its author has written.
        output::data(format_args!(
            "{}  {} ({}:{})",
            output::language().of(mark),
            outcome.title,
            outcome.file,
            outcome.line
        ));
        for failure in &outcome.failures {
            output::line(format_args!("        {failure}"));
        }
    }
    let met = outcomes.iter().filter(|outcome| outcome.is_met()).count();
    output::line(format_args!("{met} of {} expectations are met", outcomes.len()));
}
