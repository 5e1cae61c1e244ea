//! `kakehashi mapping`

mod new;
mod values;

use std::path::PathBuf;

use clap::Subcommand;
use kakehashi_adapters::mapping::record::Outside;
use kakehashi_adapters::mapping::{Mapping as RestMapping, try_mapping_of};
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};

use super::{Failure, output};

/// Work on mappings of custom platforms.
#[derive(Debug, Subcommand)]
pub(super) enum Mapping {
    /// Print the entities that a mapping makes of a sample of the platform's answer.
    Try {
        /// The mapping, such as mappings/sano.toml.
        mapping: PathBuf,
        /// A body that the platform has sent, such as sample.json.
        sample: PathBuf,
        /// The entity type to make, where the mapping has several.
        #[arg(long)]
        r#type: Option<String>,
        /// Also show what stood in the first records beside what came of it, in columns, in place of the entities. This holds
        /// values: without it what is told beside the entities has none, and can be sent to a vendor.
        #[arg(long)]
        values: bool,
        /// The code of the local government whose file it is (全国地方公共団体コード), where the mapping takes it from the source.
        #[arg(long)]
        code: Option<String>,
    },
    /// Propose a mapping from a file whose columns follow one of the official standards.
    New(new::New),
}

impl Mapping {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (mapping, sample, r#type, values, code) = match self {
            Self::Try {
                mapping,
                sample,
                r#type,
                values,
                code,
            } => (mapping, sample, r#type, values, code),
            Self::New(new) => return new.run(),
        };
        let name = mapping.display().to_string();
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| Failure::other(&format!("cannot read {}", path.display()), error))
        };
        let text = String::from_utf8(read(&mapping)?).map_err(|_| Failure::Other(format!("{name} is not UTF-8")))?;
        let context = Context::kakehashi();
        let mapping = RestMapping::parse(ngsi_ld::text_without_byte_order_mark(&text), &name, context)
            .map_err(|errors| Failure::Several(errors.iter().map(ToString::to_string).collect()))?;
        let mut outside = Outside::of_source(code.as_deref(), None, []);
        outside.file = sample.file_name().map(|name| name.to_string_lossy().into());
        let report = try_mapping_of(&mapping, r#type.as_deref(), &read(&sample)?, &outside);
        if let Some(failure) = report.failure {
            return Err(Failure::Other(failure));
        }
        let rendering = Rendering::new(context, Format::Normalized);
        if values {
            values::show(&rendering, &report);
        } else {
            for entity in &report.entities {
                let mut json = Vec::new();
                render_entity(&rendering, entity, &mut json);
                output::data(String::from_utf8_lossy(&json));
            }
        }
        for told in report.told() {
            output::note(told);
        }
        if !report.unread.is_empty() {
            let columns: Vec<String> = report.unread.iter().map(|name| format!("`{name}`")).collect();
            output::note(format_args!("nothing reads the columns {}", columns.join(", ")));
        }
        output::note(format_args!(
            "{} entities of {} records, {} warnings",
            report.entities.len(),
            report.records,
            report.findings()
        ));
        Ok(())
    }
}
