//! The keys of a kind as data.

/// One key that only sources of one kind have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value is.
    pub value: Value,
    /// Whether a source without it is refused.
    pub required: bool,
    /// What holds where it is absent, as TOML; `None`: nothing, or what follows from the rest of the file.
    pub default: Option<&'static str>,
    /// What it is, in one sentence.
    pub about: &'static str,
}

/// What the value of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Any text that is not empty.
    Text,
    /// A list of texts.
    Texts,
    /// `true` or `false`.
    Boolean,
}
