//! `kakehashi serve`

use clap::Args;
use kakehashi_config::ConfigOverrides;
use kakehashi_telemetry::start_logging;

use super::{Failure, Files, output, runtime};
use crate::listening::Running;

/// Run the gateway on the configured sources.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    files: Files,
    /// Print, once ready, one line of JSON with the addresses.
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        start_logging("info");
        let files = self.files.config_files(ConfigOverrides::default());
        let config = files.load().map_err(Failure::Configuration)?;
        let runtime = runtime()?;
        let outcome = runtime.block_on(async {
            let running = Running::start(config, files)
                .await
                .map_err(|error| Failure::other("cannot start", error))?;
            if self.json {
                output::data(serde_json::json!({ "gateway": running.gateway_url(), "admin": running.admin_url() }));
            } else {
                output::line(format_args!("gateway  {}", running.gateway_url()));
                output::line(format_args!("admin    {}", running.admin_url()));
            }
            running.until_signal().await;
            Ok(())
        });
        // Whatever had to be waited for was waited for.
        runtime.shutdown_background();
        outcome
    }
}
