//! `kakehashi mapping new`

use std::path::{Path, PathBuf};

use clap::Args;
use kakehashi_adapters::mapping::standard::{Sample, propose};

use super::super::{Failure, output};

/// Propose a mapping from a file whose columns follow one of the official standards.
#[derive(Debug, Args)]
pub(in crate::command) struct New {
    /// A file as it is published, such as aed.csv, or an answer of a platform.
    file: PathBuf,
    /// The dataset, where the columns do not say which it is: AED, or its Japanese name.
    #[arg(long)]
    r#type: Option<String>,
    /// Where the mapping is written, in place of being printed. A file that exists is not overwritten.
    #[arg(long)]
    output: Option<PathBuf>,
}

impl New {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { file, r#type, output } = self;
        let sample = sample(&file)?;
        let name = file
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let proposal = propose(&sample, &name, r#type.as_deref())
            .map_err(|error| Failure::Other(format!("{}: {error}", file.display())))?;
        match &output {
            None => output::data(proposal.text.trim_end()),
            Some(path) => write(path, &proposal.text)?,
        }
        output::note(format_args!(
            "{} ({}): {} columns of {} records looked at, {} questions",
            proposal.entity_type,
            proposal.title,
            sample.columns.len(),
            sample.records,
            proposal.questions
        ));
        output::note(
            "read it through, answer what begins with `# ?`, then run `kakehashi mapping try` on the same file",
        );
        Ok(())
    }
}

fn sample(file: &Path) -> Result<Sample, Failure> {
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|error| Failure::other(&format!("cannot read {shown}"), error))?;
    Sample::of_file(&bytes).map_err(|error| Failure::Other(format!("{shown}: {error}")))
}

/// Writes a file that is not there yet: what somebody has written into a mapping is not lost.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;

    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::other(&format!("cannot write {}", path.display()), error))
}
