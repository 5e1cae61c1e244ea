//! What the table of one source says, and its adapter.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use kakehashi_client::{Credential, HttpClient, SourceLimits};
use kakehashi_contract::{Adapter, SourceId};
use ngsi_ld::{AttributeName, TypeName};

use crate::keeping::{Keeping, Keeps};

/// What only a source of its kind says, read and checked. Immutable, and part of one revision.
#[async_trait]
pub trait Settings: Any + fmt::Debug + Send + Sync {
    /// Where it is asked; `None`: it is no other system.
    fn address(&self) -> Option<Address<'_>>;

    /// What tells one upstream from another: two sources of which this is the same would give every entity twice.
    fn upstream(&self) -> String;

    /// The tenants of which it holds a part each, that nobody else speaks for, in the order of the configuration. `None`: it
    /// is whole, and its tenant's.
    fn partitions(&self) -> Option<&[Arc<str>]> {
        None
    }

    /// The types that it makes entities of, where the configuration says that; `None`: whatever the source has.
    fn made_types(&self) -> Option<Vec<&TypeName>> {
        None
    }

    /// Whether entities of a type get an attribute, where the configuration says that.
    fn makes_attribute(&self, _type: &TypeName, _name: &AttributeName) -> Option<bool> {
        None
    }

    /// What the ids of all its entities of a type begin with, where they are made so whatever the source says. `None`: the
    /// ids are the source's own.
    fn ids_begin_with(&self, _type: &TypeName) -> Option<String> {
        None
    }

    /// The attributes that entities of a type get, where the configuration says that: these and no others, and nothing inside of
    /// them. `None`: whatever the source has.
    fn made_attributes(&self, _type: &TypeName) -> Option<Vec<&AttributeName>> {
        None
    }

    /// The types of which entities can be written, where the configuration says how. `None`: those of whatever it has.
    fn written_types(&self) -> Option<Vec<&TypeName>> {
        None
    }

    /// Whether it was read from a file, by the name that the configuration gives it.
    fn is_read_from(&self, _file: &str) -> bool {
        false
    }

    /// What is to be looked at in its files when they are tried on answers of the source that lie beside them, each thing in a
    /// sentence that names the place. `read` reads such a file, from the folder of tenants.toml. Nothing of this refuses a revision.
    fn tried_on_samples(&self, _read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Vec<String> {
        Vec::new()
    }

    /// Whether an adapter that was opened for earlier settings goes on for these, whatever else has changed about the source:
    /// for what is opened once.
    fn keeps_adapter_of(&self, _earlier: &dyn Settings) -> bool {
        false
    }

    /// Whether its adapters answer from what they have read, and keep it for that: then they are given
    /// [`Opening::keeping`], and nothing else of the source is kept.
    fn keeps_what_it_reads(&self) -> bool {
        false
    }

    /// Whether they may be led to other hosts than that of their address.
    fn asks_other_hosts(&self) -> bool {
        false
    }

    /// Makes the adapter of the source, or of one of its partitions.
    ///
    /// # Errors
    /// [`CannotOpen`]
    async fn open(&self, opening: Opening<'_>) -> Result<Opened, CannotOpen>;

    /// What [`Settings::open`] would find wrong with what lies on this machine, without making or changing anything: asked where
    /// there is an [`unopened`](Self::unopened) adapter.
    ///
    /// # Errors
    /// [`CannotOpen`]
    async fn examine(&self, _owner: &str) -> Result<(), CannotOpen> {
        Ok(())
    }

    /// An adapter that tells what the source would be asked and can ask nothing, made without touching anything. `None`:
    /// [`Settings::open`] makes one, because it does not touch anything itself.
    fn unopened(&self, _source: &SourceId) -> Option<Arc<dyn Adapter>> {
        None
    }
}

/// Where a source is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// Its URL.
    pub endpoint: &'a str,
    /// Which of several systems behind one URL answers; empty: the one that answers when none is named. `None`: the kind names
    /// none, or may name any.
    pub service: Option<&'a str>,
}

/// What every source has, whatever its kind: what an adapter is made with.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Its name.
    pub source: &'a SourceId,
    /// The tenant whose part is opened.
    pub owner: &'a str,
    /// The code of that tenant's local government, as far as it has one.
    pub code: Option<&'a str>,
    /// The name of that tenant, as people know it.
    pub name: Option<&'a str>,
    /// The connections that it may use.
    pub http: &'a HttpClient,
    /// How the gateway proves itself to it.
    pub credential: Option<Credential>,
    /// What protects it, and the gateway from it.
    pub limits: SourceLimits,
    /// The types that it names one by one, each once. It is asked for no others.
    pub types: &'a [TypeName],
    /// What it may keep, where [`Settings::keeps_what_it_reads`]; `None`: nothing.
    pub keeping: Option<Keeping>,
}

/// An adapter that can be asked.
pub struct Opened {
    /// The adapter.
    pub adapter: Arc<dyn Adapter>,
    /// What has to run as long as it is there; `None`: nothing.
    pub upkeep: Option<Upkeep>,
    /// What keeps what it has read; `None`: it keeps nothing.
    pub keeps: Option<Arc<dyn Keeps>>,
}

/// Begins what an adapter needs beside requests, and begins it again if it has broken off. It ends by itself once the adapter
/// is gone.
pub type Upkeep = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

/// Why settings that were read without fault cannot be used: an address, a credential, a file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CannotOpen(Box<dyn Error + Send + Sync>);

impl CannotOpen {
    /// For this reason. It holds no secret.
    #[must_use]
    pub fn because(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
