//! The keys of a kind as data.

/// One key that only sources of one kind have.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value is.
    pub value: Value,
    /// Whether a source without it is refused.
    pub required: bool,
    /// What holds where it is absent.
    pub default: WhenAbsent,
    /// What its tenant's administrator may say with it.
    pub floor: Floor,
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
    /// A table of texts, under names of its own.
    NamedTexts,
}

/// What holds where a key is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenAbsent {
    /// Nothing.
    Nothing,
    /// This, as TOML.
    Is(&'static str),
    /// The list of all tenants.
    EveryTenant,
}

/// What the administrator of a source's tenant may say with a key over the admin API. What the operator's files say is not
/// judged.
#[derive(Debug, Clone, Copy)]
pub enum Floor {
    /// Anything: what is made of what the source answers is its tenant's.
    Free,
    /// Where within its address, or as whom, the source is asked: as far as the operator allows.
    Judged(Judged),
    /// What the tenant was given, and nothing else: it names a file of the gateway's machine, or what is others'.
    Given,
}

/// How far the operator allows the values of a key.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// The key of `[tenants.<id>.allowed]` whose texts say what is allowed.
    pub allowed: &'static str,
    /// What that is, in one sentence.
    pub about: &'static str,
    /// Reads one of those texts, or says what would be right.
    pub parse: fn(&str) -> Result<String, String>,
    /// Whether these texts allow a value; `None`: the key is absent. Without any text nothing is allowed.
    pub allows: fn(&[String], Option<&str>) -> bool,
    /// Whether a credential that was given for one value is not for another.
    pub binds_credential: bool,
}
