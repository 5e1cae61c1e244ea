//! A gateway with its admin API, whose sources are in memory: what one answers with is found by where it is asked and as
//! what service.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use kakehashi::admin;
use kakehashi::config::ConfigOverrides;
use kakehashi::documents::files::FileTexts;
use kakehashi::federation::flawed::Flawed;
use kakehashi::federation::registry::{OwnIds, Provision, RegisteredSource, Registry};
use kakehashi::reload::{ConfigFiles, History, Reloader};
use kakehashi::revision::Revision;
use kakehashi::state::State;
use proptest::test_runner::TestCaseError;
use serde_json::Value;
use tower::ServiceExt;

use super::super::sources::{adapter, part};
use super::super::world::{DAYS, Thing};
use super::super::written::tenant_id;
use super::super::{Rig, load};
use super::given::{Platform, key_of};

/// A gateway with its admin API.
pub(super) struct Administered {
    pub(super) rig: Rig,
    admin: Router,
    /// The folder of the files.
    pub(super) folder: String,
    /// The revision that stands while another is made.
    between: Arc<Revision>,
    _reloader: Arc<Reloader>,
}

/// What systems answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// All say the same of an entity, and nobody claims any.
    Alike,
    /// What is no tenant's to begin with says otherwise, with newer dates.
    Spoofed,
}

impl Administered {
    pub(super) fn new() -> Self {
        // The gateway's own word on addresses is none: the floors decide.
        let rig = Rig::with("");
        let between = rig.gateway.revision();
        for whose in 0..3 {
            std::fs::write(rig.folder.join(format!("secret-{whose}")), format!("secret-{whose}")).unwrap();
        }
        let (tenants_toml, policies) = (rig.folder.join("tenants.toml"), rig.folder.join("policies"));
        let reloader = rig.runtime.block_on(async {
            let state = State::open(&between.config.gateway.state).await.unwrap();
            let history = History::open(&state).await.unwrap();
            let files = ConfigFiles::new(&tenants_toml, &policies, ConfigOverrides::default());
            Reloader::new(&rig.gateway, files, history).await
        });
        Self {
            admin: admin::operations(&rig.gateway, Some(&reloader)),
            folder: rig.folder.to_str().unwrap().to_owned(),
            rig,
            between,
            _reloader: reloader,
        }
    }

    /// Lets a platform hold, as its operator's files would.
    pub(super) fn enter(&self, platform: &Platform) -> Result<(), TestCaseError> {
        let files = platform.files(&self.folder);
        let policies = self.rig.folder.join("policies");
        std::fs::remove_dir_all(&policies).unwrap();
        std::fs::create_dir(&policies).unwrap();
        for (name, text) in &files {
            std::fs::write(self.rig.folder.join(name), &**text).unwrap();
        }
        let config = load(&self.rig.folder, Some(&self.between.config), files);
        let config = config.map_err(|refusal| TestCaseError::fail(format!("the platform is refused: {refusal}")))?;
        let building = Revision::build_after(&self.between, config);
        let revision = self.rig.runtime.block_on(building).unwrap();
        self.rig.gateway.replace(Arc::new(revision));
        Ok(())
    }

    /// Puts systems in memory in the place of those that the running revision would ask.
    pub(super) fn answer_with(&self, platform: &Platform, owned: &BTreeSet<usize>, told: Told) {
        let running = self.rig.gateway.revision();
        self.rig.gateway.replace(Arc::clone(&self.between));
        let sources = running.registry.configured().iter();
        let sources = sources.map(|known| self.in_memory(known, platform, owned, told));
        let registry = Registry::new(sources.collect());
        let mut revision = match Arc::try_unwrap(running) {
            Ok(revision) => revision,
            Err(running) => {
                let config = load(&self.rig.folder, Some(&running.config), running.config.files.clone()).unwrap();
                self.rig
                    .runtime
                    .block_on(Revision::build_after(&running, config))
                    .unwrap()
            }
        };
        revision.registry = registry;
        self.rig.gateway.replace(Arc::new(revision));
    }

    fn in_memory(
        &self,
        known: &RegisteredSource,
        platform: &Platform,
        owned: &BTreeSet<usize>,
        told: Told,
    ) -> RegisteredSource {
        let tenant = (0..platform.parts.len()).find(|tenant| tenant_id(*tenant) == known.tenant.as_str());
        let mut own = platform.parts[tenant.unwrap()].sources.iter();
        let source = own.find(|source| source.id == known.id.as_str()).unwrap();
        let things = &platform.world.things;
        let held = platform.held_by(source).into_iter().map(|(number, has)| {
            let is_owned = source.cells().iter().any(|cell| owned.contains(cell));
            if told == Told::Alike || is_owned {
                part(number, &things[number], &has)
            } else {
                part(number, &otherwise(&things[number]), &has)
            }
        });
        let parts = Arc::new(Mutex::new(held.collect()));
        let provides = known.provides.iter().map(|provision| Provision {
            authoritative: provision.authoritative && told == Told::Spoofed,
            ..provision.clone()
        });
        RegisteredSource {
            id: known.id.clone(),
            tenant: known.tenant.clone(),
            adapter: adapter(
                &platform.world,
                &source.id,
                Platform::manner(source),
                parts,
                &self.rig.wrong,
            ),
            provides: provides.collect(),
            registration: known.registration.clone(),
            personal_data: known.personal_data,
            is_store: known.is_store,
            writable: known.writable,
            inspection: known.inspection.clone(),
            findings: known.findings.clone(),
            flawed: Flawed::default(),
            owns_ids: OwnIds::default(),
            credential_from: None,
        }
    }

    /// Status and text of the answer to a proposal.
    pub(super) fn propose(&self, tenant: usize, body: &Value) -> (StatusCode, String) {
        let running = self.rig.gateway.revision().config.revision.to_string();
        let request = Request::patch("/admin/v1/revision")
            .header("host", "gateway.example")
            .header("x-api-key", key_of(tenant))
            .header("if-match", format!("\"{running}\""))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.rig.runtime.block_on(async {
            let answer = self.admin.clone().oneshot(request).await.unwrap();
            let status = answer.status();
            let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    }

    pub(super) fn files(&self) -> FileTexts {
        self.rig.gateway.revision().config.files.clone()
    }
}

/// The same entity with other values, of later days.
pub(super) fn otherwise(thing: &Thing) -> Thing {
    let mut other = thing.clone();
    other.numbers.iter_mut().for_each(|number| *number += 10);
    other.place = (thing.place.0 + 10, thing.place.1 + 10);
    other.modified.iter_mut().for_each(|day| *day = DAYS.end);
    other
}
