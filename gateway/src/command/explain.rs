//! `kakehashi explain`

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use kakehashi_config::ConfigOverrides;
use kakehashi_explain::{ToExplain, explain};
use kakehashi_revision::Revision;

use super::{Failure, Files, output, runtime};

/// Print what would become of a request: the grant, the policies that decided, and what each source would be asked.
/// No source is contacted.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    files: Files,
    /// Who asks, by its id in tenants.toml.
    #[arg(long)]
    consumer: String,
    /// The header NGSILD-Tenant of the request.
    #[arg(long)]
    tenant: Option<String>,
    /// A role that the consumer's token would bring; may be given several times.
    #[arg(long = "role")]
    roles: Vec<String>,
    /// The purpose that the request states.
    #[arg(long)]
    purpose: Option<String>,
    /// `acr` of the consumer's token.
    #[arg(long)]
    assurance: Option<String>,
    /// The file with the body of a POST, PATCH or PUT; `-` is standard input.
    #[arg(long)]
    body: Option<PathBuf>,
    /// With the statements that databases would be asked.
    #[arg(long)]
    verbose: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
    /// GET, POST, PATCH, PUT or DELETE.
    method: String,
    /// Path and query, such as '/ngsi-ld/v1/entities?type=AED'.
    target: String,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let body = self.body.as_deref().map(read_body).transpose()?;
        let asked = ToExplain {
            consumer: &self.consumer,
            token_roles: &self.roles,
            assurance: self.assurance.as_deref(),
            purpose: self.purpose.as_deref(),
            method: &self.method,
            target: &self.target,
            body: body.as_deref(),
            tenant: self.tenant.as_deref(),
            verbose: self.verbose,
            told_to: None,
        };
        let sources = runtime()?.block_on(Revision::unopened_sources(&config));
        let sources = sources.map_err(|error| Failure::other("the sources", error))?;
        let explanation = explain(&config, &sources, &asked).map_err(|reason| Failure::Other(reason.to_string()))?;
        if self.json {
            return output::json(&explanation);
        }
        output::line(explanation.to_string().trim_end());
        Ok(())
    }
}

fn read_body(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = if file.as_os_str() == "-" {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body).map(|_| body)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| Failure::other(&file.display().to_string(), error))
}
