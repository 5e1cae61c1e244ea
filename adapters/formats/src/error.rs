//! Why a file cannot be read at all. What is wrong with a row or a cell alone is in the [`Report`](crate::Report).

use crate::encoding::Encoding;
use crate::kind::Kind;

/// Why a file cannot be read. No cell's value is in any of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// It is of a kind that is not read, or not what was asked for.
    #[error("{expected} was expected, and this is {found}")]
    OfKind {
        /// What was wanted.
        expected: &'static str,
        /// What is there.
        found: Kind,
    },
    /// A page of a web site that asks who is there.
    #[error("{expected} was expected, and this is a page that asks to log in: the address does not lead to the file")]
    LoginPage {
        /// What was wanted.
        expected: &'static str,
    },
    /// It can be opened with a password only.
    #[error("the file is protected by a password: publish it without one")]
    Password,
    /// The declared encoding is not that of the file.
    #[error("the file is declared as {declared}, and it reads as {seems}: declare that, or leave the encoding out")]
    OtherEncoding {
        /// What was declared.
        declared: Encoding,
        /// What it reads as.
        seems: Encoding,
    },
    /// The declared encoding is not that of the file, and none is.
    #[error("the file is declared as {0}, and it does not read as that nor as any other encoding that is known")]
    NotDeclared(Encoding),
    /// It is in no encoding that is read.
    #[error("the file is no text in UTF-8, UTF-16, CP932, EUC-JP or ISO-2022-JP")]
    NoText,
    /// More than may be read. `what` says of what, with the unit.
    #[error("the file has more than {limit} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many may be there.
        limit: u64,
    },
    /// It unpacks to far more than it should.
    #[error("the file unpacks to more than {0} times its size, as files do that are made to do harm")]
    Bomb(usize),
    /// The archive, or a part of the file, is broken.
    #[error("{what} is damaged: {detail}")]
    Damaged {
        /// What.
        what: &'static str,
        /// How.
        detail: &'static str,
    },
    /// A file in an archive that is not read.
    #[error("`{name}` in the archive {why}")]
    Entry {
        /// The name, without characters that steer terminals.
        name: String,
        /// Why it is not read.
        why: &'static str,
    },
    /// No file of the archive is the wanted one.
    #[error("the archive holds no {wanted}: it holds {held}")]
    NoEntry {
        /// What was wanted.
        wanted: &'static str,
        /// Some names of what it holds.
        held: String,
    },
    /// Several files of the archive could be meant.
    #[error("the archive holds several files that could be meant: {0}; name the one")]
    SeveralEntries(String),
    /// No row has the texts that were wanted as a header.
    #[error("no row within the first {rows} has {wanted} as a header{hint}")]
    NoHeader {
        /// How many rows were looked at.
        rows: u64,
        /// Some of the texts that were wanted.
        wanted: String,
        /// `; did you mean ...?`, or nothing.
        hint: String,
    },
    /// No row holds the title under which the table stands.
    #[error("no row holds `{0}`, after which the table stands")]
    NoTitle(String),
    /// No sheet has that name. `held` lists those that are there.
    #[error("there is no sheet `{wanted}`: there are {held}")]
    NoSheet {
        /// The name that was wanted.
        wanted: String,
        /// The sheets' names.
        held: String,
    },
    /// It uses something that is refused, in words that name it.
    #[error("{0}")]
    Refused(String),
}

impl FormatError {
    /// What to do about it, where there is something to do.
    #[must_use]
    pub const fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Empty | Self::OfKind { .. } | Self::LoginPage { .. } => {
                "open the address in a browser and see what it answers"
            }
            Self::Password => "ask the publisher for the file without a password",
            Self::OtherEncoding { .. } | Self::NotDeclared(_) => "correct `encoding`, or leave it out",
            Self::NoText => "ask the publisher for the file in UTF-8",
            Self::TooLarge { .. } => "publish the data in several files",
            Self::Bomb(_) | Self::Damaged { .. } | Self::Entry { .. } => "pack the file anew",
            Self::NoEntry { .. } | Self::SeveralEntries(_) => "name the file of the archive that is meant",
            Self::NoHeader { .. } => "compare the names of the mapping with the header of the file",
            Self::NoTitle(_) | Self::NoSheet { .. } => "compare the mapping with the titles and sheets of the file",
            Self::Refused(_) => return None,
        })
    }

    pub(crate) const fn too_large(what: &'static str, limit: usize) -> Self {
        Self::TooLarge {
            what,
            limit: limit as u64,
        }
    }

    pub(crate) const fn damaged(what: &'static str, detail: &'static str) -> Self {
        Self::Damaged { what, detail }
    }
}
