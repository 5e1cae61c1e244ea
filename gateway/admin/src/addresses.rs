//! Where the sources lead that a tenant's administrator proposes: its names are resolved, all at once and for a stated time,
//! before the proposal has its turn. A name server of the tenant's own may be as slow as it likes, and nobody waits for it.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kakehashi_adapters::client::AddressRule;
use kakehashi_config::{Config, EndpointParts, SourceConfig};
use kakehashi_core::names::TenantId;
use kakehashi_egress::sources::SourceEgress;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Host;

use super::floor::is_new;

/// How long judging where all sources of one proposal lead to may take together.
const JUDGING: Duration = Duration::from_secs(3);

/// Names of proposed sources that are resolved at once: each keeps one of the threads that may block until its name server
/// answers or the system gives up, however long before that nobody waits for it any more.
const MOST_NAMES_RESOLVED: usize = 16;

/// Resolves the names of proposed sources. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SourceNames {
    places: Arc<Semaphore>,
    /// As the system does.
    look_up: fn(&str) -> Vec<IpAddr>,
}

impl Default for SourceNames {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(MOST_NAMES_RESOLVED)),
            look_up: |name| {
                let found = (name, 0).to_socket_addrs();
                found.into_iter().flatten().map(|found| found.ip()).collect()
            },
        }
    }
}

impl SourceNames {
    /// Where a host leads; nowhere when nobody knows.
    async fn of(&self, host: &Host<String>) -> Vec<IpAddr> {
        let name = match host {
            Host::Ipv4(address) => return vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => return vec![IpAddr::V6(*address)],
            Host::Domain(name) => name.clone(),
        };
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return Vec::new();
        };
        let look_up = self.look_up;
        let looking = tokio::task::spawn_blocking(move || {
            let _place = place;
            look_up(&name)
        });
        looking.await.unwrap_or_default()
    }
}

/// Judges where the names of proposed sources lead to now. Where they lead later is judged whenever they are asked.
///
/// # Errors
/// That one leads to where it may not, in one sentence.
pub(super) async fn judge(
    before: &Config,
    after: &Config,
    tenant: &TenantId,
    names: &SourceNames,
) -> Result<(), String> {
    let until = Instant::now() + JUDGING;
    let own = after.tenant(tenant.as_str());
    let sources = own.into_iter().flat_map(|own| &own.sources);
    let judging = sources
        .filter(|source| is_new(before, source))
        .map(|source| async move {
            let judged = timeout_at(until, judge_one(after, source, tenant, names)).await;
            // Who has not answered by now may come to lead somewhere; then it is judged.
            judged.unwrap_or(Ok(()))
        });
    join_all(judging).await.into_iter().collect()
}

async fn judge_one(
    after: &Config,
    source: &SourceConfig,
    tenant: &TenantId,
    names: &SourceNames,
) -> Result<(), String> {
    let Some(guard) = after.guard(source) else {
        return Ok(());
    };
    let Some(address) = source.settings.address() else {
        return Ok(());
    };
    let Ok(parts) = EndpointParts::parse(address.endpoint) else {
        return Err(format!("`endpoint` of source `{}` names no host", source.id));
    };
    let found = names.of(parts.host()).await;
    if found.is_empty() || !SourceEgress::new(&guard).allowed(found).await.is_empty() {
        return Ok(());
    }
    Err(format!(
        "`endpoint` of source `{}` leads to an address that is not public and that `egress_allow` in \
         [tenants.{tenant}.allowed] does not name, or to the system of another tenant's source: ask the operator",
        source.id
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex, PoisonError};

    use futures::future::join;

    use super::*;
    use kakehashi_config::Environment;

    /// Sano's tenants.toml with sources at these endpoints, which it has named itself.
    fn config(endpoints: &[String]) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        let committed = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies"));
        for name in ["schema.cedarschema", "classification.toml"] {
            std::fs::copy(committed.join(name), policies.join(name)).unwrap();
        }
        let sources = endpoints.iter().enumerate().map(|(number, endpoint)| {
            format!(
                "[[tenants.sano.sources]]\nid = \"s{number}\"\nadapter = \"ngsi-v2\"\nendpoint = \"{endpoint}\"\n\
                 named_by = \"tenant\"\nprovides = [{{ type = \"AED\" }}]\n"
            )
        });
        let text = format!("[tenants.sano]\n{}", sources.collect::<String>());
        let tenants_toml = folder.path().join("tenants.toml");
        std::fs::write(&tenants_toml, text).unwrap();
        Config::load(&tenants_toml, &policies, &Environment::of_process()).unwrap()
    }

    /// Whether the name server answers by now.
    static ANSWERS: Mutex<bool> = Mutex::new(false);
    static ANSWERING: Condvar = Condvar::new();
    static ASKED: AtomicUsize = AtomicUsize::new(0);

    /// Lets it answer at the end of a test, however that ends: else its threads would be waited for.
    struct LetAnswer;

    impl Drop for LetAnswer {
        fn drop(&mut self) {
            *ANSWERS.lock().unwrap_or_else(PoisonError::into_inner) = true;
            ANSWERING.notify_all();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_resolved_at_once_and_for_a_time_that_is_none_of_their_number() {
        let _at_the_end = LetAnswer;
        let names = SourceNames {
            look_up: |_| {
                ASKED.fetch_add(1, Ordering::Relaxed);
                let answers = ANSWERS.lock().unwrap();
                drop(ANSWERING.wait_while(answers, |answers| !*answers));
                Vec::new()
            },
            ..SourceNames::default()
        };
        let (before, sano) = (config(&[]), TenantId::new("sano"));
        let slow: Vec<String> = (0..40).map(|number| format!("http://h{number}.sano.example")).collect();
        let after = config(&slow);
        let judging = judge(&before, &after, &sano, &names);
        let (judged, ()) = join(judging, tokio::time::advance(JUDGING)).await;
        assert_eq!(judged, Ok(()), "they may come to lead somewhere");
        let asked = ASKED.load(Ordering::Relaxed);
        assert!(asked <= MOST_NAMES_RESOLVED, "{asked} threads wait");

        // What is known without asking is judged all the same.
        let mixed = config(&[slow, vec!["http://127.0.0.1:9".to_owned()]].concat());
        let judging = judge(&before, &mixed, &sano, &names);
        let (judged, ()) = join(judging, tokio::time::advance(JUDGING)).await;
        assert!(judged.unwrap_err().contains("source `s40` leads to"));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        let names = SourceNames {
            look_up: |name| match name {
                "public.sano.example" => vec!["8.8.8.8".parse().unwrap()],
                "inside.sano.example" => vec!["10.1.2.3".parse().unwrap()],
                _ => Vec::new(),
            },
            ..SourceNames::default()
        };
        let (before, sano) = (config(&[]), TenantId::new("sano"));
        for (host, is_well) in [("public", true), ("inside", false), ("unknown", true)] {
            let after = config(&[format!("http://{host}.sano.example")]);
            let judged = judge(&before, &after, &sano, &names).await;
            assert_eq!(judged.is_ok(), is_well, "{host}: {judged:?}");
            // What runs already is not judged again.
            assert_eq!(judge(&after, &after, &sano, &names).await, Ok(()), "{host}");
        }
    }
}
