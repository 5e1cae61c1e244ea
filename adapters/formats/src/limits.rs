//! How much of a file is read: whatever a publisher, or somebody in its place, sends, memory and time stay bounded.

/// Bytes of a file when it is unpacked. The largest table that a municipality publishes (every address of a prefecture)
/// has some 60 MB.
pub const UNPACKED_BYTES: usize = 256 << 20;
/// How many times larger a file may be unpacked than packed. Deflate ends at 1032; a table of one repeated line has come
/// to 300, real ones to 20.
pub const UNPACK_RATIO: usize = 500;
/// Up to here the ratio is not asked: a small file of zeros is none that hurts.
pub const RATIO_FROM_BYTES: usize = 4 << 20;
/// Files in an archive. A Shapefile of many layers has some hundred.
pub const ARCHIVE_ENTRIES: usize = 2_000;
/// Rows of a table, its titles and notes among them.
pub const ROWS: u64 = 500_000;
/// Columns of a table. The widest official table has 120; a spreadsheet could claim 16,384.
pub const COLUMNS: usize = 1_024;
/// Bytes of one cell: Excel ends at 32,767 characters, of three bytes each in Japanese.
pub const CELL_BYTES: usize = 128 << 10;
/// Bytes of one row, all of its line breaks among them.
pub const ROW_BYTES: usize = 1 << 20;

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file when it is unpacked ([`UNPACKED_BYTES`]).
    pub unpacked_bytes: usize,
    /// How many times larger than packed ([`UNPACK_RATIO`]).
    pub unpack_ratio: usize,
    /// From how many bytes on that is asked ([`RATIO_FROM_BYTES`]).
    pub ratio_from_bytes: usize,
    /// Files in an archive ([`ARCHIVE_ENTRIES`]).
    pub archive_entries: usize,
    /// Rows of a table ([`ROWS`]).
    pub rows: u64,
    /// Columns of a table ([`COLUMNS`]).
    pub columns: usize,
    /// Bytes of one cell ([`CELL_BYTES`]).
    pub cell_bytes: usize,
    /// Bytes of one row ([`ROW_BYTES`]).
    pub row_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: UNPACKED_BYTES,
            unpack_ratio: UNPACK_RATIO,
            ratio_from_bytes: RATIO_FROM_BYTES,
            archive_entries: ARCHIVE_ENTRIES,
            rows: ROWS,
            columns: COLUMNS,
            cell_bytes: CELL_BYTES,
            row_bytes: ROW_BYTES,
        }
    }
}
