//! Decisions at the size of a prefecture's first day and of a country: they must cost the same.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use kakehashi::config::{Config, Environment};
use kakehashi::policy::{Operation, PersonalData};
use ngsi_ld::context::Context;

use crate::hot_paths::{Failure, HotPath};

/// How many tenants there are, and how many policies each of them has.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Tenants.
    pub tenants: usize,
    /// Policies of each.
    pub policies: usize,
    /// What a decision that is remembered is called.
    pub remembered: &'static str,
    /// What a decision that is made anew is called.
    pub anew: &'static str,
}

/// A few municipalities.
pub const SMALL: Scale = Scale {
    tenants: 3,
    policies: 3,
    remembered: "remembered decision, 3 tenants with 3 policies",
    anew: "decision by Cedar, 3 tenants with 3 policies",
};

/// Every municipality of the country, and then some.
pub const LARGE: Scale = Scale {
    tenants: 2_000,
    policies: 20,
    remembered: "remembered decision, 2,000 tenants with 20 policies",
    anew: "decision by Cedar, 2,000 tenants with 20 policies",
};

/// Decisions about one tenant's data among so many.
///
/// # Errors
/// When the policies are refused.
pub fn decisions(scale: Scale) -> Result<Vec<HotPath>, Failure> {
    let config = configuration(scale)?;
    // In the middle, so that neither end of anything is lucky.
    let name = tenant_name(scale.tenants / 2);
    let owner = config.tenant(&name).ok_or("no tenant")?.id.clone();
    let consumer = Arc::clone(config.consumers.get("bench").ok_or("no consumer")?);
    let site = Context::kakehashi().expand_type("EvacuationSite")?;
    let granted = config
        .policy
        .grant(&consumer, Operation::QueryEntity, &owner, &site, PersonalData::Present);
    if granted.is_empty() {
        return Err("the benchmark's own consumer is granted nothing".into());
    }
    let (policies, asking, of) = (config.policy.clone(), Arc::clone(&consumer), owner.clone());
    let remembered = move || {
        black_box(policies.grant(&asking, Operation::QueryEntity, &of, &site, PersonalData::Present));
    };
    let mut invented = 0_u64;
    let anew = move || {
        // A type that nobody has asked for yet is decided anew.
        invented += 1;
        if let Ok(r#type) = Context::kakehashi().expand_type(&format!("https://example.org/{invented}")) {
            let policies = &config.policy;
            black_box(policies.grant(&consumer, Operation::QueryEntity, &owner, &r#type, PersonalData::None));
        }
    };
    Ok(vec![path(scale.remembered, remembered), path(scale.anew, anew)])
}

fn path(name: &'static str, run: impl FnMut() + 'static) -> HotPath {
    HotPath {
        name,
        bytes: None,
        counted: false,
        run: Box::new(run),
    }
}

fn tenant_name(number: usize) -> String {
    format!("town-{number}")
}

/// Policies as municipalities write them: for readers, for one application with conditions, for the own applications,
/// and a forbid, again and again.
fn policy(tenant: &str, number: usize) -> String {
    match number % 4 {
        0 => format!(
            "permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"{tenant}\");\n"
        ),
        1 => format!(
            "@attributes(\"name,location\") @q(\"maxCapacity>{number}\") @purpose(\"disaster-response\")\n\
             permit (principal in Role::\"app-{number}\", action in Action::\"read\", \
             resource == EntityType::\"{tenant}/EvacuationSite\");\n"
        ),
        2 => format!(
            "forbid (principal in Role::\"public-{number}\", action, resource in Tenant::\"{tenant}\") \
             unless {{ action in Action::\"read\" }};\n"
        ),
        _ => format!(
            "permit (principal in Tenant::\"{tenant}\", action in Action::\"provide\", \
             resource in Tenant::\"{tenant}\") when {{ resource.class == Class::\"open\" }};\n"
        ),
    }
}

/// A configuration of that scale, with a consumer `bench` that may read everything open.
///
/// # Errors
/// When it is refused.
pub fn configuration(scale: Scale) -> Result<Config, Failure> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("tenants.toml");
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies)?;
    let mut tenants = String::new();
    for number in 0..scale.tenants {
        let name = tenant_name(number);
        writeln!(tenants, "[tenants.{name}]")?;
        let text: String = (0..scale.policies).map(|number| policy(&name, number)).collect();
        std::fs::write(policies.join(format!("{name}.cedar")), text)?;
    }
    writeln!(
        tenants,
        "[consumers.bench]\norganisation = \"bench\"\nroles = [\"reader\"]"
    )?;
    std::fs::write(&file, tenants)?;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    for name in ["schema.cedarschema", "classification.toml", "platform.cedar"] {
        std::fs::copy(committed.join(name), policies.join(name))?;
    }
    let config = Config::load(&file, &policies, &Environment::of_process());
    config.map_err(|diagnostics| diagnostics.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_made_at_another_scale_too() {
        let scale = Scale {
            tenants: 12,
            policies: 20,
            ..LARGE
        };
        for scale in [SMALL, scale] {
            for mut path in decisions(scale).unwrap() {
                (path.run)();
            }
        }
    }
}
