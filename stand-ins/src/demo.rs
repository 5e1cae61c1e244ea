//! All stand-ins together, as `kakehashi demo` shows them.

use std::io;

use crate::nasushiobara::{self, PersonalDataModule};
use crate::orion::Orion;
use crate::sano::Sano;

/// Where the stand-ins listen; 0 lets the system choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Nasushiobara's Orion.
    pub orion: u16,
    /// Sano's platform.
    pub sano: u16,
    /// Nasushiobara's personal-data module.
    pub personal_data: u16,
}

// === impl Ports ===

impl Ports {
    /// Ports that the system chooses, for tests.
    pub const FREE: Self = Self {
        orion: 0,
        sano: 0,
        personal_data: 0,
    };
}

/// The ports that the example configuration names.
impl Default for Ports {
    fn default() -> Self {
        Self {
            orion: 1026,
            sano: 9101,
            personal_data: 9102,
        }
    }
}

/// The running stand-ins, loaded with their data. Dropping it stops them.
#[derive(Debug)]
pub struct Demo {
    orion: Orion,
    sano: Sano,
    personal_data: PersonalDataModule,
}

// === impl Demo ===

impl Demo {
    /// Starts them.
    ///
    /// # Errors
    /// A port cannot be bound.
    pub async fn start(ports: Ports) -> io::Result<Self> {
        let orion = Orion::builder().port(ports.orion).start().await?;
        nasushiobara::load(&orion)?;
        Ok(Self {
            orion,
            sano: Sano::start(ports.sano).await?,
            personal_data: PersonalDataModule::start(ports.personal_data).await?,
        })
    }

    /// Nasushiobara's Orion.
    #[must_use]
    pub fn orion(&self) -> &Orion {
        &self.orion
    }

    /// Sano's platform.
    #[must_use]
    pub fn sano(&self) -> &Sano {
        &self.sano
    }

    /// Nasushiobara's personal-data module, which the gateway must never contact.
    #[must_use]
    pub fn personal_data(&self) -> &PersonalDataModule {
        &self.personal_data
    }

    /// Stops all of them; their ports are free afterwards.
    pub async fn stop(&self) {
        self.orion.stop().await;
        self.sano.stop().await;
        self.personal_data.stop().await;
    }
}
