//! How a source stands to the others of its tenant: what a registration calls its `mode`.

/// How a source stands to the others that may hold the same (clauses 4.3.6.2 and 4.3.6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Beside the others, as one of them.
    #[default]
    Inclusive,
    /// What it says counts only where no other says it.
    Auxiliary,
    /// Some attributes of one entity are its alone: no other source of its tenant is believed them.
    Exclusive,
    /// What it is registered for is believed it and others that redirect so, and no other source of its tenant.
    Redirect,
}

impl Mode {
    /// As `mode` of a registration spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inclusive => "inclusive",
            Self::Auxiliary => "auxiliary",
            Self::Exclusive => "exclusive",
            Self::Redirect => "redirect",
        }
    }

    /// Whether what it is registered for is held there and nowhere else ("proxied").
    #[must_use]
    pub const fn is_proxied(self) -> bool {
        matches!(self, Self::Exclusive | Self::Redirect)
    }
}
