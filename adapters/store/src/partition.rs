//! A partition of the store: the entities of one tenant, in one database.
//!
//! It owns what is known of the database while it is open: the names, when something expires next, what may rest in the
//! outbox, and who may read.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use kakehashi_resources::gate::{Gate, Pass};
use kakehashi_trouble::Trouble;
use tokio::sync::{Notify, watch};

use super::StoreError;
use super::backend::sql::Dialect;
use super::backend::sqlite::{Opening, SqliteBackend};
use super::backend::{self, Backend, Selecting};
use super::long_statements::{Few, TooLong};
use super::names::{NameTable, SharedNames};
use super::tenant_name::names_a_file;
use kakehashi_contract::{Call, MayRest};

/// Stands for a partition in which nothing expires.
pub(super) const NEVER: i64 = i64::MAX;

/// How a partition is opened.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// How many connections may read at once.
    pub readers: NonZeroU32,
    /// Whether it is opened to write much at once: then what is written stays in memory for longer.
    pub for_loads: bool,
}

impl StoreOptions {
    /// For whoever writes very many entities and hardly reads.
    #[must_use]
    pub fn for_loads() -> Self {
        Self {
            for_loads: true,
            ..Self::default()
        }
    }

    const fn opening(self) -> Opening {
        Opening {
            readers: self.readers,
            for_loads: self.for_loads,
        }
    }
}

impl Default for StoreOptions {
    /// One reader a core for one caller, from 2 to 8, since more only compete for the same pages; and as many for others.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
        let cores = 2 * cores;
        let readers = u32::try_from(cores).ok().and_then(NonZeroU32::new);
        Self {
            readers: readers.unwrap_or(NonZeroU32::MIN),
            for_loads: false,
        }
    }
}

/// The store of one tenant. Cheap to clone: clones share their connections.
#[derive(Debug, Clone)]
pub struct StorePartition(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    backend: Box<dyn Backend>,
    /// Who may have one of the connections that read.
    gate: Arc<Gate>,
    names: SharedNames,
    /// When something expires next, in microseconds since 1970: never later than the file says of what this process has
    /// written.
    next_expiry: AtomicI64,
    rest: Rest,
    /// Whether something was erased that may still stand in the WAL.
    has_erased: AtomicBool,
    /// Wakes whoever looks after it.
    wake: Arc<Notify>,
    /// How often this process has committed a change.
    commits: watch::Sender<u64>,
    /// What was too long to be read in place.
    too_long: TooLong,
    few: Few,
}

/// What may rest in the outbox now. Until somebody has said so: nothing.
#[derive(Default)]
struct Rest {
    may_rest: RwLock<Option<MayRest>>,
    /// Whether values in the outbox are from before that was said.
    has_former: AtomicBool,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

pub(super) fn file_of(folder: &Path, tenant: &str) -> Result<PathBuf, StoreError> {
    if !names_a_file(tenant) {
        return Err(StoreError::TenantName(tenant.to_owned()));
    }
    Ok(folder.join(format!("{tenant}.db")))
}

impl StorePartition {
    /// Opens `<folder>/<tenant>.db`; makes the folder and the file when they do not exist, and brings a file
    /// of an earlier version up to date. Where the disk is full or read-only the partition is open as far as it can be,
    /// and the rest follows by itself: see [`StorePartition::trouble`].
    ///
    /// # Errors
    /// [`StoreError`] when the name or the folder will not do, or the file is damaged, of another program, or
    /// of a later version.
    pub async fn open(folder: &Path, tenant: &str, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_with(folder, tenant, options, Few::USUAL).await
    }

    pub(super) async fn open_with(
        folder: &Path,
        tenant: &str,
        options: StoreOptions,
        few: Few,
    ) -> Result<Self, StoreError> {
        let file = file_of(folder, tenant)?;
        let partition = Self(Arc::new(Inner {
            backend: Box::new(SqliteBackend::open(&file, tenant, options.opening()).await?),
            gate: Gate::new(options.readers.get() as usize),
            names: SharedNames::default(),
            // Nobody knows yet.
            next_expiry: AtomicI64::new(i64::MIN),
            rest: Rest::default(),
            // A process that has crashed may have left something.
            has_erased: AtomicBool::new(true),
            wake: Arc::default(),
            commits: watch::Sender::new(0),
            too_long: TooLong::default(),
            few,
        }));
        if partition.backend().is_readable() {
            partition.read_new_names().await?;
        }
        Ok(partition)
    }

    /// Whether there is a partition of the tenant's, so that [`open`](Self::open) would not make one.
    ///
    /// # Errors
    /// [`StoreError`] when the name will not do.
    pub fn is_there(folder: &Path, tenant: &str) -> Result<bool, StoreError> {
        Ok(file_of(folder, tenant)?.exists())
    }

    /// What [`open`](Self::open) would find wrong with what is there, without making or changing anything.
    ///
    /// # Errors
    /// [`StoreError`] where waiting would not help.
    pub async fn examine(folder: &Path, tenant: &str, options: StoreOptions) -> Result<(), StoreError> {
        SqliteBackend::examine(&file_of(folder, tenant)?, tenant, options.opening()).await
    }

    /// The partition, while it is open.
    pub(super) fn of(inner: &Weak<Inner>) -> Option<Self> {
        inner.upgrade().map(Self)
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    pub(super) fn backend(&self) -> &dyn Backend {
        &*self.0.backend
    }

    /// The statements that were too long to be run where a request arrived.
    pub(super) fn too_long(&self) -> &TooLong {
        &self.0.too_long
    }

    /// How many entities are few.
    pub(super) fn few(&self) -> Few {
        self.0.few
    }

    /// How it is asked.
    pub(super) fn dialect(&self) -> &'static dyn Dialect {
        self.backend().dialect()
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.backend().path()
    }

    /// Why it cannot be written now, or not even be read; `None`: it can, or nobody knows of it.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.backend().trouble()
    }

    /// Waits for what is under way, then closes the file. Later calls fail.
    pub async fn close(&self) {
        self.backend().close().await;
    }

    /// A connection for reading, whose statements end at the deadline. Callers have them by turns.
    pub(super) async fn reader(&self, call: &Call) -> Result<Reader, StoreError> {
        let pass = call.resources.enter(&self.0.gate).await;
        Ok(Reader {
            connection: self.backend().reader(call.deadline).await?,
            _pass: pass,
        })
    }

    /// Reads what may take long, at one state of the database, until the deadline. Callers do so by turns. The work has the
    /// names of that state.
    pub(super) async fn read_apart(
        &self,
        call: &Call,
        work: impl FnOnce(&dyn Selecting, &Arc<NameTable>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let _pass = call.resources.enter(&self.0.gate).await;
        let this = self.clone();
        let with_names = move |selecting: &dyn Selecting| {
            let known = this.names();
            let names = Arc::new(selecting.names_beyond(&known)?);
            this.0.names.advance(&names);
            work(selecting, &names)
        };
        self.backend().read_apart(call.deadline, Box::new(with_names)).await
    }

    /// The names as far as they are known.
    pub(super) fn names(&self) -> Arc<NameTable> {
        self.0.names.current()
    }

    /// Takes over names that a finished transaction has added.
    pub(super) fn advance_names(&self, names: NameTable) {
        self.0.names.advance(&Arc::new(names));
    }

    /// Reads the names that another process has added. Whoever reads an entity that has one holds a connection already.
    pub(super) async fn read_new_names(&self) -> Result<Arc<NameTable>, StoreError> {
        let names = self.backend().names_beyond(&self.names()).await?;
        self.advance_names(names);
        Ok(self.names())
    }

    /// When something expires next, as far as it is known, in microseconds since 1970.
    pub(super) fn next_expiry(&self) -> i64 {
        self.0.next_expiry.load(Ordering::Acquire)
    }

    /// Notes that something expires at that time.
    pub(super) fn note_expiry(&self, unix_micros: i64) {
        self.0.next_expiry.fetch_min(unix_micros, Ordering::AcqRel);
    }

    /// Notes that nothing expires before that time.
    pub(super) fn set_next_expiry(&self, unix_micros: i64) {
        self.0.next_expiry.store(unix_micros, Ordering::Release);
    }

    /// What may rest in the outbox.
    pub(super) fn may_rest(&self) -> Option<MayRest> {
        self.0
            .rest
            .may_rest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Says what may rest in the outbox from now on. Until this was called nothing rests there but that something was
    /// changed. What may not rest any more is told to nobody from now on, and taken out by whoever looks after the
    /// partition, at once.
    pub fn let_rest(&self, may_rest: MayRest) {
        *self.0.rest.may_rest.write().unwrap_or_else(PoisonError::into_inner) = Some(may_rest);
        self.0.rest.has_former.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }

    /// Wakes whoever looks after it.
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.0.wake)
    }

    /// Whether the outbox holds values from before it was last said what may rest there. It is taken as told.
    pub(super) fn take_has_former_values(&self) -> bool {
        self.0.rest.has_former.swap(false, Ordering::AcqRel)
    }

    /// The outbox holds them still.
    pub(super) fn has_former_values(&self) {
        self.0.rest.has_former.store(true, Ordering::Release);
    }

    /// Notes that something was erased.
    pub(super) fn has_erased(&self) {
        self.0.has_erased.store(true, Ordering::Release);
    }

    /// Whether something was erased that may still stand somewhere. It is taken as told.
    pub(super) fn take_has_erased(&self) -> bool {
        self.0.has_erased.swap(false, Ordering::AcqRel)
    }

    /// Tells those who wait that a change was committed.
    pub(super) fn tell_of_commit(&self) {
        self.0.commits.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells whenever this process has committed a change. Others may commit, too: whoever waits looks from time to time.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.subscribe()
    }
}

/// A connection for reading, and the right to have it.
pub(super) struct Reader {
    /// Given back before the right to have it.
    connection: Box<dyn backend::Reader>,
    _pass: Pass,
}

impl Reader {
    /// Ends the reading: what was read counts from then on.
    pub(super) fn done(self) -> Result<(), StoreError> {
        self.connection.done()
    }
}

impl Deref for Reader {
    type Target = dyn backend::Reader;

    fn deref(&self) -> &Self::Target {
        &*self.connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.connection
    }
}
